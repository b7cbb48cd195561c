"""Convergence, what the data informed, and profile likelihoods, each with a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..runs import RunOptions, log, worked
from ..solver.problem import Floats
from ..store import BlockStore
from .likelihood import LAWS, joint_moments
from .problem import Posed, Problem
from .psis import worth_of_each
from .sampling import EACH, Pose, log_posterior, on_posed

#: Convergence demanded of every estimated number.
RHAT = 1.01
#: A profile that falls by this much (95 %) bounds its parameter on that side.
FALL = 1.92
#: Points of a profile, in prior standard deviations.
PROFILE = (-2.5, -1.75, -1.0, -0.4, 0.4, 1.0, 1.75, 2.5)
#: A climb of a profile: Newton steps, the parts of each that are tried, and the difference a slope is taken over.
_CLIMBS, _STEPS, _MOVE = 3, (1.0, 0.5, 0.2), 1e-3


@dataclass(frozen=True)
class Convergence:
    """Rank-normalised split R-hat over the ensembles; bulk and tail ESS over all walkers (ArviZ).

    Draws of importance sampling are independent but for copies (`chains` is false): their ESS follow from how often
    each stands there. R-hat, which is above its limit by chance where a chain is worth few hundred draws, says
    nothing more. `least` is demanded of both ESS.
    """

    rhat: float
    ess_bulk: float
    ess_tail: float
    chains: bool = True
    least: float = EACH

    @property
    def good(self) -> bool:
        """Whether it meets what is demanded."""
        enough = self.ess_bulk >= self.least and self.ess_tail >= self.least
        return bool(enough and (self.rhat < RHAT or not self.chains))


def convergence(values: Floats, *, chains: bool = True, least: float = EACH) -> Convergence:
    """Judge one quantity, (ensemble, step, walker).

    For R-hat an ensemble is a chain (its walkers are not independent, the ensembles
    are); for the effective sample size a walker is.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # ArviZ announces its version 1
        import arviz as az

    ensembles, steps, walkers = values.shape
    if np.ptp(values) == 0:
        return Convergence(float("nan"), float("nan"), float("nan"), chains, least)
    rhat = float(az.rhat(np.ascontiguousarray(values.reshape(ensembles, -1))))
    if not chains:
        bulk, tail = _worth_of_copies(values.ravel())
        return Convergence(rhat, bulk, tail, chains, least)
    by_walker = np.ascontiguousarray(values.transpose(0, 2, 1).reshape(ensembles * walkers, steps))
    bulk, tail = (float(az.ess(by_walker, method=m)) for m in ("bulk", "tail"))
    return Convergence(rhat, bulk, tail, chains, least)


def _worth_of_copies(values: Floats) -> tuple[float, float]:
    """Return bulk and tail ESS of draws (draw,) of which copies stand side by side."""
    first = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    weight = np.diff(first, append=len(values)) / len(values)
    bulk, tail = worth_of_each(weight, values[first, None], weight**2)
    return float(bulk[0]), float(tail[0])


def verdict(profile: Floats, points: Floats) -> str:
    """Say what a profile (log density at `points`, prior of its own coordinate taken out) means."""
    ran = np.isfinite(profile)  # where the model cannot run, nothing is known
    profile = np.where(ran, profile, np.nanmax(profile))
    top = int(np.argmax(np.where(ran, profile, -np.inf)))
    fall = profile[top] - profile
    left, right = bool((fall[:top] > FALL).any()), bool((fall[top + 1 :] > FALL).any())
    if left and right:
        return "identifiable"
    if left:
        return "bounded from below only"
    if right:
        return "bounded from above only"
    return "carried by its prior"


def profile(
    problem: Posed, coordinate: int, best: Floats, covariance: Floats, points: Sequence[float] = PROFILE
) -> Floats:
    """Return the highest log posterior with one coordinate held, its own prior taken out, (point,).

    The others start at their mean given the one that is held, by the law of the posterior (best, covariance),
    and climb by Newton steps with the covariance of that law, all points together.
    """
    others = np.delete(np.arange(problem.steps, len(best)), coordinate - problem.steps)
    held = np.array(points)
    ratio = covariance[others, coordinate] / covariance[coordinate, coordinate]
    scale = covariance[np.ix_(others, others)] - np.outer(ratio, covariance[coordinate, others])
    z = np.tile(best, (len(held), 1))
    z[:, coordinate] = held
    z[:, others] += ratio * (held - best[coordinate])[:, None]
    found = log_posterior(problem, z)
    moves = np.zeros((len(others), len(best)))
    moves[np.arange(len(others)), others] = _MOVE
    for _ in range(_CLIMBS):
        around = np.concatenate([z[:, None] + moves, z[:, None] - moves], axis=1)
        up, down = np.split(log_posterior(problem, around.reshape(-1, len(best))).reshape(len(held), -1), 2, axis=1)
        with np.errstate(invalid="ignore"):
            step = np.nan_to_num((up - down) / (2 * _MOVE) @ scale, posinf=0.0, neginf=0.0)
        tried = np.repeat(z[None], len(_STEPS), axis=0)
        tried[:, :, others] += np.array(_STEPS)[:, None, None] * step
        values = log_posterior(problem, tried.reshape(-1, len(best))).reshape(len(_STEPS), -1)
        top = np.argmax(values, axis=0)
        better = values[top, np.arange(len(held))] > found
        z[better], found[better] = tried[top, np.arange(len(held))][better], values.max(axis=0)[better]
    # a point at which the model cannot run says nothing
    return np.where(np.isfinite(found), found + 0.5 * held**2, np.nan)


def jacobian(problem: Problem, z: Floats, step: float = 1e-2) -> tuple[Floats, tuple[str, ...]]:
    """Return d(prediction / standard error)/dz, (target, coordinate that is not a step), and the targets' names.

    Counts are taken on the scale of their binomial standard error; jointly reported
    numbers are whitened by their covariance.
    """
    moves = step * np.eye(len(z))[problem.steps :]
    d = len(moves)
    points = np.concatenate([z + moves, z - moves])
    table = problem.table(points)
    predicted = problem.predict(table)
    rows, names = [], []
    for t in problem.fitted:
        if t.joint is None:
            for suffix, x in LAWS[t.form].scaled(t, predicted[t.id]).items():
                rows.append(x)
                names.append(f"{t.id}{suffix}")
    for joint in problem.targets.joints_of(problem.fitted):
        mean, covariance = joint_moments(joint, problem.targets, predicted)
        white = np.linalg.solve(np.linalg.cholesky(covariance), mean.T)
        rows.extend(white)
        names.extend(joint.members)
    both = np.array(rows)
    return (both[:, :d] - both[:, d:]) / (2 * step), tuple(names)


def informed_directions(matrix: Floats) -> Floats:
    """Return singular values of a Jacobian on prior-scaled coordinates: above 1, data say more than the prior."""
    return np.asarray(np.linalg.svd(matrix, compute_uv=False))


def profiles(
    pose: Pose,
    best: Floats,
    covariance: Floats,
    folder: Path | None,
    key: Mapping[str, object],
    run: RunOptions,
) -> Mapping[str, Floats]:
    """Return the profile of every coordinate that is not a step, by name; those that `folder` holds are kept."""
    store = BlockStore(folder, key)
    problem = pose()
    names = dict(enumerate(problem.coordinates))
    wanted = range(problem.steps, len(names))
    curves = {k: block["profile"] for k in wanted if (block := store.get(f"profile-{names[k]}")) is not None}
    missing = [k for k in wanted if k not in curves]
    with worked(
        partial(on_posed, pose, partial(profile, best=best, covariance=covariance)), missing, run, kind="processes"
    ) as found:
        for k, curve in zip(missing, found, strict=True):
            curves[k] = curve
            store.put(f"profile-{names[k]}", {"profile": curve})
            log.info("profile of %s: %s", names[k], verdict(curve, np.array(PROFILE)))
            run.tell(len(curves), len(wanted))
    return {names[k]: curves[k] for k in wanted}
