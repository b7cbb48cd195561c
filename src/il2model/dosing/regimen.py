"""Doses and regimens, in the words of NONMEM.

Times are days since the first planned dose (t = 0); amounts are million
international units (MIU). A regimen is a value: every change returns a new one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..clock import day_of
from ..errors import InputError
from ..notebook import table
from ..units import to_finite, to_whole
from .canonical import endless, ordered, periods_of
from .courses import Plan, daily_doses, named_plan, plan_names
from .describe import runs_of, sentence
from .dose import MICROGRAM_PER_MIU, ROUTES, Dose, parse_amount
from .studied import Extrapolation, compared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .records import Course
    from .writing import Row

__all__ = ["MICROGRAM_PER_MIU", "ROUTES", "Dose", "Regimen", "parse_amount"]


@dataclass(frozen=True)
class Regimen:
    """Doses in time, with riluzole and resets.

    Parameters
    ----------
    doses : sequence of Dose
    name : str
    length : float
        Planned length of treatment and follow-up, day.
    riluzole : sequence of (from, to)
        Days on riluzole; by default all.
    resets : sequence of float
        Days on which the IL-2 half is set back to untreated (evid 3), before the doses of that time.

    Doses of one time are all given, after the reset that one of them may ask for. Two spellings of one course are
    one value: a dose that resets comes first at its time and alone says so, one of amount zero becomes a reset,
    and periods on riluzole that touch are one.
    """

    doses: tuple[Dose, ...] = ()
    name: str = "regimen"
    length: float = 28.0
    riluzole: tuple[tuple[float, float], ...] = ((0.0, math.inf),)
    resets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        doses, resets = ordered(self.doses, [day_of(t, "the time of a reset") for t in self.resets])
        object.__setattr__(self, "doses", doses)
        object.__setattr__(self, "length", math.inf if endless(self.length) else day_of(self.length, "the length"))
        object.__setattr__(self, "resets", resets)
        object.__setattr__(self, "riluzole", periods_of(self.riluzole))
        if self.resets and self.resets[0] < 0:
            raise InputError(f"A reset at day {self.resets[0]:g} lies before t = 0.")

    # ------------------------------------------------------------------ making
    @classmethod
    def cyclic(
        cls,
        amount: float | str,
        days: float | str = 5,
        every: float | str = 28,
        cycles: int = 1,
        *,
        start: float | str = 0.0,
        route: str = "sc",
        duration: float | str = 0.0,
        name: str | None = None,
    ) -> Regimen:
        """Return `days` daily doses of `amount`, again every `every` days, `cycles` times.

        Raises
        ------
        InputError
            If a number is negative or not whole, or `days` is greater than `every`.
        """
        doses, end = daily_doses(amount, days, every, cycles, start=start, route=route, duration=duration)
        value, per_m2 = parse_amount(amount)
        period, n_days = day_of(every, "every"), len(doses) // int(cycles)
        unit = "MIU/m2" if per_m2 else "MIU"
        label = name or f"{value:g} {unit} x {n_days} every {period:g} d"
        return cls(doses, label, max(end, 1.0))

    @classmethod
    def named(cls, name: str) -> Regimen:
        """Return a regimen of a trial; `Regimen.names()` lists them.

        Raises
        ------
        UnknownNameError
        """
        return cls.of_plan(named_plan(name))

    @classmethod
    def of_plan(cls, plan: Plan) -> Regimen:
        """Return the regimen of a plan that a trial's file holds."""
        return cls(plan.doses, plan.name, plan.length)

    @staticmethod
    def names() -> tuple[str, ...]:
        """Return the names of the trial regimens."""
        return plan_names()

    @classmethod
    def from_records(cls, frame: Any, *, name: str = "records", allow_untreated: bool = False) -> Regimen:
        """Read NONMEM-style records of one subject.

        Parameters
        ----------
        frame : data frame, mapping of columns, sequence of mappings, or Path
            Columns `time` and `amt`, and where needed `evid`, `ii`, `addl`, `rate`,
            `duration`, `ss`, `cmt` (1 or 'sc', 2 or 'iv'), `per_m2` (1: the amount is per
            square metre). Times in days, amounts in MIU, rate in MIU per day. Other columns
            may hold anything.
        name : str
        allow_untreated : bool
            Records without a dose are meant.

        Raises
        ------
        InputError
            With the record and column that cannot be used; if there is no dose.
        """
        from .records import course_from_records

        course = course_from_records(frame, allow_untreated=allow_untreated)
        return cls.of_course(course, name)

    @classmethod
    def of_course(cls, course: Course, name: str) -> Regimen:
        """Return the regimen of what the records of one subject give."""
        return cls(course.doses, name, course.length, course.riluzole, course.resets)

    def to_records(self) -> list[Row]:
        """Return NONMEM-style records in order of time, from which `from_records` makes an equal regimen.

        Columns time, amt, rate, evid, cmt, ii, addl, ss; and where they say something per_m2,
        on_riluzole (evid 2 where it changes) and planned_length. The name, and doses of amount
        zero, are not among them.

        Raises
        ------
        InputError
            If the model's route has no number in records.
        """
        from .writing import records_of

        return records_of(self.doses, self.resets, self.riluzole, self.length)

    # ---------------------------------------------------------------- changing
    def replace(self, **changes: Any) -> Regimen:
        """Return a copy with other fields."""
        return replace(self, **changes)

    def _with(self, doses: Iterable[Dose], note: str) -> Regimen:
        return replace(self, doses=tuple(doses), name=f"{self.name}, {note}")

    def skip(self, doses: Sequence[int]) -> Regimen:
        """Return the regimen without the doses of these numbers (0 is the first)."""
        if isinstance(doses, str) or not isinstance(doses, Iterable):
            raise InputError(f"doses is {doses!r}; give a list of numbers, such as [0].")
        gone = {to_whole(i, "the number of a dose", 0, 2**31) for i in doses}
        bad = [i for i in gone if not 0 <= i < len(self.doses)]
        if bad:
            raise InputError(f"There is no dose number {bad[0]}; there are {len(self.doses)}, counted from 0.")
        return self._with((d for i, d in enumerate(self.doses) if i not in gone), f"{len(gone)} skipped")

    def reduce(self, factor: float, *, start: float | str = 0.0) -> Regimen:
        """Return the regimen with doses from `start` on multiplied by `factor`."""
        factor = to_finite(factor, "The factor")
        if factor < 0:
            raise InputError(f"The factor is {factor}; it must be zero or more.")
        begin = day_of(start, "start")
        changed = (replace(d, amount=d.amount * factor) if d.time >= begin else d for d in self.doses)
        return self._with(changed, f"x {factor:g} from day {begin:g}")

    def delay(self, by: float | str) -> Regimen:
        """Return the regimen with every dose and reset `by` days later."""
        days = day_of(by, "the delay")
        later = self._with((replace(d, time=d.time + days) for d in self.doses), f"delayed by {days:g} d")
        return replace(later, resets=tuple(t + days for t in self.resets), length=self.length + days)

    def until(self, day: float | str) -> Regimen:
        """Return the regimen without the doses after `day`."""
        end = day_of(day, "the end")
        return replace(
            self,
            doses=tuple(d for d in self.doses if d.time <= end),
            resets=tuple(t for t in self.resets if t <= end),
            length=min(self.length, end),
        )

    def off_riluzole(self) -> Regimen:
        """Return the regimen without riluzole."""
        return replace(self, riluzole=(), name=f"{self.name}, off riluzole")

    def __add__(self, other: Regimen) -> Regimen:
        return replace(
            self,
            doses=self.doses + other.doses,
            resets=self.resets + other.resets,
            name=f"{self.name} + {other.name}",
            length=max(self.length, other.length),
        )

    # ----------------------------------------------------------------- telling
    @property
    def given(self) -> tuple[Dose, ...]:
        """The doses with an amount above zero."""
        return tuple(d for d in self.doses if d.amount > 0)

    @property
    def cycles(self) -> int:
        """Runs of doses whose neighbours lie at most a day and a half apart."""
        return len(runs_of(self.given))

    @property
    def last_time(self) -> float:
        """Day of the last dose or reset (0 if there is none)."""
        return max([d.time for d in self.given] + list(self.resets) + [0.0])

    def beyond(self, end: float) -> str:
        """Return which doses lie beyond an end, as a sentence without a full stop; empty if none do."""
        late = sum(d.time > end for d in self.given)
        lie, are = ("lies", "is") if late == 1 else ("lie", "are")
        return f"{late} of {len(self.given)} doses {lie} beyond the end on day {end:g} and {are} not given" * bool(late)

    def fingerprint(self) -> str:
        """Return a hash of all that the regimen holds: equal regimens have one."""
        from ..store import digest

        return digest(repr((self.doses, self.name, self.length, self.riluzole, self.resets)))

    def __repr__(self) -> str:
        number = f"{len(self.doses)} dose{'' if len(self.doses) == 1 else 's'}"
        return f"Regimen({self.name!r}, {number}, {self.length:g} days, {self.fingerprint()})"

    def __str__(self) -> str:
        return sentence(self.given)

    def _repr_html_(self) -> str:
        """Return what is given, and when, as a table for a notebook."""
        on = "; ".join(f"from day {a:g}" + ("" if math.isinf(b) else f" to day {b:g}") for a, b in self.riluzole)
        rows = [("IL-2", str(self)), ("planned length", f"{self.length:g} days"), ("riluzole", on or "none")]
        rows += [("resets", ", ".join(f"day {t:g}" for t in self.resets))] if self.resets else []
        return table(f"Regimen {self.name}", (), rows)

    def extrapolation(self, end: float = math.inf) -> Extrapolation:
        """Return how what is given by an end lies to the courses that were studied; see `dosing.studied`."""
        return compared(tuple(d for d in self.given if d.time <= end))

    def notes(self, end: float, *, studied: bool = True) -> tuple[str, ...]:
        """Return what a reader of a run to an end must know, as sentences without a full stop.

        Doses that lie beyond the end and, of a model that was fitted to trials, what was not studied.
        """
        outside = self.extrapolation(end).text if studied else ""
        return tuple(note for note in (self.beyond(end), outside) if note)

    def plot(self) -> Figure:
        """Draw amount against time."""
        from ..plotting import draw_doses

        shown = self.given
        unit = "MIU/m2" if any(d.per_m2 for d in shown) else "MIU"
        return draw_doses(
            [d.time for d in shown],
            [d.amount for d in shown],
            [d.duration for d in shown],
            title=f"{self.name}: {self}",
            unit=unit,
        )
