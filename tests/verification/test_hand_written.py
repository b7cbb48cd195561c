"""A right-hand side typed by hand agrees with every rendering to 1e-12."""

import numpy as np
import pytest

from tests.helpers import hand_written as hand
from tests.helpers.regimens import random_rows

ROWS = 40


@pytest.fixture(scope="module")
def cases(kernel, parameters):
    rows = random_rows(kernel, parameters, ROWS, seed=5)
    names = [p.id for p in kernel.blueprint.parameters]
    rng = np.random.default_rng(3)
    found = []
    for row in rows:
        p = {symbol: float(row[names.index(id)]) for symbol, id in hand.PARAMETER_IDS.items()}
        b, y0 = hand.untreated(p)
        y = np.array(y0) * np.exp(0.5 * rng.standard_normal(len(y0)))
        y[:2] = 1000 * rng.random(2)
        y[hand.STATES.index("M")] = rng.random()
        y[hand.STATES.index("H")] = rng.random()
        for s in ("N", "R"):  # fractions
            y[hand.STATES.index(s)] = 0.05 + 0.9 * rng.random()
        inputs = (rng.random(), rng.random(), float(rng.integers(0, 2)))
        found.append((row, p, b, y0, y, inputs))
    return found


def scaled(difference, kernel, dy):
    """Relative to the size of the equation's terms, at least one typical size a day."""
    return np.abs(difference) / (np.abs(dy) + np.array(kernel.blueprint.scales))


def test_states_are_in_the_order_of_the_documents(kernel):
    assert [s.id for s in kernel.blueprint.states] == [i for i in kernel_order(kernel) if i in hand.STATE_IDS]
    assert sorted(hand.STATE_IDS) == sorted(s.id for s in kernel.blueprint.states)


def kernel_order(kernel):
    return [s.id for s in kernel.blueprint.states]


def reorder(kernel, values):
    return np.array([values[hand.STATE_IDS.index(s.id)] for s in kernel.blueprint.states])


def test_the_closed_form_of_the_untreated_state_agrees(kernel, cases):
    for row, _, _, y0, _, _ in cases:
        constants = kernel.constants(row[None])
        ours = kernel.baseline(row[None], constants)[0]
        np.testing.assert_allclose(ours, reorder(kernel, y0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("variant", ["scalar", "batch"])
def test_the_compiled_right_hand_side_agrees(kernel, cases, variant):
    fast = kernel.variant(variant)
    worst = 0.0
    for row, p, b, _, y, inputs in cases:
        fixed = kernel.fixed(row[None], kernel.constants(row[None]))[0]
        expected = reorder(kernel, hand.right_hand_side(y, p, b, *inputs))
        ours = fast.right_hand_side(reorder(kernel, y), fixed, np.array(inputs))
        worst = max(worst, float(scaled(ours - expected, kernel, expected).max()))
    assert worst < 1e-12


def test_the_plain_right_hand_side_agrees(kernel, cases):
    module = kernel.blueprint.plain_module()
    for row, p, b, _, y, inputs in cases:
        fixed = kernel.fixed(row[None], kernel.constants(row[None]))[0]
        expected = reorder(kernel, hand.right_hand_side(y, p, b, *inputs))
        ours = np.zeros(len(expected))
        module.rhs(reorder(kernel, y), inputs, fixed, ours)
        assert scaled(ours - expected, kernel, expected).max() < 1e-12


def test_the_plain_jacobian_is_the_derivative_of_the_right_hand_side(kernel, cases):
    module = kernel.blueprint.plain_module()
    n = len(kernel.blueprint.states)
    scale = np.array(kernel.blueprint.scales)
    for row, _, _, _, y, inputs in cases[:10]:
        fixed = kernel.fixed(row[None], kernel.constants(row[None]))[0]
        state = reorder(kernel, y)
        J = np.zeros((n, n))
        module.jacobian(state, inputs, fixed, J)
        for j in range(n):
            step = 1e-6 * scale[j]
            up, down = np.zeros(n), np.zeros(n)
            module.rhs(state + step * (np.arange(n) == j), inputs, fixed, up)
            module.rhs(state - step * (np.arange(n) == j), inputs, fixed, down)
            difference = (up - down) / (2 * step)
            size = np.abs(J[:, j]) * scale[j] / scale
            error = np.abs(J[:, j] - difference) * scale[j] / scale
            assert (error <= 1e-5 * (1 + size)).all()
