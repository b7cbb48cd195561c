import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import il2model as il2
from il2model.dosing.regimen import Dose, Regimen, parse_amount
from il2model.errors import InputError


def test_amounts_in_every_unit():
    assert parse_amount("2 MIU") == (2.0, False)
    assert parse_amount(2) == (2.0, False)
    assert parse_amount("2000 kIU")[0] == pytest.approx(2.0)
    assert parse_amount("1.1 mg")[0] == pytest.approx(18.0)
    assert parse_amount("61.1 ug")[0] == pytest.approx(1.0, rel=1e-3)
    assert parse_amount("0.5 MIU/m2") == (0.5, True)


def test_a_dose_per_square_metre_scales_with_body_surface(parameters):
    plan = Regimen((Dose(0, "1 MIU/m2"),))
    small = il2.simulate(plan, until=1, save=[1], parameters=parameters.replace(body_surface=1.5))
    assert small.balance.given[0] == pytest.approx(1.5 * 3990)
    infused = Regimen((Dose(0, "1 MIU/m2", "iv", 0.5),))
    s = il2.simulate(infused, until=1, save=[1])
    assert s.balance.given[0] == pytest.approx(1.88 * 3990)
    assert abs(s.balance.error[0]) < 1e-10


@pytest.mark.parametrize("name", Regimen.names())
def test_named_regimens_describe_and_draw_themselves(name):
    plan = Regimen.named(name)
    assert str(plan).endswith(".")
    if plan.given:
        assert plan.plot().axes


def test_the_trials():
    mirocals = Regimen.named("mirocals")
    assert len(mirocals.doses) == 95
    assert mirocals.doses[-1].time == 508
    assert mirocals.length == 640
    assert len(Regimen.named("imodals-1miu").doses) == 15


def test_records_from_a_frame_and_back():
    frame = pd.DataFrame({"TIME": [0, 10], "AMT": [1.0, 2.0], "ADDL": [4, 0], "II": [1, np.nan], "EVID": [1, 1]})
    plan = Regimen.from_records(frame)
    assert [d.time for d in plan.doses] == [0, 1, 2, 3, 4, 10]
    again = Regimen.from_records(plan.to_records())
    assert again.doses == plan.doses


def test_a_reset_ends_additional_doses():
    plan = Regimen.from_records([
        {"time": 0, "amt": 1, "ii": 1, "addl": 9},
        {"time": 4.5, "evid": 3},
        {"time": 8, "amt": 2, "evid": 4},
    ])  # fmt: skip
    assert [d.time for d in plan.doses] == [0, 1, 2, 3, 4, 8]
    assert plan.resets == (4.5,)


def test_rate_and_duration_say_the_same():
    a = Regimen.from_records([{"time": 0, "amt": 2, "rate": 4, "cmt": "iv"}])
    b = Regimen.from_records([{"time": 0, "amt": 2, "duration": 0.5, "cmt": 2}])
    assert a.doses == b.doses


def test_regimens_are_values():
    assert Regimen.cyclic("2 MIU", 5, 28, 1) == Regimen.cyclic("2000 kIU", "5 day", "4 weeks", 1)
    with pytest.raises(AttributeError):
        Regimen.named("placebo").name = "x"


def test_a_regimen_is_a_value_that_travels():
    plan = Regimen.cyclic("2 MIU", 5, 28, 3, name="x") + Regimen((Dose(100, "1 MIU/m2", "iv", 0.1),), resets=(90,))
    for again in (pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan), plan.replace()):
        assert again == plan
        assert hash(again) == hash(plan)
        assert repr(again) == repr(plan)
    assert {plan: "a"}[plan.replace(name=plan.name)] == "a"
    for change in ({"length": 7}, {"riluzole": ()}, {"resets": ()}, {"name": "y"}, {"doses": plan.doses[:-1]}):
        other = plan.replace(**change)
        assert other != plan
        assert repr(other) != repr(plan)
    assert plan.replace(length=int(plan.length)) == plan
    assert plan.replace(length=int(plan.length)).fingerprint() == plan.fingerprint()


def test_a_regimen_shows_itself_in_a_line_and_in_a_notebook():
    plan = Regimen.named("mirocals")
    text = repr(plan)
    assert text.startswith("Regimen('mirocals', 95 doses, 640 days, ")
    assert "\n" not in text
    assert len(text) < 80
    page = plan._repr_html_()
    assert "19 times (95 doses, the last on day 508)" in page
    assert "from day 0" in page
    assert "resets" not in page
    assert "&lt;b&gt;" in plan.replace(name="<b>")._repr_html_()
    assert "none" in plan.off_riluzole()._repr_html_()


def test_a_regimen_of_uneven_runs_is_told_by_its_ends():
    plan = Regimen((Dose(0, 1), Dose(1, 2), Dose(10, 1), Dose(40, 1)))
    assert str(plan) == "1 to 2 MIU, 4 doses from day 0 to day 40."
    assert str(Regimen((Dose(3, 1, "iv", 0.5),))) == "1 MIU i.v. over 12 h, 1 dose from day 3 to day 3."


def test_an_interval_without_a_steady_state_is_refused():
    with pytest.raises(InputError, match=r"ii = 1 and without ss is one dose"):
        Dose(0, 1, ii=1)
    assert Dose(0, 1, ss=True, ii="1 day").ii == 1
    # what says steady state of nothing is a reset, and has no interval left
    assert Regimen((Dose(0, 1), Dose(5, 0, ss=True, ii=1))).resets == (5,)
