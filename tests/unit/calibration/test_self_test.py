"""Synthetic trials: the ranks of the truth are even, a wrong likelihood is seen, and the band is as wide as it says."""

from dataclasses import replace

import numpy as np
import pytest

from il2model.calibration import self_test
from il2model.calibration.loo import leave_out
from il2model.calibration.self_test import BY_BANK, RANKED, calibration_of_sampler, rank_band
from il2model.calibration.simulator import Size
from il2model.endpoints import STAGES

TINY = Size(patients=32, shares=2, sensitivities=2, rtol=1e-3)


@pytest.fixture(scope="module")
def pk():
    return calibration_of_sampler("pk", 60, bank=2400, workers=1, size=TINY)


def test_ranks_of_the_model_itself_are_even(pk):
    assert pk["replicates"] == 60 and not pk["emulated"] and pk["explained"] == {}
    assert len(pk["coordinates"]) == 4 and pk["p_all"] > 0.001 and len(pk["outside"]) < 3
    assert pk["sampled"] < 30 and pk["not_converged"] == pk["not_run"] == 0
    for name in (*pk["coordinates"], "log_likelihood"):
        assert sum(pk["histograms"][name]) == 60 and set(pk["ranks"][name]) <= set(range(RANKED + 1))
    assert pk["smallest_effective_draws"] > RANKED


def test_a_posterior_that_is_too_narrow_is_seen(monkeypatch):
    true = self_test.log_likelihood
    monkeypatch.setattr(self_test, "log_likelihood", lambda *given: 6 * true(*given))
    monkeypatch.setattr(self_test, "_WORTH", 0.0)
    monkeypatch.setattr(self_test, "_CARRIED", np.inf)
    found = calibration_of_sampler("pk", 120, bank=1200, workers=1, size=TINY)
    assert found["p_all"] < 0.001 and found["outside"]


def test_what_the_bank_does_not_carry_is_sampled(monkeypatch):
    monkeypatch.setattr(self_test, "_WORTH", 1e9)
    options = replace(self_test._OPTIONS, first=256, draws=256, effective=100.0)
    monkeypatch.setattr(self_test, "_OPTIONS", options)
    found = calibration_of_sampler("pk", 2, bank=96, workers=1, size=TINY)
    assert found["sampled"] == 2 and found["not_converged"] == 0 and found["smallest_effective_draws"] >= 100


def test_a_trial_that_nothing_carries_is_counted_and_not_ranked(monkeypatch):
    monkeypatch.setattr(self_test, "_OPTIONS", replace(self_test._OPTIONS, rounds=1, first=96, draws=96))
    found = calibration_of_sampler("pk", 12, bank=600, workers=1, size=TINY)
    assert found["sampled"] == found["not_converged"] > 0  # 96 draws are worth no 300
    assert found["replicates"] == 12 - found["not_converged"] > 0
    assert all(len(ranks) == found["replicates"] for ranks in found["ranks"].values())


def test_the_log_likelihood_sees_what_no_coordinate_does(monkeypatch):
    """Draws of the prior in place of the posterior: each coordinate alone is even (Modrak and others 2023)."""
    monkeypatch.setattr(self_test, "resampled", lambda w, n, rng: rng.choice(len(w), n, replace=False))
    monkeypatch.setattr(self_test, "_WORTH", 0.0)
    monkeypatch.setattr(self_test, "_CARRIED", np.inf)
    found = calibration_of_sampler("pk", 120, bank=1200, workers=1, size=TINY)
    assert found["p"]["log_likelihood"] < 1e-4 and "log_likelihood" in found["outside"]
    assert min(found["p"][name] for name in found["coordinates"]) > 1e-3


def test_a_band_holds_so_many_curves_of_even_ranks():
    n, rng = 100, np.random.default_rng(9)
    band, places = rank_band(n), np.arange(RANKED + 1)
    inside = 0
    for _ in range(400):
        curve = (rng.integers(0, RANKED + 1, n)[:, None] <= places).mean(axis=0) - (places + 1) / (RANKED + 1)
        inside += bool((np.abs(curve) <= band + 1e-12).all())
    assert 0.91 < inside / 400 < 0.98


@pytest.mark.long
@pytest.mark.parametrize("stage", BY_BANK)
def test_two_hundred_synthetic_trials_of_the_model_itself(stage):
    found = calibration_of_sampler(stage, 200, workers=2)
    assert found["replicates"] > 190 and found["p_all"] > 0.005 and len(found["outside"]) <= 2
    assert found["replicates"] + found["not_converged"] + found["not_run"] == 200 and found["not_converged"] <= 8


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES)
def test_every_study_is_foretold_by_the_others(stage):
    """The table of leave-one-trial-out: no row that neither weights nor a refit carry."""
    found = leave_out(stage, by=("study",), workers=2)
    assert found and all(x.converged and np.isfinite(x.elpd) and x.elpd < x.fitted + 4 * x.error for x in found)
