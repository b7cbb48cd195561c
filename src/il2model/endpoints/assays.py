"""What an assay reads of an observable: its residual error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, unknown_name
from ..units import to_finite

Floats = NDArray[np.float64]
#: 'sd' in the observable's unit, or 'cv' relative to the value; and its size.
AssayError = tuple[str, float]
#: Residual error of a measurement by observable; assumed but for ALSFRS-R, which is the residual of a
#: joint model of PRO-ACT (Rooney 2020).
ASSAYS: Mapping[str, AssayError] = {
    "alsfrs_r": ("sd", 1.75),
    "svc": ("sd", 5.0),
    "treg_percent": ("cv", 0.05),
    "plasma_ccl2": ("cv", 0.10),
    "csf_pnfh": ("cv", 0.10),
    "plasma_nfl": ("cv", 0.10),
}
#: What a trial measures at its visits.
MEASURED = tuple(ASSAYS)


def check_assays(assays: Mapping[str, AssayError]) -> None:
    """Refuse errors of what is not measured, or of another kind.

    Raises
    ------
    UnknownNameError, InputError
    """
    for id, given in assays.items():
        if id not in ASSAYS:
            raise unknown_name("measured observable", str(id), ASSAYS)
        pair = isinstance(given, tuple | list) and len(given) == 2 and given[0] in ("sd", "cv")
        if not pair or not 0 <= to_finite(given[1], f"the assay error of {id}") < 100:
            raise InputError(f"The assay error of {id} is ('sd' or 'cv', a size from 0); got {given!r}.")


def measure(truth: Floats, error: AssayError, noise: Floats) -> Floats:
    """Return what the assay reads of the true values, given standard normal noise of their shape."""
    kind, size = error
    return truth + size * noise if kind == "sd" else truth * np.exp(size * noise - size**2 / 2)
