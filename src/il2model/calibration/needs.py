"""What the targets of a stage need: arms, days and observables; and what no stage can predict is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..endpoints.kinds import Analysis, Course
from ..endpoints.registry import TARGETED
from ..endpoints.reported import COHORT
from ..errors import InputError
from ..solver.problem import Floats
from .simulator import Simulator
from .targets import Target


@dataclass(frozen=True)
class Needs:
    """What is simulated for some targets, all of them together."""

    arms: tuple[str, ...]
    days: Floats
    observables: tuple[str, ...]

    @classmethod
    def of(cls, targets: Iterable[Target]) -> Needs:
        """Collect what courses have to be known of, from day 0 on."""
        some = [(t, course(t), horizon(t)) for t in targets]
        days = [np.append(0.0, end) if e.days is None else np.append(e.days(end), (0.0, end)) for _, e, end in some]
        return cls(
            arms=tuple(dict.fromkeys(a for t, _, _ in some for a in t.arms)),
            days=np.unique(np.concatenate(days)),
            observables=tuple(dict.fromkeys(i for _, e, _ in some for i in e.observables)),
        )


def course(target: Target) -> Course:
    """Return the endpoint of a target that is read off a course.

    Raises
    ------
    InputError
        If it is none.
    """
    found = TARGETED[target.endpoint]
    if not isinstance(found, Course):
        raise InputError(f"{target.id}: the stage {target.stage!r} reads courses; {target.endpoint} is of a cohort.")
    return found


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


def informed(targets: Iterable[Target]) -> tuple[str, ...]:
    """Return the parameters that targets inform besides those of their stage: of CCL2, NfL and counts."""
    found = (TARGETED[t.endpoint] for t in targets)
    return tuple(dict.fromkeys(i for e in found if isinstance(e, Course) for i in e.informs))


def horizon(target: Target) -> float:
    """Return the last day that a target reads.

    Raises
    ------
    InputError
        If neither the target nor its endpoint says one.
    """
    end = course(target).horizon(target.day)
    if end is None:
        raise InputError(f"{target.id}: {target.endpoint} needs a 'day'.")
    return end


def by_horizon(targets: Sequence[Target]) -> list[list[Target]]:
    """Group targets by the last day they read; each group is simulated together."""
    ends = {t.id: horizon(t) for t in targets}
    return [[t for t in targets if ends[t.id] == end] for end in sorted(set(ends.values()))]


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
        _ = horizon(t)
        for id in course(t).observables:
            if id not in names:
                raise InputError(f"{t.id}: the model has no {id}, which {t.endpoint} is read off.")
