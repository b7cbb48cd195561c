"""How far a course lies from those that were studied, each taken as a whole.

Studied are the arms of the trials that ship whose response was fitted, not those that only inform the
pharmacokinetics. A course lies within them if one arm has, at the same time, in any window of days as much drug and as
many doses, treatment without a pause for as long, at least its length, and its route. So a dose or a cycle may be
skipped and a cycle be late by two days, and nothing is said; two good halves of two arms are no studied course.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ..clock import on_clock
from ..parameters import load_parameters
from ..trial_files import TrialFile, read_trial, trial_names
from .courses import arm_plan
from .dose import ROUTE_WORDS, Dose

Floats = NDArray[np.float64]
#: A number up to a tenth above what was studied is not told: bodies and syringes differ by as much.
TOLERANCE = 1.1
#: A day, a week and four weeks as windows from a first to a last dose, days.
_DAY, _WEEK, _MONTH = 0.7, 6.0, 27.0
#: Of a course on a periodic orbit (ss = 1), so many days before its first dose count.
_BEFORE = 1000.0
#: Every window is looked at of a course of so many doses, else some.
_FEW = 400


@dataclass(frozen=True, kw_only=True)
class Extrapolation:
    """How a course compares with the nearest one that was studied.

    Parameters
    ----------
    arm : str
        Trial and arm of the nearest studied course; empty of a course without doses.
    factor : float
        The largest ratio of the course to that arm, over amounts and numbers of doses in windows of any length,
        treatment without a pause, and length; at most 1.1 is not told.
    outside : tuple of str
        What lies outside, in words.
    """

    arm: str = ""
    factor: float = 0.0
    outside: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """A sentence without a full stop; empty within what was studied."""
        if not self.outside:
            return ""
        what = "; ".join(self.outside)
        return f"extrapolation beyond the studied courses, of which {self.arm} is the nearest: {what}"


@dataclass(frozen=True)
class _Course:
    """Times (day, rising) and amounts (MIU) of the doses of a course, and how they are given."""

    times: Floats
    amounts: Floats
    ways: frozenset[tuple[str, bool]]

    @classmethod
    def of(cls, doses: Sequence[Dose]) -> _Course:
        surface = load_parameters("prior")["body_surface"]
        given = [(t, d.amount * (surface if d.per_m2 else 1.0)) for d in doses for t in _times(d)]
        times, place = np.unique([t for t, _ in given], return_inverse=True)
        amounts = np.bincount(place, weights=[a for _, a in given]).astype(np.float64)
        return cls(times, amounts, frozenset((d.route, d.duration > 0) for d in doses))

    @property
    def length(self) -> float:
        """Days from the first to the last dose, both counted."""
        return float(self.times[-1] - self.times[0]) + 1.0

    @cached_property
    def windows(self) -> tuple[Floats, Floats, Floats]:
        """Widths of windows from a dose to a dose (rising), and the most MIU and doses in one as wide at most."""
        n, total = len(self.times), np.concatenate([[0.0], np.cumsum(self.amounts)])
        lags = np.arange(n) if n <= _FEW else np.unique(np.geomspace(1, n, 100).astype(int)) - 1
        widths = np.concatenate([self.times[k:] - self.times[: n - k] for k in lags])
        amounts = np.concatenate([total[k + 1 :] - total[: n - k] for k in lags])
        counts = np.repeat(lags + 1.0, n - lags)
        order = np.argsort(widths, kind="stable")
        return widths[order], np.maximum.accumulate(amounts[order]), np.maximum.accumulate(counts[order])

    def most(self, widths: Floats) -> tuple[Floats, Floats]:
        """Return the most MIU, and doses, in windows so wide."""
        known, amounts, counts = self.windows
        last = np.searchsorted(known, widths + 1e-9, side="right") - 1
        return amounts[last], counts[last]

    @cached_property
    def gaps(self) -> Floats:
        """The different days between neighbours (rising), after 0."""
        return np.unique(np.concatenate([[0.0], on_clock(np.diff(self.times))]))

    @cached_property
    def unbroken(self) -> Floats:
        """The longest treatment, day, in which no two neighbours lie further apart than each of `gaps`."""
        steps = np.diff(self.times)
        found = []
        for gap in self.gaps:
            breaks = np.flatnonzero(steps > gap + 1e-9)
            first, last = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(steps)]])
            found.append(float((self.times[last] - self.times[first]).max()) + 1.0)
        return np.array(found)


def _times(dose: Dose) -> Floats:
    """Return when a dose is given; on a periodic orbit before its time, too."""
    if not dose.ss:
        return np.array([dose.time])
    return np.asarray(dose.time - dose.ii * np.arange(int(_BEFORE / max(dose.ii, 0.5))))


def _late(width: Floats) -> Floats:
    """Return by how many days a studied window may be wider: doses are early or late."""
    return np.where(width < 1.5, 0.25, 1.0 + np.minimum(width, 30.0) / 15.0)


@lru_cache(maxsize=1)
def studied_arms() -> dict[str, tuple[Dose, ...]]:
    """Return the doses of the arms of the trials that ship whose response is fitted, by trial and arm."""
    found = {}
    for name in trial_names():
        file = read_trial(name)
        for id in _fitted(file):
            doses = tuple(d for d in arm_plan(file, id).doses if d.amount > 0)
            if doses:
                found[f"{file.tables['trial']}, {file.rows('arms')[id].get('name', id)}"] = doses
    return found


def _fitted(file: TrialFile) -> list[str]:
    """Return the arms of which a response is fitted, all where a target names none; levels of the drug are none."""
    arms = file.rows("arms")
    known: set[str] = set()
    for t in file.rows("targets").values():
        if t["use"] == "fit" and t.get("stage", file.tables.get("stage")) != "pk":
            known |= set(t["arms"]) if "arms" in t else {t["arm"]} if "arm" in t else set(arms)
    return [id for id in arms if id in known]


@lru_cache(maxsize=1)
def _arms() -> dict[str, _Course]:
    return {name: _Course.of(doses) for name, doses in studied_arms().items()}


@lru_cache(maxsize=256)
def compared(doses: tuple[Dose, ...]) -> Extrapolation:
    """Return how a course compares with the nearest studied one."""
    given = tuple(d for d in doses if d.amount > 0)
    if not given:
        return Extrapolation()
    course = _Course.of(given)
    against = [_against(course, name, arm) for name, arm in _arms().items()]
    return min(against, key=lambda a: (bool(a[0].outside), a[0].factor, a[1]))[0]


def _against(course: _Course, name: str, arm: _Course) -> tuple[Extrapolation, float]:
    """Compare a course with an arm; also the sum of the logarithms of all ratios above 1."""
    length = course.length / arm.length, f"{course.length:g} days from first to last dose (studied: {arm.length:g})"
    terms = [*_windows(course, arm), *_pauses(course, arm), length]
    ways = (f"given {ROUTE_WORDS.get(r, r)}{' as an infusion' * infused}" for r, infused in course.ways - arm.ways)
    told = (*(text for ratio, text in terms if ratio > TOLERANCE and text), *sorted(ways))
    ratios = [ratio for ratio, _ in terms]
    found = Extrapolation(arm=name, factor=max(ratios), outside=told)
    return found, float(np.log(np.maximum(ratios, 1.0)).sum())


def _windows(course: _Course, arm: _Course) -> Iterator[tuple[float, str]]:
    """Compare drug and doses in a day, a week or four weeks, and in the worst window: ratio and words."""
    every, *curves = course.windows
    most = arm.most(every + _late(every))
    for unit, k, named in (("MIU", 0, (_DAY, _WEEK)), ("doses", 1, (_DAY, _MONTH))):
        widths = np.array([*named, every[(curves[k] / most[k]).argmax()]])
        ours, studied, allowed = course.most(widths)[k], arm.most(widths)[k], arm.most(widths + _late(widths))[k]
        told = (ours / allowed)[:-1].max() > TOLERANCE
        for place, width in enumerate(widths):
            days = "a day" if width < 1 else f"{width + 1:.3g} days"
            text = f"{ours[place]:.3g} {unit} in {days} (studied: {studied[place]:.3g})"
            yield float(ours[place] / allowed[place]), text * (place < len(named) or not told)


def _pauses(course: _Course, arm: _Course) -> Iterator[tuple[float, str]]:
    """Compare the pauses of treatment, at the worst of them: ratio and words.

    The ratio is that of the days of treatment between longer pauses, or of the pauses that the arm has in a
    treatment as long; the smaller of the two, so that a sixth day on is 6/5.
    """
    gaps = np.maximum(course.gaps, 1.0)  # two doses of a day are told as doses
    wide = np.searchsorted(arm.gaps, gaps + _late(gaps), side="right") - 1
    long = np.minimum(np.searchsorted(arm.unbroken, course.unbroken / TOLERANCE), len(arm.gaps) - 1)
    of_days, of_pauses = course.unbroken / arm.unbroken[wide], arm.gaps[long] / (gaps + _late(gaps))
    worst = int(np.minimum(of_days, of_pauses).argmax())
    off = gaps[worst] - 1.0
    text = (
        f"{course.unbroken[worst]:.4g} days {f'with at most {off:.3g} days' if off else 'without a day'} off (studied: "
    )
    if of_days[worst] <= of_pauses[worst]:
        text += f"{arm.unbroken[wide[worst]]:.4g})"
    else:
        text += f"{arm.gaps[long[worst]] - 1:.3g} days off after {arm.unbroken[long[worst] - 1]:.3g})"
    yield float(min(of_days[worst], of_pauses[worst])), text
