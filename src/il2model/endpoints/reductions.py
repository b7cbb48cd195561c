"""From a course to a number, and from patients to a number: what every endpoint is made of.

Over time: (time,) days and (..., time) values to (...). Over patients: (..., patient) and their weights,
or None where they count alike, to (...).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
OverTime = Callable[[Floats, Floats], Floats]

MONTH = 30.4375
HOURS = 24


def cut(times: Floats, course: Floats, day: float | None) -> tuple[Floats, Floats]:
    """Return a course up to a day, which becomes its last point (by linear interpolation); None is all of it.

    Raises
    ------
    InputError
        If the course ends before.
    """
    if day is None or day == times[-1]:
        return times, course
    if not times[0] <= day < times[-1]:
        raise InputError(f"Day {day:g} lies outside the course, which runs from day {times[0]:g} to {times[-1]:g}.")
    k = int(np.searchsorted(times, day))
    if times[k] == day:
        return times[: k + 1], course[..., : k + 1]
    slope = (course[..., k] - course[..., k - 1]) / (times[k] - times[k - 1])
    last = slope * (day - times[k - 1]) + course[..., k - 1]
    return np.append(times[:k], day), np.concatenate([course[..., :k], last[..., None]], axis=-1)


# ---------------------------------------------------------------------- over time
def first(t: Floats, y: Floats) -> Floats:
    """Return the first value."""
    return np.asarray(y[..., 0])


def last(t: Floats, y: Floats) -> Floats:
    """Return the last value."""
    return np.asarray(y[..., -1])


def largest(t: Floats, y: Floats) -> Floats:
    """Return the largest value."""
    return np.asarray(y.max(axis=-1))


def area_above_first(t: Floats, y: Floats) -> Floats:
    """Return the area between the course and its first value."""
    return np.asarray(np.trapezoid(y - y[..., :1], t, axis=-1))


def area_in_hours(t: Floats, y: Floats) -> Floats:
    """Return the area under the course, times hours."""
    return np.asarray(HOURS * np.trapezoid(y, t, axis=-1))


def slope(t: Floats, y: Floats) -> Floats:
    """Return the change per month between the first and the last day."""
    return np.asarray((y[..., -1] - y[..., 0]) / (t[-1] - t[0]) * MONTH)


def slope_of_first(t: Floats, y: Floats) -> Floats:
    """Return the change per month, as a share of the first value."""
    return np.asarray(slope(t, y) / y[..., 0])


def lowest_of_first(t: Floats, y: Floats) -> Floats:
    """Return the lowest value as a multiple of the first."""
    return np.asarray((y / y[..., :1]).min(axis=-1))


def multiple(t: Floats, y: Floats) -> Floats:
    """Return the last value as a multiple of the first."""
    return np.asarray(y[..., -1] / y[..., 0])


def points(t: Floats, y: Floats) -> Floats:
    """Return the change from the first to the last value."""
    return np.asarray(y[..., -1] - y[..., 0])


def _percent(y: Floats) -> Floats:
    return np.asarray(100 * (y / y[..., :1] - 1))


def gain(t: Floats, y: Floats) -> Floats:
    """Return the change from the first to the last value, in % of the first."""
    return np.asarray(_percent(y)[..., -1])


def lowest_gain(t: Floats, y: Floats) -> Floats:
    """Return the lowest change, in % of the first value."""
    return np.asarray(_percent(y).min(axis=-1))


def largest_gain_on(days: Floats) -> OverTime:
    """Return the reading of the largest change on given days, in % of the first value."""

    def read(t: Floats, y: Floats) -> Floats:
        return np.asarray(_percent(y)[..., np.searchsorted(t, days)].max(axis=-1))

    return read


def hour_of_largest(t: Floats, y: Floats) -> Floats:
    """Return when the course (row, time) is largest, h: the top of the parabola through it and its neighbours."""
    k = np.clip(y.argmax(axis=1), 1, len(t) - 2)
    row = np.arange(len(y))
    x0, x1, x2 = (t[k + i] for i in (-1, 0, 1))
    y0, y1, y2 = (y[row, k + i] for i in (-1, 0, 1))
    top = (x1 - x0) ** 2 * (y1 - y2) - (x1 - x2) ** 2 * (y1 - y0)
    base = (x1 - x0) * (y1 - y2) - (x1 - x2) * (y1 - y0)
    with np.errstate(all="ignore"):
        return np.asarray(HOURS * np.where(base != 0, x1 - 0.5 * top / base, x1))


def half_life(low: float, high: float, unit: int = HOURS) -> OverTime:
    """Return the reading of the half-life between two hours, in parts of a day: a line through the logarithms."""

    def read(t: Floats, y: Floats) -> Floats:
        late = (t >= low / HOURS) & (t <= high / HOURS)
        x = t[late] - t[late].mean()
        # by row in memory, or the sum would depend on how many rows there are
        fall = (np.log(np.ascontiguousarray(y[..., late])) * x).sum(axis=-1) / (x * x).sum()
        return np.asarray(-unit * np.log(2) / fall)

    return read


# ------------------------------------------------------------------ over patients
@dataclass(frozen=True)
class Statistic:
    """A number of many patients, and how it is called."""

    words: str
    of: Callable[[Floats, Floats | None], Floats]


def _mean(x: Floats, weight: Floats | None) -> Floats:
    return np.asarray(x.mean(axis=-1) if weight is None else weight @ x)


def _sd(x: Floats, weight: Floats | None) -> Floats:
    return np.asarray(x.std(axis=-1) if weight is None else np.sqrt(weight @ (x - weight @ x) ** 2))


def _median(x: Floats, weight: Floats | None) -> Floats:
    """Weighted: interpolated, so that it moves smoothly with the weights."""
    if weight is None:
        return np.asarray(np.median(x, axis=-1))
    order = np.argsort(x, kind="stable")
    share = np.cumsum(weight[order]) - weight[order] / 2
    return np.asarray(np.interp(0.5, share / weight.sum(), x[order]))


MEAN = Statistic("mean over patients", _mean)
SD = Statistic("SD between patients", _sd)
MEDIAN = Statistic("median over patients", _median)
MEAN_PERCENT = Statistic("mean over patients, in %", lambda x, weight: 100 * _mean(x, weight))
#: Of a probability to be alive: who is not.
SHARE_GONE = Statistic("over patients", lambda x, weight: 1 - _mean(x, weight))
