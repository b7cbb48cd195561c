"""Double the sample until the intervals are narrow enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..runs import Executor, Progress
from .results import StudyResult
from .run import run_study
from .study import SensitivityStudy

#: Largest base sample of the precision stop.
MOST = 2**16


def run_to_width(
    study: SensitivityStudy,
    width: float,
    *,
    most: int = MOST,
    policy: str = "refuse",
    folder: str | Path | None = None,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """Run a study with n, 2n, 4n, ... until every leading index has a half-width below `width`.

    Rows of a smaller design are the first of a larger one (one seed, nested), so nothing is run twice
    where there is a folder.

    Parameters
    ----------
    study : SensitivityStudy
        Of a method with nested designs: sobol.
    width : float
        Between 0 and 1.
    most : int
        Largest n.
    policy, folder, resume, workers, executor, progress
        As in `run_study`.

    Raises
    ------
    InputError
        If the designs are not nested, or the width is not between 0 and 1.
    """
    if not study.how.nested:
        raise InputError(f"The precision stop serves sobol, whose designs are nested; {study.method} is not.")
    if not 0 < width < 1:
        raise InputError(f"The width is {width}; it must lie between 0 and 1.")
    while True:
        result = run_study(
            study, policy=policy, folder=folder, resume=resume, workers=workers, executor=executor, progress=progress
        )
        half = result.main()[2]
        if half is None or np.isnan(half).all() or np.nanmax(half) <= width or study.n >= most:
            return result
        study, resume = study.replace(n=2 * study.n), True
