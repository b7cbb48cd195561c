"""`il2model demo`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError
from .parsing import Parser


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p: Parser = commands.add_parser("demo", help="simulate the arms of IMODALS and MIROCALS: data, figures and a page")
    p.add_argument("-o", "--output", default="results/demo", metavar="FOLDER", help="(default results/demo)")
    p.set_defaults(run=demo)


def demo(args: argparse.Namespace) -> int:
    """Run the command."""
    from ..report.demo import write_demo

    folder = Path(args.output)
    try:
        page = write_demo(folder, lambda text: print(f"il2model: {text}", file=sys.stderr, flush=True))
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None
    print(f"Open {page}")
    return 0
