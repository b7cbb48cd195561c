"""The generated texts: readable, and their numbers finite where powers are delicate."""

import numpy as np

from il2model.solver import cache


def test_right_hand_side_and_jacobian_are_finite_at_zero_concentration(kernel, default_row):
    constants = kernel.constants(default_row)
    fixed = kernel.fixed(default_row, constants)[0]
    y = kernel.baseline(default_row, constants)[0]
    for id in ("il2_plasma", "il2_tissue", "treg_cd122"):
        y[kernel.blueprint.states.at(id)] = 0.0
    inputs = np.array(kernel.blueprint.input_defaults)
    n = len(y)
    dy, J = np.zeros(n), np.zeros((n, n))
    module = kernel.blueprint.plain_module()
    module.rhs(y, inputs, fixed, dy)
    module.jacobian(y, inputs, fixed, J)
    assert np.isfinite(dy).all()
    assert np.isfinite(J).all()
    ours = kernel.variant("scalar").right_hand_side(y, fixed, inputs)
    assert (np.abs(ours - dy) <= 1e-11 * np.abs(dy) + 1e-12 * np.array(kernel.blueprint.scales)).all()


def test_the_generated_texts_can_be_opened(kernel):
    assert b"def rhs(y, u, f, dy):" in (cache.cache_dir() / f"plain-{kernel.blueprint.key}.py").read_bytes()
    assert "define void @attempt" in kernel.blueprint.step_text("batch")
