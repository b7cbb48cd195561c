"""How a prediction is compared with a published summary: log densities, up to constants of the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .targets import Joint, Target, Targets

Floats = NDArray[np.float64]
_TINY = 1e-12


def log_density(target: Target, predicted: Floats) -> Floats:
    """Return the log density (set,) of a published number, given predictions (set,) or (set, class).

    Normal and lognormal are full densities; a standard deviation follows the
    chi-square law of n - 1 degrees, divided by the squared weight; counts are
    binomial or multinomial. A bound adds nothing where it holds, and half a squared
    distance in units of 10 % where not.
    """
    with np.errstate(all="ignore"):
        if target.form in ("normal", "lognormal"):
            se = target.weight * target.se
            x = (
                np.log(predicted) - np.log(target.estimate)
                if target.form == "lognormal"
                else predicted - target.estimate
            )
            return np.asarray(-0.5 * (x / se) ** 2 - np.log(se) - 0.5 * np.log(2 * np.pi))
        if target.form == "sd":
            assert target.n is not None
            nu = (target.n - 1) / target.weight**2
            ratio = target.estimate**2 / predicted**2
            return np.asarray(0.5 * nu * (np.log(ratio) - ratio + 1))
        if target.form == "binomial":
            events, n = target.counts
            p = np.clip(predicted, _TINY, 1 - _TINY)
            return np.asarray(_counts(np.stack([p, 1 - p], axis=-1), np.array([events, n - events])))
        if target.form == "multinomial":
            return _counts(predicted, np.array(target.counts))
        sign = 1.0 if target.form == "at least" else -1.0
        short = np.maximum(sign * (target.estimate - predicted) / abs(target.estimate), 0.0)
        return np.asarray(-0.5 * (short / 0.1) ** 2)


def _counts(p: Floats, counts: NDArray[np.int64]) -> Floats:
    from scipy.special import gammaln

    constant = gammaln(counts.sum() + 1) - gammaln(counts + 1).sum()
    return np.asarray(constant + (counts * np.log(np.clip(p, _TINY, 1.0))).sum(axis=-1))


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
    x = np.linalg.solve(factor, (observed - mean).T)
    constant = np.log(np.diag(factor)).sum() + 0.5 * len(observed) * np.log(2 * np.pi)
    return np.asarray(-0.5 * (x**2).sum(axis=0) - constant)


def log_likelihood(fitted: tuple[Target, ...], targets: Targets, predicted: Mapping[str, Floats]) -> Floats:
    """Return the log likelihood (set,) of the fitted targets; -inf where a prediction is not finite."""
    total: Floats | float = 0.0
    for target in fitted:
        if target.joint is None:
            total = total + log_density(target, predicted[target.id])
    for joint in {t.joint: targets.joints[t.joint] for t in fitted if t.joint}.values():
        total = total + log_joint(joint, targets, predicted)
    total = np.asarray(total, dtype=float)
    return np.where(np.isfinite(total), total, -np.inf)
