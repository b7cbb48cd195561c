"""The highest posterior point: several climbs side by side, then the Laplace law around the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import SimulationError
from ..runs import RunOptions, log, ordered, worked
from ..solver.problem import Floats
from ..store import Block, BlockStore
from ..uncertainty.coordinates import sobol_points
from .problem import Posed
from .sampling import Pose, SamplerOptions, log_posterior, posed

_STEP, _WIDE = 1e-3, 0.1


@dataclass(frozen=True)
class Optimum:
    """The highest posterior point found: z, its log posterior, the Laplace covariance, and every start's result."""

    z: Floats
    log_posterior: float
    covariance: Floats
    starts: Floats
    evaluations: int


@dataclass(frozen=True, kw_only=True)
class Climb:
    """Where one start ended: the point and its log posterior."""

    z: Floats
    log_posterior: float
    evaluations: int


def optimize(problem: Posed, options: SamplerOptions) -> Optimum:
    """Climb from several quasi-random points of the prior (BFGS with central differences)."""
    return _around([_climb(problem, z0) for z0 in starting_points(problem, options)], problem)


def optimize_stored(
    pose: Pose, folder: Path | None, key: dict[str, object], options: SamplerOptions, run: RunOptions
) -> Optimum:
    """Do the same with a task for each start, stored in `folder`: what is there is not climbed again."""
    store = BlockStore(folder, key)
    if (block := store.get("optimum")) is not None:
        return _optimum(block)
    starts = starting_points(pose(), options)
    blocks = {k: block for k in range(len(starts)) if (block := store.get(f"start-{k}")) is not None}
    missing = [k for k in range(len(starts)) if k not in blocks]
    with worked(partial(_climb_from, pose), [starts[k] for k in missing], run, kind="processes") as climbs:
        for k, climb in zip(missing, climbs, strict=True):
            log.info("start %d of %d: log posterior %.3f", k + 1, len(starts), climb.log_posterior)
            arrays = {"z": climb.z, "log_posterior": np.array(climb.log_posterior)}
            blocks[k] = Block(arrays=arrays, meta={"evaluations": climb.evaluations})
            store.put(f"start-{k}", arrays, evaluations=climb.evaluations)
    found = [
        Climb(z=b["z"], log_posterior=float(b["log_posterior"]), evaluations=b.meta["evaluations"])
        for _, b in sorted(blocks.items())
    ]
    (best,) = ordered(partial(_around_posed, pose), [found], run, kind="processes")
    arrays = {name: np.array(getattr(best, name)) for name in ("z", "log_posterior", "covariance", "starts")}
    store.put("optimum", arrays, evaluations=best.evaluations)
    return best


def starting_points(problem: Posed, options: SamplerOptions) -> Floats:
    """Return the points that climbs start from, (start, coordinate); the first is the middle of the prior."""
    from scipy.special import ndtri

    d, first = len(problem.coordinates), problem.steps
    starts = np.asarray(0.5 * ndtri(np.clip(sobol_points(options.starts, d, options.seed), 1e-3, 1 - 1e-3)))
    starts[0] = starts[:, :first] = 0.0
    return starts


def _optimum(block: Block) -> Optimum:
    return Optimum(
        block["z"],
        float(block["log_posterior"]),
        block["covariance"],
        block["starts"],
        int(block.meta["evaluations"]),
    )


class _Depth:
    """Minus the log posterior and its gradient; draws of earlier stages stay where they are."""

    def __init__(self, problem: Posed) -> None:
        self.problem, self.evaluations = problem, 0
        self.moves = _STEP * np.eye(len(problem.coordinates))[problem.steps :]

    def __call__(self, z: Floats) -> tuple[float, Floats]:
        points = np.concatenate([z[None], z + self.moves, z - self.moves])
        values = log_posterior(self.problem, points)
        self.evaluations += len(points)
        if not np.isfinite(values).all():
            return 1e10, np.zeros(len(z))
        up, down = np.split(values[1:], 2)
        return -float(values[0]), np.append(np.zeros(self.problem.steps), -(up - down) / (2 * _STEP))


def _climb(problem: Posed, start: Floats) -> Climb:
    from scipy.optimize import minimize

    depth = _Depth(problem)
    best = minimize(depth, start, jac=True, method="BFGS", options={"maxiter": 60, "gtol": 0.02})
    return Climb(z=np.asarray(best.x), log_posterior=-float(best.fun), evaluations=depth.evaluations)


def _climb_from(pose: Pose, start: Floats) -> Climb:
    return _climb(posed(pose), start)


def _around(climbs: Sequence[Climb], problem: Posed) -> Optimum:
    """Return the best of some climbs with the Laplace law around it.

    Raises
    ------
    SimulationError
        If no climb found parameters that can be run.
    """
    best = max(climbs, key=lambda climb: climb.log_posterior)
    if not np.isfinite(best.log_posterior) or best.log_posterior < -1e9:
        raise SimulationError("No start of the optimiser found parameters that can be run.")
    depth, z = _Depth(problem), best.z
    hessian = np.eye(len(z))
    for k in range(problem.steps, len(z)):
        e = _WIDE * np.eye(len(z))[k]
        hessian[k] = (depth(z + e)[1] - depth(z - e)[1]) / (2 * _WIDE)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    # the likelihood only adds information: no direction is wider than the prior
    covariance = (vectors / np.clip(values, 1.0, 1e6)) @ vectors.T
    count = depth.evaluations + sum(climb.evaluations for climb in climbs)
    return Optimum(z, best.log_posterior, covariance, np.array([c.log_posterior for c in climbs]), count)


def _around_posed(pose: Pose, climbs: Sequence[Climb]) -> Optimum:
    return _around(climbs, posed(pose))
