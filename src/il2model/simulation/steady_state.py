"""The periodic orbit that a dose at steady state (ss = 1) starts from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..dosing.regimen import Dose, Regimen
from ..errors import InputError
from ..solver.kernel import Kernel
from ..solver.problem import Floats, SolverOptions
from .batch import Batch
from .engine import hand_over


def loads_of(batch: Batch, options: SolverOptions, engine: str = "fast") -> Floats:
    """Return (subject, row, state) to load at resets (row 0: untreated) and at steady-state doses (rows 1..).

    Raises
    ------
    InputError
        If a dosing does not settle.
    """
    width = 1 + max((len(s.steady) for s in batch.schedules), default=0)
    loads = np.repeat(batch.untreated, width, axis=1)
    usable = batch.usable
    for number, schedule in enumerate(batch.schedules):
        subjects = np.flatnonzero((batch.schedule == number) & usable)
        if len(subjects):
            for k, dose in enumerate(schedule.steady):
                loads[subjects, k + 1] = periodic_orbit(batch.kernel, dose, batch.rows[subjects], options, engine)
    return loads


def periodic_orbit(
    kernel: Kernel, dose: Dose, parameters: Floats, options: SolverOptions, engine: str = "fast"
) -> Floats:
    """Return the states just before a dose that has been given every `ii` days for ever.

    Only the IL-2 half has such an orbit; the other states mean nothing here. The
    subjects of `parameters` share lag and body surface.

    Raises
    ------
    InputError
        If 30,000 days of dosing do not settle.
    """
    bp = kernel.blueprint
    chunk = max(2, int(np.ceil(400.0 / dose.ii)))
    doses = tuple(Dose(k * dose.ii, dose.amount, dose.route, dose.duration, dose.per_m2) for k in range(chunk))
    until = chunk * dose.ii
    batch = Batch.prepare(kernel, [Regimen(doses, "steady state", until)], parameters, until=until, holds=True)
    first = batch.schedules[0].given[0]
    if max(first.end, 0.0) > dose.ii:
        raise InputError("A dose with ss = 1 must arrive within its interval ii.")
    mask, scale = np.array(bp.resettable), np.array(bp.scales)
    y = batch.start
    loads = np.zeros((len(batch), 1, len(mask)))
    settled = np.zeros(len(batch), bool)  # each subject stops by itself: who stands beside it changes no bit
    for _ in range(max(4, int(30_000 / until))):
        problem = replace(batch, start=y).problem(np.zeros(0), loads)
        new = hand_over(kernel, problem, options, engine).final
        if not np.isfinite(new).all():
            raise InputError("The steady-state dosing does not settle: a state grows without bound.")
        change = np.abs((new - y) / scale)[:, mask].max(axis=1)
        y = np.where(settled[:, None], y, np.where(mask, new, batch.start))
        settled |= change < max(1e-10, 0.1 * options.rtol)
        if settled.all():
            return y
    raise InputError(f"{dose.amount:g} MIU every {dose.ii:g} days does not settle within 30,000 days.")
