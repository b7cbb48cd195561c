"""The bridge finds an evidence that is known, and its error is that of many repetitions."""

import numpy as np
import pytest
from scipy.stats import norm

from il2model.calibration.bridge import bridge

#: ln evidence of the Gaussian below, whose density is scaled by it.
LOG_EVIDENCE = -7.25


def posterior(x):
    return LOG_EVIDENCE + norm.logpdf(x, 0.4, 0.7).sum(axis=-1)


def law(x):
    return norm.logpdf(x, 0.3, 0.9).sum(axis=-1)


def once(rng, d=4, step=1.0, n=600):
    """Return a bridge from chains, (step, walker), of which a share `step` is new at each step."""
    x = np.empty((30, 20, d))
    x[0] = rng.normal(0.4, 0.7, (20, d))
    for k in range(1, 30):
        new = rng.normal(0.4, 0.7, (20, d))
        x[k] = np.where(rng.random((20, 1)) < step, new, x[k - 1])
    drawn = rng.normal(0.3, 0.9, (n, d))
    return bridge(posterior(x), law(x), posterior(drawn), law(drawn))


def test_the_evidence_of_a_gaussian_is_found():
    found = once(np.random.default_rng(1), n=4000)
    assert found.error < 0.05
    assert found.log == pytest.approx(LOG_EVIDENCE, abs=4 * found.error)
    assert found.draws == 600


@pytest.mark.parametrize("step", [1.0, 0.3])
def test_the_error_is_that_of_repetitions_and_grows_with_the_memory_of_the_chains(step):
    found = [once(np.random.default_rng(k), step=step) for k in range(120)]
    values = np.array([f.log for f in found])
    assert values.mean() == pytest.approx(LOG_EVIDENCE, abs=4 * values.std() / np.sqrt(120))
    assert np.median([f.error for f in found]) == pytest.approx(values.std(), rel=0.25)


def test_the_law_of_the_posterior_itself_leaves_no_error():
    x = np.random.default_rng(2).normal(0.4, 0.7, (12, 10, 3))
    same = posterior(x) - LOG_EVIDENCE
    found = bridge(posterior(x), same, posterior(x).ravel(), same.ravel())
    assert found.log == pytest.approx(LOG_EVIDENCE, abs=1e-9)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_draws_of_the_law_that_cannot_be_run_count_as_nothing():
    rng = np.random.default_rng(3)
    x = rng.normal(0.4, 0.7, (30, 40, 2))
    drawn = rng.normal(0.3, 0.9, (3000, 2))
    value = posterior(drawn)
    inside = np.where(drawn[:, 0] > 0.4, value, -np.inf)
    half = x[:, x[0, :, 0] > 0.4]
    half = np.where(half[..., :1] > 0.4, half, 0.8 - half)
    half[..., 1] = rng.normal(0.4, 0.7, half.shape[:2])
    found = bridge(posterior(half), law(half), inside, law(drawn))
    assert found.log == pytest.approx(LOG_EVIDENCE + np.log(0.5), abs=4 * found.error)
