"""Laws to draw from have the densities that SciPy gives, and find mixtures that are known."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest, multivariate_normal, multivariate_t, norm, t

from il2model.calibration.law import DEFENCE, FREEDOMS, Law, best_law, fit_law, log_prior, log_sum

RNG = np.random.default_rng(8)
MEANS = np.array([[0.5, -1.0, 0.3], [-1.5, 1.0, 0.0]])
SCALES = np.array(
    [[[0.5, 0.2, 0.0], [0.2, 0.4, -0.1], [0.0, -0.1, 0.3]], [[0.1, 0.0, 0.05], [0.0, 0.2, 0.0], [0.05, 0.0, 0.6]]]
)
TWO = Law(shares=np.array([0.3, 0.5]), means=MEANS, factors=np.linalg.cholesky(SCALES), prior=0.2, freedom=7.0)


def test_the_density_is_that_of_scipy():
    z = RNG.standard_normal((200, 3)) * 2
    parts = [multivariate_t(m, s, df=7).pdf(z) for m, s in zip(MEANS, SCALES, strict=True)]
    prior = multivariate_normal(np.zeros(3)).pdf(z)
    np.testing.assert_allclose(TWO.log_density(z), np.log(0.3 * parts[0] + 0.5 * parts[1] + 0.2 * prior), rtol=1e-12)
    np.testing.assert_allclose(log_prior(z), np.log(prior), rtol=1e-12)
    np.testing.assert_allclose(Law.of_prior(3).log_density(z), np.log(prior), rtol=1e-12)
    assert log_sum(np.log([[0.25, 0.5, 0.25]])) == pytest.approx([0.0], abs=1e-15)


def test_a_block_holds_all_of_a_law():
    again = Law.stored(TWO.arrays)
    z = RNG.standard_normal((20, 3))
    assert np.array_equal(again.log_density(z), TWO.log_density(z))
    assert np.array_equal(again.draw(50, np.random.default_rng(1)), TWO.draw(50, np.random.default_rng(1)))


def test_draws_follow_the_density():
    """Each coordinate is a mixture of t laws; draws of the prior, weighted, are as often within a ball."""
    z = TWO.draw(20000, np.random.default_rng(3))

    def margin(k):
        def cdf(x):
            parts = [t.cdf(x, 7, m[k], np.sqrt(s[k, k])) for m, s in zip(MEANS, SCALES, strict=True)]
            return 0.3 * parts[0] + 0.5 * parts[1] + 0.2 * norm.cdf(x)

        return cdf

    for k in range(3):
        assert kstest(z[:, k], margin(k)).pvalue > 0.001
    other = Law.of_prior(3).draw(20000, np.random.default_rng(4))
    assert kstest((other**2).sum(axis=1), chi2(3).cdf).pvalue > 0.001
    ratio = np.exp(TWO.log_density(other) - log_prior(other))
    assert ratio[np.linalg.norm(other, axis=1) < 2].sum() / 20000 == pytest.approx(
        (np.linalg.norm(z, axis=1) < 2).mean(), abs=0.03
    )


def test_a_mixture_that_is_known_is_found_from_weighted_draws():
    """Draws of the prior, widened, with the weights of two normal laws: their shares, means and scales."""
    centres, widths, shares = np.array([[1.2, 0.5], [-1.0, -1.2]]), np.array([0.3, 0.5]), np.array([0.35, 0.65])
    z = 2 * RNG.standard_normal((60000, 2))
    density = sum(s * multivariate_normal(c, w**2).pdf(z) for s, c, w in zip(shares, centres, widths, strict=True))
    weight = density / multivariate_normal(np.zeros(2), 4).pdf(z)
    law = fit_law(z, weight / weight.sum(), 2, np.random.default_rng(1), freedom=200.0)
    assert law.prior == DEFENCE
    order = np.argsort(law.shares)
    np.testing.assert_allclose(law.shares[order] / (1 - DEFENCE), shares, atol=0.03)
    np.testing.assert_allclose(law.means[order], centres, atol=0.05)
    for k, width in zip(order, widths, strict=True):
        np.testing.assert_allclose(law.factors[k] @ law.factors[k].T, width**2 * np.eye(2), atol=0.03)


@pytest.mark.parametrize("freedom", [3.0, 200.0])
def test_the_best_law_has_the_tails_of_the_target_and_says_what_a_draw_is_worth(freedom):
    z = multivariate_t(np.zeros(2), 0.2 * np.eye(2), df=freedom).rvs(6000, random_state=np.random.default_rng(2))
    log_target = multivariate_t(np.zeros(2), 0.2 * np.eye(2), df=freedom).logpdf(z)
    even = np.full(len(z), 1 / len(z))
    law, worth, of_each = best_law(z, even, log_target, 3, np.random.default_rng(5))
    assert (law.freedom == FREEDOMS[0]) == (freedom < FREEDOMS[0])
    drawn = law.draw(20000, np.random.default_rng(6))
    weight = np.exp(multivariate_t(np.zeros(2), 0.2 * np.eye(2), df=freedom).logpdf(drawn) - law.log_density(drawn))
    assert worth == pytest.approx(weight.mean() ** 2 / (weight**2).mean(), rel=0.05)
    w = weight / weight.sum()
    tails = []
    for x in drawn.T:
        order = np.argsort(x)
        share = np.cumsum(w[order])
        for beyond in (share <= 0.05, share >= 0.95):
            mean = w[order] @ beyond
            tails.append(mean * (1 - mean) / (w[order] ** 2 @ (beyond - mean) ** 2))
    assert of_each <= min(tails) / len(drawn) * 1.15
    assert of_each == pytest.approx(min(tails) / len(drawn), rel=0.25)


def test_few_draws_support_no_second_component():
    z = RNG.standard_normal((12, 8))
    law = fit_law(z, np.full(12, 1 / 12), 3, np.random.default_rng(1))
    assert len(law.shares) < 3
    assert np.isfinite(law.log_density(z)).all()
