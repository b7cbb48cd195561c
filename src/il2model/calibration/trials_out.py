"""Every trial of a stage foretold from the others: by each structure, and by their average.

A structure without a trial is its draws by smoothed weights; where their Pareto k is above 0.7, it is sampled anew.
The weights of the average are those that the structures have without the trial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..runs import Executor, Progress, RunOptions, crew, log, one_thread
from ..solver.problem import Floats
from ..streams import stream
from .averages import prior_weights
from .evidence import Evidence
from .importance import explore
from .loo import REFIT, points_of, studies_of, without
from .mixture import AVERAGE
from .predictive import percentile_rows, replicates
from .problem import Problem, Structure
from .psis import effective_draws, left_out, normalised, resampled, smoothed
from .sampled import part
from .sampling import ImportanceOptions
from .simulator import Size
from .structures import Given, pose
from .summary import prior_points
from .tables import Row
from .target import Target
from .weighted import Weighted

#: Of a refit: the density of what is left out is known to 0.08.
OF_REFIT = ImportanceOptions(effective=150.0, largest=6144)
#: Draws that foretell a trial.
_DRAWS, _BLOCK = 600, 96
#: Shares of intervals whose coverage is told.
LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True, kw_only=True)
class TrialOut:
    """A trial foretold from the others by a structure, or by the average.

    Parameters
    ----------
    trial, structure : str
    weight : float
        Of the structure without the trial.
    evidence : float
        ln evidence without the trial.
    elpd : float
        ln density of the trial's numbers together from all others.
    pareto_k, effective_draws : float
    method : {'psis', 'refit', 'prior', 'average'}
    converged : bool
    drawn : {target: published numbers as the draws would have them}
    share : (draw,)
        Weights of these.
    rows : list
        A row per number.
    """

    trial: str
    structure: str
    weight: float
    evidence: float
    elpd: float
    pareto_k: float
    effective_draws: float
    method: str
    converged: bool
    drawn: dict[str, list[Target]]
    share: Floats
    rows: list[Row]

    def row(self) -> Row:
        """Return it as a row of a table."""
        return {k: v for k, v in vars(self).items() if k not in ("drawn", "share", "rows")}


def only(problem: Problem, points: Sequence[str]) -> Problem:
    """Return a problem that fits some of its numbers, and checks the others."""
    return without(problem, [p for p in points_of(problem) if p not in points])


def _posed(
    stage: str, structure: Structure, size: Size | None, results: str | None, targets: Given, points: tuple[str, ...]
) -> Problem:  # in a worker too
    return without(pose(stage, structure, size, results, targets), points)


def leave_trials_out(
    stage: str,
    found: Sequence[Evidence],
    folder: str | Path | None = None,
    *,
    results: str | Path | None = None,
    size: Size | None = None,
    targets: Given = None,
    refit: bool = True,
    options: ImportanceOptions | None = None,
    seed: int = 3,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[TrialOut]:
    """Foretell every trial of a stage from the others.

    Parameters
    ----------
    stage : {'imodals', 'mirocals'}
    found : sequence of Evidence
        The structures (`compare`).
    folder : path, optional
        Where refits keep their rounds; a run that was stopped goes on from them.
    results, size, targets
        As in `compare`.
    refit : bool
        Sample anew where Pareto k is above 0.7; without it such a row has not converged.
    options : ImportanceOptions, optional
        Of the refits; by default so many draws that the density is known to 0.08.
    seed : int
    resume, workers, executor, progress
        As in `calibrate`.

    Returns
    -------
    list of TrialOut
        For each trial the structures, and their average last.
    """
    run = RunOptions(resume=resume, workers=workers, executor=executor, progress=progress)
    given = replace(options or OF_REFIT, seed=seed)
    place = None if results is None else str(results)
    told = [e for e in found if e.told]
    posed = partial(pose, stage, size=size or Size(), results=place, targets=targets)
    trials = list(studies_of(posed(told[0].structure)).items())
    all_of_them: list[TrialOut] = []
    with crew(run) as crewed:
        for n, (trial, points) in enumerate(trials):
            each = []
            for k, e in enumerate(told):
                done, whole = n * len(told) + k, len(trials) * len(told)
                mine = part(crewed, 100 * done // whole, 100 * (done + 1) // whole)
                home = None if folder is None else Path(folder) / e.structure.name / "left-out" / trial
                build = partial(_posed, stage, e.structure, size or Size(), place, targets, points)
                again = partial(_refit, build, home, given, mine) if refit else None
                each.append(_one(e, posed(e.structure), trial, points, again, given.seed))
                mine.tell(100, 100)
            all_of_them += _averaged([e.structure for e in told], each, posed(told[0].structure), points)
    return all_of_them


Refit = Callable[[Floats, str], Weighted]


def _refit(
    build: partial[Problem], home: Path | None, options: ImportanceOptions, run: RunOptions, start: Floats, label: str
) -> Weighted:
    return explore(build, home, options, run, start=start, label=label)


def _one(
    e: Evidence, problem: Problem, trial: str, points: tuple[str, ...], refit: Refit | None, seed: int
) -> TrialOut:
    """Foretell a trial by one structure."""
    term = np.sum([e.drawn.pointwise[p] for p in points], axis=0)
    runs = np.isfinite(term)
    elpd, k = left_out(e.drawn.log_weight, term)
    weight = smoothed(np.where(runs, e.drawn.log_weight - np.where(runs, term, 0.0), -np.inf))[0]
    z, worth, method, converged = e.drawn.z, effective_draws(weight), "psis", k <= REFIT
    picked = resampled(weight, _DRAWS, stream(seed, "resample"))
    if set(points) == set(points_of(problem)):  # no number is left
        z, picked, method, converged = prior_points(problem, _DRAWS, seed), np.arange(_DRAWS), "prior", True
        elpd, worth = e.drawn.evidence[0], float(_DRAWS)
    elif k > REFIT and refit is not None:
        start = e.drawn.z[resampled(weight, 2000, stream(seed, "resample"))]
        drawn = refit(start, f"{problem.stage}, {e.structure.name} without {trial}")
        z, worth, method, converged = drawn.z, drawn.effective_draws, "refit", drawn.converged
        picked = drawn.equal(_DRAWS, seed)
        elpd = e.drawn.evidence[0] - drawn.evidence[0]
    log.info("%s without %s: elpd %.2f, Pareto k %.2f, %s", e.structure.name, trial, elpd, k, method)
    drawn_of = _published(only(problem, points), z[picked], seed)
    share = np.full(n := len(next(iter(drawn_of.values()))), 1 / n)
    return TrialOut(
        trial=trial,
        structure=e.structure.name,
        weight=float("nan"),
        evidence=e.drawn.evidence[0] - elpd,
        elpd=elpd,
        pareto_k=k,
        effective_draws=worth,
        method=method,
        converged=bool(converged),
        drawn=drawn_of,
        share=share,
        rows=[row for id, x in drawn_of.items() for row in percentile_rows(problem.targets.targets[id], x, share)],
    )


def _published(problem: Problem, z: Floats, seed: int) -> dict[str, list[Target]]:
    """Return each fitted number as the draws would have published it."""
    with one_thread():
        parts = [problem.predict(problem.table(some)) for some in np.array_split(z, -(-len(z) // _BLOCK))]
        predicted = {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}
        good = np.all([np.isfinite(x.reshape(len(z), -1)).all(axis=1) for x in predicted.values()], axis=0)
        drawn = replicates(problem, {id: x[good] for id, x in predicted.items()}, stream(seed, "predicted_trial"))
    return {t.id: [d.targets[t.id] for d in drawn] for t in problem.fitted}


def _averaged(
    structures: Sequence[Structure], each: Sequence[TrialOut], problem: Problem, points: tuple[str, ...]
) -> list[TrialOut]:
    """Return the structures with their weights without the trial, and their average."""
    prior = prior_weights(structures)
    weight = normalised(np.array([t.evidence for t in each]) + np.log(prior))
    share = np.concatenate([w * t.share for w, t in zip(weight, each, strict=True)])
    fitted = only(problem, points).fitted
    drawn = {t.id: [x for one in each for x in one.drawn[t.id]] for t in fitted}
    whole = TrialOut(
        trial=each[0].trial,
        structure=AVERAGE,
        weight=1.0,
        evidence=float(np.logaddexp.reduce([t.evidence for t in each] + np.log(prior))),
        elpd=float(np.logaddexp.reduce([t.elpd for t in each] + np.log(weight))),
        pareto_k=max(t.pareto_k for t in each),
        effective_draws=float(1 / np.sum(share**2)),
        method=AVERAGE,
        converged=all(t.converged for t, w in zip(each, weight, strict=True) if w > 0.01),
        drawn=drawn,
        share=share,
        rows=[row for t in fitted for row in percentile_rows(t, drawn[t.id], share)],
    )
    return [*(replace(t, weight=float(w)) for t, w in zip(each, weight, strict=True)), whole]


def trial_tables(found: Sequence[TrialOut]) -> tuple[list[Row], list[Row], list[Row]]:
    """Return rows per trial and structure, per number, and per structure: coverage of its intervals and elpd.

    A bound has no percentile, and counts in no coverage.
    """
    numbers: list[Row] = []
    for t in found:
        for row in t.rows:
            inside = "" if row["percentile"] == "" else bool(0.025 <= float(row["percentile"]) <= 0.975)
            numbers.append({"left_out": t.trial, "structure": t.structure, **row, "inside_95": inside})
    coverage: list[Row] = []
    for name in dict.fromkeys(t.structure for t in found):
        away = np.array(
            [abs(2 * float(r["percentile"]) - 1) for r in numbers if r["structure"] == name and r["percentile"] != ""]
        )
        mine = [t for t in found if t.structure == name]
        coverage.append(
            {
                "structure": name,
                "numbers": len(away),
                **{f"inside_{100 * level:.0f}": float((away <= level).mean()) for level in LEVELS},
                "elpd": float(sum(t.elpd for t in mine)),
                "refits": sum(t.method == "refit" for t in mine),
                "converged": all(t.converged for t in mine),
            }
        )
    return [t.row() for t in found], numbers, coverage
