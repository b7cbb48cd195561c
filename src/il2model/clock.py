"""The clock: the one rule that says when two times are the same.

Doses, resets, save times, visits, ends and lengths are whole numbers of ticks of 10 microseconds, so that '28 day',
'4 week' and 672 h, 0.1 + 0.2 and 0.3, twice '8 h' and '16 h' are one time each. A decimal of a day of up to seven
digits, a second and an hour lie on a tick.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError
from .units import to_float

#: Ticks of a day.
TICKS = 8_640_000_000


def on_clock(days: ArrayLike) -> NDArray[np.float64]:
    """Return the nearest tick of each time, day."""
    return np.asarray(np.rint(np.multiply(days, TICKS)) / TICKS)


def day_of(value: float | str, what: str) -> float:
    """Return a time on the clock, day, of a number of days or a text with a unit.

    A float32 stands for the decimal that it prints as.

    Raises
    ------
    UnitError, InputError
        If it is no time, or not finite.
    """
    single = isinstance(value, np.float32 | np.float16)
    day = to_float(str(value) if single else value, "day", what=what)
    if not math.isfinite(day * TICKS):
        raise InputError(f"{what} must be a finite number of days.")
    return round(day * TICKS) / TICKS
