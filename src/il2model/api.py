"""The public functions: parse what the user passed, call the layers, label the result."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .dosing.regimen import Regimen
from .errors import IncompleteWarning, InputError, SimulationError
from .manifest import manifest
from .parameters import ParameterSet, load_parameters
from .population.cohort import Cohort
from .simulation.blocks import Cancel, Progress
from .simulation.cohort_run import CohortOptions, simulate_rows
from .simulation.run import run
from .simulation.sensitivities import Sensitivities, forward_sensitivities
from .simulation.solution import Solution
from .solver.kernel import Kernel, builtin_kernel
from .solver.problem import Floats, SolverOptions, Status
from .uncertainty.draws import draw, source_of
from .units import to_float

#: One time or several, day or with a unit.
Times: TypeAlias = "Sequence[float | str] | Floats | float | str | None"
_MAX_DAYS = 36_525.0
_MAX_TIMES = 2_000_000
_SAID: set[str] = set()


def _warn_once(kind: str, text: str) -> None:
    if kind not in _SAID:
        _SAID.add(kind)
        warnings.warn(text, IncompleteWarning, stacklevel=4)


def save_times(save: Times, until: float) -> Floats:
    """Return increasing save times, day; by default a quarter of a day apart.

    Raises
    ------
    InputError
        If a time is negative or after `until`.
    """
    if save is None:
        step = 0.25 if until <= 2000 else until / 8000
        grid = np.arange(0.0, until + step / 2, step)
        grid[-1] = until if grid[-1] > until - step / 4 else grid[-1]
        return np.unique(np.append(grid[grid <= until], until))
    if isinstance(save, int | float | str):
        save = [save]
    times = np.unique([to_float(t, "day", what="a save time") for t in save])
    if len(times) == 0:
        raise InputError("There is no time to save.")
    if len(times) > _MAX_TIMES:
        raise InputError(f"{len(times)} save times are more than the {_MAX_TIMES} allowed.")
    if not np.isfinite(times).all() or times[0] < 0:
        raise InputError(f"A save time is {times[0]:g}; times are days from t = 0 on.")
    if times[-1] > until:
        raise InputError(f"The save time {times[-1]:g} lies after the end on day {until:g}.")
    return times


def simulate(
    regimen: Regimen | str | Sequence[Regimen | str],
    *,
    until: float | str | None = None,
    save: Times = None,
    parameters: ParameterSet | None = None,
    cohort: Cohort | None = None,
    draws: int | None = None,
    seed: int = 0,
    observables: Sequence[str] | None = None,
    engine: str = "fast",
    precision: str = "float64",
    options: SolverOptions | None = None,
    threads: int | None = None,
    summary: bool = False,
    store: str | Path | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    raise_on_failure: bool = True,
    kernel: Kernel | None = None,
) -> Any:
    """Simulate one typical patient, draws of the parameters, or a cohort.

    Parameters
    ----------
    regimen : Regimen, str, or a sequence of them
        A regimen, or the name of one (`Regimen.names()`). A sequence gives a list
        of solutions, one per regimen, of the same subjects.
    until : float or str, optional
        Last day ('640 day'); the regimen's planned length by default.
    save : sequence of float or str, optional
        Days to save; four a day by default (one a day for a cohort). Values at the
        time of a dose are those before it.
    parameters : ParameterSet, optional
        `load_parameters()` by default.
    cohort : Cohort, optional
        Simulate these subjects (`Cohort.sample`).
    draws : int, optional
        Run this many draws of the parameters; labelled results then hold
        quantiles. They come from the posterior; with `load_parameters('prior')` from
        the priors.
    seed : int
        Seed of the draws.
    observables : sequence of str, optional
        What to keep of a cohort; all observables by default.
    engine : {'fast', 'plain', 'scipy', 'scipy-radau', 'scipy-bdf'}
        The compiled solver, its plain rendering, or SciPy with the same equations.
    precision : {'float64', 'float32'}
        float32 screens cohorts at an error of some 5e-5, about twice as fast.
    options : SolverOptions, optional
        rtol 1e-6 by default (1e-5 in float32).
    threads : int, optional
        Threads for a cohort; all processors by default. Results do not depend on it.
    summary : bool
        Keep running mean, sd and quantiles of a cohort instead of its subjects.
    store : path, optional
        Write a cohort to this zarr folder instead of memory.
    progress, cancel : callables, optional
        For a cohort: `progress(done, total)`; `cancel()` true stops it, and what is
        done is kept.
    raise_on_failure : bool
        Raise SimulationError if the patient (or every subject) fails; else values
        are NaN and `solution.messages` says why.

    Returns
    -------
    Solution, or a list of Solution for a sequence of regimens

    Raises
    ------
    InputError
        If a time, dose or name cannot be used; with one sentence.
    SimulationError
        If the run fails.
    """
    if isinstance(regimen, list | tuple):
        keywords = dict(locals())
        keywords.pop("regimen")
        folder = keywords.pop("store")
        return [
            simulate(r, store=None if folder is None else Path(folder) / str(i), **keywords)
            for i, r in enumerate(regimen)
        ]
    plan = Regimen.named(regimen) if isinstance(regimen, str) else regimen
    if not isinstance(plan, Regimen):
        raise InputError(f"A regimen is needed, such as Regimen.named('mirocals'); got {type(plan).__name__}.")
    end = to_float(until, "day", what="until") if until is not None else max(plan.length, plan.last_time, 1.0)
    if not 0 < end <= _MAX_DAYS:
        raise InputError(f"until is {end:g} day; it must lie above 0 and at most {_MAX_DAYS:g} (100 years).")
    if cohort is not None and save is None:
        save = np.unique(np.append(np.arange(0.0, end, 1.0), end))
    times = save_times(save, end)
    kernel = kernel if kernel is not None else (cohort.kernel if cohort is not None else builtin_kernel())
    studied = plan.studied()
    if studied:
        _warn_once(*studied)
    if cohort is not None and (draws is not None or parameters is not None):
        raise InputError("A cohort holds its own parameters; give either cohort, or parameters and draws.")
    values = cohort.parameters if cohort is not None else parameters if parameters is not None else load_parameters()
    solver = options or SolverOptions(rtol=1e-5 if precision == "float32" else 1e-6)
    details = _details(plan, end, engine, draws, seed)
    if draws is not None:
        details["drawn_from"] = source_of(values)
    details |= {"precision": precision, "rtol": solver.rtol}
    if cohort is not None:
        details |= {"cohort": repr(cohort), "cohort_seed": cohort.seed, "first_subject": cohort.first}
    record = manifest(
        model_hash=kernel.blueprint.fingerprint,
        parameter_hash=values.fingerprint(),
        parameter_set=values.name,
        calibrated=values.calibrated,
        details=details,
    )
    if cohort is not None:
        how = CohortOptions(observables, threads, precision, summary, store, progress, cancel)
        which = np.zeros(len(cohort), np.int64)
        solution = simulate_rows(
            kernel, [plan], which, cohort.rows, times, end, record, options=solver, engine=engine, how=how
        )
        _report_failures(solution, raise_on_failure)
        return solution
    if draws is None:
        items = kernel.blueprint.parameters
        matrix = np.array([values.vector([i.id for i in items], [i.unit for i in items])])
    else:
        matrix = draw(values, draws, seed, kernel=kernel).rows(kernel)
    which = np.zeros(len(matrix), np.int64)
    result = run(kernel, [plan], which, matrix, times, end, options=solver, engine=engine, precision=precision)
    solution = Solution(kernel, result, (plan,), which, record, "patient" if draws is None else "draws")
    _report_failures(solution, raise_on_failure)
    return solution


def _report_failures(solution: Solution, raise_on_failure: bool) -> None:
    """Raise if everything failed; warn once if something did."""
    failed = {s: text for s, text in solution.messages.items() if solution.status[s] != Status.CANCELLED}
    if not failed:
        return
    first = next(iter(failed.values()))
    if len(failed) == len(solution.status):
        if raise_on_failure:
            raise SimulationError(first)
        return
    _warn_once("failures", f"{len(failed)} of {len(solution.status)} subjects or draws failed; the first: {first}")


def _details(plan: Regimen, end: float, engine: str, draws: int | None, seed: int) -> dict[str, Any]:
    details: dict[str, Any] = {"regimen": str(plan), "until_day": end, "engine": engine}
    if draws is not None:
        details |= {"draws": draws, "seed": seed}
    return details


def check_parameters(folder: str | None = None) -> tuple[int, list[str]]:
    """Check every parameter record against the model and the bibliography.

    Returns the number of records and a sentence per problem: a source without an
    entry, a parameter of the model without a record, a record the model does not
    use, or a unit that does not fit.
    """
    from .errors import UnitError
    from .parameters import bibliography
    from .resources import data_dir
    from .units import factor

    values = load_parameters(folder=folder)
    place = Path(folder) if folder is not None else data_dir("parameters")
    entries = bibliography(place if (place / "references.bib").exists() else data_dir("parameters"))
    needed = {i.id: i.unit for i in builtin_kernel().blueprint.parameters}
    problems = [f"{id}: the model needs it, but there is no record." for id in needed if id not in values]
    for id, record in values.records.items():
        problems += [
            f"{id}: the source {s!r} has no entry in references.bib." for s in record.sources if s not in entries
        ]
        if record.mechanism == "population":
            continue
        if id not in needed:
            problems.append(f"{id}: the model does not use it.")
            continue
        try:
            factor(record.unit, needed[id])
        except UnitError as error:
            problems.append(f"{id}: {error}")
    return len(values), problems


def sensitivities(
    regimen: Regimen | str,
    parameters_of_interest: Sequence[str] | None = None,
    observables: Sequence[str] = ("treg_percent", "plasma_ccl2", "alsfrs_r", "survival"),
    *,
    until: float | str | None = None,
    save: Times = None,
    parameters: ParameterSet | None = None,
    options: SolverOptions | None = None,
    kernel: Kernel | None = None,
) -> Sensitivities:
    """Differentiate the typical patient's course by parameters.

    Parameters
    ----------
    regimen : Regimen or str
    parameters_of_interest : sequence of str, optional
        By default every parameter of the equations that is not fixed.
    observables : sequence of str
    until, save, parameters, options
        As in `simulate`; save is daily by default.

    Returns
    -------
    Sensitivities
        (parameter, time, observable) in units of the observable per unit of the
        parameter's record; `relative(observable)` gives d ln / d ln.

    Raises
    ------
    InputError, SimulationError
    """
    plan = Regimen.named(regimen) if isinstance(regimen, str) else regimen
    end = to_float(until, "day", what="until") if until is not None else max(plan.length, plan.last_time, 1.0)
    times = save_times(np.unique(np.append(np.arange(0.0, end, 1.0), end)) if save is None else save, end)
    kernel = kernel if kernel is not None else builtin_kernel()
    values = parameters if parameters is not None else load_parameters()
    known = {p.id for p in kernel.blueprint.parameters}
    ids = parameters_of_interest or [i for i, r in values.records.items() if not r.fixed and i in known]
    return forward_sensitivities(
        kernel, plan, values, list(ids), list(observables), times, end, options or SolverOptions()
    )
