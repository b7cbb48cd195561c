"""Sample: several independent ensembles of emcee, each a chain of tasks with a checkpoint after each.

The prior is a standard normal law on every coordinate. Moves: differential
evolution, and steps that leave the prior or the Laplace law at the optimum unchanged
(preconditioned Crank-Nicolson; Cotter and others 2013), which mix what the data do not inform. Each
ensemble has its own random stream and block, so results do not depend on the
number of workers, and a killed run goes on from its last checkpoint.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..runs import Executor, Future, Progress, RunOptions, log, one_thread, pool
from ..solver.problem import Floats
from ..store import Array, BlockStore
from ..streams import random_state
from .chains import Chains, autocorrelation
from .optimum import Optimum
from .problem import Posed
from .sampling import Pose, SamplerOptions, fingerprint, log_posterior, posed

if TYPE_CHECKING:
    import emcee


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points (walker, coordinate) that are spread as the posterior is, and its mean and covariance."""

    points: Floats
    z: Floats
    covariance: Floats


#: Where walkers start: around an optimum, at points of the posterior, at any points, or from the prior.
Start = Optimum | Cloud | Floats | None
#: An ensemble so far: where it is, its random state, and the draws that are kept.
State = Mapping[str, Array]
_KEPT = ("z", "log_likelihood")
#: The chains have to be so many times their autocorrelation time (Foreman-Mackey and others 2013).
TAUS = 50


def sample(
    pose: Pose,
    folder: str | Path | None,
    options: SamplerOptions,
    *,
    optimum: Optimum | None = None,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Chains:
    """Sample the posterior; checkpoints lie in `folder`.

    Parameters
    ----------
    pose : callable
        Builds the problem; called once in each worker process.
    folder : path or None
    options : SamplerOptions
    optimum : Optimum, optional
        Where the walkers start; from the prior without it.
    resume : bool
        False refuses a folder that holds checkpoints.
    workers : int, optional
        Processes; all processors by default.
    executor : optional
        Anything with `submit(f, *args)`, such as a Dask client: stretches of the chains run there.
    progress : callable, optional
        `progress(done, total)` in steps of all ensembles.

    Returns
    -------
    Chains
        They do not depend on folder, workers or executor.

    Raises
    ------
    InputError
        If the folder holds another run, or checkpoints and `resume` is false.
    """
    run = RunOptions(folder=folder, resume=resume, workers=workers, executor=executor, progress=progress)
    store = BlockStore(run.folder, _key(pose(), options, optimum), resume=resume)
    numbers = range(options.ensembles)
    states: dict[int, State] = {k: b.arrays for k in numbers if (b := store.get(_name(k))) is not None}
    last = options.burn + options.steps
    while True:
        _reach(pose, store, options, optimum, run, states, last)
        kept = (last - options.burn) // options.thin
        z = np.stack([states[k]["z"][:kept] for k in numbers])
        tau = options.thin * autocorrelation(z)
        if last - options.burn >= TAUS * tau or last >= options.burn + options.longest * options.steps:
            break
        last += options.steps
        log.info("the chains go on to %d steps: %d times their autocorrelation time of %.0f", last, TAUS, tau)
    return Chains(
        z,
        np.stack([states[k]["log_likelihood"][:kept] for k in numbers]),
        np.array([float(states[k]["acceptance"]) / int(states[k]["step"]) for k in numbers]),
        autocorrelation_time=tau,
    )


def _reach(
    pose: Pose,
    store: BlockStore,
    options: SamplerOptions,
    start: Start,
    run: RunOptions,
    states: dict[int, State],
    last: int,
) -> None:
    """Bring every ensemble to a step, from checkpoint to checkpoint."""
    numbers = range(options.ensembles)

    def steps(k: int) -> int:
        return int(states[k]["step"]) if k in states else 0

    run.tell(sum(min(steps(k), last) for k in numbers), last * options.ensembles)
    with pool(run, kind="processes") as (submit, _):

        def begun(k: int) -> tuple[int, Future[State]]:
            length = min(options.checkpoint, last - steps(k))
            return k, submit(_stretch, pose, k, options, start, _without_draws(states.get(k)), length)

        # an ensemble is under way once; the others are worked on meanwhile
        waiting = deque(begun(k) for k in numbers if steps(k) < last)
        while waiting:
            k, future = waiting.popleft()
            states[k] = _extended(states.get(k), future.result())
            store.put(_name(k), states[k])
            run.tell(sum(min(steps(j), last) for j in numbers), last * options.ensembles)
            if steps(k) < last:
                waiting.append(begun(k))


def _name(number: int) -> str:
    return f"ensemble-{number}"


def _key(problem: Posed, options: SamplerOptions, start: Start) -> dict[str, object]:
    """Return what chains depend on."""
    where = start.z if isinstance(start, Optimum | Cloud) else start
    return {
        "verb": "sample",
        "options": {k: v for k, v in asdict(options).items() if k not in ("checkpoint", "ensembles", "starts")},
        **fingerprint(problem),
        "start": None if where is None else [f"{v:.6g}" for v in where.ravel()],
    }


def _without_draws(state: State | None) -> State | None:
    """Return what a worker needs to go on."""
    return None if state is None else {k: v for k, v in state.items() if k not in _KEPT}


def _extended(state: State | None, more: State) -> State:
    if state is None:
        return more
    return {**more, **{name: np.concatenate([state[name], more[name]]) for name in _KEPT}}


def _stretch(pose: Pose, number: int, options: SamplerOptions, start: Start, state: State | None, steps: int) -> State:
    """Run an ensemble to its next checkpoint, here or in another process."""
    with one_thread():
        return advance(posed(pose), number, options, start, state, steps)


def advance(
    problem: Posed, number: int, options: SamplerOptions, start: Start, state: State | None, steps: int
) -> State:
    """Run an ensemble for so many steps; the draws returned are those of these steps that are kept."""
    import emcee

    d = len(problem.coordinates)
    now = _begun(problem, number, options, start) if state is None else _emcee_state(state)
    accepted = 0.0 if state is None else float(state["acceptance"])
    first = 0 if state is None else int(state["step"])
    sampler = emcee.EnsembleSampler(
        options.walkers, d, lambda z: log_posterior(problem, z), vectorize=True, moves=_moves(start)
    )
    kept: list[Floats] = []
    values: list[Floats] = []
    before = now.log_prob
    stop = first + steps
    moved = sampler.sample(now, iterations=stop - first, store=False, skip_initial_state_check=True)
    for done, now in enumerate(moved, start=first + 1):
        accepted += float(np.mean(now.log_prob != before))
        before = now.log_prob.copy()
        if done > options.burn and (done - options.burn) % options.thin == 0:
            kept.append(now.coords.copy())
            values.append(now.log_prob + 0.5 * (now.coords**2).sum(axis=1))
    _, keys, position, has_gauss, cached = now.random_state
    shape = (0, options.walkers, d)
    return {
        "now": now.coords,
        "now_value": now.log_prob,
        "rng_keys": keys,
        "rng_rest": np.array([position, has_gauss]),
        "rng_cached": np.array(cached),
        "z": np.array(kept) if kept else np.empty(shape),
        "log_likelihood": np.array(values) if values else np.empty(shape[:2]),
        "acceptance": np.array(accepted),
        "step": np.array(stop),
    }


def _begun(problem: Posed, number: int, options: SamplerOptions, start: Start) -> emcee.State:
    """Return the state in which an ensemble begins."""
    import emcee

    rng = random_state(options.seed, number)
    x = rng.standard_normal((options.walkers, len(problem.coordinates)))
    if isinstance(start, np.ndarray | Cloud):
        x = start.points if isinstance(start, Cloud) else start
    elif start is not None:
        x = start.z + x @ np.linalg.cholesky(start.covariance).T
    value = log_posterior(problem, x)
    for _ in range(50):  # a walker must start where the model runs
        bad = ~np.isfinite(value)
        if not bad.any():
            break
        x[bad] = rng.standard_normal((int(bad.sum()), x.shape[1]))
        value[bad] = log_posterior(problem, x[bad])
    return emcee.State(x, log_prob=value, random_state=rng.get_state())


def _emcee_state(state: State) -> emcee.State:
    import emcee

    position, has_gauss = (int(v) for v in state["rng_rest"])
    random = ("MT19937", state["rng_keys"], position, has_gauss, float(state["rng_cached"]))
    return emcee.State(state["now"], log_prob=state["now_value"], random_state=random)


def _moves(start: Start) -> list[tuple[emcee.moves.Move, float]]:
    import emcee
    from emcee.moves import Move

    def crank_nicolson(beta: float, share: float, mean: Floats | float = 0.0, factor: Floats | None = None) -> Move:
        """Return a move that keeps N(mean, factor factor^T): the prior, or the Laplace law widened.

        x' = mean + sqrt(1 - beta^2) (x - mean) + beta factor N(0, 1), on a random share
        of the coordinates where factor is the identity.
        """
        inverse = None if factor is None else np.linalg.inv(factor)

        def propose(x: Floats, rng: np.random.RandomState) -> tuple[Floats, Floats]:
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

    points = start.points if isinstance(start, Cloud) else start
    apart = not isinstance(points, np.ndarray) or len(np.unique(points, axis=0)) == len(points)
    moves: list[tuple[Move, float]] = [(emcee.moves.DEMove(), 0.3)]
    if apart:  # it divides by the distance of two walkers
        moves.append((emcee.moves.DESnookerMove(), 0.1))
    moves += [(crank_nicolson(0.9, 0.15), 0.2), (crank_nicolson(0.3, 1.0), 0.1)]
    if isinstance(start, Optimum | Cloud):
        factor = np.asarray(1.2 * np.linalg.cholesky(start.covariance))
        moves += [(crank_nicolson(beta, 1.0, start.z, factor), 0.15) for beta in (0.3, 0.6)]
    return moves
