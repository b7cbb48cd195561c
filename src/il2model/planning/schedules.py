"""Two schedules side by side: which raises Treg more, by read-out and by structure of the model.

The answer depends on when one looks: three days after a course, before one, or on average over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ..clock import day_of
from ..dosing.courses import arm_plan
from ..dosing.regimen import Regimen
from ..errors import InputError, unknown_name
from ..manifest import Manifest
from ..parameters import ParameterSet, load_parameters
from ..solver.kernel import builtin_kernel
from ..solver.problem import Floats
from ..trial_files import read_trial
from ..trials.recipe import record_of
from ..uncertainty.draws import Draws, draw, told_of_draws
from ..uncertainty.study import Study
from .by_structure import ALL, Names, courses, grouped, quantiles

if TYPE_CHECKING:
    import pandas as pd

#: When one looks, by name.
READ_OUTS: Mapping[str, str] = {
    "after": "three days after the last dose of the last course",
    "before": "before the first dose of the last course",
    "average": "on average over all days",
}
#: Days after the last dose of a course on which trials look; doses further apart belong to two courses.
AFTER, _PAUSE = 3.0, 1.5
#: The trial that compared schedules at random, and its number of the comparison.
TRIAL, TARGET = "faridar2025", "faridar2025_schedule"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ScheduleComparison:
    """Two schedules, by read-out and structure.

    Parameters
    ----------
    first, second : Regimen
    until : float
        Last day.
    quantity, unit : str
        What is read, above its untreated value.
    table : DataFrame
        A row per read-out and structure, the average last: first and second (medians over draws), difference with low
        and high (95 %), first_ahead (the chance that the first is ahead) with its Monte Carlo error, draws, left_out.
    manifest : mapping
    """

    first: Regimen
    second: Regimen
    until: float
    quantity: str
    unit: str
    table: pd.DataFrame
    manifest: Manifest = field(compare=False)

    def __repr__(self) -> str:
        parts = (f"{r} {100 * self.chance(r):.0f} %" for r in READ_OUTS)
        return f"ScheduleComparison({self.first.name!r} ahead of {self.second.name!r}: {', '.join(parts)})"

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(text)}</p>" for text in (repr(self), *self.notes)) + self.table.to_html(index=False)

    def chance(self, read_out: str, structure: str = ALL) -> float:
        """Return the chance that the first schedule is ahead.

        Raises
        ------
        UnknownNameError
        """
        if read_out not in READ_OUTS:
            raise unknown_name("read-out", read_out, READ_OUTS)
        some = self.table[self.table["read_out"] == read_out].set_index("structure")["first_ahead"]
        if structure not in some.index:
            raise unknown_name("structure", structure, list(some.index))
        return float(some[structure])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: when one looked, what was left out, and what the trial found."""
        whole = self.table[self.table["structure"] == ALL]
        told = "; ".join(
            f"{100 * float(p):.0f} % {READ_OUTS[r]}"
            for r, p in zip(whole["read_out"], whole["first_ahead"], strict=True)
        )
        missing = int(whole["left_out"].max())
        left_out = f"{missing} draws could not be run and are in no row."
        whose = str(self.manifest["schedules"].get("draws_describe", ""))
        return (
            f"The chance that {self.first.name} is ahead of {self.second.name} depends on the read-out: {told}.",
            *((left_out,) if missing else ()),
            *((f"Draws describe {whose}, one typical patient each.",) if whose else ()),
            schedule_evidence(),
        )


@lru_cache(maxsize=1)
def schedule_evidence() -> str:
    """Return what the one randomised comparison of schedules found, in a sentence."""
    file = read_trial(TRIAL)
    arms, row = file.rows("arms"), file.rows("targets")[TARGET]
    sizes = " and ".join(f"{arms[a]['name']} (n {arms[a]['size']})" for a in row["arms"])
    amount, quote = arms[row["arms"][0]]["amount"], row["quote"]
    return (
        f'{file.tables["trial"]} compared {amount} on five days {sizes} at random: "{quote}"; when it looked is not in '
        "public text, and here taken as three days after a course."
    )


def compared_in_trial() -> tuple[Regimen, Regimen]:
    """Return the two schedules that a trial compared at random, every four weeks first."""
    file = read_trial(TRIAL)
    first, second = (
        Regimen.of_plan(arm_plan(file, arm)).replace(name=file.rows("arms")[arm]["name"])
        for arm in file.rows("targets")[TARGET]["arms"]
    )
    return first, second


def compare_schedules(
    first: Regimen | str,
    second: Regimen | str,
    *,
    until: float | str | None = None,
    quantity: str = "treg_percent",
    draws: int = 400,
    study: Study = "imodals",
    seed: int = 0,
    parameters: ParameterSet | None = None,
) -> ScheduleComparison:
    """Compare two schedules by three read-outs, for each structure of the model and for their average.

    Parameters
    ----------
    first, second : Regimen or str
        A regimen, or the name of one.
    until : float or str, optional
        Last day, to which all days count; where the shorter of both ends, by default. Doses beyond it are not given.
    quantity : str
        An observable; its gain above the untreated value is read.
    draws : int
        Of the posterior, one typical patient each. A structure of small weight has few of them.
    study : {'imodals', 'new'}
        Whose patients the draws describe.
    seed : int
    parameters : ParameterSet, optional

    Returns
    -------
    ScheduleComparison

    Raises
    ------
    InputError, UnknownNameError
    """
    values = parameters if parameters is not None else load_parameters()
    plans = [Regimen.named(r) if isinstance(r, str) else r for r in (first, second)]
    some = draw(values, draws, seed, study=study)
    return compared(plans[0], plans[1], some, some.structure, until=until, quantity=quantity, seed=seed)


def compared(
    first: Regimen,
    second: Regimen,
    drawn: Draws,
    structure: Names,
    *,
    until: float | str | None = None,
    quantity: str = "treg_percent",
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
) -> ScheduleComparison:
    """Compare two schedules over draws whose structures are named.

    Parameters
    ----------
    first, second : Regimen
    drawn : Draws
    structure : (draw,)
    until, quantity
        As in `compare_schedules`.
    weights : {structure: weight}, optional
        Of each structure in the average; the share of its draws by default.
    seed : int
        Of the draws, for the manifest.

    Raises
    ------
    InputError, UnknownNameError
    """
    import pandas as pd

    kernel = builtin_kernel()
    if quantity not in kernel.blueprint.observables:
        raise unknown_name("observable", quantity, kernel.blueprint.observables.ids)
    end = min(first.length, second.length) if until is None else day_of(until, "until")
    if not 1 <= end <= 36_525:
        raise InputError(f"until is {end:g} day; schedules are compared over 1 to 36525 days (100 years).")
    rows = drawn.rows(kernel)
    gains = [gains_of(plan, rows, end, quantity) for plan in (first, second)]
    good = np.all([np.isfinite(g[r]) for g in gains for r in READ_OUTS], axis=0)
    table = [
        {"read_out": r, "structure": name} | _row(gains[0][r][mine], gains[1][r][mine], share) | {"left_out": missing}
        for r in READ_OUTS
        for name, mine, share, missing in grouped(structure, good, weights)
    ]
    told = {"first": str(first), "second": str(second), "until_day": end, "draws": len(rows), "seed": seed}
    told |= {"quantity": quantity, "read_outs": dict(READ_OUTS), **told_of_draws(drawn.values, drawn.study)}
    return ScheduleComparison(
        first=first,
        second=second,
        until=end,
        quantity=quantity,
        unit=kernel.blueprint.observables.item(quantity).unit,
        table=pd.DataFrame(table),
        manifest=record_of(drawn.values, {"schedules": told}),
    )


def gains_of(plan: Regimen, rows: Floats, end: float, quantity: str) -> dict[str, Floats]:
    """Return the gain of an observable above its untreated value by read-out, (row,); NaN where a run failed.

    Raises
    ------
    InputError
        If no dose is given before the end.
    """
    from scipy.integrate import trapezoid

    given = sorted(d.time for d in plan.given if d.amount > 0 and d.time < end)
    if any(d.ss for d in plan.given):
        raise InputError(f"{plan.name} begins on a periodic orbit (ss = 1): there is no untreated value to gain on.")
    if not given:
        raise InputError(f"{plan.name} gives no dose before day {end:g}; a schedule needs one.")
    starts = [b for a, b in zip([-np.inf, *given[:-1]], given, strict=True) if b - a > _PAUSE]
    days = np.unique(np.concatenate([np.arange(0.0, end + 0.5), [starts[-1], given[-1] + AFTER, end]]))
    course = courses(plan, rows, days, quantity)
    course = course - course[:, :1]
    whole = days <= end
    mean = trapezoid(course[:, whole], days[whole], axis=1) / (days[whole][-1] - days[0])
    at = np.searchsorted(days, [given[-1] + AFTER, starts[-1]])
    return {"after": course[:, at[0]], "before": course[:, at[1]], "average": np.asarray(mean)}


def _row(first: Floats, second: Floats, share: Floats) -> dict[str, float]:
    """Return medians of both, the difference, and the chance that the first is ahead, of weighted draws."""
    ahead = float(share @ ((first > second) + 0.5 * (first == second)))
    low, middle, high = quantiles(first - second, share)
    return {
        "first": quantiles(first, share)[1],
        "second": quantiles(second, share)[1],
        "difference": middle,
        "low": low,
        "high": high,
        "first_ahead": ahead,
        "error": float(np.sqrt(ahead * (1 - ahead) * (share**2).sum())),
        "draws": len(share),
    }
