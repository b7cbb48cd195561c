"""Every trial is foretold from the others: by weights as by a refit, and by an average with weights without it."""

from dataclasses import replace

import numpy as np
import pytest

from il2model.calibration import trials_out
from il2model.calibration.averages import prior_weights
from il2model.calibration.evidence import compare
from il2model.calibration.loo import REFIT, studies_of
from il2model.calibration.problem import Problem, Structure
from il2model.calibration.sampling import ImportanceOptions
from il2model.calibration.simulator import Size
from il2model.calibration.trials_out import leave_trials_out, only, trial_tables

SMALL = Size(patients=64)
SOME = (Structure(), Structure(name="held", meaning="a held share", fix={"il2_capillary_share": 0.15}))


@pytest.fixture(scope="module")
def structures():
    options = ImportanceOptions(effective=600.0)
    return compare("pk", size=SMALL, structures=SOME, options=options, workers=1)


@pytest.fixture(scope="module")
def found(structures):
    return leave_trials_out("pk", structures, size=SMALL, refit=False, workers=1)


def test_each_trial_is_left_out_of_each_structure_and_of_their_average(found):
    problem = Problem.pose("pk", size=SMALL)
    names = [*(s.name for s in SOME), "average"]
    assert [(t.trial, t.structure) for t in found] == [(s, n) for s in studies_of(problem) for n in names]
    for t in found:
        assert {r["target"] for r in t.rows} == {x.id for x in only(problem, studies_of(problem)[t.trial]).fitted}
        assert t.share.sum() == pytest.approx(1)
        assert t.converged == (t.pareto_k <= REFIT) or t.structure == "average"


def test_the_average_has_the_weights_that_its_parts_have_without_the_trial(found):
    for first, second, whole in zip(found[::3], found[1::3], found[2::3], strict=True):
        assert first.weight + second.weight == pytest.approx(1)
        assert first.weight / second.weight == pytest.approx(np.exp(first.evidence - second.evidence))
        mixed = first.weight * np.exp(first.elpd) + second.weight * np.exp(second.elpd)
        assert whole.elpd == pytest.approx(np.log(mixed))
        # and so the evidence of the average is that with the trial over its density given the others
        prior = prior_weights(SOME)
        with_it = np.log(np.exp([first.evidence + first.elpd, second.evidence + second.elpd]) @ prior)
        assert whole.evidence == pytest.approx(with_it - whole.elpd)


def test_a_refit_says_what_the_weights_say(structures, found, tmp_path, monkeypatch):
    """Where k is small, the ratio of two evidences is the density that the weights give."""
    one = min((t for t in found if t.structure == "default"), key=lambda t: t.pareto_k)
    assert one.pareto_k < 0.6
    monkeypatch.setattr(trials_out, "REFIT", -1.0)
    monkeypatch.setattr(trials_out, "studies_of", lambda problem: {one.trial: studies_of(problem)[one.trial]})
    again, whole = leave_trials_out("pk", structures[:1], tmp_path, size=SMALL, workers=1)
    assert again.method == "refit" and again.converged
    assert again.elpd == pytest.approx(one.elpd, abs=0.2)
    assert whole.elpd == pytest.approx(again.elpd)  # an average of one is that one
    for a, b in zip(again.rows, one.rows, strict=True):
        assert a["percentile"] == pytest.approx(b["percentile"], abs=0.08)
    rounds = list(tmp_path.rglob("*.npz"))
    times = [p.stat().st_mtime_ns for p in rounds]
    resumed = leave_trials_out("pk", structures[:1], tmp_path, size=SMALL, workers=1)
    assert rounds and times == [p.stat().st_mtime_ns for p in rounds]
    assert resumed[0].elpd == again.elpd


def test_tables_tell_coverage_by_structure(found):
    trials, numbers, coverage = trial_tables(found)
    assert len(trials) == len(found) and "drawn" not in trials[0]
    (row,) = (r for r in coverage if r["structure"] == "held")
    mine = [r for r in numbers if r["structure"] == "held" and r["percentile"] != ""]
    assert row["numbers"] == len(mine)
    assert row["inside_95"] == pytest.approx(np.mean([r["inside_95"] for r in mine]))
    assert row["inside_95"] == pytest.approx(np.mean([r["q025"] <= r["published"] <= r["q975"] for r in mine]), abs=0.1)
    away = replace(found[0], rows=[{**r, "percentile": 0.999} for r in found[0].rows])
    assert trial_tables([away])[2][0]["inside_95"] == 0.0
