"""Search for regimens: amount, days on, cycle length, under limits on cells and injections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import simulate
from ..dosing.regimen import Regimen
from ..endpoints.registry import CONTRASTS, LIMITS
from ..errors import InputError, unknown_name
from ..parameters import ParameterSet, load_parameters
from ..population.cohort import Cohort
from ..solver.problem import Floats, SolverOptions
from ..uncertainty.draws import draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Ranges of the search: MIU a day, days on, days of a cycle.
BOUNDS: Mapping[str, tuple[float, float]] = {"amount": (0.25, 4.0), "days": (1, 10), "every": (14, 42)}


@dataclass(frozen=True)
class Search:
    """Regimens that were tried, and which of them no other beats with as few injections a year.

    `table` has amount, days, every, injections_per_year, the objective, every limited quantity, left_out
    (patients whose run failed in an arm: they count in neither), allowed, non_dominated (an allowed regimen
    that none tried with as few injections beats: the search has one objective, so this is no Pareto front);
    those rows also low and high (5 to 95 % over posterior draws).
    """

    objective: str
    limits: Mapping[str, float]
    table: pd.DataFrame
    calibrated: bool

    def plot(self) -> Figure:
        """Draw the objective against injections a year, with what is not dominated and its intervals."""
        from .figures import search_figure

        return search_figure(self)


def optimize(
    objective: str = "survival_difference",
    *,
    limits: Mapping[str, float] | None = None,
    injections_per_year: float | None = None,
    until: float = 640.0,
    patients: int = 64,
    draws: int = 12,
    seed: int = 0,
    generations: int = 6,
    parameters: ParameterSet | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
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
    generations : int
        Of the search; 15 regimens each.
    progress : callable, optional
        Gets the number of regimens tried.

    Raises
    ------
    InputError, UnknownNameError
    """
    import pandas as pd
    from scipy.optimize import differential_evolution

    limits = dict(limits or {})
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
    values = parameters if parameters is not None else load_parameters()
    judge = _Judge(objective, limits, until, Cohort.sample(patients, seed, parameters=values), threads)
    tried: dict[tuple[float, int, int], dict[str, Any]] = {}

    def cost(x: Floats) -> float:
        key = (round(float(x[0]) * 4) / 4, round(float(x[1])), round(float(x[2])))
        if key not in tried:
            tried[key] = judge(*key)
            if progress is not None:
                progress(len(tried))
        row = tried[key]
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
    if draws:
        _intervals(frame, objective, judge, draw(values, draws, seed).sets(), seed)
    return Search(objective, limits, frame, values.calibrated)


class _Judge:
    """What a regimen does to one cohort."""

    def __init__(
        self, objective: str, limits: Mapping[str, float], until: float, cohort: Cohort, threads: int | None
    ) -> None:
        self.objective, self.limits, self.until, self.threads = CONTRASTS[objective], limits, until, threads
        self.cohort = cohort
        self.control = self._seen(Regimen.named("placebo"), cohort)[0]

    def regimen(self, amount: float, days: int, every: int) -> Regimen:
        """Return the cycles that end before the follow-up does, as MIROCALS stopped at 509 of 640 days."""
        cycles = max(1, int((self.until - 108) // every))
        return Regimen.cyclic(amount=amount, days=min(days, every), every=every, cycles=cycles)

    def _seen(self, plan: Regimen, cohort: Cohort) -> tuple[Floats, Mapping[str, Floats]]:
        """Return what the objective reads of each patient at the end, and his largest limited values."""
        import warnings

        base = self.objective.base
        # cells are judged over the first cycles, daily: they settle within a few months
        save = np.unique(np.concatenate([np.arange(0, min(112.0, self.until) + 0.5, 1.0), [self.until]]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # every regimen of a search is outside the trials
            solution = simulate(
                plan,
                cohort=cohort,
                until=self.until,
                save=save,
                workers=self.threads,
                raise_on_failure=False,
                observables=[base.observable, *self.limits],
                options=SolverOptions(rtol=1e-4),
            )
        peaks = {i: LIMITS[i].read(save, solution.values(i)) for i in self.limits}
        return base.read(save, solution.values(base.observable)), peaks

    def _judge(self, plan: Regimen, cohort: Cohort, control: Floats) -> dict[str, float]:
        """Return the objective, the limited quantities, and how many patients both arms leave out."""
        ends, peaks = self._seen(plan, cohort)
        good = np.isfinite(ends) & np.isfinite(control)
        if not good.any():
            return dict.fromkeys((self.objective.id, *peaks), float("nan")) | {"left_out": float(len(good))}
        treated, untreated = (float(self.objective.base.summary(x[good])) for x in (ends, control))
        limited = {i: float(LIMITS[i].summary(x[good])) for i, x in peaks.items()}
        return {self.objective.id: treated - untreated, **limited, "left_out": float((~good).sum())}

    def __call__(self, amount: float, days: int, every: int) -> dict[str, Any]:
        row: dict[str, Any] = {"amount": amount, "days": days, "every": every}
        row["injections_per_year"] = min(days, every) * 365.25 / every
        return row | self._judge(self.regimen(amount, days, every), self.cohort, self.control)

    def of(self, cohort: Cohort, amount: float, days: int, every: int) -> float:
        """Return the objective in another cohort."""
        control = self._seen(Regimen.named("placebo"), cohort)[0]
        return self._judge(self.regimen(amount, days, every), cohort, control)[self.objective.id]


def _non_dominated(frame: pd.DataFrame, objective: str) -> list[bool]:
    """Mark allowed regimens that no other beats with as few injections."""
    best, found = -np.inf, []
    for _, row in frame.sort_values(["injections_per_year", objective], ascending=[True, False]).iterrows():
        better = bool(row["allowed"]) and row[objective] > best + 1e-12
        best = max(best, row[objective]) if better else best
        found.append((row.name, better))
    return [flag for _, flag in sorted(found)]


def _intervals(frame: pd.DataFrame, objective: str, judge: _Judge, sets: list[ParameterSet], seed: int) -> None:
    """Add 5 to 95 % over posterior draws to what is not dominated."""
    cohorts = [Cohort.sample(max(16, len(judge.cohort) // 4), seed, parameters=one) for one in sets]
    for name in ("low", "high"):
        frame[name] = np.nan
    for index in frame.index[frame["non_dominated"]]:
        row = frame.loc[index]
        found = [judge.of(c, float(row["amount"]), int(row["days"]), int(row["every"])) for c in cohorts]
        frame.loc[index, ["low", "high"]] = np.nanquantile(found, (0.05, 0.95))
