"""How a prediction is compared with a published summary: log densities, up to constants of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .target import share_error
from .targets import Joint, Target, Targets

Floats = NDArray[np.float64]
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Law:
    """How published numbers of a form scatter around their prediction.

    Parameters
    ----------
    log_density : callable
        (target, predictions (set,) or (set, class)) -> (set,)
    draw : callable
        (target, one prediction, generator) -> the target with numbers drawn from the law.
    scaled : callable
        (target, predictions) -> {suffix of the name: predictions in units of the standard error}.
    """

    log_density: Callable[[Target, Floats], Floats]
    draw: Callable[[Target, Floats, np.random.Generator], Target]
    scaled: Callable[[Target, Floats], dict[str, Floats]]


def log_density(target: Target, predicted: Floats) -> Floats:
    """Return the log density (set,) of a published number, given predictions (set,) or (set, class).

    Normal and lognormal are full densities; a standard deviation follows the
    chi-square law of n - 1 degrees, divided by the squared weight; counts are
    binomial or multinomial. A bound adds nothing where it holds, and half a squared
    distance in units of 10 % where not.
    """
    with np.errstate(all="ignore"):
        return LAWS[target.form].log_density(target, predicted)


def _error(t: Target) -> float:
    return t.weight * t.se


def _freedom(t: Target) -> int:
    assert t.n is not None
    return t.n - 1


def _gauss(t: Target, x: Floats) -> Floats:
    se = _error(t)
    return np.asarray(-0.5 * (x / se) ** 2 - np.log(se) - 0.5 * np.log(2 * np.pi))


def _of_sd(t: Target, predicted: Floats) -> Floats:
    ratio = t.estimate**2 / predicted**2
    return np.asarray(0.5 * (_freedom(t) / t.weight**2) * (np.log(ratio) - ratio + 1))


def _draw_sd(t: Target, value: Floats, rng: np.random.Generator) -> Target:
    nu = _freedom(t) / t.weight**2
    return replace(t, estimate=float(value * np.sqrt(rng.chisquare(nu) / nu)))


def _of_share(t: Target, predicted: Floats) -> Floats:
    events, n = t.counts
    p = np.clip(predicted, _TINY, 1 - _TINY)
    return _counts(np.stack([p, 1 - p], axis=-1), np.array([events, n - events]))


def _draw_share(t: Target, value: Floats, rng: np.random.Generator) -> Target:
    n = t.counts[1]
    k = int(rng.binomial(n, float(np.clip(value, 0, 1))))
    return replace(t, counts=(k, n), estimate=k / n)


def _draw_classes(t: Target, value: Floats, rng: np.random.Generator) -> Target:
    p = np.clip(value, 0, None)
    return replace(t, counts=tuple(int(c) for c in rng.multinomial(sum(t.counts), p / p.sum())))


def _scaled_classes(t: Target, predicted: Floats) -> dict[str, Floats]:
    n = sum(t.counts)
    return {f" {k + 1}": predicted[:, k] / share_error(count, n) for k, count in enumerate(t.counts[:-1])}


def _counts(p: Floats, counts: NDArray[np.int64]) -> Floats:
    from scipy.special import gammaln

    constant = gammaln(counts.sum() + 1) - gammaln(counts + 1).sum()
    return np.asarray(constant + (counts * np.log(np.clip(p, _TINY, 1.0))).sum(axis=-1))


def _bound(sign: float) -> Law:
    def density(t: Target, predicted: Floats) -> Floats:
        short = np.maximum(sign * (t.estimate - predicted) / abs(t.estimate), 0.0)
        return np.asarray(-0.5 * (short / 0.1) ** 2)

    # what is known is the bound: another trial would have published the same, and it has no standard error
    return Law(log_density=density, draw=lambda t, value, rng: t, scaled=lambda t, predicted: {})


#: The law of each form of a target.
LAWS: Mapping[str, Law] = {
    "normal": Law(
        log_density=lambda t, x: _gauss(t, x - t.estimate),
        draw=lambda t, value, rng: replace(t, estimate=float(value + t.weight * t.se * rng.standard_normal())),
        scaled=lambda t, x: {"": x / _error(t)},
    ),
    "lognormal": Law(
        log_density=lambda t, x: _gauss(t, np.log(x) - np.log(t.estimate)),
        draw=lambda t, value, rng: replace(t, estimate=float(value * np.exp(_error(t) * rng.standard_normal()))),
        scaled=lambda t, x: {"": np.log(x) / _error(t)},
    ),
    "sd": Law(
        log_density=_of_sd,
        draw=_draw_sd,
        scaled=lambda t, x: {"": np.log(x) * np.sqrt(2 * _freedom(t)) / t.weight},
    ),
    "binomial": Law(
        log_density=_of_share,
        draw=_draw_share,
        scaled=lambda t, x: {"": x / share_error(*t.counts)},
    ),
    "multinomial": Law(
        log_density=lambda t, x: _counts(x, np.array(t.counts)),
        draw=_draw_classes,
        scaled=_scaled_classes,
    ),
    "at least": _bound(1.0),
    "at most": _bound(-1.0),
}


def joint_moments(joint: Joint, targets: Targets, predicted: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Return mean (set, member) and covariance of jointly reported numbers.

    Where the joint law is given a count of an earlier stage, it is the conditional
    law: what that count already says is not used twice.
    """
    members = [targets.targets[m] for m in joint.members]
    se = np.array([m.weight * m.se for m in members])
    mean = np.stack([predicted[m] for m in joint.members], axis=-1)
    covariance = joint.correlation * np.outer(se, se)
    if joint.given is None:
        return mean, covariance
    events, n = targets.targets[joint.given].counts
    p = np.clip(predicted[joint.given], _TINY, 1 - _TINY)
    deviation = (events - n * p) / np.sqrt(n * p * (1 - p))
    c = np.array(joint.given_correlation) * se
    return mean + deviation[:, None] * c, covariance - np.outer(c, c)


def log_joint(joint: Joint, targets: Targets, predicted: Mapping[str, Floats]) -> Floats:
    """Return the log density (set,) of jointly reported numbers."""
    mean, covariance = joint_moments(joint, targets, predicted)
    observed = np.array([targets.targets[m].estimate for m in joint.members])
    factor = np.linalg.cholesky(covariance)
    # one by one: a library adds up otherwise for one set than for many
    x = (np.linalg.inv(factor) * (observed - mean)[:, None, :]).sum(axis=-1)
    constant = np.log(np.diag(factor)).sum() + 0.5 * len(observed) * np.log(2 * np.pi)
    return np.asarray(-0.5 * (x**2).sum(axis=-1) - constant)


def pointwise(fitted: tuple[Target, ...], targets: Targets, predicted: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the log density (set,) of each fitted target and each joint, by id; NaN where a run failed."""
    found = {t.id: log_density(t, predicted[t.id]) for t in fitted if t.joint is None}
    return found | {joint.id: log_joint(joint, targets, predicted) for joint in targets.joints_of(fitted)}


def log_likelihood(fitted: tuple[Target, ...], targets: Targets, predicted: Mapping[str, Floats]) -> Floats:
    """Return the log likelihood (set,) of the fitted targets; -inf where a prediction is not finite."""
    total = np.asarray(sum(pointwise(fitted, targets, predicted).values()), dtype=float)
    return np.where(np.isfinite(total), total, -np.inf)
