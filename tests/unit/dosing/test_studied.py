"""What lies beyond the studied courses is told, and what was studied is not."""

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import il2model as il2
from il2model import Regimen
from il2model.dosing.dose import Dose
from il2model.dosing.studied import TOLERANCE, compared, studied_arms
from il2model.solver.kernel import builtin_kernel

MIROCALS = Regimen.named("mirocals").doses


def moved(days, where=(28, 40)):
    return tuple(Dose(d.time + (days if where[0] <= d.time < where[1] else 0), d.amount) for d in MIROCALS)


WITHIN = {
    "no dose": (),
    "a dose skipped": tuple(d for d in MIROCALS if d.time != 30),
    "a cycle skipped": tuple(d for d in MIROCALS if not 28 <= d.time < 40),
    "a cycle two days late": moved(2),
    "a cycle a week late": Regimen.cyclic("2 MIU", 5, 35, 12).doses,
    "a lower dose": Regimen.cyclic("0.5 MIU", 5, 28, 19).doses,
    "fewer days": Regimen.cyclic("2 MIU", 3, 28, 19).doses,
    "a single dose as in DILT1D": Regimen.cyclic("1.5 MIU/m2", 1, 28, 1).doses,
    "every three days as in DILfrequency": Regimen.cyclic("0.26 MIU/m2", 1, 3, 20).doses,
    "one of them a day late": tuple(Dose(3 * k + (k == 4), "0.26 MIU/m2") for k in range(20)),
    "two half doses at once": tuple(Dose(d, 1) for d in range(5) for _ in range(2)),
}
BEYOND = {
    "10 MIU": (Regimen.cyclic("10 MIU", 5, 28, 3).doses, 5, ("10 MIU in a day (studied: 2)", "50 MIU in 7 days")),
    "10 MIU once": (Regimen.cyclic("10 MIU", 1, 28, 1).doses, 3.5, ("10 MIU in a day",)),
    "daily": (Regimen.cyclic("1 MIU", 28, 28, 13).doses, 19, ("28 doses in 28 days (studied: 5)", "without a day off")),
    "daily, little drug": (Regimen.cyclic("0.1 MIU", 28, 28, 13).doses, 18, ("without a day off",)),
    "20 of 28 days": (Regimen.cyclic("2 MIU", 20, 28, 3).doses, 4, ("20 doses in 28 days", "14 MIU in 7 days")),
    "six days": (Regimen.cyclic("2 MIU", 6, 28, 3).doses, 1.2, ("6 days without a day off (studied: 5)",)),
    "every two weeks": (Regimen.cyclic("1 MIU", 5, 14, 6).doses, 2.06, ("with at most 9 days off",)),
    "every three weeks": (Regimen.cyclic("2 MIU", 5, 21, 3).doses, 2, ("10 doses in 28 days",)),
    "weekly": (Regimen.cyclic("2 MIU", 1, 7, 12).doses, 2.8, ("days off",)),
    "twice a day": (tuple(Dose(d + h, 1) for d in range(5) for h in (0, 0.5)), 2, ("2 doses in a day (studied: 1)",)),
    "too close cycles": (moved(4), 1.4, ("14 MIU in 26 days",)),
    "longer": (Regimen.cyclic("2 MIU", 5, 28, 25).doses, 1.3, ("days from first to last dose (studied: 509)",)),
    "for ever": ((Dose(0, 2, ss=True, ii=28),), 1.9, ("from first to last dose",)),
    "into a vein": (Regimen.cyclic("2 MIU", 5, 28, 3, route="iv").doses, 1, ("given i.v.",)),
    "by a pump": (Regimen.cyclic("2 MIU", 5, 28, 3, duration="6 h").doses, 1, ("given s.c. as an infusion",)),
}


@pytest.mark.parametrize("name", WITHIN)
def test_what_was_studied_is_not_told(name):
    found = compared(tuple(WITHIN[name]))
    assert found.text == ""
    assert found.factor <= TOLERANCE


@pytest.mark.parametrize("name", BEYOND)
def test_what_was_not_studied_is_told_with_its_distance(name):
    doses, factor, words = BEYOND[name]
    found = compared(tuple(doses))
    assert all(word in found.text for word in words), found.text
    assert found.arm in found.text
    assert found.factor == pytest.approx(factor, rel=0.05)


def test_the_studied_arms_lie_within():
    arms = studied_arms()
    assert {name.split(",")[0] for name in arms} == {"IMODALS", "MIROCALS", "DILT1D", "DILfrequency"}
    for name, doses in arms.items():
        assert compared(doses).outside == (), name
        assert compared(doses).factor == pytest.approx(1.0)


courses = st.lists(
    st.tuples(st.integers(0, 120).map(lambda t: t / 2), st.floats(0.1, 6.0)),
    min_size=1,
    max_size=12,
    unique_by=lambda d: d[0],
)


@settings(max_examples=150, deadline=None)
@given(courses, st.floats(1.0, 4.0), st.integers(0, 300).map(lambda t: t / 2), st.randoms())
def test_more_drug_lies_never_nearer(course, times, moment, random):
    doses = tuple(Dose(t, a) for t, a in course)
    more = (*(Dose(d.time, d.amount * times) for d in doses), Dose(moment, 0.5))
    for arm in studied_arms():
        one, two = (single(d, arm) for d in (doses, more))
        assert two >= one * (1 - 1e-9)
    shuffled = list(doses)
    random.shuffle(shuffled)
    assert compared(tuple(shuffled)) == compared(doses)
    assert compared(tuple(Dose(d.time + 7, d.amount) for d in doses)) == compared(doses)
    if compared(doses).outside:
        assert compared(more).outside


def single(doses, arm):
    from il2model.dosing.studied import _against, _arms, _Course

    return _against(_Course.of(doses), arm, _arms()[arm])[0].factor


def test_the_notes_of_a_run_say_it_in_every_form(tmp_path):
    plan = Regimen.cyclic("8 MIU", 5, 28, 2)
    with pytest.warns(il2.IncompleteWarning, match="8 MIU in a day"):
        solution = il2.simulate(plan, until=40, save=[0, 40])
    told = plan.extrapolation(40).text
    assert told in solution.notes
    assert told in solution["treg_percent"].attrs["note"]
    assert told in solution.to_xarray().attrs["note"]
    assert told in solution.to_dataframe().attrs["note"]
    assert json.loads(json.dumps(dict(solution.manifest)))["extrapolation"] == told
    assert told.split(":")[0] in solution.plot()._supxlabel.get_text().replace("\n", " ")


def test_only_what_is_given_by_the_end_counts():
    plan = Regimen.cyclic("2 MIU", 28, 28, 3)
    assert plan.extrapolation(4).text == ""
    assert "28 doses" in plan.extrapolation(28).text
    with warnings.catch_warnings():
        warnings.simplefilter("error", il2.IncompleteWarning)
        il2.simulate(plan.until(4), until=4, save=[4])


def test_a_list_of_regimens_tells_each_thing_once():
    plans = [Regimen.cyclic("8 MIU", 5, 28, 2)] * 3
    with pytest.warns(il2.IncompleteWarning) as seen:
        il2.simulate(plans, until=40, save=[40])
    assert len([w for w in seen if "8 MIU" in str(w.message)]) == 1


def test_numbers_without_records_are_told_nothing_of():
    records = il2.load_parameters()
    values = {p.id: f"{records[p.id]} {records.record(p.id).unit}" for p in builtin_kernel().blueprint.parameters}
    solution = il2.simulate(Regimen.cyclic("8 MIU", 5, 28, 1), until=7, save=[7], parameters=values)
    assert "extrapolation" not in solution.manifest


def test_a_trial_and_its_figure_say_it():
    design = il2.TrialDesign.named("imodals")
    arm = design.arms[1]
    changed = design.replace(arms=(design.arms[0], type(arm)("high", Regimen.cyclic("9 MIU", 5, 28, 3), arm.size)))
    assert not design.notes
    (note,) = changed.notes
    assert note.startswith("high: extrapolation") and "9 MIU in a day" in note


def test_a_long_course_of_many_doses_is_compared_in_a_moment():
    doses = tuple(Dose(k / 24, 0.01) for k in range(24 * 365))
    assert compared(doses).factor > 50
    assert np.isfinite(compared(doses).factor)
