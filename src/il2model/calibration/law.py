"""Laws to draw from: mixtures of Student-t laws with a share of the prior, fitted to weighted draws.

The prior is a standard normal law on every coordinate. Heavy tails and the share of the prior keep importance
weights bounded where the mixture fits badly (Hesterberg 1995; Cappe and others 2008).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..solver.problem import Floats
from ..store import Array
from .psis import worth_of_each

#: Degrees of freedom that a law may have, all components alike.
FREEDOMS = (5.0, 10.0, 20.0)
#: Share of the prior in a fitted law.
DEFENCE = 0.1
_ITERATIONS, _RIDGE = 30, 1e-6
#: A draw with less weight than one of so many stands in a fit with a chance of its weight times this.
_LIGHT = 10000
#: A mixture may be no better than a smaller one so many times before the search ends.
_MISSES = 2
#: By how much another component, or lighter tails, have to make a draw worth more.
_GAIN = 0.03


@dataclass(frozen=True, kw_only=True)
class Law:
    """A mixture of Student-t laws and the prior.

    Parameters
    ----------
    shares : (component,)
        With `prior` they add up to one.
    means : (component, coordinate)
    factors : (component, coordinate, coordinate)
        Lower Cholesky factors of the scale matrices.
    prior : float
        Share of the prior.
    freedom : float
        Degrees of freedom of every component.
    """

    shares: Floats
    means: Floats
    factors: Floats
    prior: float
    freedom: float = FREEDOMS[0]

    @classmethod
    def of_prior(cls, d: int) -> Law:
        """Return the prior itself."""
        return cls(shares=np.zeros(0), means=np.zeros((0, d)), factors=np.zeros((0, d, d)), prior=1.0)

    @classmethod
    def stored(cls, arrays: Mapping[str, Array]) -> Law:
        """Return the law of a block."""
        return cls(
            shares=arrays["law_shares"],
            means=arrays["law_means"],
            factors=arrays["law_factors"],
            prior=float(arrays["law_prior"]),
            freedom=float(arrays["law_freedom"]),
        )

    @property
    def arrays(self) -> dict[str, Array]:
        """What a block holds of it."""
        return {f"law_{name}": np.asarray(value) for name, value in vars(self).items()}

    def log_density(self, z: Floats) -> Floats:
        """Return the log density (point,)."""
        parts = self._components(z) + np.log(self.shares)
        if self.prior > 0:
            parts = np.column_stack([parts, np.log(self.prior) + log_prior(z)])
        return log_sum(parts)

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Return n independent draws, (draw, coordinate)."""
        d = self.means.shape[1]
        which = rng.choice(len(self.shares) + 1, size=n, p=np.append(self.shares, self.prior))
        z = rng.standard_normal((n, d))
        wide = np.sqrt(self.freedom / rng.chisquare(self.freedom, size=n))
        for k, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            mine = which == k
            z[mine] = mean + wide[mine, None] * (z[mine] @ factor.T)
        return z

    def _components(self, z: Floats) -> Floats:
        """Return the log density of each component, (point, component)."""
        found = [_log_t(_distance(z, m, f), f, self.freedom) for m, f in zip(self.means, self.factors, strict=True)]
        return np.reshape(found, (len(found), len(z))).T


def log_prior(z: Floats) -> Floats:
    """Return the log density of the prior, (point,)."""
    return np.asarray(-0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * np.log(2 * np.pi))


def fit_law(z: Floats, weight: Floats, components: int, rng: np.random.Generator, freedom: float = FREEDOMS[0]) -> Law:
    """Return the mixture of t laws most likely for weighted draws, by expectation maximisation.

    Parameters
    ----------
    z : (draw, coordinate)
    weight : (draw,)
        They add up to one.
    components : int
        At most so many; one that fewer draws than coordinates support is dropped.
    rng : numpy.random.Generator
        Where the components start.
    freedom : float
        Degrees of freedom.
    """
    used = rng.random(len(weight)) < weight * _LIGHT  # of light draws few stand for all
    z, weight = z[used], np.maximum(weight[used], 1 / _LIGHT)
    weight /= weight.sum()
    d, effective = z.shape[1], 1 / (weight**2).sum()
    mean = weight @ z
    whole = _scatter(z - mean, weight) + _RIDGE * np.eye(d)
    start = _centres(z, weight, whole, components, rng)
    law = Law(
        shares=np.full(len(start), 1 / len(start)),
        means=start,
        factors=np.tile(np.linalg.cholesky(whole * (freedom - 2) / freedom), (len(start), 1, 1)),
        prior=0.0,
        freedom=freedom,
    )
    for _ in range(_ITERATIONS if len(start) > 1 else _ITERATIONS // 3):
        law = _improved(law, z, weight, whole, (d + 2) / effective)
    return replace(law, shares=(1 - DEFENCE) * law.shares, prior=DEFENCE)


def best_law(
    z: Floats, weight: Floats, log_target: Floats, components: int, rng: np.random.Generator
) -> tuple[Law, float, float]:
    """Return the law from which the fewest draws would do, judged by draws that were held out.

    One draw of a law is worth 1 / E(target / law) draws of the target, with the mean over the target: a
    law whose tails are too light pays for it.

    Parameters
    ----------
    z : (draw, coordinate)
    weight : (draw,)
        They add up to one.
    log_target : (draw,)
        Log density of the target, with its constant.
    components : int
        At most so many.
    rng : numpy.random.Generator

    Returns
    -------
    Law, float, float
        The law of all draws, what a draw of it is worth, and what it is worth for the bulk or tail of the coordinate
        that it knows least.
    """
    half = rng.random(len(z)) < 0.5
    chosen, worth, of_each = (1, FREEDOMS[0]), 0.0, 0.0
    used = weight > 0

    def better(k: int, freedom: float) -> bool:
        nonlocal chosen, worth, of_each
        value = np.empty(len(z))
        for mine in (half, ~half):
            law = fit_law(z[~mine], weight[~mine] / weight[~mine].sum(), k, rng, freedom)
            value[mine] = law.log_density(z[mine])
        squares = weight[used] * np.exp(log_target[used] - value[used])
        found = float(1 / squares.sum())
        if found < (1 + _GAIN) * worth:
            return False
        chosen, worth = (k, freedom), found
        of_each = float(np.min(worth_of_each(weight[used], z[used], squares)))
        return True

    for freedom in FREEDOMS:
        if not better(1, freedom):
            break
    missed = 0
    for k in range(2, components + 1):
        missed += not better(k, chosen[1])
        if missed == _MISSES:
            break
    return fit_law(z, weight, chosen[0], rng, chosen[1]), worth, of_each


def _improved(law: Law, z: Floats, weight: Floats, whole: Floats, pull: float) -> Law:
    """Return one step of expectation maximisation; scales are drawn a little to the scale of all."""
    d = z.shape[1]
    squares = [_distance(z, m, f) for m, f in zip(law.means, law.factors, strict=True)]
    parts = law._components(z) + np.log(law.shares)
    duty = weight[:, None] * np.exp(parts - log_sum(parts)[:, None])
    shares, means, factors = [], [], []
    sums = duty.sum(axis=0)
    for k, square in enumerate(squares):
        share = sums[k]
        if share < min(pull, sums.max()):
            continue
        pulled = duty[:, k] * (law.freedom + d) / (law.freedom + square)
        mean = pulled @ z / pulled.sum()
        scale = (_scatter(z - mean, pulled) + pull * whole) / (share + pull)
        shares.append(share)
        means.append(mean)
        factors.append(np.linalg.cholesky(scale))
    return replace(law, shares=np.array(shares) / np.sum(shares), means=np.array(means), factors=np.array(factors))


def _centres(z: Floats, weight: Floats, whole: Floats, components: int, rng: np.random.Generator) -> Floats:
    """Return where components start: means of clusters of the draws, on whitened coordinates."""
    from scipy.cluster.vq import kmeans2

    if components == 1:
        return np.asarray(weight @ z)[None]
    some = z[rng.choice(len(z), size=2000, p=weight)]
    white = np.linalg.solve(np.linalg.cholesky(whole), some.T).T
    _, label = kmeans2(white, components, minit="++", rng=rng)
    return np.array([some[label == k].mean(axis=0) for k in range(components) if (label == k).any()])


def _scatter(x: Floats, weight: Floats) -> Floats:
    return np.asarray((weight[:, None] * x).T @ x)


def _distance(z: Floats, mean: Floats, factor: Floats) -> Floats:
    """Return squared distances (point,) in units of a factor."""
    from scipy.linalg import solve_triangular

    white = solve_triangular(factor, (z - mean).T, lower=True)
    return np.asarray((white**2).sum(axis=0))


def _log_t(square: Floats, factor: Floats, freedom: float) -> Floats:
    from scipy.special import gammaln

    d = len(factor)
    constant = gammaln((freedom + d) / 2) - gammaln(freedom / 2) - 0.5 * d * np.log(freedom * np.pi)
    return np.asarray(constant - np.log(np.diag(factor)).sum() - 0.5 * (freedom + d) * np.log1p(square / freedom))


def log_sum(parts: Floats) -> Floats:
    """Return the logarithm of the sum over the last axis."""
    from scipy.special import logsumexp

    return np.asarray(logsumexp(parts, axis=-1))
