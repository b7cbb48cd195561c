"""`il2model trial`."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError
from .parsing import Parser

_HELP = """replay a published trial: draw patients, let chance act, analyse as the trial did

Prints each published figure beside the replicates and says at which percentile it falls, with the
model's effect and without one."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p: Parser = commands.add_parser("trial", help="replay a trial, or run a design", description=_HELP)
    p.add_argument("name", metavar="NAME", help="a published trial, or a trial file of your own")
    p.add_argument("--replicates", type=int, default=200, metavar="N", help="(default 200)")
    p.add_argument("--seed", type=int, default=0, metavar="N")
    p.add_argument("--draws", type=int, default=None, metavar="N", help="posterior draws (default: the point estimate)")
    p.add_argument("--pool", type=int, default=None, metavar="N", help="virtual patients (default 2000; 256 a draw)")
    p.add_argument("--size", type=int, default=None, metavar="N", help="patients an arm, instead of the trial's")
    p.add_argument("--dropout", type=float, default=0.0, metavar="SHARE", help="lost to follow-up a year")
    p.add_argument("--adherence", type=float, default=1.0, metavar="SHARE", help="of planned doses given")
    p.add_argument("--workers", type=int, default=None, metavar="N", help="threads; the result does not depend on it")
    p.add_argument("--resume", action="store_true", help="go on with the replicates stored in DIR")
    p.add_argument("--format", choices=["table", "json"], default="table")
    p.add_argument("-o", "--output", default=None, metavar="DIR", help="store replicates, tables, figure and page")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from dataclasses import replace

    from ..runs import shown
    from ..trials import TrialDesign, run_trial

    design = TrialDesign.named(args.name)
    if args.size is not None:
        design = design.sized(args.size)
    if args.adherence != 1.0:
        control, *others = design.arms
        design = design.replace(arms=(control, *(replace(a, adherence=args.adherence) for a in others)))
    design = design.replace(dropout=args.dropout)
    folder = None if args.output is None else Path(args.output)
    try:
        with shown("replicates") as progress:
            result = run_trial(
                design,
                args.replicates,
                args.seed,
                draws=args.draws,
                pool=args.pool,
                folder=folder,
                resume=args.resume,
                workers=args.workers,
                progress=progress,
            )
        if folder is not None:
            from ..report.trial import write_trial

            page = write_trial(result, folder)
            print(f"il2model: open {page}", file=sys.stderr)
    except OSError as error:
        raise InputError(f"{args.output} cannot be written: {error.strerror or error}.") from None
    print(json.dumps(as_json(result), indent=1) if args.format == "json" else as_text(result))
    return 0


def as_json(result: Any) -> dict[str, Any]:
    """Return the analyses as plain data, published values beside them; no value is NaN."""
    from ..trials.published import MEANINGS

    found: dict[str, Any] = {}
    frame = result.summary()
    for name, row in frame.iterrows():
        kind = (
            "share"
            if str(name).startswith("dead[")
            else "hr"
            if str(name) in (*MEANINGS, "ratio_high_low")
            else "value"
        )
        entry: dict[str, Any] = {kind: {k: _clean(row[k]) for k in ("median", "q025", "q975")}}
        for key in ("published", "published_low", "published_high", "percentile", "percentile_no_effect"):
            if key in row and not _missing(row[key]):
                entry[key] = _clean(row[key])
        entry["without_estimate"] = _clean(row["without_estimate"])
        found[str(name)] = entry
    dead = {str(n)[5:-1]: found.pop(n) for n in list(found) if str(n).startswith("dead[")}
    for arm, entry in dead.items():
        dead[arm] = {**entry.pop("share"), **entry}
    end = f"dead_{result.design.follow_up:g}"
    power, error = result.power()
    return {
        "trial": result.design.name, "replicates": len(result.table), **found, end: dead,
        "log_rank": {"power": power, "standard_error": error, "type_one_error": result.type_one_error()},
        "notes": list(result.notes), "manifest": dict(result.manifest),
    }  # fmt: skip


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _clean(value: Any) -> float | None:
    return None if _missing(value) else float(value)


def as_text(result: Any) -> str:
    """Return a table a reader can take in, and a sentence per published figure."""
    lines = [f"{result.design.name}: {len(result.table)} replicates of {result.design.patients} patients"]
    frame = result.summary()
    lines.append(f"{'':24s}{'published':>22s}{'replicates, median (95 %)':>34s}{'percentile':>12s}{'no effect':>11s}")
    for name, row in frame.iterrows():
        digits = {"interaction": 5, "interaction_p": 3, "pnfh_at_hr_1": 0}.get(str(name), 2)
        ours = f"{row['median']:.{digits}f} ({row['q025']:.{digits}f} to {row['q975']:.{digits}f})"
        theirs = percentile = null = ""
        if "published" in row and not _missing(row["published"]):
            theirs = f"{row['published']:.{digits}f}"
            percentile, null = f"{100 * row['percentile']:.1f}", f"{100 * row['percentile_no_effect']:.1f}"
        lines.append(f"{name!s:24s}{theirs:>22s}{ours:>34s}{percentile:>12s}{null:>11s}")
    power, error = result.power()
    lines.append(
        f"log-rank: power {100 * power:.1f} % (+- {100 * error:.1f}); "
        f"{100 * result.type_one_error():.1f} % rejected without an effect"
    )
    if "sentence" in frame:
        lines += ["", *(s for s in frame["sentence"] if isinstance(s, str))]
    lines += result.notes
    return "\n".join(lines)
