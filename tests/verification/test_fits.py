"""The fits that ship belong to this model, these targets and these records, and hold what they must."""

import csv
import json
from functools import cache

import numpy as np
import pytest

import il2model as il2
from il2model import sums
from il2model.calibration.checks import CCL2_SLACK, ccl2_and_treg, untreated_residual
from il2model.calibration.mixing import fitted_problem
from il2model.calibration.mixture import design_of
from il2model.calibration.problem import PARAMETERS
from il2model.calibration.structures import AVERAGED, BY_STAGE
from il2model.calibration.study import SIZES
from il2model.calibration.summary import point_estimate
from il2model.endpoints import STAGES
from il2model.resources import data_dir
from il2model.solver.kernel import builtin_kernel
from il2model.uncertainty.draws import draw
from il2model.uncertainty.posterior import Posterior

RESULTS = data_dir("calibration") / "results"


@cache
def problem(stage):
    return fitted_problem(Posterior.load(stage))


@cache
def default_table():
    values = il2.load_parameters()
    return {i: np.array([values[i]]) for i in values}


def rows(name):
    with (RESULTS / name).open() as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stored_fit_belongs_to_this_model_and_these_targets(stage):
    stored = Posterior.load(stage)
    assert stored.manifest["model_hash"] == builtin_kernel().blueprint.fingerprint
    assert stored.manifest["design_hash"] == design_of(problem(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_twenty_stored_log_posteriors_are_computed_again(stage):
    stored = Posterior.load(stage)
    z = stored.z.reshape(len(stored), -1)
    some = np.linspace(0, len(stored) - 1, 20).astype(int)
    again = problem(stage).log_likelihood(z[some]) - 0.5 * (z[some] ** 2).sum(axis=1)
    np.testing.assert_allclose(again, stored.log_posterior.ravel()[some], atol=2e-3)


@pytest.mark.parametrize("stage", STAGES)
def test_every_estimated_number_has_converged(stage):
    for row in rows(f"{stage}/parameters.csv"):
        assert float(row["rhat"]) < 1.01, row["id"]
        assert min(float(row["ess_bulk"]), float(row["ess_tail"])) > 400, row["id"]


def test_the_records_hold_the_point_estimate_of_the_last_fit():
    records = il2.load_parameters().records
    point = point_estimate(Posterior.load("mirocals"), problem("mirocals"))
    for stage, ids in PARAMETERS.items():
        for id in ids:
            assert records[id].fit == stage, id
            assert records[id].calibrated == pytest.approx(point[id], rel=1e-5), id
    calibrated = {i for i, r in records.items() if r.calibrated is not None}
    settings = {i for s in AVERAGED for some in BY_STAGE[s] for i in (*some.fix, *some.free)}
    estimated = {i for ids in PARAMETERS.values() for i in ids}
    assert estimated <= calibrated <= estimated | settings
    for id in calibrated & settings - estimated:
        assert records[id].calibrated == pytest.approx(point[id], rel=1e-5) != records[id].value


def test_every_number_with_a_prior_is_in_the_posterior():
    posterior = Posterior.load("mirocals")
    known = {i for stage in STAGES for i in problem(stage).coordinates}
    free = {i for i, r in il2.load_parameters().records.items() if not r.fixed and (i not in SIZES or i in known)}
    assert free <= set(posterior.ids)
    assert set(posterior.prior_only) == free - {i for ids in PARAMETERS.values() for i in ids}


def test_every_estimate_lies_inside_its_literature_range():
    posterior, records = Posterior.load("mirocals"), il2.load_parameters().records
    for k, id in enumerate(posterior.ids):
        if id in records and records[id].bounds is not None:
            low, high = records[id].bounds
            assert ((posterior.flat[:, k] >= low) & (posterior.flat[:, k] <= high)).all(), id


def test_imodals_day_8_lies_inside_what_was_reported():
    p = problem("imodals")
    stored = Posterior.load("imodals")
    point = {**default_table(), **{n: np.array([np.mean(stored.flat[:, stored.ids.index(n)])]) for n in p.nuisances}}
    found = p.predict(point, checks=True)
    for arm in ("imodals_placebo", "imodals_1miu", "imodals_2miu"):
        t = p.targets.targets[arm]
        assert abs(found[arm][0] - t.estimate) < 1.96 * t.se, arm
    gain = {arm: found[arm][0] - found["imodals_placebo"][0] for arm in ("imodals_1miu", "imodals_2miu")}
    assert 1.2 < gain["imodals_2miu"] / gain["imodals_1miu"] < 1.95


def test_the_untreated_cohort_is_that_of_the_documents():
    """24,000 subjects of the cohort that users draw; placebo deaths lie 1.9 points below the published share."""
    parts = [il2.Cohort.sample(8000, seed=seed) for seed in (1, 2, 3)]
    ids = ["survival", "alsfrs_r", "svc", "motor_units"]
    runs = [il2.simulate("placebo", cohort=c, until=640, save=[0, 365, 640], observables=ids) for c in parts]
    course = {i: np.concatenate([r.values(i) for r in runs]) for i in ids}
    month = 365 / 30.4375
    slope = {i: np.nanmean(course[i][:, 1] - course[i][:, 0]) / month for i in ids}
    assert -1.08 < slope["alsfrs_r"] < -0.85
    assert -3.0 < slope["svc"] < -2.5
    lost = 100 * np.nanmean(course["motor_units"][:, 1] / course["motor_units"][:, 0] - 1) / month
    assert -4.2 < lost < -2.4
    strata = np.mean([list(c.strata().values()) for c in parts], axis=0)
    np.testing.assert_allclose(strata, [0.09, 0.70, 0.21], atol=0.02)
    assert 1 - np.nanmean(course["survival"][:, 2]) == pytest.approx(0.445, abs=0.02)
    assert np.nanmedian(course["alsfrs_r"][:, 0]) == pytest.approx(41, abs=1)


def test_ccl2_falls_and_treg_rise_in_every_cycle_and_more_with_2_miu():
    p = problem("mirocals")
    posterior = Posterior.load("mirocals")
    some = posterior.table(np.linspace(0, len(posterior) - 1, 40).astype(int))
    for table in (default_table(), some):
        found = ccl2_and_treg(p.simulator, table)
        assert (found["plasma_ccl2"] < CCL2_SLACK).all()
        assert (found["plasma_ccl2"][:, 1] < found["plasma_ccl2"][:, 0]).all()
        assert (found["treg_tissue"] > 1).all()
        assert (found["treg_tissue"][:, 1] > found["treg_tissue"][:, 0]).all()
        assert untreated_residual(p.simulator, table).max() < 1e-8


def test_the_whole_posterior_was_checked_and_exceptions_are_counted():
    checks = json.loads((RESULTS / "checks.json").read_text())
    assert checks["draws"] == len(Posterior.load("mirocals"))
    assert checks["refused"] <= 0.01 * checks["draws"]
    assert checks["failed"] <= 0.01 * checks["draws"]
    assert checks["untreated_residual_max"] < 1e-8
    assert checks["ccl2_above_baseline"] == 0
    assert checks["ccl2_2miu_not_below_1miu"] == 0


def test_fitted_hazard_ratios_and_deaths_lie_inside_the_replicates():
    checks = json.loads((RESULTS / "checks.json").read_text())
    for row in checks["replicates"]:
        if row["version"] == "model" and row["id"] in ("hr_all", "hr_low", "hr_high", "dead_placebo", "dead_il2"):
            assert row["inside"], row


def test_the_effect_is_not_sharper_than_ninety_deaths_can_make_it():
    found = {r["id"]: r for r in rows("mirocals/targets.csv")}
    low, high = (np.exp(float(found[i]["posterior_median"])) for i in ("hr_low", "hr_high"))
    assert not (low < 0.6 and high > 1.3)
    for id in ("hr_all", "hr_low"):
        width = float(found[id]["posterior_q975"]) - float(found[id]["posterior_q025"])
        assert width > 0.5 * 2 * 1.96 * float(found[id]["se"]) * np.sqrt(0.5)


def test_simulate_draws_from_the_posterior():
    s = il2.simulate("imodals-2miu", until=85, save=[7], draws=40, seed=3)
    assert s.manifest["drawn_from"] == "posterior"
    assert s.calibrated
    prior = il2.simulate("imodals-2miu", until=85, save=[7], draws=40, parameters=il2.load_parameters("prior"))
    assert prior.manifest["drawn_from"] == "prior"
    assert np.std(s.values("treg_percent")) < np.std(prior.values("treg_percent"))
    slow = il2.load_parameters().replace(il2_clearance=200)
    own = il2.simulate("imodals-2miu", until=85, save=[7], draws=8, parameters=slow)
    assert own.manifest["parameter_hash"] == slow.fingerprint()
    rows = draw(slow, 8, 0).rows(builtin_kernel())
    column = builtin_kernel().blueprint.parameters.at("il2_clearance")
    assert np.allclose(rows[:, column], 200)


@pytest.mark.parametrize("folder", [".", *STAGES])
def test_every_file_of_the_fits_is_the_one_that_was_accepted(folder):
    """`calibration/accept.py` copies them with their checksums."""
    home = RESULTS / folder
    here = {p.name for p in home.iterdir() if p.is_file()} - {sums.NAME}
    assert here == set(sums.listed(home))
    sums.check(home)
