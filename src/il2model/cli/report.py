"""`il2model report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import InputError
from .output import check_page_name, say, written
from .verb import verb


@verb(
    examples=(
        "il2model report results/calibration -o calibration.html",
        "il2model report results/calibration results/mine -o both.html",
        "il2model report results/sobol results/survival -o results/report.html",
    )
)
def report(folder: Annotated[list[Path], Parameter()], *, output: Path = Path("report.html")) -> None:
    """Write one HTML page of a calibration, of two side by side, or of one or several sensitivity studies.

    Parameters
    ----------
    folder : DIR...
        What il2model calibrate or il2model sensitivity wrote.
    output
        The page.
    """
    from ..report.calibration import write_report
    from ..report.sensitivity import load_study, write_sensitivity

    check_page_name(output)
    for place in folder:
        if not place.is_dir():
            what = "is a file" if place.exists() else "is not there"
            raise InputError(f"{place} {what}; give the folder that il2model calibrate or il2model sensitivity wrote.")
    with written(output):
        if all((place / "study.json").exists() for place in folder):
            page = write_sensitivity([load_study(place) for place in folder], output)
        elif any((place / "study.json").exists() for place in folder):
            raise InputError("A sensitivity study and a calibration cannot share a page; give them one by one.")
        else:
            page = write_report(folder, output, say)
    print(f"Open {page}")
