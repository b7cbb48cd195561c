"""`il2model parameters` and `il2model cache`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..parameters import ParameterSet, bibliography, load_parameters
from .parsing import Parser


def add(commands: Any) -> None:
    """Add both commands to the parser."""
    p: Parser = commands.add_parser("parameters", help="list, show, check or compare parameter records")
    sub = p.add_subparsers(dest="action", required=True, metavar="list|show|check|diff", parser_class=Parser)
    one = sub.add_parser("list", help="one line per parameter")
    one.add_argument("--mechanism", metavar="NAME", help="only those of one mechanism")
    one.set_defaults(run=_list)
    one = sub.add_parser("show", help="a record with its sources")
    one.add_argument("id", metavar="ID")
    one.set_defaults(run=_show)
    one = sub.add_parser("check", help="check every record, or those in a folder")
    one.add_argument("folder", nargs="?", metavar="FOLDER")
    one.set_defaults(run=_check)
    one = sub.add_parser("diff", help="compare two sets: a name or a folder of records")
    one.add_argument("before", metavar="A")
    one.add_argument("after", metavar="B")
    one.set_defaults(run=_diff)

    c: Parser = commands.add_parser("cache", help="list, clear or warm the compiled kernels")
    sub = c.add_subparsers(dest="action", required=True, metavar="list|clear|warm", parser_class=Parser)
    sub.add_parser("list", help="show the files").set_defaults(run=_cache_list)
    sub.add_parser("clear", help="remove the files").set_defaults(run=_cache_clear)
    sub.add_parser("warm", help="compile everything now").set_defaults(run=_cache_warm)


def _set(text: str) -> ParameterSet:
    return load_parameters(folder=text) if Path(text).is_dir() else load_parameters(text)


def _list(args: argparse.Namespace) -> int:
    parameters = load_parameters()
    records = list(parameters.records.values())
    if args.mechanism is not None:
        mechanisms = sorted({r.mechanism for r in records})
        if args.mechanism not in mechanisms:
            from ..errors import unknown_name

            raise unknown_name("mechanism", args.mechanism, mechanisms)
        records = [r for r in records if r.mechanism == args.mechanism]
    width = max(len(r.id) for r in records)
    mechanism = ""
    for r in records:
        if r.mechanism != mechanism:
            mechanism = r.mechanism
            print(f"\n{mechanism}" if r is not records[0] else mechanism)
        status = r.status + ("" if r.confirmed else " (unconfirmed)")
        print(f"  {r.id:<{width}}  {parameters[r.id]:>10.5g} {r.unit:<14} {status:<24} {r.name}")
    return 0


def _show(args: argparse.Namespace) -> int:
    from ..resources import data_dir

    parameters = load_parameters()
    r = parameters.record(args.id)
    entries = bibliography(data_dir("parameters"))
    print(f"{r.id}: {r.name}")
    if r.calibrated is not None:
        print(f"  calibrated {r.calibrated:g} {r.unit} (fit {r.fit})")
    print(f"  {'start' if r.calibrated is not None else 'value'}      {r.value:g} {r.unit}")
    if r.bounds:
        print(f"  bounds     {r.bounds[0]:g} to {r.bounds[1]:g} {r.unit}")
    print(f"  prior      {r.prior if r.prior else 'fixed'}")
    if r.spread:
        print(f"  patients   {r.spread_text}")
    print(f"  status     {r.status}{'' if r.confirmed else '; recalled or assumed, not confirmed in a public text'}")
    print(f"  mechanism  {r.mechanism}")
    print(f"  note       {r.note}")
    for key in r.sources:
        print(f"  source     {key}: {_readable(entries.get(key, ''))}")
    return 0


def _readable(entry: str) -> str:
    def of(key: str) -> str:
        found = re.search(rf"\b{key} = \{{((?:[^{{}}]|\{{[^{{}}]*\}})*)\}}", entry)
        return re.sub(r"[{}\\]", "", found.group(1)) if found else ""

    parts = [of("author"), of("title"), of("journal") or of("howpublished"), of("year")]
    text = ". ".join(p.rstrip(".") for p in parts if p)
    return text + (f". doi:{of('doi')}" if of("doi") else "") + (f" ({of('note')})" if of("note") else "")


def _check(args: argparse.Namespace) -> int:
    from ..api import check_parameters

    count, problems = check_parameters(args.folder)
    for problem in problems:
        print(problem)
    if problems:
        raise InputError(f"{len(problems)} of {count} records have a problem.")
    print(f"{count} records are complete: value, unit, status, sources and note; units fit the model.")
    return 0


def _diff(args: argparse.Namespace) -> int:
    before, after = _set(args.before), _set(args.after)
    for id in sorted(set(before) ^ set(after)):
        print(f"{id}: only in {args.before if id in before else args.after}")
    shared = {i: v for i, v in before.items() if i in after}
    changes = [f"{i}: {v:g} -> {after[i]:g} {before.record(i).unit}" for i, v in shared.items() if after[i] != v]
    print("\n".join(changes) if changes else "No value differs.")
    return 0


def _cache_list(args: argparse.Namespace) -> int:
    from ..solver import cache

    files = cache.entries()
    for path in files:
        print(f"{path.stat().st_size / 1024:9.1f} KB  {path.name}")
    print(f"{len(files)} files, {cache.total_size(files) / 1e6:.1f} MB, in {cache.cache_dir()}")
    return 0


def _cache_clear(args: argparse.Namespace) -> int:
    from ..solver import cache

    print(f"Removed {cache.clear()} files from {cache.cache_dir()}")
    return 0


def _cache_warm(args: argparse.Namespace) -> int:
    import time

    from ..solver.blueprint import VARIANTS
    from ..solver.kernel import builtin_kernel

    start = time.perf_counter()
    kernel = builtin_kernel()
    for variant in VARIANTS:
        kernel.variant(variant)
    print(f"The compiled kernels are ready ({time.perf_counter() - start:.1f} s).")
    return 0
