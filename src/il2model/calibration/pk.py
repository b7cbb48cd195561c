"""Stage pk: plasma IL-2 after s.c. and i.v. doses, in the typical patient."""

from __future__ import annotations

from collections.abc import Mapping

from ..solver.problem import Floats
from .needs import Needs, course
from .simulator import Simulator
from .targets import Target

#: Estimated in this stage.
PARAMETERS = ("il2_clearance", "il2_absorption_rate", "il2_lymph_rate", "il2_capillary_share")


def predict(simulator: Simulator, table: Mapping[str, Floats], targets: tuple[Target, ...]) -> dict[str, Floats]:
    """Return predictions (set,) by target."""
    rows = simulator.rows(table)
    per_miu = rows[:, simulator.at("il2_amount_per_miu")]
    needs = Needs.of(targets)
    seen = simulator.observe(needs.arms, rows, needs.days, needs.observables)
    # pM = pmol/L into IU/mL: a million IU in per_miu pmol, a thousand mL in a litre
    level = {a: seen[a]["il2_plasma"] * 1e3 / per_miu[:, None] for a in needs.arms}
    return {t.id: course(t).read(needs.days, level[t.arms[0]], t.day) for t in targets}
