"""Power and searches store what they ran, go on after a kill, do not depend on who works, and give values."""

import copy
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError
from il2model.planning import panel
from il2model.planning.result import PowerStudy, Search
from il2model.planning.schedules import schedule_evidence
from il2model.trials import recipe

POWER = dict(cuts=(None, (750.0, 3700.0)), sizes=(20, 40), replicates=5, draws=2, pool=16, seed=1)
SEARCH = dict(limits={"eosinophil_count": 700.0}, until=140.0, patients=4, draws=2, seed=1, generations=1)


@cache
def power():
    return il2.power_study("mirocals", **POWER)


@cache
def search():
    return il2.optimize(**SEARCH)


def far():
    """What a search says of regimens that were not studied, counted again from their doses."""
    rows = [r for _, r in search().table.iterrows()]
    cycles = [max(1, int((140.0 - panel.AFTER) // r["every"])) for r in rows]
    plans = [
        il2.Regimen.cyclic(r["amount"], min(r["days"], r["every"]), r["every"], n)
        for r, n in zip(rows, cycles, strict=True)
    ]
    distances = [p.extrapolation(140.0) for p in plans]
    beyond = [(r, d) for r, d in zip(rows, distances, strict=True) if d.text]
    best = [d.factor for r, d in beyond if r["non_dominated"]]
    return (
        f"{len(beyond)} of {len(rows)} regimens lie beyond what was studied, {len(best)} of them not dominated "
        f"(up to {max(best):.2g} times it): extrapolations."
    )


def run(verb, **more):
    return il2.power_study("mirocals", **POWER, **more) if verb == "power" else il2.optimize(**SEARCH, **more)


def whole(verb):
    return power() if verb == "power" else search()


@pytest.mark.parametrize(("verb", "kind"), [("power", PowerStudy), ("optimize", Search)])
def test_a_stored_run_loads_and_runs_nothing_again(verb, kind, tmp_path, monkeypatch):
    told = []
    assert run(verb, folder=tmp_path, progress=lambda *p: told.append(p)) == whole(verb)
    done, totals = zip(*told, strict=True)
    assert done[-1] == totals[-1] and list(done) == sorted(done)
    assert kind.load(tmp_path) == whole(verb)
    with pytest.raises(InputError, match="holds results already"):
        run(verb, folder=tmp_path, resume=False)
    monkeypatch.setattr(recipe, "build_pool", None)
    monkeypatch.setattr(panel, "solve_cohort", None)
    assert run(verb, folder=tmp_path) == whole(verb)
    other = "optimize" if verb == "power" else "power"
    with pytest.raises(InputError, match="holds another job"):
        run(other, folder=tmp_path)
    with pytest.raises(InputError, match=f"holds the results of {verb}, not of trial"):
        il2.TrialResult.load(tmp_path)


@pytest.mark.parametrize("verb", ["power", "optimize"])
def test_a_result_does_not_depend_on_workers_or_executor(verb):
    assert run(verb, workers=1) == whole(verb)
    with ThreadPoolExecutor(2) as executor:
        assert run(verb, executor=executor) == whole(verb)


#: What is said of draws of the fit.
WHOSE = "Draws describe patients of IMODALS."
#: By what schedules are judged, and what a trial of schedules found.
JUDGED = (
    "Schedules are judged by survival at day 140, which follows all days before it alike; another order may hold for "
    "Treg three days after a course (compare_schedules).",
    schedule_evidence(),
)

SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
import test_runs_of_planning as t
def slow(done, total):
    print(done, flush=True)
    time.sleep(0.2)
if __name__ == "__main__":
    t.run(sys.argv[2], folder=sys.argv[3], progress=slow)
"""


@pytest.mark.parametrize(("verb", "after"), [("power", 6), ("optimize", 10)])
def test_a_killed_run_goes_on_to_the_same_bits(verb, after, tmp_path):
    command = [sys.executable, "-c", SCRIPT, os.path.dirname(__file__), verb, str(tmp_path)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        if int(line) >= after:
            break
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()  # closes its pipe
    assert list(tmp_path.glob("*.npz")) and not (tmp_path / "table.npz").exists(), "it was killed in the middle"
    with pytest.raises(InputError, match="is not finished"):
        (PowerStudy if verb == "power" else Search).load(tmp_path)
    assert run(verb, folder=tmp_path) == whole(verb)


def test_a_longer_search_goes_on_from_a_shorter_one(tmp_path):
    il2.optimize(**SEARCH, folder=tmp_path)
    before = len(list(tmp_path.glob("regimen-*.npz")))
    longer = il2.optimize(**SEARCH | {"generations": 2}, folder=tmp_path)
    assert len(list(tmp_path.glob("regimen-*.npz"))) > before
    assert longer == il2.optimize(**SEARCH | {"generations": 2})


@pytest.mark.parametrize("verb", ["power", "optimize"])
def test_results_are_values(verb):
    result = whole(verb)
    for twin in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert twin == result
    assert result != replace(result, table=result.table.iloc[:-1]) and result != "result"
    assert "\n" not in repr(result) and repr(result).startswith(type(result).__name__)
    assert "<table" in result._repr_html_() and result.notes == ((far(), *JUDGED) if verb == "optimize" else (WHOSE,))


def test_who_is_left_out_and_uncalibrated_parameters_are_said():
    study = replace(power(), refused=3, manifest=dict(power().manifest) | {"calibrated": False})
    notes = ("3 of 64 virtual patients could not be run and are in no trial.", WHOSE, "Uncalibrated parameters.")
    assert study.notes == notes
    assert "3 of 64 virtual patients left out, uncalibrated parameters" in repr(study)
    assert all(note in study.plot().get_suptitle() and note in study._repr_html_() for note in notes)
    table = search().table.assign(left_out=[2.0] + [0.0] * (len(search().table) - 1))
    some = replace(search(), table=table)
    note, distance, *judged = some.notes
    assert distance == far() and tuple(judged) == JUDGED
    assert note.startswith("Under 1 of ") and "at most 2 of 4; they count in neither arm." in note
    assert "up to 2 of 4 patients left out" in repr(some)
    assert note in some.plot().axes[0].get_title(loc="left")


def test_a_power_study_refuses_nonsense():
    with pytest.raises(InputError, match="stands twice"):
        il2.power_study("mirocals", sizes=(20, 20))
    with pytest.raises(InputError, match=r"replicates is 2\.5"):
        il2.power_study("mirocals", replicates=2.5)


@pytest.mark.long
@pytest.mark.parametrize("verb", ["power", "optimize"])
def test_a_cluster_with_a_killed_worker_loses_nothing(verb, tmp_path):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        killed = []

        def kill_one(done, total):
            if done >= total // 4 and not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        there = run(verb, folder=tmp_path, executor=client, progress=kill_one)
    assert killed
    assert there == whole(verb)


def test_quantities_of_a_search_carry_units():
    words = {"until": "140 day", "limits": {"eosinophil_count": "700 cell/uL"}}
    assert il2.optimize(**SEARCH | words) == search()


def test_a_damaged_block_stops_a_search_with_its_own_sentence(tmp_path):
    run("optimize", folder=tmp_path)
    min(tmp_path.glob("regimen-*.npz")).write_bytes(b"no archive")
    with pytest.raises(InputError, match="is damaged; remove it and resume"):
        run("optimize", folder=tmp_path)


def test_numbers_of_numpy_are_stored_like_pythons(tmp_path):
    numbers = {name: np.int64(POWER[name]) for name in ("replicates", "draws", "pool", "seed")}
    found = il2.power_study("mirocals", **POWER | numbers | {"sizes": np.array(POWER["sizes"])}, folder=tmp_path)
    assert found == power() == PowerStudy.load(tmp_path)


def test_intervals_say_whom_the_draws_leave_out(monkeypatch):
    """Sixteen patients judge under each draw: of the first one fails, under the second everybody does."""
    sound, kernels = panel.solve_cohort, []

    def failing(task, rows_of, which, *arguments):
        found = sound(task, rows_of, which, *arguments)
        if len(which) != panel.of_a_draw(SEARCH["patients"]):
            return found  # the search itself
        row = rows_of(slice(0, 1)).tobytes()
        kernels.extend([row] * (row not in kernels))
        lost = slice(0, 1) if row == kernels[0] else slice(None)
        values = {i: np.array(v) for i, v in found.values.items()}
        for course in values.values():
            course[lost] = np.nan
        return replace(found, values=values)

    monkeypatch.setattr(panel, "solve_cohort", failing)
    panel._control.cache_clear()
    try:
        result = il2.optimize(**SEARCH, workers=1)
    finally:
        panel._control.cache_clear()
    shown = result.table[result.table["non_dominated"]]
    assert len(shown) and (shown["draws_failed"] == 1).all() and (shown["draws_left_out"] == 17).all()
    assert (shown["low"] == shown["high"]).all()  # one draw is left
    words = "leave out up to 17 of 32 patients of a regimen; 1 of the draws at most are in no interval"
    assert any(words in note for note in result.notes)
    assert search().table["draws_left_out"].max() == 0
    assert not any("Intervals" in note for note in search().notes)


def test_trials_without_a_test_are_counted_and_said():
    """In the first ten days hardly anybody dies: a log-rank test without a death has no value."""
    design = il2.TrialDesign.named("mirocals").replace(follow_up=10.0, visits=())
    study = il2.power_study(design, cuts=(None,), sizes=(4,), replicates=6, pool=16, seed=1, endpoints=("log_rank",))
    assert study.table["without_test"].to_list() == [6] and study.table["power"].to_list() == [0.0]
    assert any("In up to 6 trials of a cell the test has no value" in note for note in study.notes)
    assert not any("no value" in note for note in power().notes)


def test_visits_after_the_end_of_a_shorter_trial_are_said():
    plan = il2.TrialDesign.named("imodals")
    kept = tuple(v for v in plan.visits if v.day <= 60)
    shorter = plan.replace(follow_up=60.0, visits=kept)
    late = [f"{v.day:g}" for v in plan.visits if v.day > 60]
    assert late and shorter.notes[0] == f"Visits of imodals after day 60 are left out: days {', '.join(late)}."
    assert not any("Visits" in note for note in plan.notes)
    study = il2.power_study(shorter, cuts=[None], sizes=[9], replicates=2, pool=12, hazard_ratio=0.5, workers=1)
    assert (
        shorter.notes[0] in study.notes and shorter.notes[0] in study.plot().axes[0].get_figure()._suptitle.get_text()
    )
