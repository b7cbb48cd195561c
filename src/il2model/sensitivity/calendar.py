"""The days a study looks at, from the doses of its regimen."""

from __future__ import annotations

import numpy as np

from ..dosing.regimen import Regimen

#: Days since the first dose of a cycle at which time-resolved outputs are read.
VISITS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0, 11.0, 14.0, 18.0, 21.0, 25.0, 28.0)


def cycle_starts(plan: Regimen) -> tuple[float, ...]:
    """Return the first day of each cycle: a dose after a week or more without one."""
    days = sorted({d.time for d in plan.given})
    return tuple(t for k, t in enumerate(days) if k == 0 or t - days[k - 1] >= 7)


def visits(plan: Regimen, until: float) -> tuple[float, ...]:
    """Return the days to look at: the visits of each cycle, or 24 even ones where there are none or too many."""
    starts = [t for t in cycle_starts(plan) if t < until]
    ends = [*starts[1:], until]
    days = {round(t + d, 6) for k, t in enumerate(starts) for d in VISITS if t + d <= ends[k]}
    if not starts or len(days) > 60:
        return tuple(float(t) for t in np.linspace(0, until, 25)[1:])
    return tuple(sorted(days | {until}))
