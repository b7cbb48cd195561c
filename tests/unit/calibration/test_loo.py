"""A left-out number is foretold as a fit without it does: against a known law, and by weights against a refit."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from scipy.stats import norm

from il2model.calibration import loo
from il2model.calibration.foretold import write_foretold
from il2model.calibration.influence import influence
from il2model.calibration.loo import leave_out, points_of, studies_of, tables, without
from il2model.calibration.predictive import numbers, percentile_rows, predictive_check, stored_problem, synthetic
from il2model.calibration.problem import Problem
from il2model.calibration.psis import left_out
from il2model.errors import InputError
from il2model.report.calibration import read_table
from il2model.uncertainty.posterior import Posterior

RESULTS = Path(__file__).parents[3] / "calibration" / "results"


@pytest.fixture(scope="module")
def pk():
    return Problem.pose("pk")


@pytest.fixture(scope="module")
def found():
    return leave_out("pk", refit=False, workers=1)


def test_the_density_of_a_left_out_number_is_that_of_a_gaussian_model():
    """One coordinate, three numbers with error 1: the rest foretells each by a law that is known."""
    rng, y = np.random.default_rng(4), np.array([0.5, -0.2, 1.4])
    z = y.sum() / 4 + rng.standard_normal(40_000) / 2
    for k in range(3):
        rest = np.delete(y, k).sum() / 3
        elpd, pareto = left_out(np.zeros(len(z)), norm.logpdf(y[k], z, 1))
        assert elpd == pytest.approx(norm.logpdf(y[k], rest, np.sqrt(1 + 1 / 3)), abs=0.02)
        assert pareto < 0.7


def test_every_target_and_every_study_is_left_out_once(found, pk):
    by_target = [x.name for x in found if x.by == "target"]
    assert by_target == [t.id for t in pk.fitted]
    studies = {x.name: x.points for x in found if x.by == "study"}
    assert sorted(p for points in studies.values() for p in points) == sorted(by_target)
    assert set(studies) == set(studies_of(pk))
    cohorts = Problem.pose("progression")  # one file holds the numbers of several studies
    assert set(studies_of(cohorts)) == {t.trial if t.trial != "ALS cohorts" else t.source for t in cohorts.fitted}
    for x in found:
        assert x.elpd < x.fitted  # what was not seen is foretold worse
        assert x.converged == (x.pareto_k <= loo.REFIT)
        assert all(0 < r["percentile"] < 1 and r["q025"] < r["median"] < r["q975"] for r in x.rows)


def test_weights_foretell_as_a_refit_does(found, monkeypatch):
    """Where k is small both must agree."""
    one = next(x for x in found if x.by == "study" and x.pareto_k < 0.3)
    monkeypatch.setattr(loo, "REFIT", -1.0)
    monkeypatch.setattr(loo, "_groups", lambda problem, by: iter([("study", one.name, one.points)]))
    (again,) = leave_out("pk", workers=1)
    assert again.method == "refit" and again.converged and again.effective_draws > 400
    assert again.elpd == pytest.approx(one.elpd, abs=4 * np.hypot(one.error, again.error) + 0.02)
    for a, b in zip(one.rows, again.rows, strict=True):
        assert a["percentile"] == pytest.approx(b["percentile"], abs=0.06)


def test_what_is_left_out_is_checked_and_keeps_its_coordinates(pk):
    rest = without(pk, ("konrad_plateau",))
    assert rest.coordinates == pk.coordinates
    assert [t.id for t in pk.fitted if t not in rest.fitted] == ["konrad_plateau"]
    assert "konrad_plateau" in rest.predict(rest.table(np.zeros((1, len(pk.coordinates)))), checks=True)


def test_members_of_a_joint_law_leave_together():
    p = Problem.pose("mirocals")
    (joint,) = p.targets.joints_of(p.fitted)
    assert points_of(p)[joint.id] == tuple(p.targets.targets[m] for m in joint.members)
    assert without(p, (joint.id,)).fitted == ()
    imodals = Problem.pose("imodals")
    assert list(studies_of(imodals)) == list(dict.fromkeys(t.trial for t in imodals.fitted))


def test_a_fit_of_other_targets_is_refused():
    fit = Posterior.load("pk")
    other = replace(fit, log_posterior=fit.log_posterior + 0.1)
    with pytest.raises(InputError, match="give the targets that it was fitted to"):
        stored_problem(other)


def test_tables_have_a_row_per_group_and_per_number(found):
    groups, rows = tables("pk", found)
    assert len(groups) == len(found) and len(rows) == sum(len(x.rows) for x in found)
    assert {"stage", "by", "name", "points", "elpd", "pareto_k", "method"} <= set(groups[0])
    assert {"stage", "by", "left_out", "target", "published", "percentile"} <= set(rows[0])


def test_percentiles_are_even_when_the_truth_made_the_numbers(pk):
    """A number drawn from a prediction falls evenly among replicates of that prediction."""
    rng = np.random.default_rng(6)
    predicted = pk.predict(pk.table(np.zeros((1, len(pk.coordinates)))))
    drawn = [synthetic(pk, predicted, rng) for _ in range(400)]
    for t in pk.fitted:
        each = [d.targets[t.id] for d in drawn]
        found = [percentile_rows(one, each)[0]["percentile"] for one in each[:100]]
        assert abs(np.mean(found) - 0.5) < 0.13 and min(found) < 0.15 and max(found) > 0.85


def test_a_bound_has_no_percentile_and_shares_have_one_each(pk):
    bound = next(t for t in pk.targets.of("pk") if t.form == "at least")
    assert percentile_rows(bound, [bound, bound])[0]["percentile"] == ""
    strata = next(t for t in pk.targets.targets.values() if t.form == "multinomial")
    assert sum(numbers(strata).values()) == pytest.approx(1.0) and len(numbers(strata)) == len(strata.counts)


def test_the_omnibus_sees_numbers_that_no_draw_would_publish(pk):
    z = Posterior.load("pk").z.reshape(-1, len(pk.coordinates))[::8]
    fits = predictive_check(pk, z)
    assert 0.05 < fits["omnibus"] < 1 and len(fits["targets"]) == len(pk.targets.of("pk"))
    far = {i: replace(t, estimate=3 * t.estimate) for i, t in pk.targets.targets.items()}
    other = replace(pk, targets=replace(pk.targets, targets=MappingProxyType(far)))
    assert predictive_check(other, z)["omnibus"] < 0.01


def test_influence_is_what_more_weight_on_a_number_does():
    """Two normal numbers on one of two coordinates: moments of the power-scaled posterior are known."""
    rng, y, se = np.random.default_rng(3), np.array([0.8, -0.5]), np.array([0.4, 1.5])

    def moments(a):
        precision = 1 + a / se[0] ** 2 + 1 / se[1] ** 2
        return (a * y[0] / se[0] ** 2 + y[1] / se[1] ** 2) / precision, 1 / precision

    mean, variance = moments(1.0)
    z = np.column_stack([mean + np.sqrt(variance) * rng.standard_normal(200_000), rng.standard_normal(200_000)])
    rows = influence(z, {i: norm.logpdf(y[k], z[:, 0], se[k]) for k, i in enumerate("ab")}, ["seen", "free"])
    low, high = moments(0.99), moments(1.01)
    first = next(r for r in rows if r["number"] == "a" and r["coordinate"] == "seen")
    assert first["shift"] == pytest.approx((high[0] - low[0]) / 0.02 / np.sqrt(variance), abs=0.02)
    assert first["log_variance"] == pytest.approx(np.log(high[1] / low[1]) / 0.02, abs=0.02)
    assert all(abs(r["shift"]) < 4 * r["error"] for r in rows if r["coordinate"] == "free")


def test_the_tables_lie_beside_the_fit(tmp_path):
    shutil.copytree(RESULTS / "pk", tmp_path / "pk")
    seen = []
    write_foretold(tmp_path, ["pk"], refit=False, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (100, 100)
    groups = read_table(tmp_path / "leave-one-out.csv")
    assert [g["name"] for g in groups if g["by"] == "study"] == ["Piscitelli1996", "Kirchner1998", "Konrad1990"]
    posterior = Posterior.load("pk")
    rows = read_table(tmp_path / "influence.csv")
    assert len(rows) == sum(g["by"] == "target" for g in groups) * len(posterior.coordinates)
    told = json.loads((tmp_path / "predictive.json").read_text())["pk"]
    assert told["draws"] == 800 and 0 < told["omnibus"] < 1
