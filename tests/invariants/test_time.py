"""Values at a dose are those before it, whatever gave its time or that of the value, in every door."""

import json

import numpy as np
import pytest

import il2model as il2
from il2model.cli.main import main
from il2model.dosing.regimen import Dose, Regimen
from il2model.errors import InputError
from il2model.solver.problem import distinct

IDS = ["il2_plasma", "il2_depot", "treg_percent"]


def at(plan, save, **more):
    """(observable, time) of a patient."""
    solution = il2.simulate(plan, save=save, **{"until": 60, "observables": IDS} | more)
    return np.stack([solution.values(i) for i in IDS])


TIMES = [
    # the time of a dose, and other spellings of it
    (0.3, (0.1 + 0.2, "0.3 day", "7.2 h", "432 min", np.float32(0.3), 3 * 0.1, np.arange(0, 1, 0.1)[3])),
    ("8 h", (1 / 3, 8 / 24, "480 min", 1 - 2 / 3)),
    (28, ("28 day", "4 week", "672 h", 28.0, np.int64(28), np.float32(28), 28 + 1e-12, 28 - 1e-12)),
    (0.1 + 0.2, (0.3, "7.2 h")),
    ("1 month", (30.4375, "730.5 h")),
    (0.7, (0.7, sum([0.1] * 7), np.linspace(0, 1, 11)[7])),
]


@pytest.mark.parametrize(("dose", "spellings"), TIMES)
@pytest.mark.parametrize("route", ["sc", "iv"])
def test_every_spelling_of_the_time_of_a_dose_is_before_it(dose, spellings, route):
    plan, untreated = Regimen((Dose(dose, 2, route),)), Regimen()
    without = at(untreated, list(spellings))
    for k, spelling in enumerate(spellings):
        assert (at(plan, [spelling])[..., 0] == at(plan, [dose])[..., 0]).all()
        assert at(plan, [spelling])[:2, 0, 0] == pytest.approx(without[:2, 0, k], rel=1e-6)
    after = at(plan, [il2.Regimen((Dose(dose, 1),)).last_time + (1e-4 if route == "iv" else 0.1)])
    assert after[int(route == "sc"), 0, 0] > 10


@pytest.mark.parametrize("engine", ["fast", "plain", "scipy"])
def test_days_in_any_order_and_twice_give_the_same_bits_in_the_order_asked(engine):
    rng = np.random.default_rng(3)
    days = [0, 0.5, 4, 4.25, 28, 28.1, 59, 60]
    plan = Regimen.named("imodals-2miu")
    whole = at(plan, days, engine=engine)
    mixed = [int(k) for k in rng.permutation([*range(8), 2, 2, 7])]
    found = il2.simulate(plan, until=60, save=[days[k] for k in mixed], engine=engine, observables=IDS)
    assert found.time.tolist() == [days[k] for k in mixed]
    assert (np.stack([found.values(i) for i in IDS]) == whole[..., mixed]).all()
    assert found["treg_percent"].sel(time=28).item() == whole[2, 0, 4]


def test_the_order_of_days_changes_neither_figure_nor_table_nor_derivatives():
    rising, falling = [0, 7, 28], [28, 0, 7, 7]
    a, b = (il2.simulate("imodals-1miu", save=s, until=28) for s in (rising, falling))
    line, other = (s._curve("treg_percent")["lines"][0] for s in (a, b))
    assert distinct(line["time"]).tolist() == distinct(other["time"]).tolist() == rising
    assert np.array(other["value"])[[0, 1, 3]].tolist() == np.array(line["value"]).tolist()
    assert "to day 28" in repr(b)
    assert "day 28" in b._repr_html_() and ">day 0<" in b._repr_html_()
    one, two = (il2.sensitivities("imodals-1miu", ["il2_clearance"], until=28, save=s) for s in (rising, falling))
    assert (two.values == one.values[:, [2, 0, 1, 1]]).all()
    with pytest.raises(InputError, match="days rise"):
        il2.endpoints.endpoint("treg_auc").read(b.time, b.values("treg_percent"))


def test_cohorts_draws_summaries_and_folders_keep_the_order(tmp_path):
    people = il2.Cohort.sample(3, seed=2)
    rising, falling = [0, 5, 28], ["4 week", 0.0, 5, 28]
    for more in ({"cohort": people}, {"draws": 3, "seed": 1}, {"cohort": people, "summary": True}):
        a, b = (il2.simulate("imodals-2miu", save=s, until=60, observables=IDS, **more) for s in (rising, falling))
        for id in IDS:
            assert (a[id].values[:, [2, 0, 1, 2]] == b[id].values).all()
    kept = il2.simulate("imodals-2miu", save=falling, until=60, observables=IDS, cohort=people, folder=tmp_path)
    assert (kept.values("treg_percent") == il2.simulate(
        "imodals-2miu", save=falling, until=60, observables=IDS, cohort=people
    ).values("treg_percent")).all()  # fmt: skip


@pytest.mark.parametrize("ii", ["1 week", "8 h", "80 h", 0.1, 0.7, 1 / 3, 3.3, "1 month"])
def test_two_hundred_doses_of_one_interval_lie_where_they_are_looked_for(ii):
    days = il2.clock.day_of(ii, "ii")
    records = Regimen.from_records([{"time": 0.1, "amt": 1, "ii": days, "addl": 199}])
    step = (
        days
        if isinstance(ii, float)
        else float(ii.split()[0]) * {"week": 7, "h": 1 / 24, "month": 30.4375}[ii.split()[1]]
    )
    assert [d.time for d in records.doses] == il2.clock.on_clock(0.1 + step * np.arange(200)).tolist()
    last = records.last_time
    for save in (0.1 + 199 * step, 0.1 + np.cumsum(np.full(199, step))[-1], last):
        found = il2.simulate(records, until=last + 1, save=[save, last], observables=IDS)
        assert all((found.values(i)[:, 0] == found.values(i)[:, 1]).all() for i in IDS)


def test_cycles_of_hours_lie_where_they_are_looked_for():
    plan = Regimen.cyclic("2 MIU", days=1, every="80 h", cycles=300)
    assert [d.time for d in plan.doses] == [il2.clock.day_of(f"{80 * k} h", "a day") for k in range(300)]
    late = Regimen((Dose("8 h", 1),)).delay("8 h").delay("8 h")
    assert late == Regimen((Dose(1, 1),), late.name, late.length)


@pytest.mark.parametrize("end", [0.3, 0.1 + 0.2, "7.2 h", np.float32(0.3)])
def test_a_dose_at_the_end_is_given_whatever_gave_the_end(end):
    s = il2.simulate(Regimen((Dose(0.3, 2),)), until=end, save=[end])
    assert s.balance.given[0] == pytest.approx(7980)
    assert s.notes == ()
    assert s.values("il2_depot")[0, 0] == 0
    cut = Regimen((Dose(0.3, 2),)).until(end)
    assert len(cut.doses) == 1 and cut.length == 0.3


def test_a_dose_at_the_start_comes_after_its_value():
    s = il2.simulate(Regimen((Dose(0, 2),)), until=1, save=[0, "0 h", 0.1 - 0.1])
    assert (s.values("il2_depot") == 0).all()


def test_an_infusion_ends_where_its_end_is_looked_for():
    touching = Regimen((Dose(0.1, 1, "iv", 0.2), Dose(0.3, 1, "iv", 0.2)))
    one = Regimen((Dose(0.1, 2, "iv", 0.4),))
    a, b = (il2.simulate(r, until=1, save=[0.1, 0.2, 0.3, 0.1 + 0.2, 0.5, 0.6]) for r in (touching, one))
    for id in IDS:
        np.testing.assert_allclose(a.values(id), b.values(id), rtol=1e-5)
        assert a.values(id)[0, 2] == a.values(id)[0, 3]
    assert a.steps[0] <= b.steps[0] + 20


def test_steady_state_and_resets_are_before_the_dose_too():
    steady = Regimen((Dose("7.2 h", 2, ss=True, ii="1 week"),))
    found = at(steady, [0.3, 0.1 + 0.2, "432 min"])
    assert (found[..., :1] == found).all()
    with_reset = Regimen.named("imodals-2miu").until(10).replace(resets=(0.1 + 0.2 + 8.0,))
    found = at(with_reset, [8.3, "199.2 h", 0.1 + 0.2 + 8.0, 8.3001])
    assert (found[..., :1] == found[..., :3]).all()
    assert found[2, 0, 3] != pytest.approx(found[2, 0, 0], rel=1e-3)


def test_a_lag_moves_what_arrives_and_not_what_is_looked_at():
    values = il2.load_parameters().replace(il2_lag="31 min")
    found = at(Regimen((Dose(0.3, 2), Dose(0.1 + 0.2, 1, "iv"))), [0.3, 0.1 + 0.2, 0.31], parameters=values)
    assert (found[..., 0] == found[..., 1]).all()
    assert found[0, 0, 0] == pytest.approx(0.05, rel=1e-6)
    assert found[1, 0, 2] == 0


def test_the_grid_of_long_courses_meets_the_doses():
    s = il2.simulate(Regimen(tuple(Dose(t, 1, "iv") for t in (29, 58, 87))), until=2900, observables=IDS)
    for day in (29.0, 58.0, 87.0):
        assert s["il2_plasma"].sel(time=day) < 0.051


def test_trials_and_studies_have_their_days_in_order_and_once():
    from il2model.trials.arm import Visit

    design = il2.TrialDesign.named("mirocals")
    days = [v.day for v in design.visits]
    mixed = [Visit(d, design.visits[0].window) for d in [*reversed(days), days[1]]]
    assert design.replace(visits=tuple(mixed)) == design
    assert design.replace(looks=(300, 200, "300 day")).looks == (200.0, 300.0)
    assert Visit("4 week") == Visit(28.0) == Visit("672 h")
    with pytest.raises(InputError, match="Two visits on day 28"):
        design.replace(visits=(Visit(28, 2), Visit("4 week")))
    ask = {"outputs": ["treg_percent"], "method": "morris", "n": 2, "parameters": ["il2_clearance"]}
    a, b = (il2.SensitivityStudy(**ask, times=t) for t in ([0.3, 7, 28], ["4 week", 7, 0.1 + 0.2, 7]))
    assert a == b and a.fingerprint == b.fingerprint


def test_the_shell_prints_the_days_asked_in_their_order(capsys):
    words = ["simulate", "--amount", "2 MIU", "--start", "0.3", "--observables", "il2_depot", "--format", "json"]
    assert main([*words, "--at", "28,0.1,0.30000000000000004,7.2 h,0.3,0"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["time"]["value"] == [28, 0.1, 0.3, 0.3, 0.3, 0]
    assert found["il2_depot"]["value"][1:] == [0] * 5
