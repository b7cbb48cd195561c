"""A stage sampled by either method: draws as chains, the optimum, and what the method says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ..runs import RunOptions, log
from ..solver.problem import Floats
from .bridge import Bridge, bridged, bridged_chains
from .chains import Chains
from .importance import explore
from .optimum import Optimum, optimize_stored
from .sampler import TAUS, sample
from .sampling import ImportanceOptions, Pose, SamplerOptions
from .weighted import Weighted

#: What a task of a store depends on, by name.
Key = Mapping[str, object]
#: Two estimates of the evidence agree within so many of their standard errors, or within this much.
_ERRORS, _APART = 4.0, 0.1


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Draws of a stage, its optimum, and what diagnostics.json says of the method."""

    chains: Chains
    optimum: Optimum
    options: SamplerOptions | ImportanceOptions
    said: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is sampled: the problem, where it is kept, what names it to a store, and who works on it."""

    pose: Pose
    home: Path
    key: Key
    run: RunOptions
    label: str


def by_importance(task: Task, options: ImportanceOptions, starts: int, start: Floats | None = None) -> Sampled:
    """Sample by importance, climb from the best draws, and estimate the evidence once more by a bridge."""
    run, home = task.run, task.home
    drawn = explore(task.pose, home / "rounds", options, part(run, 0, 60), start=start, label=task.label)
    points = best_draws(drawn, starts)
    key = {"verb": "optimum"} | dict(task.key)
    climbing = SamplerOptions(seed=options.seed, starts=starts)
    optimum = optimize_stored(task.pose, home / "optimum", key, climbing, run, (points, drawn.moments[1]))
    run.tell(65, 100)
    key = {"verb": "bridge"} | dict(task.key)
    second = bridged(task.pose, home / "bridge", key, drawn, options.seed, run)
    run.tell(72, 100)
    alike = agree(drawn.evidence, second)
    if not drawn.converged:
        log.warning(
            "%s: NOT CONVERGED after %d rounds: %.0f effective draws, Pareto k %.2f; %.0f and a k below %g are needed",
            *(task.label, drawn.rounds, drawn.effective_draws, drawn.pareto_k, options.effective, options.pareto_k),
        )
    if not alike:
        text = "%s: NOT CONVERGED: the two estimates of ln evidence, %.2f +- %.2f and %.2f +- %.2f by a bridge, differ"
        log.warning(text, task.label, *drawn.evidence, second.log, second.error)
    said: dict[str, object] = {
        "sampler": "importance",
        "accepted": drawn.converged and alike,
        "effective_draws": drawn.effective_draws,
        "pareto_k": drawn.pareto_k,
        "rounds": drawn.rounds,
        "evaluations": drawn.evaluations,
        "evidence": evidence_of(drawn) | {"bridge": asdict(second)},
    }
    return Sampled(chains=drawn.chains(options.seed), optimum=optimum, options=options, said=said)


def by_emcee(task: Task, options: SamplerOptions, importance: ImportanceOptions) -> Sampled:
    """Climb, sample by chains, and estimate the evidence by a bridge."""
    run, home = task.run, task.home
    optimum = optimize_stored(task.pose, home / "optimum", {"verb": "optimum"} | dict(task.key), options, run)
    chains = sample(
        *(task.pose, home / "chains", options),
        optimum=optimum,
        workers=run.workers,
        executor=run.executor,
        progress=run.progress,
    )
    key = {"verb": "bridge"} | dict(task.key)
    second = bridged_chains(task.pose, home / "bridge", key, chains, replace(importance, seed=options.seed), run)
    steps = chains.z.shape[1] * options.thin
    enough = steps >= TAUS * chains.autocorrelation_time
    if not enough:
        log.warning(
            "%s: NOT CONVERGED: %d steps are %.0f autocorrelation times; %d are needed",
            *(task.label, steps, steps / chains.autocorrelation_time, TAUS),
        )
    said = {
        "sampler": "emcee",
        "accepted": enough,
        "autocorrelation_time": chains.autocorrelation_time,
        "steps": steps,
        "evidence": {"log": second.log, "error": second.error, "method": "bridge"},
    }
    return Sampled(chains=chains, optimum=optimum, options=options, said=said)


#: Effective draws below which no evidence is told.
LEAST = 100.0


def evidence_of(drawn: Weighted) -> dict[str, object]:
    """Return the evidence as plain data; none where fewer than a hundred effective draws carry it."""
    log_evidence, error = drawn.evidence
    enough = drawn.effective_draws >= LEAST
    return {"log": log_evidence if enough else None, "error": error if enough else None, "method": "importance"}


def part(run: RunOptions, first: int, last: int) -> RunOptions:
    """Return options whose progress is from `first` to `last` of a hundred of the caller's, and never falls."""
    most = first

    def tell(done: int, total: int) -> None:
        nonlocal most
        most = max(most, first + int((last - first) * min(done / max(total, 1), 1.0)))
        run.tell(most, 100)

    return replace(run, progress=tell)


def best_draws(drawn: Weighted, starts: int) -> Floats:
    """Return points to climb from: the best draw, and the best of those that lie farthest from the ones before."""
    value = drawn.log_likelihood - 0.5 * (drawn.z**2).sum(axis=1)
    some = np.argsort(-value, kind="stable")[: max(20, len(value) // 50)]
    chosen = [int(some[0])]
    while len(chosen) < starts:
        apart = np.min([((drawn.z[some] - drawn.z[k]) ** 2).sum(axis=1) for k in chosen], axis=0)
        chosen.append(int(some[np.argmax(apart)]))
    return np.asarray(drawn.z[chosen])


def agree(first: tuple[float, float], second: Bridge) -> bool:
    """Whether two estimates of ln evidence differ by no more than their errors."""
    limit = max(_APART, _ERRORS * float(np.hypot(first[1], second.error)))
    return abs(first[0] - second.log) <= limit
