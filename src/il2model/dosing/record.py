"""One dosing record: what its codes say, checked by NONMEM's rules."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..clock import day_of
from ..errors import InputError
from .columns import DOSING, is_missing
from .dose import ROUTES, Dose
from .table import Table

#: Additional doses that a record, and doses that a regimen, may have.
MOST = 100_000
DOSES, RESETS = (1, 4), (3, 4)
_MEANINGS = "0 observation, 1 dose, 2 other, 3 reset, 4 reset and dose"
_MODELED = {
    -1.0: "rate = -1 asks for a rate that a control stream estimates (R1), which a table of records does not hold",
    -2.0: "rate = -2 asks for a duration that a control stream estimates (D1), which a table of records does not hold",
}
_STEADY = {
    2.0: "ss = 2 adds a steady state to what is there, which means nothing where responses saturate",
    3.0: "ss = 3 is ss = 1 with another start of the search; say ss = 1",
}


@dataclass(frozen=True)
class Record:
    """A record of one subject.

    Parameters
    ----------
    place : str
        Where it stands.
    time : float
        Day.
    evid : int
    dose : Dose or None
        What evid 1 and 4 give at that time.
    addl, ii : int, float
        Additional doses, and the days between them.
    observed : bool
        An observation (evid 0, mdv 0).
    on_riluzole, planned_length : float or None
        What the columns of these names say.
    """

    place: str
    time: float
    evid: int
    dose: Dose | None
    addl: int
    ii: float
    observed: bool
    on_riluzole: float | None
    planned_length: float | None

    @property
    def wipes(self) -> bool:
        """Whether what was given before, at the same time too, is wiped out."""
        return self.evid in RESETS or (self.dose is not None and self.dose.ss)


def read_record(table: Table, k: int) -> Record:
    """Return record k of a table.

    Raises
    ------
    InputError
        With its place, if it says what NONMEM refuses, or what is not known here.
    """
    place = table.place(k)
    if "time" not in table.rows[k]:
        raise InputError(f"{place} has no column 'time'.")
    time = table.number(k, "time")
    if time is None:
        raise InputError(f"{place}: time is missing.")
    evid = _event(table, k)
    mdv = _code(table, k, "mdv", range(2))
    if evid and mdv == 0 and not is_missing(table.rows[k].get("mdv")):
        raise InputError(f"{place}: mdv is 0 and evid {evid}; only observations (evid 0) have a value.")
    addl, ii = 0, 0.0
    dose = None
    if evid in DOSES:
        addl = _code(table, k, "addl", range(MOST + 1))
        ii = table.number(k, "ii") or 0.0
        dose = _dose(table, k, time, evid, addl, ii)
    elif says := [name for name in DOSING if table.number(k, name)]:
        raise InputError(
            f"{place}: {says[0]} is {table.rows[k][says[0]]} and evid {evid}; "
            "only doses (evid 1, 4) say anything about a dose."
        )
    else:
        _compartment(table, k)
        table.number(k, "dv")
    riluzole = table.number(k, "on_riluzole")
    if riluzole not in (None, 0.0, 1.0):
        raise InputError(f"{place}: on_riluzole is {riluzole:g}; allowed are 0 and 1.")
    length = table.number(k, "planned_length")
    observed = evid == 0 and mdv == 0
    return Record(place, day_of(time, "time"), evid, dose, addl, ii, observed, riluzole, length)


def _code(table: Table, k: int, column: str, allowed: range) -> int:
    value = table.number(k, column) or 0.0
    if value != int(value) or int(value) not in allowed:
        raise InputError(f"{table.place(k)}: {column} is {value:g}; allowed are {allowed.start} to {allowed.stop - 1}.")
    return int(value)


def _event(table: Table, k: int) -> int:
    """Return evid; where the column is not given, what NONMEM concludes from the others."""
    row = table.rows[k]
    says = any(table.number(k, name) for name in DOSING)
    if "evid" in row:
        if is_missing(row["evid"]) and says:
            raise InputError(f"{table.place(k)}: evid is missing and the record says something about a dose; give it.")
        value = table.number(k, "evid") or 0.0
        if value not in range(5):
            raise InputError(f"{table.place(k)}: evid is {value:g}; allowed are {_MEANINGS}.")
        return int(value)
    if says or not {"dv", "mdv", "dvid"} & row.keys():
        return 1
    return 2 if _code(table, k, "mdv", range(2)) else 0


def _dose(table: Table, k: int, time: float, evid: int, addl: int, ii: float) -> Dose:
    place = table.place(k)
    amount = _amount(table, k)
    ss = _steady(table, k)
    if ii < 0:
        raise InputError(f"{place}: ii is {ii:g}; it must be zero or more.")
    if addl and ii <= 0:
        raise InputError(f"{place}: addl needs an interval ii above zero.")
    if ii and not (addl or ss):
        raise InputError(f"{place}: ii is {ii:g} without addl or ss, which NONMEM refuses: one dose has no interval.")
    duration = _duration(table, k, amount)
    per_m2, route = _code(table, k, "per_m2", range(2)), _route(table, k)
    try:
        return Dose(time, amount, route, duration, bool(per_m2), reset=evid == 4, ss=ss, ii=ii if ss else 0.0)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _amount(table: Table, k: int) -> float:
    place, row = table.place(k), table.rows[k]
    if "amt" not in row:
        raise InputError(f"{place} has no column 'amt'.")
    amount = table.number(k, "amt")
    if amount is None:
        raise InputError(f"{place}: amt is {row['amt']!r} and the record is a dose; a dose needs an amount above zero.")
    if amount < 0:
        raise InputError(f"{place}: amt is {amount:g}; it must be zero or more, and above zero for a dose.")
    if amount == 0 and (table.number(k, "rate") or 0.0) > 0:
        raise InputError(
            f"{place}: amt is 0 with a rate, an infusion without an end, which is not simulated; give amt."
        )
    if amount == 0:
        raise InputError(f"{place}: amt is 0 and the record is a dose (evid 1, 4); without a dose say evid 0 or 2.")
    return amount


def _steady(table: Table, k: int) -> bool:
    value = table.number(k, "ss") or 0.0
    if value in _STEADY:
        raise InputError(f"{table.place(k)}: {_STEADY[value]}.")
    return bool(_code(table, k, "ss", range(2)))


def _duration(table: Table, k: int, amount: float) -> float:
    """Return the length of an infusion, 0 of a bolus."""
    place = table.place(k)
    rate, duration = table.number(k, "rate") or 0.0, table.number(k, "duration") or 0.0
    if rate in _MODELED:
        raise InputError(f"{place}: {_MODELED[rate]}; give rate or duration as a number.")
    if rate < 0 or duration < 0:
        raise InputError(f"{place}: rate and duration must be zero or more.")
    if rate and duration and not math.isclose(rate * duration, amount, rel_tol=1e-9):
        raise InputError(f"{place}: amt is not rate x duration; give one of the two.")
    return amount / rate if rate and not duration else duration


def _route(table: Table, k: int) -> str:
    """Return the route of a dose."""
    value = table.rows[k].get("cmt")
    text = str(value).strip().lower()
    if text in ROUTES:
        return text
    number = _compartment(table, k)
    if number == 0:  # NONMEM's default compartment for doses
        return ROUTES[0]
    if number in range(1, len(ROUTES) + 1):
        return ROUTES[int(number) - 1]
    names = ", ".join(f"{n} ({route})" for n, route in enumerate(ROUTES, 1))
    raise InputError(f"{table.place(k)}: cmt is {value!r}; allowed are {names}.")


def _compartment(table: Table, k: int) -> float:
    """Return the number of a compartment, 0 where none is said and NaN for a name; none can be turned off."""
    try:
        number = table.number(k, "cmt") or 0.0
    except InputError:
        return math.nan
    if number < 0:
        raise InputError(f"{table.place(k)}: cmt is {number:g}, which turns a compartment off; that is not simulated.")
    return number
