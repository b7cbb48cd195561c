"""Weights, their tail and what they are worth, against ArviZ and against laws that are known."""

import arviz as az
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm, t

from il2model.calibration.psis import (
    effective_draws,
    left_out,
    log_mean,
    normalised,
    pareto_k,
    resampled,
    smoothed,
    worth,
    worth_of_each,
)

RNG = np.random.default_rng(4)
#: Draws of a t law with 5 degrees, weighted towards a normal law of SD 0.9.
X = RNG.standard_t(5, 20000)
LOG_WEIGHT = norm.logpdf(X, 0, 0.9) - t.logpdf(X, 5)


def test_a_draw_that_cannot_be_run_has_no_weight():
    found = normalised(np.array([0.0, -np.inf, np.log(3.0)]))
    np.testing.assert_allclose(found, [0.25, 0.0, 0.75], rtol=1e-14)
    assert normalised(np.full(3, -np.inf)).tolist() == [0, 0, 0]
    assert effective_draws(np.full(3, -np.inf)) == 0
    assert log_mean(np.full(3, -np.inf)) == (-np.inf, np.inf)


def test_effective_draws_follow_the_formula():
    w = np.exp(LOG_WEIGHT)
    assert effective_draws(LOG_WEIGHT) == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-12)
    assert effective_draws(np.full(700, -1e4)) == pytest.approx(700, rel=1e-9)
    # E w = 1; E w^2 by integration over the law
    x = np.linspace(-40, 40, 400001)
    second = np.trapezoid(norm.pdf(x, 0, 0.9) ** 2 / t.pdf(x, 5), x)
    assert effective_draws(LOG_WEIGHT) == pytest.approx(len(X) / second, rel=0.01)
    found, error = log_mean(LOG_WEIGHT)
    assert abs(found) < 4 * error
    assert error == pytest.approx(np.sqrt((second - 1) / len(X)), rel=0.02)


@pytest.mark.parametrize("shape", [0.2, 0.45, 0.7, 1.1])
def test_the_tail_is_that_of_arviz_and_of_a_pareto_law(shape):
    log_weight = np.log(RNG.pareto(1 / shape, 30000) + 1)
    theirs, k = az.psislw(log_weight)
    ours, ours_k = smoothed(log_weight)
    np.testing.assert_array_equal(ours, np.asarray(theirs))
    assert ours_k == pareto_k(log_weight) == float(k)
    assert ours_k == pytest.approx(shape, abs=0.15)
    assert logsumexp(ours) == pytest.approx(0, abs=1e-10)
    with_bad = np.append(log_weight, -np.inf)
    again, _ = smoothed(with_bad)
    assert again[-1] < -900
    np.testing.assert_allclose(again[:-1], ours, atol=0.02)


def test_a_number_left_out_is_predicted_as_the_rest_predicts_it():
    """Mean of a normal law with prior N(0, 1) and five numbers of SD 1: leave the last out, exactly."""
    seen = np.array([0.3, 1.2, -0.4, 0.8, 1.9])
    draws = RNG.normal(seen.sum() / 6, np.sqrt(1 / 6), 40000)
    elpd, k = left_out(np.zeros(len(draws)), norm.logpdf(seen[-1], draws, 1))
    assert k < 0.5
    assert elpd == pytest.approx(norm.logpdf(seen[-1], seen[:-1].sum() / 5, np.sqrt(1 + 1 / 5)), abs=0.01)


def test_draws_that_count_alike_are_in_order_and_as_often_as_their_weight():
    places = resampled(LOG_WEIGHT, 5000, np.random.default_rng(1))
    assert (np.diff(places) >= 0).all()
    expected = 5000 * normalised(LOG_WEIGHT)
    counts = np.bincount(places, minlength=len(X))
    assert (np.abs(counts - expected) < 2).all()
    assert X[places].std() == pytest.approx(0.9, rel=0.03)


def test_the_worth_of_a_mean_is_its_variance_over_many_samples():
    """The spread of a weighted mean over 3,000 samples is that of so many independent draws."""
    x = RNG.standard_t(5, (3000, 400))
    w = np.exp(norm.logpdf(x, 0, 0.9) - t.logpdf(x, 5))
    w /= w.sum(axis=1, keepdims=True)
    for f, variance in ((x, 0.81), (x > 1.2, norm.sf(1.2, 0, 0.9) * norm.cdf(1.2, 0, 0.9))):
        spread = (w * f).sum(axis=1).var()
        told = [worth(w[k], f[k][:, None].astype(float), w[k] ** 2)[0] for k in range(300)]
        assert np.median(told) == pytest.approx(variance / spread, rel=0.1)


def test_bulk_and_tails_of_even_weights_are_the_number_of_draws_and_those_of_arviz_nearly():
    x = RNG.standard_normal((4000, 3))
    even = np.full(4000, 1 / 4000)
    for found in worth_of_each(even, x, even**2):
        np.testing.assert_allclose(found, 4000, rtol=1e-9)
    # copies side by side: ArviZ estimates from autocorrelations what the weights say
    w = RNG.gamma(0.6, size=4000)
    places = resampled(np.log(w), 4000, np.random.default_rng(2))
    counts = np.bincount(places, minlength=4000) / 4000
    bulk, tail = worth_of_each(counts, x, counts**2)
    for k in range(3):
        chains = x[places, k].reshape(4, 1000)
        assert bulk[k] == pytest.approx(float(az.ess(chains, method="bulk")), rel=0.15)
        assert tail[k] == pytest.approx(float(az.ess(chains, method="tail")), rel=0.25)


def test_a_tail_that_few_heavy_draws_hold_is_worth_few():
    weight = np.full(2000, 1.0)
    x = np.sort(RNG.standard_normal(2000))
    weight[x > 2.2] = 40
    weight /= weight.sum()
    _, tail = worth_of_each(weight, x[:, None], weight**2)
    n = int(np.floor(0.05 / weight.max() + 0.5))  # draws beyond the quantile of 95 %, all of them heavy
    assert n < 5
    assert tail[0] == pytest.approx(n / 0.05, rel=0.1)
