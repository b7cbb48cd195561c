"""What a solver gets and gives: arrays for a batch of subjects, and outcomes with a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..units import to_float, to_whole

#: Steps that a counter of the driver holds.
_MOST_STEPS = 2**31 - 1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def distinct(values: ArrayLike) -> Floats:
    """Return the values in order, each once; `np.unique` would load masked arrays, 20 ms of a warm start."""
    found = np.sort(np.asarray(values, float))
    first = np.ones(len(found), bool)
    first[1:] = found[1:] != found[:-1]
    return np.asarray(found[first])


class Status(IntEnum):
    """Outcome of one subject; values below 10 are those of the driver."""

    SUCCESS = 0
    MAX_STEPS = 1
    STEP_TOO_SMALL = 2
    NOT_FINITE = 3
    RUNAWAY = 4
    LINEAR_SOLVE = 5
    REFUSED = 10
    CANCELLED = 11

    def sentence(self, state: str = "") -> str:
        """Say in one sentence what happened."""
        where = f" (largest in {state})" if state else ""
        return {
            Status.SUCCESS: "The run finished.",
            Status.MAX_STEPS: "The run used all its steps; raise max_steps or loosen rtol.",
            Status.STEP_TOO_SMALL: f"The step size fell below its limit{where}; the equations are too stiff here.",
            Status.NOT_FINITE: f"A value was not a finite number{' in ' + state if state else ''}.",
            Status.RUNAWAY: f"The state {state} grew without bound; these parameters describe no patient.",
            Status.LINEAR_SOLVE: "The linear solve failed its check at the smallest step.",
            Status.REFUSED: "The parameters break a condition of the untreated state.",
            Status.CANCELLED: "The run was cancelled before this subject.",
        }[self]


@dataclass(frozen=True)
class SolverOptions:
    """Error control and limits of the solver.

    Parameters
    ----------
    rtol : float
        Relative tolerance of one step.
    atol : float, optional
        Absolute tolerance relative to the typical size of each state; rtol / 10 if absent.
    max_steps : int
        Steps per subject before it is given up.
    h_first, h_min, h_max : float
        First, smallest and largest step, day.
    growth_limit : float
        Size relative to a state's typical size at which a run is called runaway.
    """

    rtol: float = 1e-6
    atol: float | None = None
    max_steps: int = 1_000_000
    h_first: float = 1e-3
    h_min: float = 1e-11
    h_max: float = float("inf")
    growth_limit: float = 1e6

    def __post_init__(self) -> None:
        for name in ("rtol", "atol", "h_first", "h_min", "h_max", "growth_limit"):
            if name != "atol" or self.atol is not None:
                object.__setattr__(self, name, to_float(getattr(self, name), "1", what=name))
        object.__setattr__(self, "max_steps", to_whole(self.max_steps, "max_steps", 1, _MOST_STEPS))
        if not 1e-13 <= self.rtol <= 0.1:
            raise InputError(f"rtol is {self.rtol}; it must lie between 1e-13 and 0.1.")
        if self.atol is not None and not 0 < self.atol <= 0.1:
            raise InputError(f"atol is {self.atol}; it must lie between 0 and 0.1.")
        if not self.growth_limit > 1:
            raise InputError(f"growth_limit is {self.growth_limit}; it must be above 1, the size of a state.")
        if not 0 < self.h_min <= self.h_first or not self.h_max > self.h_min:
            raise InputError("The steps must obey 0 < h_min <= h_first and h_min < h_max.")

    @property
    def absolute(self) -> float:
        """The absolute tolerance in use."""
        return 0.1 * self.rtol if self.atol is None else self.atol


class EventKind(IntEnum):
    """What an event does: add an amount to a state, set an input, load states."""

    ADD = 0
    SET_INPUT = 1
    LOAD = 2


ADD, SET_INPUT, LOAD = map(int, EventKind)


@dataclass(frozen=True)
class Events:
    """Schedules laid end to end; schedule k holds events bounds[k]..bounds[k+1], in order of time.

    An ADD adds value x amount[scale] to a state; see `EventKind`.
    """

    bounds: Ints
    time: Floats
    kind: Ints
    target: Ints
    value: Floats
    scale: Ints  # column of `amounts`, or -1 for the value as it is

    @property
    def count(self) -> int:
        """Number of schedules."""
        return len(self.bounds) - 1


@dataclass(frozen=True)
class Problem:
    """A batch: axes are (subject, state or term)."""

    y0: Floats  # (subject, state)
    fixed: Floats  # (subject, parameter or constant), in the order of the program
    inputs0: Floats  # (input,)
    amounts: Floats  # (subject, scale)
    loads: Floats  # (subject, row, state)
    load_mask: Ints  # (state,)
    schedule: Ints  # (subject,)
    events: Events
    save: Floats  # (time,), increasing
    t_end: float
    out_index: Ints  # states to save

    @property
    def subjects(self) -> int:
        """Number of subjects."""
        return len(self.y0)


@dataclass(frozen=True)
class BatchResult:
    """What a solver returns; a failed subject holds NaN from its failure on."""

    states: Floats  # (subject, time, saved state)
    final: Floats  # (subject, state)
    steps: Ints
    rejected: Ints
    status: Ints
    status_state: Ints

    def sentences(self, states: Sequence[str]) -> dict[int, str]:
        """Return {subject: sentence} of those that failed; `states` are the names of the states."""
        failed = np.flatnonzero(self.status != Status.SUCCESS)
        return {int(s): Status(int(self.status[s])).sentence(states[int(self.status_state[s])]) for s in failed}
