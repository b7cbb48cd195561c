"""Search for regimens: amount, days on, cycle length, under limits on cells and injections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..clock import day_of
from ..endpoints.registry import CONTRASTS, LIMITS
from ..errors import InputError, unknown_name
from ..parameters import ParameterSet, load_parameters
from ..runs import Executor, Progress, RunOptions
from ..solver.problem import Floats
from ..store import BlockStore
from ..streams import checked_seed
from ..trial_files import reference_follow_up
from ..trials.recipe import job_of, record_of
from ..uncertainty.draws import MOST, draw, told_of_draws
from ..uncertainty.study import Study, checked_study
from ..units import to_float, to_whole
from .panel import Candidate, Judge, Panel
from .result import Search

if TYPE_CHECKING:
    import pandas as pd

#: Ranges of the search: MIU a day, days on, days of a cycle.
BOUNDS: Mapping[str, tuple[float, float]] = {"amount": (0.25, 4.0), "days": (1, 10), "every": (14, 42)}
#: Days of the search: the follow-up of the reference trial.
UNTIL = reference_follow_up()
#: Regimens of a generation.
GENERATION = 16


def optimize(
    objective: str = "survival_difference",
    *,
    limits: Mapping[str, float | str] | None = None,
    injections_per_year: float | None = None,
    until: float | str = UNTIL,
    patients: int = 64,
    draws: int = 12,
    study: Study = "imodals",
    seed: int = 0,
    generations: int = 6,
    parameters: ParameterSet | None = None,
    folder: str | Path | None = None,
    resume: bool = True,
    overwrite: bool = False,
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
    until : float or str
        Days ('640 day').
    patients : int
        Of the cohort that every regimen is judged on, always the same.
    draws : int
        Posterior draws for the intervals of what is not dominated; 0 for none.
    study : {'imodals', 'new'}
        Whose patients the draws describe: those of IMODALS, or those of a trial that nobody has seen.
    seed : int
    generations : int
        Of the search; 16 regimens each.
    parameters : ParameterSet, optional
    folder : path, optional
        What was found of each regimen is stored there, and is not simulated again; a longer search goes on from it.
    resume : bool
        False refuses a folder that holds regimens.
    overwrite : bool
        What the package wrote into the folder is removed, and the run begins anew; other files stay.
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
    options = RunOptions(
        folder=folder, resume=resume, overwrite=overwrite, workers=workers, executor=executor, progress=progress
    )
    if objective not in CONTRASTS:
        raise unknown_name("objective", objective, CONTRASTS)
    bounds, most, end = _bounds(limits or {}), _most(injections_per_year), _end(until)
    patients, seed = to_whole(patients, "patients", 2, 100_000), checked_seed(seed)
    generations, draws = to_whole(generations, "generations", 1, 10_000), to_whole(draws, "draws", 0, MOST)
    values = parameters if parameters is not None else load_parameters()
    study = checked_study(study, drawn=draws > 0)
    asked = {
        "objective": objective,
        "limits": bounds,
        "injections_per_year": most,
        "until": end,
        "patients": patients,
        "draws": draws,
        "seed": seed,
        **({"study": study} if study != "imodals" else {}),
    }
    job = job_of("optimize", values) | asked
    store = BlockStore(options.folder, job, resume=options.resume, overwrite=options.overwrite)
    panel = Panel(
        objective=objective,
        limits=tuple(bounds),
        until=end,
        patients=patients,
        seed=seed,
        parameters=values,
        workers=options.workers if executor is None else 1,
    )
    judge = Judge(store=store, options=options, total=GENERATION * (generations + 1), panel=panel)
    frame = _search(judge, objective, bounds, most, generations, seed)
    if draws:
        _intervals(frame, judge, draw(values, draws, seed, study=study).sets())
    judge.finish()
    told = asked | {"generations": generations} | (told_of_draws(values, study) if draws else {})
    record = record_of(values, {"search": told})
    search = Search(objective=objective, limits=bounds, table=frame, patients=patients, manifest=record)
    search.save(store)
    return search


def _bounds(limits: Mapping[str, float | str]) -> dict[str, float]:
    """Return the largest values allowed, in the units of their quantities."""
    if not isinstance(limits, Mapping):
        raise InputError(f"limits is {limits!r}; it must map the id of a quantity to its largest value.")
    bounds = {}
    for name, value in limits.items():
        if name not in LIMITS:
            raise unknown_name("quantity to limit", name, LIMITS)
        bounds[name] = to_float(value, LIMITS[name].unit, what=f"the limit of {name}")
        if not bounds[name] > 0:
            raise InputError(f"The limit of {name} is {bounds[name]:g}; it must be above zero.")
    return bounds


def _most(injections_per_year: float | None) -> float | None:
    if injections_per_year is None:
        return None
    most = to_float(injections_per_year, "1", what="injections_per_year")
    if not most > 0:
        raise InputError("The injections a year must be above zero.")
    return most


def _end(until: float | str) -> float:
    """Return the last day; the shortest search holds one cycle of the most days on."""
    end, least = day_of(until, "until"), BOUNDS["days"][1]
    if not least <= end <= 36_525:
        raise InputError(f"until is {end:g} day; a search needs from {least:g} to 36525 (100 years).")
    return end


def _search(
    judge: Judge,
    objective: str,
    limits: Mapping[str, float],
    injections_per_year: float | None,
    generations: int,
    seed: int,
) -> pd.DataFrame:
    """Return a row per regimen that the search tried."""
    import pandas as pd

    tried: dict[Candidate, dict[str, float]] = {}

    def cost(x: Floats) -> float:
        candidate = (round(float(x[0]) * 4) / 4, round(float(x[1])), round(float(x[2])))
        if candidate not in tried:
            amount, days, every = candidate
            yearly = min(days, every) * 365.25 / every
            row: dict[str, float] = {"amount": amount, "days": days, "every": every, "injections_per_year": yearly}
            far = judge.panel.regimen(candidate).extrapolation(judge.panel.until)
            tried[candidate] = row | judge(candidate) | {"times_studied": far.factor, "studied": not far.outside}
        judge.tell()
        row = tried[candidate]
        over = sum(max(0.0, row[name] / value - 1) for name, value in limits.items())
        if injections_per_year is not None:
            over += max(0.0, row["injections_per_year"] / injections_per_year - 1)
        row["allowed"] = over == 0.0 and np.isfinite(row[objective])
        if not np.isfinite(row[objective]):
            return float("inf")  # nobody is left to judge it by
        return over if over > 0 else -float(row[objective]) / CONTRASTS[objective].scale

    _evolve(cost, generations, seed)
    frame = pd.DataFrame(list(tried.values())).sort_values("injections_per_year", ignore_index=True)
    frame["non_dominated"] = _non_dominated(frame, objective)
    return frame


def _evolve(cost: Callable[[Floats], float], generations: int, seed: int) -> None:
    """Let differential evolution ask for the cost of one candidate after the other."""
    from scipy.optimize import differential_evolution

    raised: list[Exception] = []

    def told(x: Floats) -> float:  # SciPy turns what a cost raises into a sentence about its own arguments
        try:
            return cost(x)
        except Exception as error:
            raised.append(error)
            raise

    try:
        differential_evolution(
            told,
            list(BOUNDS.values()),
            integrality=[False, True, True],
            popsize=5,
            maxiter=generations,
            seed=seed,
            polish=False,
            tol=0.0,
            init="sobol",
        )
    except RuntimeError:
        if raised:
            raise raised[0] from None
        raise


def _non_dominated(frame: pd.DataFrame, objective: str) -> list[bool]:
    """Mark allowed regimens that no other beats with as few injections."""
    best, marks = -np.inf, []
    for _, row in frame.sort_values(["injections_per_year", objective], ascending=[True, False]).iterrows():
        better = bool(row["allowed"]) and row[objective] > best + 1e-12
        best = max(best, row[objective]) if better else best
        marks.append((row.name, better))
    return [flag for _, flag in sorted(marks)]


def _intervals(frame: pd.DataFrame, judge: Judge, sets: list[ParameterSet]) -> None:
    """Add 5 to 95 % over posterior draws to what is not dominated, and whom the draws leave out."""
    for name in ("low", "high", "draws_failed", "draws_left_out"):
        frame[name] = np.nan
    shown = list(frame.index[frame["non_dominated"]])
    if not shown:
        return
    candidates = [(float(a), int(d), int(e)) for a, d, e in frame.loc[shown, ["amount", "days", "every"]].to_numpy()]
    differences, left_out = judge.over_draws(candidates, sets)
    for index, row, missing in zip(shown, differences, left_out, strict=True):
        ran = row[np.isfinite(row)]
        if len(ran):
            frame.loc[index, ["low", "high"]] = np.quantile(ran, (0.05, 0.95))
        frame.loc[index, ["draws_failed", "draws_left_out"]] = len(row) - len(ran), missing.sum()
