"""`il2model report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError
from .parsing import Parser


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p: Parser = commands.add_parser("report", help="one HTML page of a calibration or of sensitivity studies")
    p.add_argument(
        "folder", metavar="DIR", nargs="+",
        help="what 'il2model calibrate' or 'il2model sensitivity' wrote; several studies make one page",
    )  # fmt: skip
    p.add_argument("-o", "--output", default="report.html", metavar="FILE", help="(default report.html)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from ..report.calibration import write_report
    from ..report.sensitivity import load_study, write_sensitivity

    folders = [Path(f) for f in args.folder]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder.")
    try:
        if all((folder / "study.json").exists() for folder in folders):
            page = write_sensitivity([load_study(folder) for folder in folders], Path(args.output))
        elif len(folders) > 1:
            raise InputError("Only sensitivity studies can share a page.")
        else:
            page = write_report(folders[0], Path(args.output), lambda text: print(f"il2model: {text}", file=sys.stderr))
    except OSError as error:
        raise InputError(f"{args.output} cannot be written: {error.strerror or error}.") from None
    print(f"Open {page}")
    return 0
