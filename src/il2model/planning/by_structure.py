"""What draws say by structure of the model, and what their average says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..dosing.regimen import Regimen
from ..errors import InputError
from ..simulation.run import observed
from ..solver.kernel import builtin_kernel
from ..solver.problem import Floats, SolverOptions
from ..uncertainty.draws import Draws

Names = NDArray[np.str_]
Row = dict[str, str | float]
#: What the average over structures is called, and a fit of one.
ALL, ONE = "average", "the fit"
#: Draws that run together.
_BLOCK = 512


def grouped(
    names: Names, good: NDArray[np.bool_], weights: Mapping[str, float] | None = None
) -> Iterator[tuple[str, NDArray[np.bool_], Floats, int]]:
    """Return name, draws that ran, their shares and how many are left out, of each structure and of the average.

    Parameters
    ----------
    names : (draw,)
        The structure of each draw; empty where there is one alone.
    good : (draw,)
        Whether it ran.
    weights : {structure: weight}, optional
        Of each in the average; the share of its draws by default.
    """
    names = np.where(names == "", ONE, names)
    counts = {n: max(int((names[good] == n).sum()), 1) for n in names}
    share = np.array([(counts if weights is None else weights)[n] / counts[n] for n in names])
    for name in dict.fromkeys(names):
        mine = good & (names == name)
        if mine.any():
            yield str(name), mine, np.full(mine.sum(), 1 / mine.sum()), int((~good & (names == name)).sum())
    if good.any():
        yield ALL, good, share[good] / share[good].sum(), int((~good).sum())


def quantiles(x: Floats, share: Floats) -> tuple[float, float, float]:
    """Return 2.5 %, median and 97.5 % of weighted draws."""
    order = np.argsort(x, kind="stable")
    total = np.cumsum(share[order]) - share[order] / 2
    low, middle, high = np.interp((0.025, 0.5, 0.975), total, x[order])
    return float(low), float(middle), float(high)


def courses(plan: Regimen, rows: Floats, days: Floats, quantity: str) -> Floats:
    """Return an observable of one patient a row, (row, day); NaN where a run failed.

    Doses after the last day are not given.
    """
    short = Regimen(tuple(d for d in plan.given if d.time < days[-1]), plan.name, float(days[-1]))
    parts = [
        observed(
            *(builtin_kernel(), [short], some, days, [quantity]),
            which=np.zeros(len(some), np.int64),
            options=SolverOptions(rtol=1e-5),
        )[quantity]
        for some in np.array_split(rows, -(-len(rows) // _BLOCK))
    ]
    return np.concatenate(parts)


def level_rows(
    plan: Regimen,
    day: float,
    drawn: Draws,
    names: Names,
    *,
    quantity: str = "treg_percent",
    weights: Mapping[str, float] | None = None,
) -> list[Row]:
    """Return what an observable is on a day under a regimen, and how many times its untreated value, by structure.

    Raises
    ------
    InputError
        If the day is not after the start.
    """
    if not day > 0:
        raise InputError(f"day is {day:g}; it must be after day 0, which is untreated.")
    course = courses(plan, drawn.rows(builtin_kernel()), np.array([0.0, day]), quantity)
    good = np.asarray(np.isfinite(course).all(axis=1))
    rows: list[Row] = []
    for name, mine, share, left_out in grouped(names, good, weights):
        low, middle, high = quantiles(course[mine, 1], share)
        fold = quantiles(course[mine, 1] / course[mine, 0], share)
        rows.append(
            {
                **{"regimen": plan.name, "day": day, "quantity": quantity, "structure": name},
                **{"median": middle, "low": low, "high": high},
                **{"fold": fold[1], "fold_low": fold[0], "fold_high": fold[2]},
                **{"draws": len(share), "left_out": left_out},
            }
        )
    return rows
