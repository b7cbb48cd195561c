"""A stage sampled as an average over its structures: each by itself, their draws joined by posterior weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..parameters import ParameterSet
from ..runs import log, one_thread
from ..solver.problem import Floats
from ..store import digest
from ..streams import stream
from ..uncertainty.posterior import Posterior
from .averages import evidence_weights, floored, prior_weights
from .chains import Chains
from .evidence import OF_EVIDENCE, Evidence, compare
from .mixture import AVERAGE, Mixture, design_of
from .optimum import Optimum, optimize_stored
from .problem import Problem, Structure
from .psis import effective_draws, resampled
from .sampled import Sampled, Task, agree, best_draws, part
from .sampling import ImportanceOptions, Pose, SamplerOptions
from .simulator import Size
from .structures import BY_STAGE, Given, pose
from .weighted import CHAINS, LENGTH

#: A structure of less weight may not have converged: few draws of the average are its own.
_COUNTS = 0.01


@dataclass(frozen=True, kw_only=True)
class Question:
    """The structures of a stage, and what all of them are posed with.

    Parameters
    ----------
    stage : str
    structures : tuple of Structure
    size : Size
    results : str, optional
    targets, parameters
        As in `calibrate`.
    floor : {'name+name': share}
        Least weights.
    """

    stage: str
    structures: tuple[Structure, ...]
    size: Size
    results: str | None
    targets: Given = None
    parameters: ParameterSet | None = None
    floor: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        even = np.full(len(self.structures), 1 / len(self.structures))
        floored(even, [s.name for s in self.structures], self.floor or {})  # a wrong name is told before hours of work

    def part(self, structure: Structure) -> Callable[[], Problem]:
        """Return what poses one structure, in another process too."""
        given = {"targets": self.targets, "parameters": self.parameters}
        return partial(pose, self.stage, structure, self.size, self.results, **given)  # type: ignore[arg-type]

    def problem(self, shares: Sequence[float] | None = None) -> Mixture:
        """Return the structures as one problem; with the prior weights of their families by default."""
        given = {"size": self.size, "results": self.results, "targets": self.targets, "parameters": self.parameters}
        base = Problem.pose(self.stage, **given)  # type: ignore[arg-type]
        parts = [Problem.pose(self.stage, structure=s, **given) for s in self.structures]  # type: ignore[arg-type]
        before = prior_weights(self.structures).tolist()
        whole = Mixture.of(base, parts, before if shares is None else shares)
        return replace(whole, design=digest(design_of(whole), repr(self.floor or {})))


def fitted_problem(
    posterior: Posterior, folder: str | Path | None = None, targets: Given = None, size: Size | None = None
) -> Problem:
    """Return the problem of a stored fit: of its structure, or of the average over those it names.

    Raises
    ------
    InputError
        If a structure has another name today, or a target is malformed.
    """
    stage, several = posterior.fit, [n for n, of in posterior.structures.items() if np.isfinite(float(of["evidence"]))]
    named = posterior.manifest.get("structure", "default")
    averaged = named == AVERAGE
    names = list(posterior.structures) if averaged else [str(named)]
    known = {"default": Structure()} | {s.name: s for s in BY_STAGE.get(stage, ())}
    for name in names:
        if name not in known:
            raise InputError(f"The fit {stage} is of the structure {name!r}, which this version does not know.")
    if not averaged:
        return pose(stage, known[names[0]], size, None if folder is None else str(folder), targets)
    given = posterior.manifest.get("floor", {})
    asked = Question(
        stage=stage,
        structures=tuple(known[name] for name in names),
        size=size or Size(),
        results=None if folder is None else str(folder),
        targets=targets,
        floor=given if isinstance(given, Mapping) else {},
    )
    design = asked.problem().design
    some = replace(asked, structures=tuple(known[name] for name in several), floor=None)
    return replace(some.problem([float(posterior.structures[n]["prior_weight"]) for n in several]), design=design)


@dataclass(frozen=True, kw_only=True)
class Averaged:
    """An average over structures that was sampled.

    Parameters
    ----------
    problem : Mixture
        Of the structures whose evidence is known, with the prior weights that a floor leads to.
    sampled : Sampled
    told : {structure: {...}}
        What the posterior says of each.
    leading : Pose, Optimum
        The structure with the largest weight, and its optimum on its own coordinates.
    """

    problem: Mixture
    sampled: Sampled
    told: Mapping[str, Mapping[str, str | float]]
    leading: tuple[Pose, Optimum]


def by_average(question: Question, task: Task, options: ImportanceOptions, starts: int) -> Averaged:
    """Sample every structure of a stage, and draw from all of them by posterior weight.

    Raises
    ------
    InputError
        If the evidence of no structure is known.
    """
    run, home = task.run, task.home
    within = part(run, 0, 90)
    found = compare(
        question.stage,
        home / "structures",
        results=question.results,
        size=question.size,
        targets=question.targets,
        parameters=question.parameters,
        structures=question.structures,
        # what every number is worth is asked of the draws of all together
        options=replace(options, each=0.0, effective=min(options.effective, OF_EVIDENCE.effective)),
        seed=options.seed,
        workers=run.workers,
        executor=run.executor,
        progress=within.tell,
    )
    return _averaged(question, task, found, options, starts)


def _averaged(
    question: Question, task: Task, found: Sequence[Evidence], options: ImportanceOptions, starts: int
) -> Averaged:
    """Weigh the structures, join their draws, and climb to the optimum of the one with the largest weight."""
    told = _told(found, question.floor or {})
    known = [e for e in found if e.told]
    shares = [float(told[e.structure.name]["prior_weight"]) for e in known]
    with one_thread():
        asked = question.problem().design
        problem = replace(question, structures=tuple(e.structure for e in known), floor=None).problem(shares)
        problem = replace(problem, design=asked)
    weights = [float(told[e.structure.name]["weight"]) for e in known]
    top = int(np.argmax(weights))
    first = known[top]
    key = {"verb": "optimum", "structure": first.structure.name} | dict(task.key)
    climbing = SamplerOptions(seed=options.seed, starts=starts)
    points = best_draws(first.drawn, starts), first.drawn.moments[1]
    leading = question.part(first.structure)
    optimum = optimize_stored(leading, task.home / "optimum", key, climbing, part(task.run, 90, 92), points)
    sampled = Sampled(
        chains=_joined(problem, known, weights, options.seed),
        optimum=_lifted(problem, top, optimum),
        options=options,
        said=_said(known, weights, told, options),
    )
    return Averaged(problem=problem, sampled=sampled, told=told, leading=(leading, optimum))


def _told(found: Sequence[Evidence], floor: Mapping[str, float]) -> dict[str, Mapping[str, str | float]]:
    """Return what is known of each structure; prior weights are those that, with the evidence, make the weights."""
    names = [e.structure.name for e in found]
    by_evidence = np.nan_to_num(evidence_weights(found))
    if not by_evidence.any():
        raise InputError("The evidence of no structure is carried by enough draws: there is no average.")
    weights = floored(by_evidence, names, floor)
    prior = prior_weights([e.structure for e in found]) * np.divide(
        weights, by_evidence, out=np.zeros(len(found)), where=by_evidence > 0
    )
    prior /= prior.sum()
    told: dict[str, Mapping[str, str | float]] = {}
    for e, weight, before, plain in zip(found, weights, prior, by_evidence, strict=True):
        value, error = e.drawn.evidence if e.told else (float("nan"), float("nan"))
        told[e.structure.name] = {
            "meaning": e.structure.meaning,
            "weight": float(weight),
            "weight_without_floor": float(plain),
            "prior_weight": float(before),
            "evidence": value,
            "error": error,
        }
        if not e.told:
            log.warning("%s is not in the average: too few draws carry its evidence", e.structure.name)
    return told


def _joined(problem: Mixture, found: Sequence[Evidence], weights: Sequence[float], seed: int) -> Chains:
    """Return draws that count alike, of each structure as many as its weight says, in every chain alike.

    Structures are shuffled; copies of a draw are alike on all coordinates, and stand side by side.
    """
    rng, keys = stream(seed, "mixed"), []
    counts = np.diff(np.round(np.cumsum([0.0, *weights]) / np.sum(weights) * LENGTH).astype(int))
    z, value, terms = [], [], []
    for k, (e, count) in enumerate(zip(found, counts, strict=True)):
        places = resampled(e.drawn.log_weight, CHAINS * int(count), stream(seed, "resample"))
        used, copy = np.unique(places, return_inverse=True)
        z.append(problem.lifted(k, e.drawn.z[used], seed)[copy].reshape(CHAINS, count, 1, -1))
        keys.append(rng.random(len(used))[copy].reshape(CHAINS, count))
        value.append(e.drawn.log_likelihood[places].reshape(CHAINS, count, 1))
        terms.append({id: x[places].reshape(CHAINS, count, 1) for id, x in e.drawn.pointwise.items()})
    order = np.argsort(np.concatenate(keys, axis=1), axis=1, kind="stable")[..., None]

    def joined(parts: Sequence[Floats]) -> Floats:
        return np.take_along_axis(np.concatenate(parts, axis=1), order, axis=1)

    mixed = np.take_along_axis(np.concatenate(z, axis=1), order[..., None], axis=1)
    return Chains(mixed, joined(value), np.ones(CHAINS), {id: joined([t[id] for t in terms]) for id in terms[0]})


def _lifted(problem: Mixture, k: int, optimum: Optimum) -> Optimum:
    """Return the optimum of one structure on the coordinates of all; there its log posterior is the same."""
    z = problem.lifted(k, optimum.z[None], None)[0]
    places = [problem.coordinates.index(name) for name in problem.parts[k].coordinates]
    covariance = np.eye(len(z))
    covariance[np.ix_(places, places)] = optimum.covariance
    return replace(optimum, z=z, covariance=covariance)


def _said(
    found: Sequence[Evidence],
    weights: Sequence[float],
    told: Mapping[str, Mapping[str, str | float]],
    options: ImportanceOptions,
) -> dict[str, object]:
    """Return what diagnostics.json says of the method."""
    with np.errstate(divide="ignore"):  # of a draw that could not be run
        whole = np.concatenate([np.log(e.drawn.weight * w) for e, w in zip(found, weights, strict=True)])
    prior = np.array([float(told[e.structure.name]["prior_weight"]) for e in found])
    sure = [bool(e.drawn.converged and agree(e.drawn.evidence, e.bridge)) for e in found]
    for e, good in zip(found, sure, strict=True):
        if not good:
            log.warning("%s: NOT CONVERGED, or its two estimates of ln evidence differ", e.structure.name)
    return {
        "sampler": "importance",
        "accepted": all(good for good, weight in zip(sure, weights, strict=True) if weight > _COUNTS),
        "effective_draws": effective_draws(whole),
        "pareto_k": max(e.drawn.pareto_k for e in found),
        "rounds": sum(e.drawn.rounds for e in found),
        "evaluations": sum(e.drawn.evaluations for e in found),
        "evidence": {
            "log": _log_sum([e.drawn.evidence[0] for e in found], prior),
            "error": float(np.sqrt(np.sum((np.array(weights) * [e.drawn.evidence[1] for e in found]) ** 2))),
            "method": "importance",
            "bridge": {
                "log": _log_sum([e.bridge.log for e in found], prior),
                "error": float(np.sqrt(np.sum((np.array(weights) * [e.bridge.error for e in found]) ** 2))),
                "draws": sum(e.bridge.draws for e in found),
            },
        },
        "structures": {name: dict(of) for name, of in told.items()},
        "converged_structures": dict(zip([e.structure.name for e in found], sure, strict=True)),
    }


def _log_sum(logs: Sequence[float], prior: Floats) -> float:
    from scipy.special import logsumexp

    return float(logsumexp(logs, b=prior))
