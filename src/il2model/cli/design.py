"""`il2model power` and `il2model optimize`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError
from .parsing import Parser, listed


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    p: Parser = commands.add_parser("power", help="power and sample size by enrichment, size and endpoint")
    p.add_argument("--design", default="mirocals", metavar="NAME", help="(default mirocals)")
    p.add_argument("--enrich", default="csf_pnfh", choices=["csf_pnfh"], help="by which covariate")
    p.add_argument("--cuts", default=None, metavar="LIST", help="such as all,0-3700,750-3700 (pg/mL)")
    p.add_argument("--sizes", default="110,200,300,400", metavar="LIST", help="patients per arm")
    p.add_argument("--hr", type=float, default=None, metavar="X", help="a hazard ratio instead of the model's effect")
    p.add_argument("--amount", default=None, help="another regimen for the treated arm, such as '2 MIU'")
    p.add_argument("--days", type=int, default=5)
    p.add_argument("--every", type=float, default=28)
    p.add_argument("--cycles", type=int, default=19)
    p.add_argument("--follow-up", type=float, default=None, metavar="DAYS")
    p.add_argument("--replicates", type=int, default=200, metavar="N")
    p.add_argument("--draws", type=int, default=None, metavar="N", help="posterior draws: assurance")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("-o", "--output", default=None, metavar="DIR", help="table and heat map")
    p.set_defaults(run=power)
    q: Parser = commands.add_parser("optimize", help="search regimens under limits on cells and injections")
    q.add_argument("--objective", default="survival_difference", metavar="NAME")
    q.add_argument("--limit", action="append", default=[], metavar="ID=VALUE", help="such as eosinophil_count=500")
    q.add_argument("--injections", type=float, default=None, metavar="N", help="most injections a year")
    q.add_argument("--patients", type=int, default=64, metavar="N")
    q.add_argument("--generations", type=int, default=6, metavar="N")
    q.add_argument(
        "--draws", type=int, default=12, metavar="N", help="posterior draws for the intervals of what is not dominated"
    )
    q.add_argument("--seed", type=int, default=0)
    q.add_argument("-o", "--output", default=None, metavar="DIR", help="table and figure")
    q.set_defaults(run=optimize)


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{what} needs numbers; got {text!r}.") from None


def _cut(text: str) -> tuple[float, float] | None:
    if text in ("all", "none"):
        return None
    low, dash, high = text.partition("-")
    if not dash:
        raise InputError(f"A cut-off is 'all' or LOW-HIGH in pg/mL; got {text!r}.")
    return _number(low, "--cuts"), _number(high, "--cuts")


def power(args: argparse.Namespace) -> int:
    """Run `il2model power`."""
    from dataclasses import replace

    from ..dosing.regimen import Regimen
    from ..planning.power import power_study
    from ..runs import shown
    from ..trials.design import TrialDesign

    design = TrialDesign.named(args.design)
    if args.amount is not None:
        regimen = Regimen.cyclic(amount=args.amount, days=args.days, every=args.every, cycles=args.cycles)
        design = design.replace(arms=(design.control, replace(design.arms[1], name="IL-2", regimen=regimen)))
    if args.follow_up is not None:
        kept = tuple(v for v in design.visits if v.day <= args.follow_up)
        design = design.replace(follow_up=args.follow_up, visits=kept)
    cuts = None if args.cuts is None else [_cut(c) for c in listed(args.cuts)]
    sizes = [int(_number(n, "--sizes")) for n in listed(args.sizes)]
    with shown("trials") as progress:
        study = power_study(
            design,
            cuts=cuts,
            sizes=sizes,
            hazard_ratio=args.hr,
            replicates=args.replicates,
            draws=args.draws,
            seed=args.seed,
            folder=args.output,
            progress=progress,
        )
    print(study.table.round(3).to_string(index=False))
    for note in study.notes:
        print(note)
    _save(args.output, study.table, study.plot(), "power")
    return 0


def optimize(args: argparse.Namespace) -> int:
    """Run `il2model optimize`."""
    from ..planning.optimize import optimize as find_regimens
    from ..runs import shown

    limits = {}
    for text in args.limit:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--limit needs id=value, such as eosinophil_count=500; got {text!r}.")
        limits[name.strip()] = _number(value, "--limit")

    with shown("regimens") as progress:
        search = find_regimens(
            args.objective,
            limits=limits,
            injections_per_year=args.injections,
            patients=args.patients,
            generations=args.generations,
            draws=args.draws,
            seed=args.seed,
            folder=args.output,
            progress=progress,
        )
    best = search.table[search.table["non_dominated"]].drop(columns=["non_dominated", "allowed"])
    print(best.round(3).to_string(index=False))
    for note in search.notes:
        print(note)
    _save(args.output, search.table, search.plot(), "search")
    return 0


def _save(output: str | None, table: Any, figure: Any, stem: str) -> None:
    if output is None:
        return
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / f"{stem}.csv", index=False, float_format="%.6g")
        figure.savefig(folder / f"{stem}.png", dpi=140)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror or error}.") from None
    print(f"il2model: wrote {folder / stem}.csv and .png", file=sys.stderr)
