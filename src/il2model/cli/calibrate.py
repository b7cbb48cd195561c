"""`il2model calibrate`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InputError
from .parsing import Parser, tenths

_HELP = """calibrate the model to the published summaries of the trials

Stages build on each other: pk, then imodals; progression; then mirocals. Each writes a
folder with its posterior, tables and diagnostics. A killed run goes on with --resume."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p: Parser = commands.add_parser("calibrate", help="fit the model to published trial summaries", description=_HELP)
    p.add_argument("stage", choices=["pk", "imodals", "progression", "mirocals", "all"])
    p.add_argument("-o", "--output", default="results/calibration", metavar="DIR", help="(default results/calibration)")
    p.add_argument("--quick", action="store_true", help="coarse, in minutes; to see it run, not to rely on")
    p.add_argument("--resume", action="store_true", help="keep what is done in DIR and go on")
    p.add_argument("--seed", type=int, default=1, metavar="N")
    p.add_argument("--workers", type=int, default=None, metavar="N", help="processes; the draws do not depend on it")
    p.add_argument("--targets", default=None, metavar="FOLDER", help="target files of your own")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from ..calibration.fit import calibrate

    if args.workers is not None and args.workers < 1:
        raise InputError(f"--workers is {args.workers}; it must be at least 1.")
    if args.seed < 0:
        raise InputError(f"--seed is {args.seed}; it must be zero or more.")

    def say(text: str) -> None:
        print(f"il2model: {text}", file=sys.stderr, flush=True)

    told: dict[str, Callable[[int, int], None]] = {}

    def progress(stage: str, done: int, total: int) -> None:
        told.setdefault(stage, tenths(f"steps of {stage}"))(done, total)

    try:
        fits = calibrate(
            args.stage, args.output, quick=args.quick, seed=args.seed, resume=args.resume, workers=args.workers,
            targets=args.targets, say=say, progress=progress,
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"{args.output} cannot be written: {error.strerror or error}.") from None
    for stage, posterior in fits.items():
        print(f"{stage}: {len(posterior)} draws of {len(posterior.ids)} numbers in {Path(args.output) / stage}")
    return 0
