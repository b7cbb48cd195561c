"""Stage imodals: Treg, their receptors and their dip and rise, in studies of low doses.

IMODALS is predicted as a mean and an SD over patients that differ in Treg share,
clearance and division; the other studies as the typical patient.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..solver.problem import Floats
from . import courses
from .simulator import Simulator
from .targets import Target

#: Estimated in this stage (the draws of the stage pk enter through one coordinate).
PARAMETERS = (
    *("treg_affinity", "receptor_turnover", "cd25_induction", "signal_threshold", "signal_hill", "treg_division_max"),
    *("signal_memory_rate", "treg_division_rate", "tachyphylaxis_strength", "tachyphylaxis_rate", "treg_loss_rate"),
    *("adhesion_effect", "adhesion_threshold", "adhesion_rate", "treg_share_untreated", "spread_treg_division"),
    *("spread_treg_share", "spread_clearance"),
)


def predict(simulator: Simulator, table: Mapping[str, Floats], targets: tuple[Target, ...]) -> dict[str, Floats]:
    """Return predictions (set,) by target; nuisances of `table` enter where a target names them."""
    found = courses.predict(simulator, table, targets)
    for t in targets:
        if t.drift is not None:
            found[t.id] = found[t.id] + table[t.drift]
        if t.noise is not None:
            found[t.id] = np.sqrt(found[t.id] ** 2 + table[t.noise] ** 2)
    return found
