"""Courses of daily doses, and the plans of the arms of trials.

A plan is what a `Regimen` is made of; the files of trials (`trial_files`) hold them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..clock import day_of
from ..errors import InputError, unknown_name
from ..trial_files import COURSE, Row, TrialFile, trials_with
from ..units import to_float
from .describe import runs_of
from .dose import Dose, parse_amount

#: Days of a cycle where an arm names none.
EVERY = 28
_MOST = 100_000


@dataclass(frozen=True)
class Plan:
    """Doses, the name of their regimen, and the days that treatment and follow-up are planned to last."""

    name: str
    doses: tuple[Dose, ...]
    length: float


def whole(value: float, what: str) -> int:
    """Return a whole number, at least 1."""
    if isinstance(value, bool) or not 1 <= value <= _MOST or value != int(value):
        raise InputError(f"{what} is {value:g}; it must be a whole number, at least 1 and at most {_MOST}.")
    return int(value)


def daily_doses(
    amount: float | str,
    days: float | str = 5,
    every: float | str = EVERY,
    cycles: int = 1,
    *,
    start: float | str = 0.0,
    route: str = "sc",
    duration: float | str = 0.0,
) -> tuple[tuple[Dose, ...], float]:
    """Return `days` daily doses, again every `every` days, `cycles` times, and the day on which the last cycle ends.

    Raises
    ------
    InputError
        If a number is negative or not whole, or `days` is greater than `every`.
    """
    day_of(every, "every")
    period = to_float(every, "day", what="every")  # not on the clock: a sum of many is
    n_days = whole(to_float(days, "day", what="days"), "days")
    n_cycles = whole(to_float(cycles, "1", what="cycles"), "cycles")
    begin = day_of(start, "start")
    if period <= 0:
        raise InputError(f"every is {period:g} day; it must be above zero.")
    if n_days > period:
        raise InputError(f"days = {n_days} is greater than every = {period:g}; the cycles would overlap.")
    if n_days * n_cycles > _MOST:
        raise InputError(f"{n_days * n_cycles} doses are more than the {_MOST} that one regimen may hold.")
    value, per_m2 = parse_amount(amount)
    length = day_of(duration, "duration")
    doses = tuple(
        Dose(begin + period * c + d, value, route, length, per_m2) for c in range(n_cycles) for d in range(n_days)
    )
    return doses, day_of(begin + period * n_cycles, "the end of the last cycle")


def days_after_the_last_cycle(plan: Plan) -> float:
    """Return the days between the end of the last cycle of equally long ones and that of the plan."""
    starts = [cycle[0].time for cycle in runs_of(plan.doses)]
    return plan.length - (starts[-1] + starts[1] - starts[0])


def plan_names() -> tuple[str, ...]:
    """Return the names of the regimens of the trials that ship."""
    return tuple(_published())


def named_plan(name: str) -> Plan:
    """Return a regimen of a trial that ships.

    Raises
    ------
    UnknownNameError
    """
    places = _published(name) if isinstance(name, str) else {}
    if not isinstance(name, str) or name not in places:
        raise unknown_name("regimen", name, plan_names())
    return arm_plan(*places[name])


def _published(name: str = "") -> dict[str, tuple[TrialFile, str]]:
    """Return the arm that gives each named regimen its doses; with a name, of the files that hold it."""
    places: dict[str, tuple[TrialFile, str]] = {}
    for file in trials_with(f'regimen = "{name}'):
        for id, row in file.rows("arms").items():
            if "regimen" in row and _doses_itself(row):
                with file.place("arm", id):
                    if row["regimen"] in places:
                        raise InputError(f"another trial calls a regimen {row['regimen']!r}")
                places[row["regimen"]] = file, id
    return places


def _doses_itself(row: Row) -> bool:
    return "amount" in row or "courses" in row


def arm_plan(file: TrialFile, id: str) -> Plan:
    """Return what an arm of a trial gives: its own doses, or those of a named regimen.

    Raises
    ------
    InputError
        With file and arm.
    """
    row = file.rows("arms")[id]
    with file.place("arm", id):
        if not _doses_itself(row):
            if "regimen" not in row:
                raise InputError("it has no 'amount'")
            return named_plan(str(row["regimen"]))
        doses: tuple[Dose, ...] = ()
        last = 0.0
        for course in row.get("courses", [row]):
            some, end = _course(course, alone="courses" not in row)
            doses, last = doses + some, max(last, end)
        if not any(d.amount for d in doses):
            doses = ()
            if "regimen" not in row:
                return named_plan("placebo")
        length = day_of(row["length"], "length") if "length" in row else file.follow_up or max(last, 1.0)
        return Plan(str(row.get("regimen", id)), doses, length)


def _course(row: Row, *, alone: bool) -> tuple[tuple[Dose, ...], float]:
    """Return the doses of a course, and its end."""
    for key in row:
        if not alone and key not in COURSE:
            raise unknown_name("field of a course", key, sorted(COURSE))
    if "amount" not in row:
        raise InputError("it has no 'amount'")
    given = {k: row[k] for k in COURSE & row.keys()}
    if "times" not in given:
        return daily_doses(**{"days": 1, **given})
    amount, per_m2 = parse_amount(given["amount"])
    period, cycles = to_float(given.get("every", EVERY), "day", what="every"), whole(given.get("cycles", 1), "cycles")
    begin, duration = day_of(given.get("start", 0.0), "start"), day_of(given.get("duration", 0.0), "duration")
    if "days" in given:
        raise InputError("give 'days' or 'times', not both")
    doses = tuple(
        Dose(begin + period * c + float(t), amount, given.get("route", "sc"), duration, per_m2)
        for c in range(cycles)
        for t in given["times"]
    )
    return doses, begin + period * cycles
