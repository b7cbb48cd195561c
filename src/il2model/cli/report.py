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
    p: Parser = commands.add_parser("report", help="one HTML page of a calibration: fits, checks, diagnostics")
    p.add_argument("folder", metavar="DIR", help="what 'il2model calibrate' wrote")
    p.add_argument("-o", "--output", default="report.html", metavar="FILE", help="(default report.html)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from ..report.calibration import write_report

    folder = Path(args.folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    try:
        page = write_report(folder, Path(args.output), lambda text: print(f"il2model: {text}", file=sys.stderr))
    except OSError as error:
        raise InputError(f"{args.output} cannot be written: {error.strerror or error}.") from None
    print(f"Open {page}")
    return 0
