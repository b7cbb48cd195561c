"""What a page says of a fit: units as they are meant, counts as the command tells them, and what it can do without."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from il2model.calibration.problem import Problem
from il2model.endpoints import STAGES
from il2model.report.fits import Fit, axis_of, forest_row, groups, is_spread, name_of, wants_log

RESULTS = Path(__file__).parents[3] / "calibration" / "results"


@pytest.mark.parametrize("stage", STAGES)
def test_counts_are_those_of_the_command(stage):
    fit, problem = Fit(RESULTS, stage), Problem.pose(stage)
    assert fit.fitted == len(problem.fitted)
    assert len(fit.posterior.coordinates) == len(problem.coordinates)
    assert fit.sentence().startswith(f"{len(problem.fitted)} published numbers, {len(problem.coordinates)} coordinates")


def test_points_of_a_percentage_are_not_percent_of_a_baseline():
    rows = {r["id"]: r for r in Fit(RESULTS, "imodals").targets}
    assert axis_of(rows["imodals_1miu"]) == "percentage points"
    assert axis_of(rows["dilt1d_gain_0101"]) == "% of baseline"
    assert not is_spread(rows["imodals_1miu"]) and is_spread(rows["imodals_1miu_sd"])
    found = groups(list(rows.values()))
    assert ("IMODALS", "percentage points", True) in found and ("IMODALS", "percentage points", False) in found
    (strata, *_) = [r for r in Fit(RESULTS, "progression").targets if r["form"] == "multinomial"]
    assert axis_of(strata) == "share of patients"


def test_sizes_that_differ_ask_for_a_logarithmic_axis():
    rows = [{**r, "trial": "one"} for r in Fit(RESULTS, "pk").targets]
    found = groups(rows)
    assert wants_log([forest_row(r) for r in found["one", "IU/mL", False]])
    assert not wants_log([forest_row(r) for r in found["one", "h", False]])


def test_a_hazard_ratio_is_shown_as_a_ratio_with_its_interval():
    row = {"id": "hr_all", "log": True, "published": 0.0, "se": 0.1, "form": "normal", "use": "check"}
    row |= {"prior_q025": -1.0, "prior_q975": 1.0}
    row |= {"posterior_q025": -0.5, "posterior_median": -0.1, "posterior_q975": 0.2}
    drawn = forest_row(row)
    low, value, high = drawn["published"]
    assert (low, value, high) == pytest.approx((0.82201, 1.0, 1.21653), rel=1e-4)
    assert drawn["posterior"][1] == pytest.approx(0.904837, rel=1e-5)
    assert drawn["label"] == "hr all (check)" and drawn["check"]


def test_a_published_sd_has_the_interval_of_its_chi_square_law():
    row = next(r for r in Fit(RESULTS, "imodals").targets if r["id"] == "imodals_1miu_sd")
    low, value, high = forest_row(row)["published"]
    assert low < value == row["published"] < high and high - value > value - low


def test_what_is_confounded_is_what_correlates():
    fit = Fit(RESULTS, "imodals")
    for a, b, r in fit.confounded():
        assert abs(r) > 0.5
        assert abs(np.corrcoef(fit.z[a], fit.z[b])[0, 1] - r) < 0.15
    assert name_of("il2_clearance") != "il2_clearance" and name_of("own_bias") == "own bias"


def test_a_fit_that_was_not_examined_is_told_by_its_stored_densities(tmp_path):
    """A fit of one's own: leave-one-out by weights, and what informs what, need no run."""
    from scipy.stats import norm

    fit = Fit(tmp_path, "pk")
    stored = Fit(RESULTS, "pk").posterior
    z = stored.z
    terms = {"seen": norm.logpdf(1.0, z[..., 0], 1.5), "wild": norm.logpdf(6.0, z[..., 1], 0.1)}
    object.__setattr__(fit, "posterior", replace(stored, pointwise=terms))
    by_name = {r["name"]: r for r in fit.left_out}
    assert by_name["seen"]["converged"] and not by_name["wild"]["converged"]
    name, shift = fit.informants(stored.coordinates[0])[0]
    assert name == "seen" and shift > 0
    assert Fit(tmp_path, "pk").predictive == {}
