"""Numbers in another unit; IL-2 also as activity, by how many pmol an MIU is."""

from __future__ import annotations

import numpy as np

from ..errors import UnitError
from ..solver.problem import Floats
from ..units import factor, normalise


def into_unit(values: Floats, unit: str, wanted: str | None, per_miu: Floats | None) -> Floats:
    """Return values in another unit.

    Parameters
    ----------
    per_miu : array that broadcasts against `values`, optional
        pmol per MIU; None or NaN for a model without drug.

    Raises
    ------
    UnitError
        If the unit does not fit.
    """
    if wanted is None or normalise(wanted) == normalise(unit):
        return values
    try:
        return values * factor(unit, wanted)
    except UnitError:
        # substance into activity: IL-2 by its specific activity
        if per_miu is None or "IU" not in wanted or np.isnan(per_miu).all():
            raise
        word, scale = next((w, s) for w, s in (("MIU", 1.0), ("kIU", 1e3), ("IU", 1e6)) if w in wanted)
        return values * factor(unit, wanted.replace(word, "pmol")) / per_miu * scale
