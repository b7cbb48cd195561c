"""`il2model simulate` and `il2model demo`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import api
from ..asked import daily, end_of, save_times
from ..clock import day_of
from ..dosing.courses import EVERY
from ..dosing.regimen import Regimen
from ..errors import IncompleteWarning, InputError
from ..parameters import load_parameters
from ..solver.kernel import builtin_kernel
from ..solver.problem import SolverOptions
from ..trial_files import REFERENCE
from ..units import to_float
from .output import Format, check_figure, format_of, printed, say, write_figure, write_solution, written
from .running import run_long
from .verb import verb

if TYPE_CHECKING:
    from ..simulation.solution import Solution

DEFAULT_OBSERVABLES = ("treg_percent", "treg_count", "plasma_ccl2", "csf_pnfh", "alsfrs_r", "survival")


def regimen_of(
    cyclic: partial[Regimen],
    regimen: str | None,
    amount: float | str | None,
    records: Path | None,
    *,
    off_riluzole: bool,
) -> Regimen:
    """Build the one regimen that the options ask for."""
    options = {"--regimen": regimen, "--amount": amount, "--records": records}
    given = [option for option, value in options.items() if value is not None]
    if len(given) != 1:
        what = "none was given" if not given else f"{' and '.join(given)} were given"
        raise InputError(f"Give one of --regimen NAME, --amount DOSE or --records FILE; {what}.")
    if cyclic.keywords and amount is None:
        raise InputError(f"--{next(iter(cyclic.keywords))} goes with --amount; {given[0]} has a schedule of its own.")
    if regimen is not None:
        plan = Regimen.named(regimen)
    elif amount is not None:
        plan = cyclic(amount)
    else:
        assert records is not None
        plan = Regimen.from_records(records, name=records.stem)
    return plan.off_riluzole() if off_riluzole else plan


def _cut(plan: Regimen, until: float | str | None) -> Regimen:
    """Leave out the doses after the end.

    Raises
    ------
    InputError
        If no end is given, or no dose lies beyond it.
    """
    if until is None:
        raise InputError("--cut leaves out the doses after --until DAY, which is not given.")
    if not plan.beyond(day_of(until, "--until")):
        raise InputError(f"--cut has no effect: the last dose is on day {plan.last_time:g}; leave it out.")
    return plan.until(until)


def _check_every(cyclic: partial[Regimen], *, ended: bool) -> None:
    """Refuse another length of a cycle that does not come again, where it does not say the end either."""
    given = cyclic.keywords
    if ended and "every" in given and given.get("cycles", 1) == 1 and to_float(given["every"], "day") != EVERY:
        raise InputError("--every has no effect on one cycle with an end of its own: add --cycles N, or leave it out.")


def _check_set(changes: Mapping[str, str], cohort: int | None) -> None:
    """Refuse parameters of the population where there is none."""
    axis = builtin_kernel().blueprint.parameters
    for id in changes if cohort is None else ():
        if id not in axis:
            raise InputError(f"{id} describes patients, and has no effect on a typical one: add --cohort N.")


def _dense(run: partial[Solution]) -> Solution:
    """Return the course of a figure: the same run on the days that are saved by default."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteWarning)  # told already
        return run()


@verb(
    api.simulate,
    Regimen.cyclic,
    SolverOptions,
    left={
        "save": "--at DAYS",
        "options": "--rtol and the other options of the solver",
        "summary": "the printed table is one",
        "name": "a regimen is named by its doses",
        "model": "a model is an object of Python",
    },
    examples=(
        "il2model simulate --regimen mirocals --until 640 --at 0,7,28,640",
        'il2model simulate --amount "2 MIU" --cycles 19 --until 640 --plot x.png',
        'il2model simulate --regimen imodals-1miu --set il2_clearance="0.3 L/min"',
        "il2model simulate --regimen mirocals --at 0,640 --cohort 300",
        "il2model simulate --records doses.csv --until 90 -o course.nc",
    ),
)
def simulate(
    run: partial[Solution],
    cyclic: partial[Regimen],
    solver: partial[SolverOptions],
    *,
    regimen: str | None = None,
    amount: float | str | None = None,
    records: Path | None = None,
    cut: bool = False,
    off_riluzole: bool = False,
    cohort: int | None = None,
    design: str = REFERENCE,
    population: Mapping[str, str] | None = None,
    set: Mapping[str, str] | None = None,
    dask: str | None = None,
    at: Sequence[float | str] | None = None,
    observables: Sequence[str] = DEFAULT_OBSERVABLES,
    format: Format | None = None,
    folder: Path | None = None,
    output: Path | None = None,
    plot: Path | None = None,
) -> None:
    """Simulate one typical patient, or a cohort, under a regimen.

    Give one of --regimen, --amount, --records. Days are counted from the first dose, t = 0; "day 8" of a trial is
    t = 7. Values at the time of a dose are those before it. One typical patient is not a cohort: --cohort 300
    prints median and 5-95 % over patients.

    Parameters
    ----------
    regimen
        A trial's regimen: placebo, imodals-1miu, imodals-2miu, mirocals, ...
    amount : DOSE
        Amount of each dose: '2 MIU', '122 ug', '1 MIU/m2'.
    records
        Table of NONMEM-style records (CSV, TSV, blanks, Parquet): time,amt,ii,addl,rate,ss,evid,cmt.
    cut
        Leave out the doses after --until, which are not given anyway, from the regimen that is named too.
    off_riluzole
        Simulate without riluzole.
    cohort
        Simulate this many virtual patients instead of a typical one.
    design
        Whom the cohort is drawn like: the patients of a trial (mirocals), or unselected.
    population : ID=VALUE
        A typical value of the cohort's patients, such as cd4_untreated=300; may be repeated.
    until : DAY
        Last day (default: the regimen's planned length).
    draws
        Draws of the parameters; prints median and 5-95 %.
    precision
        float64, or float32 for cohorts, about twice as fast.
    at : DAYS
        Days to print, such as 0,7,64, in that order; a figure has days of its own.
    observables : IDS
        What to print; il2model observables lists them.
    format
        By default that of the ending of -o, else a table.
    folder : DIR
        Keep a cohort there as it comes; a killed run goes on from it.
    output
        Write the data to a file.
    plot
        Draw the observables to a PNG, SVG or PDF file.
    """
    kind = format_of(format, output)
    check_figure(plot)
    plan = regimen_of(cyclic, regimen, amount, records, off_riluzole=off_riluzole)
    until = run.keywords.get("until")
    _check_every(cyclic, ended=until is not None or at is not None)
    if cut:
        plan = _cut(plan, until)
    wanted = None if at is None else [day_of(t, "--at") for t in at]
    values = (run.keywords.get("parameters") or load_parameters()).replace(set or {})
    _check_set(set or {}, cohort)
    run = partial(run, plan, options=solver() if solver.keywords else None, observables=observables)
    if wanted is not None:
        run = partial(run, until=until if until is not None else max(*wanted, plan.length, plan.last_time))
    elif kind == "table" and plot is None and folder is None:  # nobody sees the other days
        end = end_of(until, plan)
        grid = save_times(None if cohort is None else daily(end), end)
        wanted = grid[printed(grid)].tolist()
    if cohort is None:
        for option, given in {
            "--design": design != REFERENCE,
            "--population": population,
            "--folder": folder,
            "--dask": dask,
        }.items():
            if given:
                raise InputError(f"{option} is for a cohort: add --cohort N.")
        run = partial(run, parameters=values)
    else:
        from ..population.cohort import Cohort

        people = Cohort.sample(cohort, run.keywords.get("seed", 0), design, parameters=values, population=population)
        run = partial(run_long, partial(run, parameters=None, cohort=people, seed=0), "patients", dask=dask)
    solution = run(save=wanted, **({} if cohort is None else {"folder": folder}))
    if plot is not None:
        shown = solution if wanted is None else _dense(run)
        write_figure(plot, lambda: shown.plot(observables))
    some = printed(solution.time) if kind == "table" and wanted is None else None
    write_solution(solution, observables, some, kind, output)


@verb(examples=("il2model demo", "il2model demo -o results/demo"))
def demo(*, overwrite: bool = False, output: Path = Path("results/demo")) -> None:
    """Simulate the arms of IMODALS and MIROCALS: data (NetCDF, CSV), figures and a page.

    Parameters
    ----------
    output : DIR
        Made if missing; a demo of the same model is replaced.
    """
    from ..report.demo import write_demo

    with written(output):
        page = write_demo(output, say, overwrite=overwrite)
    print(f"Open {page}")
