"""States that feed back on each other, found by structure."""

import json

import sympy as sp

from il2model.codegen.untreated_jacobian import UntreatedJacobian
from il2model.model.assembly import assemble, builtin
from il2model.model.language import TIME, Submodel


def loops(holds=False):
    """Two that feed each other, one that they drive, one that adds up, one that moves without drug."""
    m = Submodel("loops", "Loops", holds=holds)
    gain, rate = m.parameter("gain", "1", "gain"), m.parameter("rate", "1/day", "rate")
    a, b, driven, total, moving = (m.state(id, "1", id, scale=1) for id in ("a", "b", "driven", "total", "moving"))
    m.equation(a, rate * (gain * (b - 1) + 1 - a), baseline=1)
    m.equation(b, rate * (a - b), baseline=1)
    m.equation(driven, rate * (a - driven), baseline=1)
    m.equation(total, rate * (a - 1), baseline=0)
    m.equation(moving, -rate * moving, baseline=1, untreated=moving * sp.exp(-rate * TIME))
    return assemble([m], "loops")


def test_blocks_are_what_feeds_back():
    model = loops()
    jacobian = UntreatedJacobian.of(model)
    assert [[model.states[k] for k in b] for b in jacobian.blocks] == [["a", "b"], ["driven"]]
    assert set(jacobian.entries) == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)}


def test_what_is_written_is_read_back():
    jacobian = UntreatedJacobian.of(loops())
    again = UntreatedJacobian.from_dict(json.loads(json.dumps(jacobian.to_dict())))
    assert again.blocks == jacobian.blocks and again.entries == jacobian.entries
    assert again.forms.tape.ops == jacobian.forms.tape.ops


def test_of_the_model_motor_units_hazard_and_sums_are_left_out():
    model = builtin()
    counted = {model.states[k] for block in UntreatedJacobian.of(model).blocks for k in block}
    left_out = set(model.states) - counted
    assert {"motor_units", "motor_units_respiratory", "cumulative_hazard", "il2_absorbed"} <= left_out
    assert left_out <= {s for s in model.states if s not in model.steady} | {"il2_absorbed"}
    largest = max(UntreatedJacobian.of(model).blocks, key=len)
    assert {"il2_tissue", "treg_tissue_cycling", "tconv_tissue"} <= {model.states[k] for k in largest}
