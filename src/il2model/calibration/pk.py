"""Stage pk: plasma IL-2 after s.c. and i.v. doses, in the typical patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..solver.problem import Floats
from .simulator import Simulator
from .targets import Target

#: Estimated in this stage.
PARAMETERS = ("il2_clearance", "il2_absorption_rate", "il2_lymph_rate", "il2_capillary_share")
_GRID = np.unique(np.concatenate([np.arange(0, 0.5, 1 / 144), np.arange(0.5, 1.001, 1 / 96)]))


def predict(simulator: Simulator, table: Mapping[str, Floats], targets: tuple[Target, ...]) -> dict[str, Floats]:
    """Return predictions (set,) by target."""
    rows = simulator.rows(table)
    per_miu = rows[:, simulator.names.index("il2_amount_per_miu")]
    extra = [t.day for t in targets if t.day is not None]
    grid = np.unique(np.concatenate([_GRID, extra]))
    arms = tuple(dict.fromkeys(a for t in targets for a in t.arms))
    course = simulator.observe(arms, rows, grid, ("il2_plasma",))
    # pM = pmol/L into IU/mL: a million IU in per_miu pmol, a thousand mL in a litre
    level = {a: course[a]["il2_plasma"] * 1e3 / per_miu[:, None] for a in arms}
    found = {}
    for t in targets:
        c = level[t.arms[0]]
        at = int(np.searchsorted(grid, t.day if t.day is not None else 0.0))
        if t.endpoint == "il2_level":
            found[t.id] = c[:, at]
        elif t.endpoint == "il2_peak":
            found[t.id] = c.max(axis=1)
        elif t.endpoint == "il2_peak_time":
            found[t.id] = 24 * _peak_time(grid, c)
        elif t.endpoint == "il2_auc":
            found[t.id] = 24 * np.trapezoid(c[:, : at + 1], grid[: at + 1], axis=1)
        else:
            late = (grid >= 10 / 24) & (grid <= 18 / 24)
            x = grid[late] - grid[late].mean()
            slope = (np.log(c[:, late]) * x).sum(axis=1) / (x * x).sum()
            found[t.id] = -24 * np.log(2) / slope
    return found


def _peak_time(grid: Floats, values: Floats) -> Floats:
    """Return the top of the parabola through the largest value and its neighbours."""
    k = np.clip(values.argmax(axis=1), 1, len(grid) - 2)
    row = np.arange(len(values))
    x0, x1, x2 = (grid[k + i] for i in (-1, 0, 1))
    y0, y1, y2 = (values[row, k + i] for i in (-1, 0, 1))
    top = (x1 - x0) ** 2 * (y1 - y2) - (x1 - x2) ** 2 * (y1 - y0)
    base = (x1 - x0) * (y1 - y2) - (x1 - x2) * (y1 - y0)
    with np.errstate(all="ignore"):
        return np.asarray(np.where(base != 0, x1 - 0.5 * top / base, x1))
