"""Stage imodals: Treg, their receptors and their dip and rise, in four studies of low doses.

IMODALS is predicted as a mean and an SD over patients that differ in Treg share,
clearance and division; the other studies as the typical patient.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..solver.problem import Floats
from .needs import Needs, by_horizon, course
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
    found: dict[str, Floats] = {}
    patients, typical = simulator.il2_patients(table), simulator.rows(table)
    of_cohort = tuple(t for t in targets if course(t).over_patients is not None)
    for some in by_horizon(of_cohort):
        needs = Needs.of(some)
        seen = simulator.observe(needs.arms, patients.reshape(-1, patients.shape[-1]), needs.days, needs.observables)
        for t in some:
            e = course(t)
            each = e.course(seen[t.arms[0]]).reshape(*patients.shape[:2], -1)
            found[t.id] = e.summary(e.read(needs.days, each, t.day))
    for some in by_horizon(tuple(t for t in targets if t not in of_cohort)):
        needs = Needs.of(some)
        seen = simulator.observe(needs.arms, typical, needs.days, needs.observables)
        for t in some:
            e = course(t)
            found[t.id] = np.mean([e.read(needs.days, e.course(seen[a]), t.day) for a in t.arms], axis=0)
    for t in targets:
        if t.drift is not None:
            found[t.id] = found[t.id] + table[t.drift]
        if t.noise is not None:
            found[t.id] = np.sqrt(found[t.id] ** 2 + table[t.noise] ** 2)
    return found
