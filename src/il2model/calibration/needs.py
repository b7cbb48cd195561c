"""What the targets of a stage need: arms, days and observables; and what no stage can predict is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from ..endpoints.between import Between
from ..endpoints.kinds import Analysis, Course
from ..endpoints.registry import TARGETED
from ..endpoints.reported import COHORT
from ..errors import InputError
from ..solver.problem import Floats
from .simulator import Simulator
from .targets import Target


@dataclass(frozen=True)
class Needs:
    """Days and observables of the courses that some targets are read off."""

    days: Floats
    observables: tuple[str, ...]

    @classmethod
    def of(cls, targets: Iterable[Target], end: float) -> Needs:
        """Collect what courses have to be known of, from day 0 to the last."""
        some = [(t, course(t)) for t in targets]
        days = [np.array([0.0, end])]
        for t, e in some:
            days += [np.append(d, e.days(d) if e.days else []) for d in days_of(t)]
        return cls(np.unique(np.concatenate(days)), tuple(dict.fromkeys(i for _, e in some for i in e.observables)))


def course(target: Target) -> Course:
    """Return what a target reads off a course; of one that compares two arms or days, what it reads in each.

    Raises
    ------
    InputError
        If it reads none.
    """
    found = TARGETED[target.endpoint]
    if isinstance(found, Between):
        return found.base
    if not isinstance(found, Course):
        raise InputError(f"{target.id}: the stage {target.stage!r} reads courses; {target.endpoint} is of a cohort.")
    return found


def over_patients(target: Target) -> bool:
    """Whether a target is a statistic of patients who differ, and not a number of the typical one."""
    return isinstance(TARGETED[target.endpoint], Course) and course(target).over_patients is not None


def combined(target: Target, read: Callable[[str, float | None], Floats]) -> Floats:
    """Return a target's number from readings by arm and day: pooled over its arms, or one against the other."""
    found = TARGETED[target.endpoint]
    if not isinstance(found, Between):
        return np.asarray(np.mean([read(a, target.day) for a in target.arms], axis=0))
    first, second = target.arms[0], target.arms[-1]
    other = target.day if found.pair == "arms" else target.against
    return found.of_two(read(first, target.day), read(second, other))


def summary(target: Target) -> Course | Analysis:
    """Return the endpoint of a target that is a number of a cohort.

    Raises
    ------
    InputError
        If it is none.
    """
    if target.endpoint not in COHORT:
        raise InputError(f"{target.id}: the stage {target.stage!r} needs a number of a cohort, not {target.endpoint}.")
    return COHORT[target.endpoint]


def informed(targets: Collection[Target]) -> tuple[str, ...]:
    """Return the parameters that targets inform besides those of their stage: of CCL2 and others, and of studies."""
    found = (TARGETED[t.endpoint] for t in targets)
    bases = (e.base if isinstance(e, Between) else e for e in found)
    of_courses = [i for e in bases if isinstance(e, Course) for i in e.informs]
    return tuple(dict.fromkeys((*of_courses, *(i for t in targets for i in t.study.sizes(t.stage)))))


def days_of(target: Target) -> tuple[float, ...]:
    """Return the last day of each course that a target reads: of one that compares two days, both.

    Raises
    ------
    InputError
        If neither the target nor its endpoint says one.
    """
    end = course(target).horizon(target.day)
    if end is None:
        raise InputError(f"{target.id}: {target.endpoint} needs a 'day'.")
    return (end,) if target.against is None else (end, target.against)


def check_cohort(targets: Iterable[Target], known: Collection[str], follow_up: float) -> None:
    """Refuse targets that a cohort with these observables and this follow-up cannot answer.

    Raises
    ------
    InputError
    """
    for t in targets:
        found = summary(t)
        for id in found.observables:
            if id not in known:
                raise InputError(f"{t.id}: the stage {t.stage!r} does not know {id}, which {found.id} is read off.")
        if t.day is not None and not 0 <= t.day <= follow_up:
            raise InputError(f"{t.id}: day {t.day:g} lies outside the follow-up of {follow_up:g} days.")


def check_courses(simulator: Simulator, targets: Iterable[Target]) -> None:
    """Refuse targets that the courses of the model cannot answer.

    Raises
    ------
    InputError
    """
    names = simulator.kernel.blueprint.items
    for t in targets:
        _ = days_of(t)
        for id in course(t).observables:
            if id not in names:
                raise InputError(f"{t.id}: the model has no {id}, which {t.endpoint} is read off.")
