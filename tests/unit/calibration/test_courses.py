"""Courses of targets: every arm runs once in the patients of its trial, and arms of one length run together."""

from dataclasses import replace

import numpy as np
import pytest

from il2model.calibration import courses
from il2model.calibration.problem import Problem
from il2model.calibration.simulator import Simulator
from il2model.calibration.study import Study


@pytest.fixture(scope="module")
def posed() -> Problem:
    return Problem.pose("imodals")


def calls(monkeypatch):
    made = []
    inner = Simulator.observe_each

    def counted(self, arms, rows, times, ids, precision="float64"):
        made.append((tuple(arms), tuple(len(r) for r in rows), times[-1]))
        return inner(self, arms, rows, times, ids, precision)

    monkeypatch.setattr(Simulator, "observe_each", counted)
    return made


@pytest.mark.parametrize("stage", ["pk", "imodals"])
def test_an_arm_runs_once_for_the_same_patients_and_lengths_share_a_call(stage, monkeypatch):
    p = Problem.pose(stage)
    made = calls(monkeypatch)
    p.predict(p.table(np.zeros((3, len(p.coordinates)))), checks=True)
    assert len({end for *_, end in made}) == len(made)
    runs = [(arm, size) for arms, sizes, _ in made for arm, size in zip(arms, sizes, strict=True)]
    assert len(set(runs)) == len(runs)
    assert {arm for arm, _ in runs} == {a for t in p.targets.of(stage) for a in t.arms}


def test_a_run_ends_with_the_last_day_that_any_of_its_targets_reads(posed, monkeypatch):
    some = [posed.targets.targets["dilt1d_dip_day1"], posed.targets.targets["dilt1d_dip_day2"]]
    made = calls(monkeypatch)
    table = posed.targets.typical("imodals", 1)
    both = courses.predict(posed.simulator, table, tuple(some))
    assert [end for *_, end in made] == [2.0]
    alone = courses.predict(posed.simulator, table, (some[0],))
    assert both["dilt1d_dip_day1"] == pytest.approx(alone["dilt1d_dip_day1"], rel=1e-2)


def test_trials_with_other_patients_have_runs_of_their_own(posed, monkeypatch):
    one = replace(posed.targets.targets["dilfrequency_treg"], study=Study())
    other = replace(one, id="other", study=Study(baseline=(("treg_share_untreated", 9.0),)))
    made = calls(monkeypatch)
    found = courses.predict(posed.simulator, {}, (one, other))
    assert made == [(("dilfrequency", "dilfrequency"), (1, 1), 57.0)]
    assert abs(found["other"] - found["dilfrequency_treg"]).item() > 0.1
    alone = courses.predict(posed.simulator, {"treg_share_untreated": np.array([9.0])}, (one,))
    assert np.array_equal(alone["dilfrequency_treg"], found["other"])


def test_the_course_is_converted_before_it_is_read(posed):
    one = replace(posed.targets.targets["dilfrequency_treg"], study=Study())
    plain = courses.predict(posed.simulator, {}, (one,))["dilfrequency_treg"]
    squared = courses.predict(posed.simulator, {}, (one,), lambda e, seen, rows: seen**2)["dilfrequency_treg"]
    assert squared == pytest.approx(100 * ((1 + plain / 100) ** 2 - 1))
