"""Optimise, then sample: several independent ensembles of emcee, with checkpoints.

The prior is a standard normal law on every coordinate. Moves: differential
evolution, and steps that leave the prior or the Laplace law at the optimum unchanged
(preconditioned Crank-Nicolson; Cotter and others 2013), which mix what the data do not inform. Each
ensemble has its own random stream and file, so results do not depend on the
number of workers, and a killed run goes on from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, SimulationError
from ..solver.problem import Floats
from ..streams import fixed_seed, random_state, stream
from .problem import Posed

#: Builds the problem in a worker process: a picklable callable without arguments.
Pose = Callable[[], Posed]
#: (ensemble, steps done, steps in all)
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class SamplerOptions:
    """How long and from which seed.

    Parameters
    ----------
    ensembles : int
        Independent ensembles; at least 4 for a split R-hat.
    walkers, burn, steps : int
        Walkers an ensemble; steps thrown away, and kept.
    thin : int
        Every so many steps one is kept.
    seed : int
    starts : int
        Starting points of the optimiser.
    checkpoint : int
        Steps between checkpoints.
    """

    ensembles: int = 4
    walkers: int = 48
    burn: int = 200
    steps: int = 1000
    thin: int = 4
    seed: int = 1
    starts: int = 4
    checkpoint: int = 20

    def __post_init__(self) -> None:
        if self.ensembles < 1 or self.walkers < 4 or self.walkers % 2 or self.steps < 1 or self.burn < 0:
            raise InputError("A run needs an ensemble, an even number of at least 4 walkers, and a step.")


@dataclass(frozen=True)
class Optimum:
    """The highest posterior point found: z, its log posterior, the Laplace covariance, and every start's result."""

    z: Floats
    log_posterior: float
    covariance: Floats
    starts: Floats
    evaluations: int


@dataclass(frozen=True)
class Chains:
    """What the ensembles kept: z (ensemble, step, walker, coordinate) and the log likelihoods."""

    z: Floats
    log_likelihood: Floats
    acceptance: Floats


def log_posterior(problem: Posed, z: Floats) -> Floats:
    """Return ln likelihood + ln prior of points (point, coordinate), up to the prior's constant."""
    value = problem.log_likelihood(z)
    return np.asarray(np.where(np.isnan(value), -np.inf, value) - 0.5 * (z**2).sum(axis=-1))


def optimize(problem: Posed, options: SamplerOptions, say: Callable[[str], None] = lambda text: None) -> Optimum:
    """Climb from several quasi-random points of the prior (BFGS with central differences)."""
    from scipy.optimize import minimize
    from scipy.special import ndtri

    from ..uncertainty.coordinates import sobol_points

    d, first = len(problem.coordinates), problem.steps
    step, count = 1e-3, 0
    moves = step * np.eye(d)[first:]

    def value(z: Floats) -> tuple[float, Floats]:
        """Return minus the log posterior and its gradient; draws of earlier stages stay where they are."""
        nonlocal count
        points = np.concatenate([z[None], z + moves, z - moves])
        found = log_posterior(problem, points)
        count += len(points)
        if not np.isfinite(found).all():
            return 1e10, np.zeros(d)
        up, down = np.split(found[1:], 2)
        return -float(found[0]), np.append(np.zeros(first), -(up - down) / (2 * step))

    starts = 0.5 * ndtri(np.clip(sobol_points(options.starts, d, options.seed), 1e-3, 1 - 1e-3))
    starts[0] = starts[:, :first] = 0.0
    results = []
    for k, z0 in enumerate(starts):
        best = minimize(value, z0, jac=True, method="BFGS", options={"maxiter": 60, "gtol": 0.02})
        results.append((-float(best.fun), best.x))
        say(f"start {k + 1} of {options.starts}: log posterior {-best.fun:.3f}")
    top, z = max(results, key=lambda r: r[0])
    if not np.isfinite(top) or top < -1e9:
        raise SimulationError("No start of the optimiser found parameters that can be run.")
    hessian = np.eye(d)
    wide = 0.1
    for k in range(first, d):
        e = wide * np.eye(d)[k]
        hessian[k] = (value(z + e)[1] - value(z - e)[1]) / (2 * wide)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    # the likelihood only adds information: no direction is wider than the prior
    covariance = (vectors / np.clip(values, 1.0, 1e6)) @ vectors.T
    return Optimum(z, top, covariance, np.array([r[0] for r in results]), count)


def sample(
    pose: Pose,
    folder: Path,
    options: SamplerOptions,
    *,
    optimum: Optimum | None = None,
    resume: bool = False,
    workers: int | None = None,
    progress: Progress = lambda ensemble, done, total: None,
) -> Chains:
    """Sample the posterior; checkpoints lie in `folder`.

    Parameters
    ----------
    pose : callable
        Builds the problem; called once in each worker process.
    optimum : Optimum, optional
        Where the walkers start; from the prior without it.
    resume : bool
        Go on from the checkpoints in `folder`.
    workers : int, optional
        Processes; all processors by default. The draws do not depend on it.

    Raises
    ------
    InputError
        If there are checkpoints and `resume` is false, or they belong to other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    workers = workers if workers is not None else (os.cpu_count() or 1)
    files = [folder / f"ensemble-{k}.npz" for k in range(options.ensembles)]
    if any(f.exists() for f in files) and not resume:
        raise InputError(f"{folder} holds a run already; go on with --resume, or give another folder.")
    tasks = [(pose, k, str(files[k]), options, optimum) for k in range(options.ensembles)]
    _in_processes(tasks, workers, files, options, progress)
    parts = [np.load(f, allow_pickle=False) for f in files]
    return Chains(
        np.stack([p["z"] for p in parts]), np.stack([p["log_likelihood"] for p in parts]),
        np.array([float(p["acceptance"]) / int(p["step"]) for p in parts]),
    )  # fmt: skip


def _in_processes(
    tasks: Sequence[tuple[Any, ...]], workers: int, files: Sequence[Path], options: SamplerOptions, progress: Progress
) -> None:
    from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
    from multiprocessing import get_context

    # one thread of linear algebra a process: the cores belong to the ensembles
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(max(1, min(workers, len(tasks))), mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(run_ensemble, *task) for task in tasks}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=5, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()  # raises what the ensemble raised
                for k, file in enumerate(files):
                    progress(k, _steps_done(file), options.burn + options.steps)
        except BaseException:
            for future in waiting:
                future.cancel()
            raise


def _steps_done(file: Path) -> int:
    if not file.exists():
        return 0
    try:
        with np.load(file, allow_pickle=False) as data:
            return int(data["step"])
    except (OSError, ValueError, KeyError):
        return 0


def _moves(start: Optimum | Floats | None) -> list[tuple[Any, float]]:
    import emcee

    def crank_nicolson(beta: float, share: float, mean: Floats | float = 0.0, factor: Floats | None = None) -> Any:
        """Return a move that keeps N(mean, factor factor^T): the prior, or the Laplace law widened.

        x' = mean + sqrt(1 - beta^2) (x - mean) + beta factor N(0, 1), on a random share
        of the coordinates where factor is the identity.
        """
        inverse = None if factor is None else np.linalg.inv(factor)

        def propose(x: Floats, rng: Any) -> tuple[Floats, Floats]:
            noise = rng.standard_normal(x.shape)
            if factor is None:
                chosen = rng.random_sample(x.shape) < share
                chosen[np.arange(len(x)), rng.randint(x.shape[1], size=len(x))] = True
                new = np.where(chosen, np.sqrt(1 - beta**2) * x + beta * noise, x)
            else:
                new = mean + np.sqrt(1 - beta**2) * (x - mean) + beta * noise @ factor.T
            old_white, white = (((y - mean) if inverse is None else (y - mean) @ inverse.T) for y in (x, new))
            return new, 0.5 * ((white**2).sum(axis=1) - (old_white**2).sum(axis=1))

        return emcee.moves.MHMove(propose)

    moves = [
        (emcee.moves.DEMove(), 0.3),
        (emcee.moves.DESnookerMove(), 0.1),
        (crank_nicolson(0.9, 0.15), 0.2),
        (crank_nicolson(0.3, 1.0), 0.1),
    ]
    if isinstance(start, Optimum):
        factor = np.asarray(1.2 * np.linalg.cholesky(start.covariance))
        moves += [(crank_nicolson(beta, 1.0, start.z, factor), 0.15) for beta in (0.3, 0.6)]
    return moves


def run_ensemble(
    pose: Pose,
    number: int,
    file: str,
    options: SamplerOptions,
    start: Optimum | Floats | None,
) -> None:
    """Run one ensemble to its end, from its checkpoint if there is one.

    Walkers start around an optimum, at given points (walker, coordinate), or from the prior.
    """
    import emcee

    problem = pose()
    names, path = tuple(problem.coordinates), Path(file)
    d, total = len(names), options.burn + options.steps
    settings = _fingerprint(problem, options, start, number)
    state, kept, kept_value, accepted, done = _restored(path, settings)
    if state is None:
        rng = random_state(options.seed, number)
        x = rng.standard_normal((options.walkers, d))
        if isinstance(start, np.ndarray):
            x = start
        elif start is not None:
            x = start.z + x @ np.linalg.cholesky(start.covariance).T
        value = log_posterior(problem, x)
        for _ in range(50):  # a walker must start where the model runs
            bad = ~np.isfinite(value)
            if not bad.any():
                break
            x[bad] = rng.standard_normal((int(bad.sum()), d))
            value[bad] = log_posterior(problem, x[bad])
        state = emcee.State(x, log_prob=value, random_state=rng.get_state())
    sampler = emcee.EnsembleSampler(
        options.walkers, d, lambda z: log_posterior(problem, z), vectorize=True, moves=_moves(start)
    )
    parent = os.getppid()
    while done < total:
        if os.getppid() != parent:
            return  # the run was killed: leave its checkpoints to who resumes it
        count = min(options.checkpoint, total - done)
        before = state.log_prob
        for now in sampler.sample(state, iterations=count, store=False, skip_initial_state_check=True):
            state = now
            done += 1
            accepted += float(np.mean(state.log_prob != before))
            before = state.log_prob.copy()
            if done > options.burn and (done - options.burn) % options.thin == 0:
                kept.append(state.coords.copy())
                kept_value.append(state.log_prob + 0.5 * (state.coords**2).sum(axis=1))
        _store(path, settings, names, state, kept, kept_value, accepted, done)


def _fingerprint(problem: Posed, options: SamplerOptions, start: Optimum | Floats | None, number: int) -> str:
    """Return a hash of what a chain depends on."""
    parts: dict[str, Any] = {k: v for k, v in asdict(options).items() if k not in ("checkpoint", "ensembles", "starts")}
    parts |= {"coordinates": problem.coordinates, "number": number}
    probe = stream(fixed_seed("probe"), "probe").standard_normal((2, len(problem.coordinates))) * 0.1
    parts["likelihood"] = [f"{v:.6g}" for v in problem.log_likelihood(probe)]
    where = start if start is None or isinstance(start, np.ndarray) else start.z
    parts["start"] = None if where is None else [f"{v:.6g}" for v in where.ravel()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _store(
    path: Path, settings: str, names: Sequence[str], state: Any, kept: list[Floats], values: list[Floats],
    accepted: float, done: int,
) -> None:  # fmt: skip
    _, keys, position, has_gauss, cached = state.random_state
    shape = (0, *state.coords.shape)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as stream:
        np.savez(
            stream, settings=settings, coordinates=json.dumps(list(names)), step=done, now=state.coords,
            now_value=state.log_prob, rng_keys=keys, rng_rest=np.array([position, has_gauss]), rng_cached=cached,
            z=np.array(kept) if kept else np.empty(shape), acceptance=accepted,
            log_likelihood=np.array(values) if values else np.empty(shape[:2]),
        )  # fmt: skip
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def _restored(path: Path, settings: str) -> tuple[Any, list[Floats], list[Floats], float, int]:
    import emcee

    if not path.exists():
        return None, [], [], 0.0, 0
    try:
        with np.load(path, allow_pickle=False) as f:
            data: Mapping[str, Any] = {k: f[k] for k in f.files}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"The checkpoint {path} is damaged ({error}); remove it to start this ensemble anew."
        ) from None
    if str(data["settings"]) != settings:
        raise InputError(f"The checkpoint {path} belongs to another model, data or settings; give another folder.")
    position, has_gauss = (int(v) for v in data["rng_rest"])
    random_state = ("MT19937", data["rng_keys"], position, has_gauss, float(data["rng_cached"]))
    state = emcee.State(data["now"], log_prob=data["now_value"], random_state=random_state)
    return state, list(data["z"]), list(data["log_likelihood"]), float(data["acceptance"]), int(data["step"])
