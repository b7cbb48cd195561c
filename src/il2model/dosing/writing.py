"""A regimen as dosing records, from which it can be read again."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import InputError
from .dose import ROUTES, Dose
from .records import usual_length

Row = dict[str, float]
ALWAYS = ((0.0, math.inf),)
#: Columns that are written only where they say something, and what their absence says.
OPTIONAL = {"per_m2": 0, "on_riluzole": 1}


def records_of(
    doses: Sequence[Dose], resets: Sequence[float], riluzole: Sequence[tuple[float, float]], length: float
) -> list[Row]:
    """Return records in order of time: at one time changes of riluzole (evid 2), resets (3), then doses (4, 1).

    The columns per_m2, on_riluzole and planned_length are there where their usual meaning would be untrue.

    Raises
    ------
    InputError
        If a route has no number in records, or the length is not finite.
    """
    given = [d for d in doses if d.amount > 0]
    rows = [_row(t, 3) for t in resets] + [_dose_row(d) for d in given]
    changes = [t for period in riluzole for t in period if 0 < t < math.inf]
    if tuple(riluzole) != ALWAYS:
        rows += [_row(t, 2) for t in changes for _ in range(2)]
    rows = rows or [_row(0.0, 2)]
    planned = length != usual_length(given, resets, [r["time"] for r in rows])
    rows.sort(key=lambda r: (r["time"], _RANK[r["evid"]]))
    if any(d.per_m2 for d in given):
        flags = iter([int(d.per_m2) for d in given])
        rows = [r | {"per_m2": next(flags) if r["evid"] in (1, 4) else 0} for r in rows]
    if tuple(riluzole) != ALWAYS:
        rows = _with_riluzole(rows, riluzole)
    if planned:
        if not math.isfinite(length):
            raise InputError(f"The planned length is {length}; records hold a finite number of days.")
        rows = [r | {"planned_length": length} for r in rows]
    return rows


_RANK: dict[float, int] = {2: 0, 3: 1, 4: 2, 1: 2}  # doses of one time stay in the order of the regimen


def _row(time: float, evid: int) -> Row:
    return {"time": time, "amt": 0.0, "rate": 0.0, "evid": evid, "cmt": 1, "ii": 0.0, "addl": 0, "ss": 0}


def _dose_row(dose: Dose) -> Row:
    if dose.route not in ROUTES:
        raise InputError(f"Doses by {dose.route!r} have no number in records, which know {' and '.join(ROUTES)}.")
    return {
        "time": dose.time,
        "amt": dose.amount,
        "rate": dose.amount / dose.duration if dose.duration else 0.0,
        "evid": 4 if dose.reset else 1,
        "cmt": ROUTES.index(dose.route) + 1,
        "ii": dose.ii,
        "addl": 0,
        "ss": int(dose.ss),
    }


def _with_riluzole(rows: Sequence[Row], riluzole: Sequence[tuple[float, float]]) -> list[Row]:
    """Say in every record whether riluzole is taken; the first of two records at a change says the old value."""
    on = int(any(a <= 0 for a, _ in riluzole))
    found: list[Row] = []
    changed = False
    for row in rows:
        if row["evid"] == 2 and row["time"] > 0:
            changed = not changed
            on = on if changed else 1 - on
        found.append(row | {"on_riluzole": on})
    return found
