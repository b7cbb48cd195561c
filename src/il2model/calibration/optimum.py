"""The highest posterior point: several climbs side by side, then the Laplace law around the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import SimulationError
from ..runs import RunOptions, log, ordered, worked
from ..solver.problem import Floats
from ..store import BlockStore
from ..uncertainty.coordinates import sobol_points
from .problem import Posed
from .sampling import Pose, SamplerOptions, log_posterior, on_posed

_STEP, _WIDE = 1e-3, 0.1


@dataclass(frozen=True)
class Optimum:
    """The highest posterior point found: z, its log posterior, the Laplace covariance, and every start's result."""

    z: Floats
    log_posterior: float
    covariance: Floats
    starts: Floats
    evaluations: int


#: Where one start ended: z, log_posterior, and how many evaluations it took.
Climb = Mapping[str, Floats]


def optimize(problem: Posed, options: SamplerOptions) -> Optimum:
    """Climb from several quasi-random points of the prior (BFGS with central differences)."""
    return _around(problem, [_climb(problem, z0) for z0 in starting_points(problem, options)])


def optimize_stored(
    pose: Pose,
    folder: Path | None,
    key: dict[str, object],
    options: SamplerOptions,
    run: RunOptions,
    known: tuple[Floats, Floats] | None = None,
) -> Optimum:
    """Do the same with a task for each start, stored in `folder`: what is there is not climbed again.

    Where draws of the posterior are there already, `known` has points to start from and the covariance.
    """
    store = BlockStore(folder, key)
    if (block := store.get("optimum")) is not None:
        numbers = float(block["log_posterior"]), int(block["evaluations"])
        return Optimum(block["z"], numbers[0], block["covariance"], block["starts"], numbers[1])
    starts = starting_points(pose(), options) if known is None else known[0]
    climbs: dict[int, Climb] = {k: b.arrays for k in range(len(starts)) if (b := store.get(f"start-{k}")) is not None}
    missing = [k for k in range(len(starts)) if k not in climbs]
    with worked(partial(on_posed, pose, _climb), [starts[k] for k in missing], run, kind="processes") as found:
        for k, climb in zip(missing, found, strict=True):
            log.info("start %d of %d: log posterior %.3f", k + 1, len(starts), climb["log_posterior"])
            climbs[k] = climb
            store.put(f"start-{k}", climb)
    all_climbs = [climbs[k] for k in sorted(climbs)]
    around = partial(_around, covariance=None if known is None else known[1])
    (best,) = ordered(partial(on_posed, pose, around), [all_climbs], run, kind="processes")
    store.put("optimum", {name: np.asarray(value) for name, value in vars(best).items()})
    return best


def starting_points(problem: Posed, options: SamplerOptions) -> Floats:
    """Return the points that climbs start from, (start, coordinate); the first is the middle of the prior."""
    from scipy.special import ndtri

    d, first = len(problem.coordinates), problem.steps
    starts = np.asarray(0.5 * ndtri(np.clip(sobol_points(options.starts, d, options.seed), 1e-3, 1 - 1e-3)))
    starts[0] = starts[:, :first] = 0.0
    return starts


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
    return {"z": best.x, "log_posterior": np.array(-float(best.fun)), "evaluations": np.array(depth.evaluations)}


def _around(problem: Posed, climbs: Sequence[Climb], covariance: Floats | None = None) -> Optimum:
    """Return the best of some climbs with the Laplace law around it, or a covariance that is known.

    Raises
    ------
    SimulationError
        If no climb found parameters that can be run.
    """
    starts = np.array([float(climb["log_posterior"]) for climb in climbs])
    top = int(np.argmax(starts))
    if not np.isfinite(starts[top]) or starts[top] < -1e9:
        raise SimulationError("No start of the optimiser found parameters that can be run.")
    z, count = climbs[top]["z"], sum(int(climb["evaluations"]) for climb in climbs)
    if covariance is not None:
        return Optimum(z, float(starts[top]), covariance, starts, count)
    depth = _Depth(problem)
    hessian = np.eye(len(z))
    for k in range(problem.steps, len(z)):
        e = _WIDE * np.eye(len(z))[k]
        hessian[k] = (depth(z + e)[1] - depth(z - e)[1]) / (2 * _WIDE)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    # the likelihood only adds information: no direction is wider than the prior
    covariance = (vectors / np.clip(values, 1.0, 1e6)) @ vectors.T
    return Optimum(z, float(starts[top]), covariance, starts, count + depth.evaluations)
