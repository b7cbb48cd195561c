"""Published numbers foretold from all others: leave one target or one study out, by importance, or by a refit.

Pareto-smoothed importance sampling turns draws of the whole fit into draws of the fit without some numbers
(Vehtari, Gelman and Gabry 2017); where its k is above 0.7 that cannot be trusted, and the rest is sampled anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np

from ..runs import Executor, Progress, RunOptions, crew, log, one_thread
from ..solver.problem import Floats
from ..streams import stream
from ..uncertainty.posterior import Posterior
from .importance import explore
from .likelihood import pointwise
from .predictive import flat, percentile_rows, predict, replicates, stored_problem
from .problem import Problem
from .psis import effective_draws, left_out, smoothed
from .sampling import ImportanceOptions
from .summary import prior_points
from .tables import Row
from .target import Joint, Target
from .targets import Source

#: Above this k the weights of the whole fit do not carry a left-out number.
REFIT = 0.7
#: Above this k the rest lies far from the whole fit: weights have no mean.
_FAR = 1.0
#: Draws of a refit that foretell.
_DRAWS = 1000
By = Literal["target", "study"]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Numbers that were left out together.

    Parameters
    ----------
    by : {'target', 'study'}
    name : str
    points : tuple of str
        Targets, or joint laws of several.
    elpd, error : float
        Their log density from all other numbers, and its Monte Carlo error.
    fitted : float
        The same from all numbers: what a fit that has seen them says.
    pareto_k : float
        Of the weights of the whole fit.
    method : {'psis', 'refit', 'prior'}
        'prior' where no number is left.
    effective_draws : float
    converged : bool
    rows : list
        A row per number: published, foretold and its percentile.
    """

    by: By
    name: str
    points: tuple[str, ...]
    elpd: float
    error: float
    fitted: float
    pareto_k: float
    method: Literal["psis", "refit", "prior"]
    effective_draws: float
    converged: bool
    rows: list[Row]

    def row(self) -> Row:
        """Return it as a row of leave-one-out.csv."""
        said: Row = {k: v for k, v in vars(self).items() if k not in ("rows", "points")}
        return {**said, "points": " ".join(self.points)}


@dataclass(frozen=True, kw_only=True)
class _Draws:
    """Draws of a posterior, their terms of the log likelihood and what each would have published."""

    terms: Mapping[str, Floats]
    published: Sequence[Mapping[str, Target]]

    @classmethod
    def of(cls, problem: Problem, z: Floats, seed: int) -> _Draws:
        predicted = predict(problem, z)
        terms = pointwise(problem.fitted, problem.targets, predicted)
        good = np.isfinite(np.sum(list(terms.values()), axis=0))
        some = {id: x[good] for id, x in predicted.items()}
        drawn = replicates(problem, some, stream(seed, "predicted_trial"))
        return cls(terms={id: x[good] for id, x in terms.items()}, published=[d.targets for d in drawn])


def points_of(problem: Problem) -> dict[str, tuple[Target, ...]]:
    """Return the targets of each term of the log likelihood: a target, or the members of a joint law."""
    found: dict[str, tuple[Target, ...]] = {t.id: (t,) for t in problem.fitted if t.joint is None}
    joints: tuple[Joint, ...] = problem.targets.joints_of(problem.fitted)
    return found | {j.id: tuple(problem.targets.targets[m] for m in j.members) for j in joints}


def studies_of(problem: Problem) -> dict[str, tuple[str, ...]]:
    """Return the terms of each study: a trial, or a source where a file holds the numbers of several."""
    sources: dict[str, set[str]] = {}
    for t in problem.fitted:
        sources.setdefault(t.trial, set()).add(t.source)
    found: dict[str, tuple[str, ...]] = {}
    for point, targets in points_of(problem).items():
        study = targets[0].trial if len(sources[targets[0].trial]) == 1 else targets[0].source
        found[study] = (*found.get(study, ()), point)
    return found


def without(problem: Problem, points: Sequence[str]) -> Problem:
    """Return a problem that checks some of its numbers in place of fitting them; coordinates stay as they are."""
    members = {t.id for p in points for t in points_of(problem)[p]}
    new = {id: replace(t, use="check") if id in members else t for id, t in problem.targets.targets.items()}
    return replace(problem, targets=replace(problem.targets, targets=MappingProxyType(new)))


def _posed(
    stage: str, folder: str | None, targets: Source | list[Source] | None, points: tuple[str, ...]
) -> Problem:  # in a worker too
    return without(stored_problem(Posterior.load(stage, folder), folder, targets), points)


def leave_out(
    stage: str,
    folder: str | Path | None = None,
    *,
    by: Sequence[By] = ("target", "study"),
    targets: Source | list[Source] | None = None,
    refit: bool = True,
    options: ImportanceOptions | None = None,
    seed: int = 3,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[LeftOut]:
    """Foretell every published number of a stored stage from all others.

    Parameters
    ----------
    stage : {'pk', 'imodals', 'progression', 'mirocals'}
    folder : path, optional
        The fits; those that ship by default. Refits keep their rounds in `folder/stage/left-out`.
    by : sequence of {'target', 'study'}
        Leave out one target, or all of one study, at a time.
    targets : path, name, Trial, or a list of them, optional
        What the fit was fitted to, as in `calibrate`.
    refit : bool
        Sample anew where Pareto k is above 0.7; without it such a row has not converged.
    options : ImportanceOptions, optional
        Of the refits.
    seed : int
    resume, workers, executor, progress
        As in `calibrate`.

    Returns
    -------
    list of LeftOut

    Raises
    ------
    InputError
        If there is no such fit, or it is of another model or other targets.
    """
    run = RunOptions(resume=resume, workers=workers, executor=executor, progress=progress)
    posterior = Posterior.load(stage, folder)
    place = None if folder is None else str(folder)
    given = replace(options or ImportanceOptions(effective=400.0), seed=seed)
    found: list[LeftOut] = []
    with crew(run) as crewed:
        with one_thread():
            problem = stored_problem(posterior, folder, targets)
            whole = _Draws.of(problem, flat(posterior), seed)
        todo = list(_groups(problem, by))
        for k, (kind, name, points) in enumerate(todo):
            one = _by_weights(problem, whole, kind, name, points)
            if one.pareto_k > REFIT and refit:
                home = None if folder is None else Path(folder) / stage / "left-out" / f"{kind}-{name}"
                mine = replace(crewed, progress=None)
                pose = partial(_posed, stage, place, targets, points)
                one = _by_refit(problem, one, pose, home, given, mine, flat(posterior))
            log.info("%s without %s: elpd %.2f, Pareto k %.2f, %s", stage, name, one.elpd, one.pareto_k, one.method)
            found.append(one)
            run.tell(k + 1, len(todo))
    return found


def _groups(problem: Problem, by: Sequence[By]) -> Iterator[tuple[By, str, tuple[str, ...]]]:
    if "target" in by:
        yield from (("target", p, (p,)) for p in points_of(problem))
    if "study" in by:
        yield from (("study", name, points) for name, points in studies_of(problem).items())


def _by_weights(problem: Problem, whole: _Draws, by: By, name: str, points: tuple[str, ...]) -> LeftOut:
    """Foretell by the draws of the whole fit, weighted."""
    term = np.sum([whole.terms[p] for p in points], axis=0)
    log_weight, k = smoothed(-term)
    weight = np.exp(log_weight)
    return LeftOut(
        by=by,
        name=name,
        points=points,
        elpd=left_out(np.zeros(len(term)), term)[0],
        error=_error(weight, term),
        fitted=_log_mean(np.full(len(term), 1 / len(term)), term),
        pareto_k=k,
        method="psis",
        effective_draws=effective_draws(log_weight),
        converged=k <= REFIT,
        rows=_rows(problem, whole, points, weight),
    )


def _by_refit(
    problem: Problem,
    one: LeftOut,
    pose: partial[Problem],
    home: Path | None,
    options: ImportanceOptions,
    run: RunOptions,
    start: Floats,
) -> LeftOut:
    """Foretell by draws of a fit without the numbers; by draws of the prior where no number is left."""
    if set(one.points) == set(points_of(problem)):
        z, worth, converged = prior_points(problem, 2 * _DRAWS, options.seed), 2.0 * _DRAWS, True
    else:
        # far from the whole fit, its draws are no start: from the prior on
        near = start if one.pareto_k <= _FAR else None
        drawn = explore(pose, home, options, run, start=near, label=f"{problem.stage} without {one.name}")
        z, worth, converged = drawn.z[drawn.equal(_DRAWS, options.seed)], drawn.effective_draws, drawn.converged
    with one_thread():
        new = _Draws.of(problem, z, options.seed)
    term = np.sum([new.terms[p] for p in one.points], axis=0)
    even = np.full(len(term), 1 / len(term))
    return replace(
        one,
        elpd=_log_mean(even, term),
        error=_error(even, term) * float(np.sqrt(max(1.0, len(term) / worth))),
        method="prior" if set(one.points) == set(points_of(problem)) else "refit",
        effective_draws=worth,
        converged=converged,
        rows=_rows(problem, new, one.points, even),
    )


def _rows(problem: Problem, draws: _Draws, points: Sequence[str], weight: Floats) -> list[Row]:
    targets = [t for p in points for t in points_of(problem)[p]]
    return [row for t in targets for row in percentile_rows(t, [d[t.id] for d in draws.published], weight)]


def _log_mean(weight: Floats, term: Floats) -> float:
    from scipy.special import logsumexp

    return float(logsumexp(term, b=weight))


def _error(weight: Floats, term: Floats) -> float:
    """Return the error of the log of a weighted mean density."""
    ratio = np.exp(term - _log_mean(weight, term))
    return float(np.sqrt(((weight * (ratio - 1)) ** 2).sum()))


def tables(stage: str, found: Sequence[LeftOut]) -> tuple[list[Row], list[Row]]:
    """Return the rows of leave-one-out.csv (per left-out group) and of foretold.csv (per number)."""
    groups: list[Row] = [{"stage": stage, **one.row()} for one in found]
    rows: list[Row] = [{"stage": stage, "by": one.by, "left_out": one.name, **r} for one in found for r in one.rows]
    return groups, rows
