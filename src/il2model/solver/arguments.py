"""What the driver is called with: named tuples of numbers and arrays.

Their annotations are the one definition of the compiled signature (`lowering`)
and of the call from Python (`fast`): whole numbers and reals go by value, arrays
by the address of their first item.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from .problem import Floats, Ints


class Mode(IntEnum):
    """How steps are chosen: freely; freely and recorded; as recorded."""

    FREE = 0
    RECORD = 1
    REPLAY = 2


class Calls(NamedTuple):
    """Addresses of the model's functions."""

    prepare: int
    attempt: int


class Sizes(NamedTuple):
    """Whole numbers; those in capitals are offsets into the work buffer, as in `Layout`."""

    lanes: int
    states: int
    fixed: int
    inputs: int
    H: int
    ERR: int
    FAC: int
    TAKE: int
    GROW: int
    RES: int
    Y: int
    N: int
    K: int
    P: int
    IN: int
    stages: int
    subjects: int
    n_save: int
    n_out: int
    n_scale: int
    n_dense: int
    load_rows: int
    max_steps: int


class Limits(NamedTuple):
    """Reals: times and steps in days."""

    t_end: float
    rtol: float
    atol: float
    h_first: float
    h_min: float
    h_max: float
    growth: float  # largest |N| / scale
    residual: float  # largest checksum of the linear solve


class Batch(NamedTuple):
    """What is known of every subject."""

    y0: Floats  # (subjects, states)
    fixed: Floats  # (subjects, fixed)
    inputs0: Floats  # (inputs,)
    amounts: Floats  # (subjects, n_scale): what one unit of a dose adds
    loads: Floats  # (subjects, load_rows, states): states to load at LOAD events
    load_mask: Ints  # (states,)
    schedule: Ints  # (subjects,): which schedule a subject follows


class Table(NamedTuple):
    """Events of all schedules, end to end; see `problem.Events`."""

    bounds: Ints  # (schedules + 1,): where each schedule begins
    time: Floats
    kind: Ints
    target: Ints
    value: Floats
    scale: Ints


class Output(NamedTuple):
    """Where results go, and how they are read off a step."""

    save: Floats  # (n_save,)
    columns: Ints  # (n_out,): states to save
    dense: Floats  # (n_dense, stages)
    states: Floats  # (subjects, n_save, n_out), NaN where nothing is written
    final: Floats  # (subjects, states)
    counts: Ints  # (subjects, 4): steps, rejected, status, state (left to the caller)


class Tape(NamedTuple):
    """Accepted steps, day: written by RECORD, read by REPLAY."""

    mode: int
    width: int
    sizes: Floats  # (rows, width)
    row: Ints  # (subjects,): row that a subject uses
    length: Ints  # (rows,)


class Lane(NamedTuple):
    """What each lane remembers between steps; all are (lanes,)."""

    subject: Ints
    event: Ints  # next event
    save: Ints  # next time to save
    first: Ints  # 1 until a step after an event is accepted
    rejected: Ints
    steps: Ints
    fresh: Ints  # 1 at a new state N
    time: Floats
    next: Floats  # step to try
    dose_step: Floats  # first step that was accepted after a dose
    stop: Floats  # day at which the step under way must end at the latest

    @classmethod
    def of(cls, lanes: int) -> Lane:
        """Return the memory of so many lanes."""

        def whole() -> Ints:
            return np.zeros(lanes, np.int64)

        def reals() -> Floats:
            return np.zeros(lanes)

        return cls(
            subject=whole(),
            event=whole(),
            save=whole(),
            first=whole(),
            rejected=whole(),
            steps=whole(),
            fresh=whole(),
            time=reals(),
            next=reals(),
            dose_step=reals(),
            stop=reals(),
        )
