"""What a study looks at: observables at times, endpoints of a course, differences between arms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, unknown_name
from ..solver.kernel import Kernel
from ..solver.problem import Floats

MONTH = 30.4375


@dataclass(frozen=True)
class Scalar:
    """A number read off a course: unit, meaning, the observable it needs, and how."""

    unit: str
    meaning: str
    observable: str
    read: Callable[[Floats, Floats], Floats]  # (time,), (row, time) -> (row,)


def _at_end(t: Floats, y: Floats) -> Floats:
    return y[:, -1]


def _slope(t: Floats, y: Floats) -> Floats:
    return np.asarray((y[:, -1] - y[:, 0]) / (t[-1] - t[0]) * MONTH)


SCALARS: Mapping[str, Scalar] = {
    "treg_auc": Scalar(
        "percent*day", "area of Treg % above baseline", "treg_percent",
        lambda t, y: np.asarray(np.trapezoid(y - y[:, :1], t, axis=1)),
    ),
    "treg_peak": Scalar("percent", "largest Treg %", "treg_percent", lambda t, y: y.max(axis=1)),
    "treg_trough": Scalar("percent", "Treg % at the end of the last cycle", "treg_percent", _at_end),
    "ccl2_nadir": Scalar(
        "1", "lowest plasma CCL2 relative to baseline", "plasma_ccl2", lambda t, y: (y / y[:, :1]).min(axis=1)
    ),
    "alsfrs_r_slope": Scalar("point/month", "slope of ALSFRS-R", "alsfrs_r", _slope),
    "alsfrs_r_end": Scalar("point", "ALSFRS-R at the end", "alsfrs_r", _at_end),
    "survival_end": Scalar("1", "probability of being alive at the end", "survival", _at_end),
    "eosinophil_peak": Scalar("cell/uL", "largest eosinophil count", "eosinophil_count", lambda t, y: y.max(axis=1)),
    "nk_peak": Scalar("cell/uL", "largest CD56bright NK count", "nk_count", lambda t, y: y.max(axis=1)),
}  # fmt: skip
#: Differences between the treated arm and placebo, in a cohort.
DIFFERENCES: Mapping[str, tuple[str, str]] = {
    "survival_difference": ("survival_end", "share alive at the end, IL-2 minus placebo"),
    "alsfrs_r_difference": ("alsfrs_r_end", "mean ALSFRS-R at the end, IL-2 minus placebo"),
}


@dataclass(frozen=True)
class Output:
    """One column of the results."""

    name: str
    unit: str
    meaning: str
    time: float | None = None  # day, for a time-resolved output
    series: str | None = None  # the observable it belongs to


def resolve(outputs: Sequence[str], times: Sequence[float], kernel: Kernel) -> tuple[Output, ...]:
    """Turn names into columns: an observable gives one per time.

    Raises
    ------
    UnknownNameError, InputError
    """
    observables = {o.id: o for o in kernel.blueprint.observables}
    known = [*SCALARS, *DIFFERENCES, *observables]
    found: list[Output] = []
    for name in outputs:
        if name in SCALARS:
            found.append(Output(name, SCALARS[name].unit, SCALARS[name].meaning))
        elif name in DIFFERENCES:
            found.append(Output(name, SCALARS[DIFFERENCES[name][0]].unit, DIFFERENCES[name][1]))
        elif name in observables:
            o = observables[name]
            found += [Output(f"{name}@{t:g}", o.unit, f"{o.name}, day {t:g}", float(t), name) for t in times]
        else:
            raise unknown_name("output", name, known)
    if not found:
        raise InputError("A study needs at least one output.")
    return tuple(found)
