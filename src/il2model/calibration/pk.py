"""Stage pk: plasma IL-2 after s.c. and i.v. doses, in the typical patient."""

from __future__ import annotations

from collections.abc import Mapping

from ..endpoints.kinds import Course
from ..solver.problem import Floats
from . import courses
from .simulator import Simulator
from .targets import Target

#: Estimated in this stage.
PARAMETERS = ("il2_clearance", "il2_absorption_rate", "il2_lymph_rate", "il2_capillary_share")


def predict(simulator: Simulator, table: Mapping[str, Floats], targets: tuple[Target, ...]) -> dict[str, Floats]:
    """Return predictions (set,) by target."""

    def level(e: Course, seen: Floats, rows: Floats) -> Floats:
        # pM = pmol/L into IU/mL: a million IU in so many pmol, a thousand mL in a litre
        return seen * 1e3 / rows[:, simulator.at("il2_amount_per_miu"), None]

    return courses.predict(simulator, table, targets, level)
