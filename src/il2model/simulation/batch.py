"""Subjects made ready for a solver: the one place where regimens and parameters become a Problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..dosing.regimen import Regimen
from ..errors import InputError, unknown_name
from ..solver.kernel import Kernel
from ..solver.problem import SET_INPUT, Floats, Ints, Problem
from ..solver.stability import refused
from .schedule import Schedule, build_schedule, join


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Subjects with their untreated state, what is refused, and a schedule for each.

    Parameters
    ----------
    kernel : Kernel
    rows, constants, start : (subject, ...)
        Parameters in model units, what follows from them, and the states at t = 0.
    refused : {subject: sentence}
        Whose parameters break a condition of the untreated state, or whose untreated state does not hold.
    schedules : tuple of Schedule
        One for each regimen, lag and body surface that occur.
    schedule : (subject,)
        Which of them is a subject's own.
    until : float
        Last day.
    """

    kernel: Kernel
    rows: Floats
    constants: Floats
    start: Floats
    refused: Mapping[int, str]
    schedules: tuple[Schedule, ...]
    schedule: Ints
    until: float

    @classmethod
    def prepare(
        cls,
        kernel: Kernel,
        plans: Sequence[Regimen],
        rows: Floats,
        which: Ints | None = None,
        *,
        until: float,
        holds: bool = False,
    ) -> Batch:
        """Return the subjects of `rows`, subject i under `plans[which[i]]` (the first by default).

        `holds`: their untreated states are known to hold, and are not tested again.

        Raises
        ------
        InputError
            If a route does not exist.
        """
        constants = kernel.constants(rows)
        schedules, schedule = _schedules(kernel, plans, rows, which, until)
        return cls(
            kernel=kernel,
            rows=rows,
            constants=constants,
            start=kernel.baseline(rows, constants),
            refused=kernel.refusals(rows, constants) if holds else refused(kernel, rows, constants),
            schedules=schedules,
            schedule=schedule,
            until=float(until),
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(subject,): whether the parameters are not refused."""
        usable = np.ones(len(self), dtype=bool)
        usable[list(self.refused)] = False
        return usable

    @property
    def untreated(self) -> Floats:
        """(subject, 1, state): what a reset loads, where no dose is at steady state."""
        return self.start[:, None, :]

    def problem(self, save: Floats, loads: Floats, subjects: Ints | slice = slice(None)) -> Problem:
        """Return what the solver gets for some of the subjects.

        Parameters
        ----------
        save : (time,)
        loads : (subject of the batch, row, state)
            States that resets and doses at steady state set.
        """
        bp, some = self.kernel.blueprint, subjects
        rows, constants = self.rows[some], self.constants[some]
        routes = bp.constants.ats(r.bolus for r in bp.routes.values())
        return Problem(
            y0=self.start[some],
            fixed=self.kernel.fixed(rows, constants),
            inputs0=np.array(bp.input_defaults, dtype=float),
            amounts=constants[:, routes],
            loads=loads[some],
            load_mask=np.array(bp.resettable, dtype=np.int64),
            schedule=self.schedule[some],
            events=join(list(self.schedules)),
            save=save,
            t_end=self.until,
            out_index=np.arange(len(bp.states)),
        )

    def inputs_at(self, times: Floats) -> Floats:
        """Return (subject, time, input), each as it is before the events of its time."""
        defaults = np.array(self.kernel.blueprint.input_defaults, dtype=float)
        courses = []
        for schedule in self.schedules:
            course = np.tile(defaults, (len(times), 1))
            for time, kind, target, value, _ in schedule.rows:
                if kind == SET_INPUT:
                    course[times > time if time > 0 else times >= 0.0, target] = value
            courses.append(course)
        return np.stack(courses)[self.schedule]

    def observe(self, states: Floats, times: Floats, ids: Sequence[str] | None = None) -> dict[str, Floats]:
        """Return {id: (subject, time)} of states (subject, time, state), in the units of the model.

        Parameters
        ----------
        ids : sequence of str, optional
            States and observables; all by default.

        Raises
        ------
        UnknownNameError
        """
        bp = self.kernel.blueprint
        check_ids(self.kernel, ids := [*bp.states.ids, *bp.observables.ids] if ids is None else ids)
        found = {i: states[..., bp.states.at(i)] for i in ids if i in bp.states}
        if any(i not in bp.states for i in ids):
            inputs = self.inputs_at(times)
            seen = self.kernel.observables(states, inputs, self.rows[:, None, :], self.constants[:, None, :])
            found |= {i: seen[..., bp.observables.at(i)] for i in ids if i not in bp.states}
        return {i: found[i] for i in ids}

    def parameter(self, id: str | None, otherwise: float) -> Floats:
        """Return (subject,) of a parameter in model units; `otherwise` where the model has none of that name."""
        axis = self.kernel.blueprint.parameters
        return self.rows[:, axis.at(id)] if id is not None and id in axis else np.full(len(self), otherwise)


def check_ids(kernel: Kernel, ids: Sequence[str]) -> None:
    """Raise UnknownNameError for what is neither a state nor an observable."""
    bp = kernel.blueprint
    for id in ids:
        if id not in bp.states and id not in bp.observables:
            raise unknown_name("observable or state", id, [*bp.observables.ids, *bp.states.ids])


def _schedules(
    kernel: Kernel, plans: Sequence[Regimen], rows: Floats, which: Ints | None, until: float
) -> tuple[tuple[Schedule, ...], Ints]:
    """Return one schedule per regimen, lag and body surface that occur, and each subject's own."""
    bp = kernel.blueprint
    lags = [-1 if r.lag is None else bp.parameters.at(r.lag) for r in bp.routes.values()]
    surface = bp.parameters.at("body_surface") if "body_surface" in bp.parameters else -1
    if surface < 0 and any(d.per_m2 for plan in plans for d in plan.doses):
        raise InputError(f"A dose per m2 needs the parameter body_surface, which {bp.name} lacks.")
    plan = np.zeros(len(rows), np.int64) if which is None else which
    known = [rows[:, c] if c >= 0 else np.full(len(rows), v) for c, v in (*((c, 0.0) for c in lags), (surface, 1.0))]
    made: dict[tuple[int, tuple[float, ...], float], int] = {}
    schedules: list[Schedule] = []
    schedule = np.zeros(len(rows), np.int64)
    for s, (number, (*lag, area)) in enumerate(zip(plan.tolist(), np.column_stack(known).tolist(), strict=True)):
        key = (number, tuple(lag), area)
        if key not in made:
            made[key] = len(schedules)
            schedules.append(build_schedule(plans[number], bp, tuple(lag), area, until))
        schedule[s] = made[key]
    return tuple(schedules), schedule
