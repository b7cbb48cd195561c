"""The tape of closed forms: kept as JSON, cut to what is wanted."""

import json

import pytest

from il2model.codegen.closed_text import ClosedForms, write_closed
from il2model.model.assembly import builtin


@pytest.fixture(scope="module")
def forms():
    return ClosedForms.of(builtin())


def test_the_tape_survives_json(forms):
    again = ClosedForms.from_dict(json.loads(json.dumps(forms.to_dict())))
    assert again.names == forms.names
    ids = [*forms.observables]
    assert write_closed(again, ids, ("time",), 3) == write_closed(forms, ids, ("time",), 3)


def test_what_an_observable_is_a_function_of(forms):
    assert forms.needs(("alsfrs_r",)) == ("motor_units",)
    assert {"motor_units", "motor_units_respiratory", "microglia_inflammatory"} <= set(forms.needs(("hazard",)))
    assert forms.needs(()) == ()


def test_what_is_not_needed_falls_away(forms):
    tape, (hazard,) = forms.given(("hazard",), ("time",))
    whole, _ = forms.given([*forms.observables], [n for n in forms.names if n != "time"])
    assert len(tape.reach([hazard])) < 0.25 * len(whole.ops)
    assert tape.moving[hazard]
    tape, (percent,) = forms.given(("treg_percent",), ("time",))
    assert not tape.moving[percent]
