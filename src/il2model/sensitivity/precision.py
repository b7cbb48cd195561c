"""Double the sample until the intervals are narrow enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .results import StudyResult
from .study import SensitivityStudy

#: Largest base sample of the precision stop.
MOST = 2**16


def run_to_width(
    study: SensitivityStudy, width: float, directory: str | Path | None, *, most: int = MOST, **keywords: Any
) -> StudyResult:
    """Run a Sobol study with n, 2n, 4n, ... until every total index has a half-width below `width`.

    Rows of a smaller design are the first of a larger one (one seed, nested), so nothing is run twice.

    Raises
    ------
    InputError
        If the method is not sobol, or the width is not between 0 and 1.
    """
    if study.method != "sobol":
        raise InputError(f"The precision stop serves sobol, whose designs are nested; {study.method} is not.")
    if not 0 < width < 1:
        raise InputError(f"The width is {width}; it must lie between 0 and 1.")
    resume = keywords.pop("resume", True)
    while True:
        result = study.run(directory, resume=resume, **keywords)
        worst = float(np.nanmax(result.indices["ST_half"]))
        if worst <= width or study.n >= most:
            return result
        study = replace(study, n=2 * study.n)
        resume = True
