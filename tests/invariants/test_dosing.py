"""True sentences about doses, over regimens that Hypothesis makes up."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import il2model as il2
from il2model.dosing.regimen import Dose, Regimen
from il2model.simulation.batch import Batch
from il2model.solver.kernel import builtin_kernel

UNTIL = 12.0
times = st.one_of(
    st.sampled_from([0.0, 1.0, 0.1, 0.1 + 0.2, 7.0, UNTIL]), st.floats(0, UNTIL).map(lambda x: round(x, 3))
)
amounts = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(0, 3))
durations = st.sampled_from([0.0, 0.0, 0.1, 1 / 3, 2.5, 9.0])
doses = st.builds(
    Dose, time=times, amount=amounts, route=st.sampled_from(["sc", "sc", "iv"]), duration=durations, reset=st.booleans()
)
regimens = st.builds(
    Regimen,
    doses=st.lists(doses, max_size=8).map(tuple),
    resets=st.lists(times, max_size=2).map(tuple),
)


def states(solution):
    """(time, state) of a patient."""
    return np.stack([solution.values(i)[0] for i in builtin_kernel().blueprint.states.ids], axis=-1)


quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(regimens)
def test_drug_given_is_absorbed_remaining_or_lost(plan):
    s = il2.simulate(plan, until=UNTIL, save=[UNTIL])
    assert np.abs(s.balance.error).max() < 1e-8
    expected = sum(d.amount * min(1.0, (UNTIL - d.time) / d.duration if d.duration else 1.0) for d in plan.doses)
    assert s.balance.given[0] <= 3990 * expected * (1 + 1e-12) + 1e-9
    if not plan.resets and not any(d.reset for d in plan.doses):
        assert s.balance.given[0] == pytest.approx(3990 * expected, rel=1e-9)


@quick
@given(st.lists(doses.map(lambda d: d.__class__(d.time, 0.0, d.route, d.duration)), max_size=5))
def test_zero_dose_reproduces_the_placebo_bit_for_bit(empty):
    plan = Regimen(tuple(empty))
    a = il2.simulate(plan, until=UNTIL, save=[1.0, UNTIL])
    b = il2.simulate("placebo", until=UNTIL, save=[1.0, UNTIL])
    assert (states(a) == states(b)).all()


@quick
@given(times, st.floats(0.1, 3), st.sampled_from(["sc", "iv"]))
def test_two_half_doses_at_one_time_equal_one(time, amount, route):
    whole = Regimen((Dose(time, amount, route),))
    halves = Regimen((Dose(time, amount / 2, route), Dose(time, amount / 2, route)))
    a, b = (il2.simulate(r, until=UNTIL, save=[UNTIL]) for r in (whole, halves))
    assert (states(a) == states(b)).all()
    assert a.balance.given == b.balance.given


def test_overlapping_infusions_leave_no_rate_behind(kernel, default_row):
    plan = Regimen((Dose(0, 0.1, "iv", 3), Dose(1, 0.2, "iv", 3), Dose(2, 0.3, "iv", 1)))
    inputs = Batch.prepare(kernel, [plan], default_row, until=10).inputs_at(np.array([0.5, 4.5, 10]))
    assert inputs[0, :, kernel.blueprint.inputs.at("infusion_iv")].tolist() == [0.1 / 3, 0, 0]


def test_decimal_intervals_meet_whole_days():
    by_tenths = Regimen.from_records([{"time": 0, "amt": 1, "ii": 0.1, "addl": 10}])
    assert [d.time for d in by_tenths.doses] == [round(0.1 * k, 10) for k in range(11)]


def test_a_dose_at_the_end_is_given_and_remains():
    s = il2.simulate(Regimen((Dose(5, 2),)), until=5, save=[5])
    assert s.balance.given[0] == pytest.approx(7980)
    assert s.balance.remaining[0] == pytest.approx(0.37 * 7980)
    assert s.balance.lost[0] == pytest.approx(0.63 * 7980)


def test_values_at_a_dose_time_are_those_before_it():
    s = il2.simulate(Regimen((Dose(1, 1, "iv"),)), until=2, save=[1, 1.0001])
    before, after = s.values("il2_plasma")[0]
    assert before == pytest.approx(0.05, rel=1e-6)
    assert after > 100


def test_the_untreated_immune_and_glial_states_stay_for_640_days():
    s = il2.simulate("placebo", until=640, save=np.arange(0, 641.0))
    bp = builtin_kernel().blueprint
    steady = np.array(bp.steady)
    drift = np.abs(states(s) - states(s)[0])[:, steady] / np.array(bp.scales)[steady]
    assert drift.max() < 1e-10


def test_a_reset_returns_the_il2_half_and_leaves_the_neurons():
    plan = Regimen.named("imodals-2miu").until(10).replace(resets=(9.0,))
    s = il2.simulate(plan, until=12, save=[8.9, 9.5, 12])
    base = il2.simulate("placebo", until=12, save=[8.9, 9.5, 12])
    for id in ("treg_percent", "treg_cd25", "nk_count", "il2_plasma", "cd8_effector"):
        assert s.values(id)[0, 1] == pytest.approx(base.values(id)[0, 1], rel=1e-6)
        assert s.values(id)[0, 0] != pytest.approx(base.values(id)[0, 0], rel=1e-6)
    assert s.values("plasma_ccl2")[0, 1] < base.values("plasma_ccl2")[0, 1]
    assert s.values("motor_units")[0, 2] > base.values("motor_units")[0, 2]


def test_steady_state_dosing_is_what_long_dosing_becomes():
    every = 3
    long = Regimen.from_records([{"time": 0, "amt": 0.5, "ii": every, "addl": 299}])
    steady = Regimen.from_records([{"time": 0, "amt": 0.5, "ii": every, "ss": 1, "addl": 1}])
    a = il2.simulate(long, until=900, save=[897, 898.5, 900])
    b = il2.simulate(steady, until=6, save=[0.0001, 1.5, 3])
    for id in ("treg_percent", "treg_cd25", "eosinophil_count"):
        np.testing.assert_allclose(a.values(id)[0, 1:], b.values(id)[0, 1:], rtol=2e-4)


def test_reduced_skipped_and_delayed_doses():
    plan = Regimen.cyclic("2 MIU", 5, 28, 2)
    assert [d.time for d in plan.skip([0, 9]).doses] == [1, 2, 3, 4, 28, 29, 30, 31]
    assert {d.amount for d in plan.reduce(0.5, start=28).doses if d.time >= 28} == {1.0}
    assert plan.delay("1 week").doses[0].time == 7.0
    assert "2 MIU s.c., once a day for 5 days, every 28 days, 2 times" in str(plan)
