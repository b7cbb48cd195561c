"""Laws to draw from: mixtures of Student-t laws with a share of the prior, fitted to weighted draws.

The prior is a standard normal law on every coordinate. Heavy tails and the share of the prior keep importance
weights bounded where the mixture fits badly (Hesterberg 1995; Cappe and others 2008).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..solver.problem import Floats
from ..store import Array

#: Degrees of freedom of every component.
FREEDOM = 7.0
#: Share of the prior in a fitted law.
DEFENCE = 0.03
_ITERATIONS, _RIDGE = 30, 1e-6
#: Mean log density that another component has to add.
_GAIN = 0.01


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
    """

    shares: Floats
    means: Floats
    factors: Floats
    prior: float

    @classmethod
    def of_prior(cls, d: int) -> Law:
        """Return the prior itself."""
        return cls(shares=np.zeros(0), means=np.zeros((0, d)), factors=np.zeros((0, d, d)), prior=1.0)

    @classmethod
    def stored(cls, arrays: Mapping[str, Array]) -> Law:
        """Return the law of a block."""
        return cls(**{n: arrays[f"law_{n}"] for n in ("shares", "means", "factors")}, prior=float(arrays["law_prior"]))

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
        wide = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, size=n))
        for k, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            mine = which == k
            z[mine] = mean + wide[mine, None] * (z[mine] @ factor.T)
        return z

    def _components(self, z: Floats) -> Floats:
        """Return the log density of each component, (point, component)."""
        found = [_log_t(*_distance(z, m, f)) for m, f in zip(self.means, self.factors, strict=True)]
        return np.reshape(found, (len(found), len(z))).T


def log_prior(z: Floats) -> Floats:
    """Return the log density of the prior, (point,)."""
    return np.asarray(-0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * np.log(2 * np.pi))


def fit_law(z: Floats, weight: Floats, components: int, rng: np.random.Generator) -> Law:
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
    """
    used = weight > 1e-7 / len(weight)
    z, weight = z[used], weight[used] / weight[used].sum()
    d, effective = z.shape[1], 1 / (weight**2).sum()
    mean = weight @ z
    whole = _scatter(z - mean, weight) + _RIDGE * np.eye(d)
    start = _centres(z, weight, whole, components, rng)
    law = Law(
        shares=np.full(len(start), 1 / len(start)),
        means=start,
        factors=np.tile(np.linalg.cholesky(whole * (FREEDOM - 2) / FREEDOM), (len(start), 1, 1)),
        prior=0.0,
    )
    for _ in range(_ITERATIONS):
        law = _improved(law, z, weight, whole, (d + 2) / effective)
    return Law(shares=(1 - DEFENCE) * law.shares, means=law.means, factors=law.factors, prior=DEFENCE)


def best_law(z: Floats, weight: Floats, components: int, rng: np.random.Generator) -> tuple[Law, Floats]:
    """Return the law with as many components as foretell draws that were held out.

    Parameters
    ----------
    z : (draw, coordinate)
    weight : (draw,)
        They add up to one.
    components : int
        At most so many.
    rng : numpy.random.Generator

    Returns
    -------
    Law, Floats
        The law of all draws, and the log density of each under the law of the half that lacks it.
    """
    half = rng.random(len(z)) < 0.5
    held: Floats | None = None
    chosen, score = 1, -np.inf
    for k in range(1, components + 1):
        value = np.empty(len(z))
        for mine in (half, ~half):
            value[mine] = fit_law(z[~mine], weight[~mine] / weight[~mine].sum(), k, rng).log_density(z[mine])
        if held is None or weight @ value > score + _GAIN:
            held, chosen, score = value, k, float(weight @ value)
        else:
            break
    assert held is not None
    return fit_law(z, weight, chosen, rng), held


def _improved(law: Law, z: Floats, weight: Floats, whole: Floats, pull: float) -> Law:
    """Return one step of expectation maximisation; scales are drawn a little to the scale of all."""
    d = z.shape[1]
    squares, _ = zip(*(_distance(z, m, f) for m, f in zip(law.means, law.factors, strict=True)), strict=True)
    parts = law._components(z) + np.log(law.shares)
    duty = weight[:, None] * np.exp(parts - log_sum(parts)[:, None])
    shares, means, factors = [], [], []
    sums = duty.sum(axis=0)
    for k, square in enumerate(squares):
        share = sums[k]
        if share < min(pull, sums.max()):
            continue
        pulled = duty[:, k] * (FREEDOM + d) / (FREEDOM + square)
        mean = pulled @ z / pulled.sum()
        scale = (_scatter(z - mean, pulled) + pull * whole) / (share + pull)
        shares.append(share)
        means.append(mean)
        factors.append(np.linalg.cholesky(scale))
    return Law(
        shares=np.array(shares) / np.sum(shares), means=np.array(means), factors=np.array(factors), prior=law.prior
    )


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


def _distance(z: Floats, mean: Floats, factor: Floats) -> tuple[Floats, Floats]:
    """Return squared distances (point,) and the factor they were taken in."""
    from scipy.linalg import solve_triangular

    white = solve_triangular(factor, (z - mean).T, lower=True)
    return np.asarray((white**2).sum(axis=0)), factor


def _log_t(square: Floats, factor: Floats) -> Floats:
    from scipy.special import gammaln

    d = len(factor)
    constant = gammaln((FREEDOM + d) / 2) - gammaln(FREEDOM / 2) - 0.5 * d * np.log(FREEDOM * np.pi)
    return np.asarray(constant - np.log(np.diag(factor)).sum() - 0.5 * (FREEDOM + d) * np.log1p(square / FREEDOM))


def log_sum(parts: Floats) -> Floats:
    """Return the logarithm of the sum over the last axis."""
    from scipy.special import logsumexp

    return np.asarray(logsumexp(parts, axis=-1))
