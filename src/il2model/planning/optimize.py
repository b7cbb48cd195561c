"""Search for regimens: amount, days on, cycle length, under limits on cells and injections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from ..dosing.courses import days_after_the_last_cycle, named_plan
from ..dosing.regimen import Regimen
from ..endpoints.registry import CONTRASTS, LIMITS
from ..errors import InputError, unknown_name
from ..manifest import manifest
from ..parameters import ParameterSet, load_parameters
from ..population.cohort import Cohort
from ..runs import Executor, Progress, RunOptions, ordered
from ..simulation.cohort import Task, solve_cohort
from ..solver.kernel import builtin_kernel
from ..solver.problem import Floats, SolverOptions
from ..store import BlockStore
from ..streams import checked_seed
from ..trial_files import REFERENCE, reference_follow_up
from ..trials.recipe import parameter_key
from ..uncertainty.draws import draw
from .result import Search

if TYPE_CHECKING:
    import pandas as pd

#: Ranges of the search: MIU a day, days on, days of a cycle.
BOUNDS: Mapping[str, tuple[float, float]] = {"amount": (0.25, 4.0), "days": (1, 10), "every": (14, 42)}
#: Days of the reference trial: of its follow-up, and of those after its last cycle.
UNTIL = reference_follow_up()
AFTER = days_after_the_last_cycle(named_plan(REFERENCE))
#: Regimens of a generation.
GENERATION = 16
Candidate = tuple[float, int, int]


def optimize(
    objective: str = "survival_difference",
    *,
    limits: Mapping[str, float] | None = None,
    injections_per_year: float | None = None,
    until: float = UNTIL,
    patients: int = 64,
    draws: int = 12,
    seed: int = 0,
    generations: int = 6,
    parameters: ParameterSet | None = None,
    folder: str | Path | None = None,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Search:
    """Search regimens by differential evolution (SciPy).

    Parameters
    ----------
    objective : {'survival_difference', 'alsfrs_r_difference'}
    limits : mapping, optional
        Largest value allowed of an observable, in its unit, as the cohort's median; see `endpoints.limits()`.
    injections_per_year : float, optional
        Most injections a year.
    until : float
        Days.
    patients : int
        Of the cohort that every regimen is judged on, always the same.
    draws : int
        Posterior draws for the intervals of what is not dominated; 0 for none.
    seed : int
    generations : int
        Of the search; 16 regimens each.
    parameters : ParameterSet, optional
    folder : path, optional
        What was found of each regimen is stored there, and is not simulated again; a longer search goes on from it.
    resume : bool
        False refuses a folder that holds regimens.
    workers : int, optional
        Threads that simulate; all processors by default.
    executor : optional
        Anything with `submit(f, *args)`, such as a Dask client: regimens are judged there. The search itself goes
        step by step; the intervals are judged side by side.
    progress : callable, optional
        `progress(done, total)` in regimens judged; the intervals are added once it is known how many there are.

    Returns
    -------
    Search
        It does not depend on folder, workers or executor.

    Raises
    ------
    InputError, UnknownNameError
    """
    options = RunOptions(folder=folder, resume=resume, workers=workers, executor=executor, progress=progress)
    bounds = dict(limits or {})
    _check(objective, bounds, injections_per_year, patients, generations, draws)
    values = parameters if parameters is not None else load_parameters()
    asked = {
        "objective": objective,
        "limits": bounds,
        "injections_per_year": injections_per_year,
        "until": float(until),
        "patients": patients,
        "draws": draws,
        "seed": checked_seed(seed),
    }
    model = builtin_kernel().blueprint.fingerprint
    key = {"verb": "optimize", "version": __version__, "model": model, "parameters": parameter_key(values)}
    store = BlockStore(options.folder, key | asked, resume=options.resume)
    judge = _Judge(
        store=store,
        options=options,
        total=GENERATION * (generations + 1),
        panel=_Panel(
            objective=objective,
            limits=tuple(bounds),
            until=float(until),
            patients=patients,
            seed=seed,
            parameters=values,
            workers=options.workers if executor is None else 1,
        ),
    )
    frame = _search(judge, objective, bounds, injections_per_year, generations, seed)
    if draws:
        _intervals(frame, judge, draw(values, draws, seed).sets())
    judge.finish()
    record = manifest(
        model_hash=model,
        parameter_hash=values.fingerprint(),
        parameter_set=values.name,
        calibrated=values.calibrated,
        details={"search": asked | {"generations": generations}},
    )
    search = Search(objective=objective, limits=bounds, table=frame, patients=patients, manifest=record)
    search.save(store)
    return search


def _check(
    objective: str,
    limits: Mapping[str, float],
    injections_per_year: float | None,
    patients: int,
    generations: int,
    draws: int,
) -> None:
    if objective not in CONTRASTS:
        raise unknown_name("objective", objective, CONTRASTS)
    for name, value in limits.items():
        if name not in LIMITS:
            raise unknown_name("quantity to limit", name, LIMITS)
        if not value > 0:
            raise InputError(f"The limit of {name} is {value:g}; it must be above zero.")
    if injections_per_year is not None and not injections_per_year > 0:
        raise InputError("The injections a year must be above zero.")
    if patients < 2 or generations < 1 or draws < 0:
        raise InputError("A search needs at least 2 patients, 1 generation, and 0 or more draws.")


def _search(
    judge: _Judge,
    objective: str,
    limits: Mapping[str, float],
    injections_per_year: float | None,
    generations: int,
    seed: int,
) -> pd.DataFrame:
    """Return a row per regimen that the search tried."""
    import pandas as pd
    from scipy.optimize import differential_evolution

    tried: dict[Candidate, dict[str, Any]] = {}

    def cost(x: Floats) -> float:
        candidate = (round(float(x[0]) * 4) / 4, round(float(x[1])), round(float(x[2])))
        if candidate not in tried:
            amount, days, every = candidate
            row: dict[str, Any] = {"amount": amount, "days": days, "every": every}
            row["injections_per_year"] = min(days, every) * 365.25 / every
            tried[candidate] = row | judge(candidate)
        judge.tell()
        row = tried[candidate]
        over = sum(max(0.0, row[name] / value - 1) for name, value in limits.items())
        if injections_per_year is not None:
            over += max(0.0, row["injections_per_year"] / injections_per_year - 1)
        row["allowed"] = over == 0.0 and np.isfinite(row[objective])
        if not np.isfinite(row[objective]):
            return float("inf")  # nobody is left to judge it by
        return over if over > 0 else -float(row[objective]) / CONTRASTS[objective].scale

    differential_evolution(
        cost,
        list(BOUNDS.values()),
        integrality=[False, True, True],
        popsize=5,
        maxiter=generations,
        seed=seed,
        polish=False,
        tol=0.0,
        init="sobol",
    )
    frame = pd.DataFrame(list(tried.values())).sort_values("injections_per_year", ignore_index=True)
    frame["non_dominated"] = _non_dominated(frame, objective)
    return frame


def _non_dominated(frame: pd.DataFrame, objective: str) -> list[bool]:
    """Mark allowed regimens that no other beats with as few injections."""
    best, marks = -np.inf, []
    for _, row in frame.sort_values(["injections_per_year", objective], ascending=[True, False]).iterrows():
        better = bool(row["allowed"]) and row[objective] > best + 1e-12
        best = max(best, row[objective]) if better else best
        marks.append((row.name, better))
    return [flag for _, flag in sorted(marks)]


def _intervals(frame: pd.DataFrame, judge: _Judge, sets: list[ParameterSet]) -> None:
    """Add 5 to 95 % over posterior draws to what is not dominated."""
    for name in ("low", "high"):
        frame[name] = np.nan
    shown = list(frame.index[frame["non_dominated"]])
    candidates = [(float(a), int(d), int(e)) for a, d, e in frame.loc[shown, ["amount", "days", "every"]].to_numpy()]
    differences = judge.over_draws(candidates, sets)
    for index, row in zip(shown, differences, strict=True):
        frame.loc[index, ["low", "high"]] = np.nanquantile(row, (0.05, 0.95))


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """The patients that judge regimens, and what they are asked."""

    objective: str
    limits: tuple[str, ...]
    until: float
    patients: int
    seed: int
    parameters: ParameterSet
    workers: int | None

    def __hash__(self) -> int:
        return hash((self.objective, self.limits, self.until, self.patients, self.seed, self.parameters.fingerprint()))

    def regimen(self, candidate: Candidate) -> Regimen:
        """Return the cycles that end as long before the follow-up does as those of the reference trial."""
        amount, days, every = candidate
        cycles = max(1, int((self.until - AFTER) // every))
        return Regimen.cyclic(amount=amount, days=min(days, every), every=every, cycles=cycles)

    def seen(self, plan: Regimen) -> tuple[Floats, Mapping[str, Floats]]:
        """Return what the objective reads of each patient at the end, and his largest limited values."""
        base = CONTRASTS[self.objective].base
        # cells are judged over the first cycles, daily: they settle within a few months
        save = np.unique(np.concatenate([np.arange(0, min(112.0, self.until) + 0.5, 1.0), [self.until]]))
        cohort, ids = _cohort(self), list(dict.fromkeys([base.observable, *self.limits]))
        task = Task(
            kernel=cohort.kernel, plans=[plan], save=save, until=self.until, ids=ids, options=SolverOptions(rtol=1e-4)
        )
        which = np.zeros(len(cohort), np.int64)
        values = solve_cohort(task, cohort.rows, which, RunOptions(workers=self.workers)).values
        return base.read(save, values[base.observable]), {i: LIMITS[i].read(save, values[i]) for i in self.limits}


@lru_cache(maxsize=32)
def _cohort(panel: _Panel) -> Cohort:
    return Cohort.sample(panel.patients, panel.seed, parameters=panel.parameters)


@lru_cache(maxsize=32)
def _control(panel: _Panel) -> Floats:
    return panel.seen(Regimen.named("placebo"))[0]


def _judged(question: tuple[_Panel, Candidate]) -> dict[str, float]:
    """Return the objective, the limited quantities, and how many patients both arms leave out; in any process."""
    panel, candidate = question
    contrast, control = CONTRASTS[panel.objective], _control(panel)
    ends, peaks = panel.seen(panel.regimen(candidate))
    good = np.isfinite(ends) & np.isfinite(control)
    if not good.any():
        return dict.fromkeys((contrast.id, *peaks), float("nan")) | {"left_out": float(len(good))}
    treated, untreated = (float(contrast.base.summary(x[good])) for x in (ends, control))
    limited = {i: float(LIMITS[i].summary(x[good])) for i, x in peaks.items()}
    return {contrast.id: treated - untreated, **limited, "left_out": float((~good).sum())}


class _Judge:
    """Asks the panel, keeps its answers, and counts."""

    def __init__(self, *, panel: _Panel, store: BlockStore, options: RunOptions, total: int) -> None:
        self.panel, self.store, self.options, self.total, self.done = panel, store, options, total, 0

    def __call__(self, candidate: Candidate) -> dict[str, float]:
        """Return what the panel says of a regimen."""
        return self._answers([("regimen", self.panel, candidate)])[0]

    def over_draws(self, candidates: list[Candidate], sets: list[ParameterSet]) -> list[list[float]]:
        """Return the objective (candidate, draw) among the patients of each parameter draw."""
        self.done = self.total  # the search may have ended before its last generation
        self.total += len(candidates) * len(sets)
        few = max(16, self.panel.patients // 4)
        panels = [replace(self.panel, limits=(), patients=few, parameters=one) for one in sets]
        asked = [(f"draw-{k:05d}", p, c) for c in candidates for k, p in enumerate(panels)]
        values = [answer[self.panel.objective] for answer in self._answers(asked, tell=True)]
        return [values[k : k + len(sets)] for k in range(0, len(values), len(sets))]

    def tell(self) -> None:
        """Report one more regimen."""
        self.done += 1
        self.options.tell(min(self.done, self.total), self.total)

    def finish(self) -> None:
        """Report that all is done."""
        self.options.tell(self.total, self.total)

    def _answers(self, asked: list[tuple[str, _Panel, Candidate]], *, tell: bool = False) -> list[dict[str, float]]:
        names = [f"{what}-{amount:g}-{days}-{every}" for what, _, (amount, days, every) in asked]
        blocks = [self.store.get(name) for name in names]
        questions = [(p, c) for (_, p, c), block in zip(asked, blocks, strict=True) if block is None]
        results = iter(
            map(_judged, questions) if self.options.executor is None else ordered(_judged, questions, self.options)
        )
        answers = []
        for name, block in zip(names, blocks, strict=True):
            if block is None:
                answer = next(results)
                self.store.put(name, {"values": np.array(list(answer.values()))}, names=list(answer))
            else:
                answer = dict(zip(block.meta["names"], block["values"].tolist(), strict=True))
            answers.append(answer)
            if tell:
                self.tell()
        return answers
