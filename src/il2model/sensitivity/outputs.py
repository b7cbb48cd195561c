"""What a study looks at: observables at times, endpoints of a course, differences between arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..clock import on_clock
from ..dosing.regimen import Regimen
from ..endpoints.registry import CONTRASTS, OUTPUTS
from ..errors import InputError, unknown_name
from ..solver.kernel import Kernel
from ..solver.problem import Floats

#: Days since the first dose of a cycle at which time-resolved outputs are read.
VISITS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0, 11.0, 14.0, 18.0, 21.0, 25.0, 28.0)


@dataclass(frozen=True)
class Output:
    """One column of the results: an endpoint by name, or an observable on a day.

    Parameters
    ----------
    name, unit, meaning : str
    time : float, optional
        Day, of a time-resolved output.
    series : str, optional
        The observable that a time-resolved output belongs to.
    """

    name: str
    unit: str
    meaning: str
    time: float | None = None
    series: str | None = None

    @property
    def observable(self) -> str:
        """The observable it is read off."""
        return self.series if self.series is not None else {**OUTPUTS, **CONTRASTS}[self.name].observables[0]

    def read(self, times: Floats, course: Floats) -> Floats:
        """Return the number of each row, off courses (row, time) of its observable."""
        if self.time is not None:
            return np.asarray(course[:, int(np.searchsorted(times, self.time))])
        return OUTPUTS[self.name].over_time(times, course)

    def difference(self, times: Floats, control: Floats, treated: Floats) -> Floats:
        """Return the difference of each patient, off courses (patient, time) of its observable in both arms."""
        return CONTRASTS[self.name].read(times, control, treated)


def is_series(name: str) -> bool:
    """Whether an output is an observable, which gives a column for each time."""
    return name not in OUTPUTS and name not in CONTRASTS


def resolve(outputs: Sequence[str], times: Sequence[float], kernel: Kernel) -> tuple[Output, ...]:
    """Turn names into columns: an observable gives one per time.

    Raises
    ------
    UnknownNameError, InputError
    """
    observables = {o.id: o for o in kernel.blueprint.observables}
    endpoints = {**OUTPUTS, **CONTRASTS}
    columns: list[Output] = []
    for name in outputs:
        if name in endpoints:
            columns.append(Output(name, endpoints[name].unit, endpoints[name].meaning))
        elif name in observables:
            o = observables[name]
            columns += [Output(f"{name}@{t:.12g}", o.unit, f"{o.name}, day {t:.12g}", float(t), name) for t in times]
        else:
            raise unknown_name("output", name, [*endpoints, *observables])
    if not columns:
        raise InputError("A study needs at least one output.")
    return tuple(columns)


def cycle_starts(plan: Regimen) -> tuple[float, ...]:
    """Return the first day of each cycle: a dose after a week or more without one."""
    days = sorted({d.time for d in plan.given})
    return tuple(t for k, t in enumerate(days) if k == 0 or on_clock(t - days[k - 1]) >= 7)


def visits(plan: Regimen, until: float) -> tuple[float, ...]:
    """Return the days to look at: the visits of each cycle, or 24 even ones where there are none or too many."""
    starts = [t for t in cycle_starts(plan) if t < until]
    ends = [*starts[1:], until]
    days = {float(t) for start, end in zip(starts, ends) for t in on_clock(np.add(start, VISITS)) if t <= end}
    if not starts or len(days) > 60:
        return tuple(float(t) for t in np.linspace(0, until, 25)[1:])
    return tuple(sorted(days | {until}))
