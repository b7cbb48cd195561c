"""`il2model simulate`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..simulation.solution import Solution
from ..units import to_float
from .parsing import Parser, assignments, listed

DEFAULT_OBSERVABLES = "treg_percent,treg_count,plasma_ccl2,csf_pnfh,alsfrs_r,survival"
FORMATS = ("table", "json", "csv", "nc")
_ENDINGS = {".json": "json", ".csv": "csv", ".nc": "nc"}

EXAMPLES = """examples:
  il2model simulate --regimen mirocals --until 640 --at 0,7,28,640
  il2model simulate --amount "2 MIU" --days 5 --every 28 --cycles 19 --until 640 --plot course.png
  il2model simulate --regimen imodals-1miu --set il2_clearance="0.3 L/min" --format json
  il2model simulate --records doses.csv --until 90 -o course.nc

Days are counted from the first dose, t = 0; "day 8" of a trial is t = 7. Values at
the time of a dose are those before it. One typical patient is not a cohort.
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p: Parser = commands.add_parser("simulate", help="simulate one typical patient under a regimen", epilog=EXAMPLES)
    what = p.add_argument_group("regimen (one of --regimen, --amount, --records)")
    what.add_argument(
        "--regimen", metavar="NAME", help="a trial's regimen: placebo, imodals-1miu, imodals-2miu, mirocals, ..."
    )
    what.add_argument("--amount", metavar="DOSE", help="amount of each dose: '2 MIU', '122 ug', '1 MIU/m2'")
    what.add_argument("--days", default="5", metavar="N", help="daily doses per cycle (default 5)")
    what.add_argument("--every", default="28", metavar="DAYS", help="length of a cycle (default 28)")
    what.add_argument("--cycles", default="1", metavar="N", help="number of cycles (default 1)")
    what.add_argument("--start", default="0", metavar="DAY", help="day of the first dose (default 0)")
    what.add_argument("--route", default="sc", metavar="sc|iv", help="subcutaneous or intravenous (default sc)")
    what.add_argument(
        "--records", metavar="FILE", help="CSV file of NONMEM-style records: time,amt,ii,addl,rate,ss,evid,cmt"
    )
    what.add_argument("--cut", action="store_true", help="leave out the doses after --until")
    what.add_argument("--off-riluzole", action="store_true", help="simulate without riluzole")
    run = p.add_argument_group("run")
    run.add_argument("--until", metavar="DAY", help="last day (default: the regimen's planned length)")
    run.add_argument("--at", metavar="DAYS", help="days to print, such as 0,7,64")
    run.add_argument(
        "--set", action="append", default=[], metavar="ID=VALUE", help="change a parameter; may be repeated"
    )
    run.add_argument("--parameters", metavar="NAME", help="parameter set: prior (default: calibrated, else prior)")
    run.add_argument("--draws", metavar="N", help="draws of the parameters; prints median and 5-95 %%")
    run.add_argument("--seed", default="0", metavar="N", help="seed of the draws (default 0)")
    run.add_argument("--engine", default="fast", metavar="NAME", help="fast, plain, scipy, scipy-radau or scipy-bdf")
    run.add_argument("--rtol", default="1e-6", metavar="X", help="relative tolerance (default 1e-6)")
    out = p.add_argument_group("output")
    out.add_argument(
        "--observables", default=DEFAULT_OBSERVABLES, metavar="IDS", help=f"(default {DEFAULT_OBSERVABLES})"
    )
    out.add_argument("--format", metavar="|".join(FORMATS), help="default: by the ending of -o, else table")
    out.add_argument("-o", "--output", metavar="FILE", help="write the data to a file")
    out.add_argument("--plot", metavar="FILE", help="draw the observables to a PNG, SVG or PDF file")
    p.set_defaults(run=simulate)


def _integer(text: str, what: str) -> int:
    value = to_float(text, "1", what=what)
    if not np.isfinite(value) or value != int(value):
        raise InputError(f"{what} is {text!r}; it must be a whole number.")
    return int(value)


def regimen_of(args: argparse.Namespace) -> Any:
    """Build the regimen that the arguments ask for."""
    from ..dosing.regimen import Regimen

    given = [n for n in ("regimen", "amount", "records") if getattr(args, n) is not None]
    if len(given) != 1:
        what = "none was given" if not given else f"{' and '.join('--' + g for g in given)} were given"
        raise InputError(f"Give one of --regimen NAME, --amount DOSE or --records FILE; {what}.")
    if args.regimen is not None:
        plan = Regimen.named(args.regimen)
    elif args.amount is not None:
        days = to_float(args.days, "day", what="--days")
        cycles = _integer(args.cycles, "--cycles")
        plan = Regimen.cyclic(args.amount, days, args.every, cycles, start=args.start, route=args.route)
    else:
        plan = Regimen.from_records(_read_records(Path(args.records)), name=Path(args.records).stem)
    return plan.off_riluzole() if args.off_riluzole else plan


def _read_records(path: Path) -> list[dict[str, Any]]:
    import csv

    try:
        with path.open(newline="", encoding="utf8") as stream:
            return [dict(row) for row in csv.DictReader(stream)]
    except OSError as error:
        raise InputError(f"The records {path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The records {path} are not a CSV file: {error}.") from None


def simulate(args: argparse.Namespace) -> int:
    """Run the command."""
    from ..api import simulate as run
    from ..parameters import load_parameters
    from ..solver.problem import SolverOptions

    kind = args.format or _ENDINGS.get(Path(args.output or "").suffix, "table")
    if kind not in FORMATS:
        from ..errors import unknown_name

        raise unknown_name("format", kind, FORMATS)
    if kind == "nc" and not args.output:
        raise InputError("NetCDF needs a file: add -o FILE.nc.")
    plan = regimen_of(args)
    until = to_float(args.until, "day", what="--until") if args.until is not None else None
    if args.cut and until is not None:
        plan = plan.until(until)
    parameters = load_parameters(args.parameters).replace(assignments(args.set))
    names = listed(args.observables)
    if not names:
        raise InputError("--observables names nothing.")
    at = listed(args.at) if args.at is not None else None
    wanted = sorted({to_float(t, "day", what="--at") for t in at}) if at is not None else None
    if wanted is not None and until is None:
        until = max([*wanted, plan.length, plan.last_time])
    solution = run(
        plan,
        until=until,
        save=wanted if wanted is not None and not args.plot else None,
        parameters=parameters,
        draws=_integer(args.draws, "--draws") if args.draws is not None else None,
        seed=_integer(args.seed, "--seed"),
        engine=args.engine,
        options=SolverOptions(rtol=to_float(args.rtol, "1", what="--rtol")),
    )
    for name in names:
        solution.values(name)
    rows = _rows(solution, wanted, kind)
    if args.plot:
        _save_figure(solution, names, Path(args.plot))
    _write(solution, names, rows, kind, args.output)
    return 0


def _rows(solution: Solution, wanted: list[float] | None, kind: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers of the times to print."""
    time = solution.time
    if wanted is not None:
        return np.array([int(np.argmin(np.abs(time - t))) for t in wanted])
    if kind != "table":
        return np.arange(len(time))
    end = time[-1]
    days = [d for d in (0, 1, 2, 3, 4, 7, 14, 28, 56, 84, 112, 168, 252, 364, 508, 640) if d <= end]
    return np.array(sorted({int(np.argmin(np.abs(time - d))) for d in [*days, end]}))


def _write(solution: Solution, names: list[str], rows: Any, kind: str, output: str | None) -> None:
    if kind == "nc":
        data = solution.to_xarray(names).isel(time=rows)
        _to_file(Path(output or ""), lambda path: data.to_netcdf(path, engine="scipy"))
        return
    if kind == "json":
        text = json.dumps(_as_json(solution, names, rows))
    elif kind == "csv":
        frame = solution.to_dataframe(names)
        keep = solution.time[rows]
        level = frame.index.get_level_values("time")
        text = frame[level.isin(keep)].to_csv()
    else:
        text = _table(solution, names, rows)
    if output:
        _to_file(Path(output), lambda path: path.write_text(text + "\n" * (not text.endswith("\n")), encoding="utf8"))
    else:
        sys.stdout.write(text + "\n" * (not text.endswith("\n")))


def _to_file(path: Path, write: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    print(f"il2model: wrote {path}", file=sys.stderr)


def _as_json(solution: Solution, names: list[str], rows: Any) -> dict[str, Any]:
    def plain(values: Any) -> list[float | None]:
        return [float(v) if np.isfinite(v) else None for v in values]

    found: dict[str, Any] = {"time": {"unit": "day", "value": plain(solution.time[rows])}}
    for name in names:
        item = solution.items[name]
        values = solution.values(name)
        entry: dict[str, Any] = {"unit": item.unit, "name": item.name, "value": plain(values[0][rows])}
        if solution.kind == "draws":
            low, middle, high = np.nanquantile(values, (0.05, 0.5, 0.95), axis=0)
            entry |= {"value": plain(middle[rows]), "q05": plain(low[rows]), "q95": plain(high[rows])}
        found[name] = entry
    found["manifest"] = dict(solution.manifest)
    return found


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e5:
        return f"{value:.4g}" if size < 1000 else f"{value:.0f}"
    return f"{value:.3g}"


def _table(solution: Solution, names: list[str], rows: Any) -> str:
    from ..plotting import UNIT_WORDS

    heads = [["time"], ["[day]"]]
    columns = [[_number(t) for t in solution.time[rows]]]
    for name in names:
        item, values = solution.items[name], solution.values(name)
        word = UNIT_WORDS.get(item.unit, item.unit)
        heads[0].append(name)
        heads[1].append(f"[{word}]" if word else "")
        if solution.kind == "draws":
            low, middle, high = np.nanquantile(values, (0.05, 0.5, 0.95), axis=0)[:, rows]
            columns.append(
                [f"{_number(m)} ({_number(a)} to {_number(b)})" for a, m, b in zip(low, middle, high, strict=True)]
            )
        else:
            columns.append([_number(v) for v in values[0][rows]])
    widths = [max(len(h) for h in (a, b, *c)) for a, b, c in zip(*heads, columns, strict=True)]
    lines = [f"Regimen: {solution.regimens[0]}", f"Result:  {solution._note()}.", ""]
    for cells in [*heads, *zip(*columns, strict=True)]:
        lines.append("  ".join(str(c).rjust(w) for c, w in zip(cells, widths, strict=True)))
    return "\n".join(lines)


def _save_figure(solution: Solution, names: list[str], path: Path) -> None:
    figure = solution.plot(names)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"The figure {path} must end in .png, .svg or .pdf.")
    _to_file(path, lambda p: figure.savefig(p, dpi=150))
