"""NONMEM's dosing records to doses and resets: the one reader behind every door.

Records at one time count in their order; evid 3, evid 4 and ss = 1 wipe out what was given before, at the same
time too, and end the additional doses of earlier records.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..clock import day_of
from ..errors import InputError
from .columns import as_number, is_missing
from .dose import Dose
from .record import DOSES, MOST, RESETS, Record, read_record
from .table import Table, read_table

#: Days after the last dose or reset that a course of records lasts where `planned_length` does not say.
AFTER = 28.0


@dataclass(frozen=True)
class Course:
    """What the records of one subject give: the fields of a `Regimen`, and whether any is a dose."""

    doses: tuple[Dose, ...]
    resets: tuple[float, ...]
    riluzole: tuple[tuple[float, float], ...]
    length: float
    treated: bool


def usual_length(doses: Sequence[Dose], resets: Sequence[float], times: Sequence[float]) -> float:
    """Return the length, day, of a course whose records, at `times`, do not say one."""
    return day_of(max([d.end + AFTER for d in doses] + [t + AFTER for t in resets] + [AFTER, *times]), "the length")


def course_from_records(source: Any, *, allow_untreated: bool = False) -> Course:
    """Return what the records of one subject give.

    Raises
    ------
    InputError
        With file, line and record; if there are several subjects, or no dose that was not allowed to miss.
    """
    table = read_table(source)
    subjects = split_subjects(table)
    if len(subjects) > 1:
        of = f"The records {table.source}".rstrip()
        raise InputError(f"{of} hold several subjects (id); pass those of one, or take read_nonmem.")
    records = [read_record(table, k) for k in itertools.chain(*subjects.values())]
    course = course_of(records, sortable="id" not in table.columns)
    check_treated(table, [course], allow_untreated=allow_untreated)
    return course


def check_treated(table: Table, courses: Sequence[Course], *, allow_untreated: bool) -> None:
    """Raise InputError if a table holds no dose, unless that is allowed."""
    if not allow_untreated and not any(course.treated for course in courses):
        of = f"The records {table.source}" if table.source else "The records"
        what = "no dose" if table.rows else "no record"
        raise InputError(
            f"{of} hold {what}; an untreated course is the regimen 'placebo' (in Python, allow_untreated=True)."
        )


def split_subjects(table: Table) -> dict[Any, list[int]]:
    """Return the numbers of the records of each subject, in order; without a column id, of the only one.

    Raises
    ------
    InputError
        If an id is missing, or comes again after that of another subject: for NONMEM this is another individual.
    """
    if "id" not in table.columns:
        return {None: list(range(len(table.rows)))} if table.rows else {}
    ids = _ids(table)
    found: dict[Any, list[int]] = {}
    for k, id in enumerate(ids):
        if id in found and ids[k - 1] != id:
            raise InputError(
                f"{table.place(k)}: id {id!r} comes again after another subject; for NONMEM this is another "
                "individual: give each an id of its own, or put the records of one together."
            )
        found.setdefault(id, []).append(k)
    return found


def _ids(table: Table) -> list[Any]:
    """Return numbers where every id is one, else texts."""
    given = [row.get("id") for row in table.rows]
    for k, id in enumerate(given):
        if is_missing(id):
            raise InputError(f"{table.place(k)}: id is {id!r}, which means missing; every record needs its subject.")
        if isinstance(id, bool) or (not isinstance(id, str | int | float) and not hasattr(id, "item")):
            raise InputError(f"{table.place(k)}: id is {id!r}; it must be a number or a text.")
    try:
        numbers = [as_number(id, "id", table.place(k)) or 0.0 for k, id in enumerate(given)]
    except InputError:
        return [str(id).strip() for id in given]
    return [int(x) if x == int(x) else x for x in numbers]


def course_of(records: Sequence[Record], *, sortable: bool) -> Course:
    """Return doses, resets, riluzole and length of the records of one subject.

    Parameters
    ----------
    records : sequence of Record
    sortable : bool
        Doses alone may come in any order; else the clock must not go back.

    Raises
    ------
    InputError
        If the clock goes back.
    """
    records = _in_order(records, sortable=sortable)
    doses: list[Dose] = []
    resets: list[float] = []
    for record in records:
        if record.wipes:
            doses = [d for d in doses if d.time < record.time]
        if record.evid == RESETS[0]:
            if record.time < 0:
                raise InputError(f"{record.place}: a reset at day {record.time:g} lies before t = 0.")
            resets.append(record.time)
        if record.dose is not None:
            doses += _with_additional(record, record.dose)
        if len(doses) > MOST:
            raise InputError(f"{record.place}: the records hold more than {MOST} doses.")
    planned = _planned(records)
    length = usual_length(doses, resets, [r.time for r in records]) if planned is None else planned
    treated = any(r.dose is not None for r in records)
    return Course(tuple(doses), tuple(resets), _riluzole(records), length, treated)


def _in_order(records: Sequence[Record], *, sortable: bool) -> Sequence[Record]:
    """Check that the clock does not go back; doses alone, of no named subject, are sorted."""
    if sortable and all(r.evid in DOSES and not r.wipes for r in records):
        return sorted(records, key=lambda r: r.time)
    for before, record in itertools.pairwise(records):
        if record.time < before.time:
            again = (
                "the days between two periods count here, for what no reset sets back (motor neurons)"
                if record.evid in RESETS
                else "records must be in order of time"
            )
            raise InputError(
                f"{record.place}: time goes back from {before.time:g} to {record.time:g}; {again}: "
                "count all days of a subject from one t = 0."
            )
    return records


def _with_additional(record: Record, dose: Dose) -> list[Dose]:
    try:
        more = [
            Dose(record.time + k * record.ii, dose.amount, dose.route, dose.duration, dose.per_m2)
            for k in range(1, record.addl + 1)
        ]
    except InputError as error:
        raise InputError(f"{record.place}: {error}") from None
    return [dose, *more]


def _planned(records: Sequence[Record]) -> float | None:
    """Return what `planned_length` says, None where it says nothing."""
    said = {r.planned_length: r for r in records}
    if len(said) > 1:
        place = list(said.values())[1].place
        raise InputError(f"{place}: planned_length differs from that of the record before; it is one number.")
    value = next(iter(said), None)
    if value is not None and value < 0:
        raise InputError(f"{records[0].place}: planned_length is {value:g}; it must be zero or more.")
    return value


def _riluzole(records: Sequence[Record]) -> tuple[tuple[float, float], ...]:
    """Return the days on riluzole; a change is two records at one time, so that no reading fills a gap otherwise."""
    said = [(r.time, r.on_riluzole, r.place) for r in records]
    if all(value is None for _, value, _ in said):
        return ((0.0, math.inf),)
    periods: list[tuple[float, float]] = []
    begin = 0.0 if said[0][1] else None
    for _, value, place in said:
        if value is None:
            raise InputError(f"{place}: on_riluzole is missing; say 0 or 1 in every record of a subject, or in none.")
    for (time, old, _), (later, new, place) in itertools.pairwise(said):
        if old == new:
            continue
        if time != later:
            raise InputError(
                f"{place}: on_riluzole changes between day {time:g} and day {later:g}; "
                "say when, with two records of evid 2 at one time, the old and the new value."
            )
        if new:
            begin = max(time, 0.0)
        elif begin is not None:
            periods, begin = periods + ([(begin, time)] if time > begin else []), None
    return tuple(periods) if begin is None else (*periods, (begin, math.inf))
