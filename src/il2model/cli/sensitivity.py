"""`il2model sensitivity`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError, SimulationError
from ..sensitivity.methods import METHODS
from .parsing import Parser, listed, tenths


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p: Parser = commands.add_parser("sensitivity", help="global sensitivity study, stored and resumable, with a report")
    p.add_argument("--method", default="sobol", metavar="NAME", help=f"(default sobol) {', '.join(METHODS)}")
    p.add_argument("--n", type=int, default=256, metavar="N", help="base sample (sobol: a power of two; default 256)")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="(default 0)")
    p.add_argument(
        "--outputs",
        default="treg_percent,plasma_ccl2,alsfrs_r",
        metavar="LIST",
        help="observables; endpoints such as treg_auc, ccl2_nadir, alsfrs_r_slope; or differences between "
        "arms: survival_difference, alsfrs_r_difference",
    )
    p.add_argument("--times", default=None, metavar="LIST", help="days of observables (default: visits of each cycle)")
    p.add_argument("--parameters", default=None, metavar="LIST", help="(default: all with a prior)")
    p.add_argument("--ranges", default="prior", metavar="KIND", help="prior or posterior")
    p.add_argument("--regimen", default=None, metavar="NAME", help="(default: imodals-2miu; mirocals for differences)")
    p.add_argument("--until", type=float, default=None, metavar="DAYS", help="(default: 85; 640 for differences)")
    p.add_argument("--second-order", action="store_true", help="indices of pairs, for twice the rows (sobol)")
    p.add_argument("--patients", type=int, default=128, metavar="N", help="for differences between arms")
    p.add_argument(
        "--until-width", type=float, default=None, metavar="W", help="double n until half-widths are below W"
    )
    p.add_argument("--control", default="placebo", metavar="NAME", help="other arm of a difference (default placebo)")
    p.add_argument("--alone", action="store_true", help="leave out scrambles, tornado, prior beside posterior")
    p.add_argument("--policy", default="refuse", metavar="NAME", help="for failed rows: refuse, bound or drop")
    p.add_argument("--workers", type=int, default=None, metavar="N", help="threads")
    p.add_argument("--dask", default=None, metavar="ADDRESS", help="of a Dask scheduler")
    p.add_argument("--resume", action="store_true", help="go on with what DIR holds")
    p.add_argument("-o", "--output", default="results/sensitivity", metavar="DIR")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import numpy as np

    from ..report.sensitivity import write_sensitivity
    from ..sensitivity.precision import run_to_width
    from ..sensitivity.run import run_study
    from ..sensitivity.study import SensitivityStudy

    if args.workers is not None and args.workers < 1:
        raise InputError(f"--workers is {args.workers}; it must be at least 1.")
    try:
        times = [float(t) for t in listed(args.times)] if args.times else []
    except ValueError:
        raise InputError(f"--times needs numbers; got {args.times!r}.") from None
    study = SensitivityStudy(
        outputs=listed(args.outputs), parameters=None if args.parameters is None else listed(args.parameters),
        ranges=args.ranges, method=args.method, n=args.n, seed=args.seed, regimen=args.regimen, until=args.until,
        times=times, second_order=args.second_order, patients=args.patients, control=args.control,
    )  # fmt: skip
    executor = None
    if args.dask is not None:
        executor = _dask(args.dask)
    folder = Path(args.output)
    keywords = {"policy": args.policy, "workers": args.workers, "executor": executor, "progress": tenths("rows")}
    if args.until_width is not None:
        result = run_to_width(study, args.until_width, folder=folder, resume=args.resume, **keywords)
    else:
        result = run_study(study, folder=folder, resume=args.resume, **keywords)
    beside = {}
    for word, companion in {} if args.alone else result.study.companions().items():
        print(f"il2model: {word}", file=sys.stderr, flush=True)
        allowed = companion.how.policies
        policy = next(p for p in (args.policy, "drop", "refuse") if p in allowed)
        try:
            beside[word] = run_study(companion, folder=folder / word, **(keywords | {"policy": policy}))
        except SimulationError as error:
            print(f"il2model: note: {word} is left out: {error}", file=sys.stderr)
    page = write_sensitivity([(result, beside)], folder / "report.html")
    name, values, half = result.main()
    last = max((c.time for c in result.study.columns if c.time is not None), default=None)
    for k, column in enumerate(result.study.columns):
        if column.series is not None and column.time != last:
            continue
        order = np.argsort(-np.abs(np.nan_to_num(values[:, k])))[:5]
        top = ", ".join(
            f"{result.study.inputs[i]} {values[i, k]:.2f}" + (f" +- {half[i, k]:.2f}" if half is not None else "")
            for i in order
        )
        print(f"{column.name}: {name} {top}" if not result.masked[k] else f"{column.name}: no variance")
    for note in result.notes:
        print(f"note: {note}")
    print(f"Open {page}")
    return 0


def _dask(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--dask needs the package distributed: pip install 'il2model[cluster]'.") from None
    try:
        return Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"No Dask scheduler answers at {address}: {error}.") from None
