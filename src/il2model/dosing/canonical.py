"""One spelling for each course: the order of doses and resets at one time, and periods on riluzole."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import replace

from ..clock import day_of
from ..errors import InputError
from .dose import Dose


def ordered(doses: Iterable[Dose], resets: Iterable[float]) -> tuple[tuple[Dose, ...], tuple[float, ...]]:
    """Return doses and resets in order of time; at one time the dose that resets comes first and alone says so.

    A dose of amount zero gives nothing: what it says of a reset or steady state (that of no drug) is a reset.

    Raises
    ------
    InputError
        If two doses at one time are at steady state.
    """
    clean, wiped = [], list(resets)
    for dose in doses:
        empty = dose.amount == 0 and (dose.reset or dose.ss)
        wiped += [dose.time] if empty else []
        clean.append(replace(dose, reset=False, ss=False, ii=0.0) if empty else dose)
    clean.sort(key=lambda d: (d.time, not d.ss, not d.reset))
    found: list[Dose] = []
    for dose in clean:
        later = bool(found) and found[-1].time == dose.time
        if later and dose.ss:
            raise InputError(
                f"Two doses on day {dose.time:g} are at steady state; the IL-2 half can be on one orbit only."
            )
        found.append(replace(dose, reset=False) if later and dose.reset else dose)
    return tuple(found), tuple(sorted(wiped))


def periods_of(periods: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return periods (from, to) with days rounded as those of doses are; periods that touch are one.

    Raises
    ------
    InputError
        If they are not in order, or overlap.
    """
    what = "riluzole"
    clean = [(max(day_of(a, what), 0.0) if a else 0.0, b if endless(b) else day_of(b, what)) for a, b in periods]
    if any(not a < b for a, b in clean) or any(x[1] > y[0] for x, y in itertools.pairwise(clean)):
        raise InputError("The riluzole periods must be (from, to) in order and must not overlap.")
    found: list[tuple[float, float]] = []
    for a, b in clean:
        if found and found[-1][1] == a:
            found[-1] = (found[-1][0], b)
        else:
            found.append((a, b))
    return tuple(found)


def endless(day: float) -> bool:
    """Whether a time is never."""
    return isinstance(day, float | int) and math.isinf(day) and day > 0
