"""Weighted draws: their moments, evidence and worth by formulas, and draws that count alike."""

import numpy as np
import pytest
from scipy.stats import norm

from il2model.calibration.law import Law
from il2model.calibration.psis import worth_of_each
from il2model.calibration.weighted import CHAINS, LENGTH, Weighted

#: A normal prior on two coordinates, seen at 0.7 with an error of 0.6, the first alone.
SEEN, ERROR = 0.7, 0.6
MEAN = np.array([SEEN / (1 + ERROR**2), 0.0])
SD = np.array([np.sqrt(ERROR**2 / (1 + ERROR**2)), 1.0])
LOG_EVIDENCE = norm.logpdf(SEEN, 0, np.sqrt(1 + ERROR**2))


def drawn(n, seed, law=None):
    law = law or Law(shares=np.array([0.9]), means=MEAN[None], factors=np.diag(1.1 * SD)[None], prior=0.1, freedom=10.0)
    z = law.draw(n, np.random.default_rng(seed))
    value = norm.logpdf(SEEN, z[:, 0], ERROR)
    return Weighted(
        z=z, log_likelihood=value, pointwise={"seen": value}, law=law, rounds=1, evaluations=n, converged=True
    )


@pytest.mark.parametrize("law", [None, Law.of_prior(2)])
def test_moments_and_evidence_of_a_conjugate_pair(law):
    some = drawn(8000, 1, law)
    log_evidence, error = some.evidence
    assert log_evidence == pytest.approx(LOG_EVIDENCE, abs=4 * error)
    mean, covariance = some.moments
    np.testing.assert_allclose(mean, MEAN, atol=4 / np.sqrt(some.effective_draws))
    np.testing.assert_allclose(covariance, np.diag(SD**2), atol=6 / np.sqrt(some.effective_draws))


def test_effective_draws_follow_the_formula():
    some = drawn(5000, 2, Law.of_prior(2))
    w = np.exp(some.log_likelihood)  # from the prior, the weight is the likelihood
    np.testing.assert_allclose(some.weight, w / w.sum(), rtol=1e-9)
    assert some.effective_draws == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-9)
    assert some.evidence[0] == pytest.approx(np.log(w.mean()), rel=1e-9)
    assert some.evidence[1] == pytest.approx(w.std() / w.mean() / np.sqrt(5000), rel=1e-9)


def test_what_the_worst_number_is_worth_is_what_its_copies_say():
    some = drawn(3000, 3)
    counts = np.bincount(some.equal(CHAINS * LENGTH, 7), minlength=3000) / (CHAINS * LENGTH)
    bulk, tail = worth_of_each(counts, some.z, counts**2)
    assert some.worth_of_each(7) == min(*bulk, *tail)
    # copies cost at most as much as that many independent draws would
    exact = np.min(worth_of_each(some.weight, some.z, some.weight**2))
    assert 1 / (1 / exact + 1.2 / (CHAINS * LENGTH)) < some.worth_of_each(7) < 1.1 * exact


def test_the_tails_are_known_as_well_as_told():
    """Over 300 samples, the share beyond the true quantile of 5 % spreads as the worth of the tail says."""
    shares, worths = [], []
    edge = norm.ppf(0.05, MEAN[0], SD[0])
    for seed in range(300):
        some = drawn(600, seed)
        shares.append(some.weight[some.z[:, 0] < edge].sum())
        worths.append(worth_of_each(some.weight, some.z[:, :1], some.weight**2)[1][0])
    assert np.mean(shares) == pytest.approx(0.05, abs=4 * np.std(shares) / np.sqrt(300))
    assert np.std(shares) <= 1.15 * np.sqrt(0.05 * 0.95 / np.median(worths))
    assert np.std(shares) >= 0.8 * np.sqrt(0.05 * 0.95 / np.median(worths))


def test_chains_hold_the_draws_their_terms_and_nothing_else():
    some = drawn(3000, 4)
    chains = some.chains(9)
    places = some.equal(CHAINS * LENGTH, 9)
    assert chains.z.shape == (CHAINS, LENGTH, 1, 2)
    assert np.array_equal(chains.z.reshape(-1, 2), some.z[places])
    assert np.array_equal(chains.pointwise["seen"], chains.log_likelihood)
    assert (np.diff(places) >= 0).all()
