"""`il2model export`: the model in other formats."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import InputError
from .parsing import Parser

_FORMATS = {
    "sbml": "model.xml",
    "petab": "petab",
    "latex": "model.tex",
    "nonmem": "doses.csv",
    "omex": "model.omex",
}


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p: Parser = commands.add_parser("export", help="write the model as SBML, PEtab, LaTeX, or an OMEX archive")
    p.add_argument(
        "format", metavar="FORMAT", choices=_FORMATS,
        help="sbml (level 3 version 2, doses as events), petab (version 2, the IL-2 half, a folder), latex (equations "
        "and parameters), nonmem (the doses as a data set), omex (an archive of sbml and petab)",
    )  # fmt: skip
    p.add_argument("--regimen", default="mirocals", metavar="NAME", help="(default mirocals)")
    p.add_argument("--until", type=float, default=None, metavar="DAYS", help="leave out later doses")
    p.add_argument("-o", "--output", default=None, metavar="FILE", help="file, or folder for petab")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from ..dosing.regimen import Regimen

    plan = Regimen.named(args.regimen)
    if args.until is not None:
        plan = plan.until(args.until)
    path = Path(args.output or _FORMATS[args.format])
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is not a folder.")
    try:
        if args.format == "petab":
            from ..exchange.petab import write_petab

            path = write_petab(path)
        elif args.format == "omex":
            from ..exchange.omex import write_omex
            from ..exchange.petab import to_petab
            from ..exchange.sbml import to_sbml

            petab = {f"petab/{name}": text for name, text in to_petab().items()}
            write_omex(path, {"model.xml": to_sbml(plan), **petab}, "model.xml")
        else:
            path.write_text(_text(args.format, plan), encoding="utf8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    print(f"Wrote {path}")
    return 0


def _text(format: str, plan: Any) -> str:
    if format == "sbml":
        from ..exchange.sbml import to_sbml

        return to_sbml(plan)
    if format == "latex":
        from ..exchange.latex import to_latex

        return to_latex()
    from ..exchange.nonmem import to_nonmem

    return str(to_nonmem(plan).to_csv(index=False, na_rep="."))
