"""The public functions: parse what the user passed, call the layers, label the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, overload

from . import asked
from .asked import Times, Values
from .asked import save_times as save_times
from .dosing.regimen import Regimen
from .errors import InputError, SimulationError, told_once, warn_incomplete
from .parameters import ParameterSet, load_parameters
from .request import Request
from .simulation.solution import Solution
from .solver.kernel import Kernel, builtin_kernel
from .solver.problem import SolverOptions, Status
from .uncertainty.study import Study, checked_study

if TYPE_CHECKING:
    from .model.assembly import Model
    from .population.cohort import Cohort
    from .runs import Executor, Progress
    from .simulation.cohort import Cancel
    from .simulation.sensitivities import Sensitivities


class Keywords(TypedDict, total=False):
    """The keywords of `simulate`."""

    until: float | str | None
    save: Times
    parameters: Values | None
    cohort: Cohort | None
    draws: int | None
    study: Study
    seed: int
    observables: Sequence[str] | None
    model: Model | Kernel | None
    engine: str
    precision: str
    options: SolverOptions | None
    summary: bool
    folder: str | Path | None
    resume: bool
    overwrite: bool
    workers: int | None
    executor: Executor | None
    progress: Progress | None
    cancel: Cancel | None
    raise_on_failure: bool


@overload
def simulate(regimen: Regimen | str | None = None, **keywords: Unpack[Keywords]) -> Solution: ...


@overload
def simulate(
    regimen: Sequence[Regimen] | list[str] | list[Regimen | str] | tuple[Regimen | str, ...],
    **keywords: Unpack[Keywords],
) -> list[Solution]: ...


def simulate(
    regimen: Regimen | str | Sequence[Regimen | str] | None = None,
    *,
    until: float | str | None = None,
    save: Times = None,
    parameters: Values | None = None,
    cohort: Cohort | None = None,
    draws: int | None = None,
    study: Study = "imodals",
    seed: int = 0,
    observables: Sequence[str] | None = None,
    model: Model | Kernel | None = None,
    engine: str = "fast",
    precision: str = "float64",
    options: SolverOptions | None = None,
    summary: bool = False,
    folder: str | Path | None = None,
    resume: bool = True,
    overwrite: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    raise_on_failure: bool = True,
) -> Solution | list[Solution]:
    """Simulate one typical patient, draws of the parameters, or a cohort.

    Parameters
    ----------
    regimen : Regimen, str, or a list of them
        A regimen, or the name of one (`Regimen.names()`). A list gives a list
        of solutions, one per regimen, of the same subjects. None for a model without
        routes.
    until : float or str, optional
        Last day ('640 day'); the regimen's planned length by default. Doses beyond it are not given, and a note
        counts them.
    save : sequence of float or str, optional
        Days to save, in any order; four a day by default (one a day for a cohort). Values at the
        time of a dose are those before it.
    parameters : ParameterSet or mapping, optional
        `load_parameters()` by default. A mapping gives every parameter of `model` by
        id: a number in the model's unit, or a text with its own.
    cohort : Cohort, optional
        Simulate these subjects (`Cohort.sample`).
    draws : int, optional
        Run this many draws of the parameters; labelled results then hold
        quantiles. They come from the posterior; with `load_parameters('prior')` from
        the priors.
    study : {'imodals', 'new'}
        Whose patients draws of the posterior describe: those of IMODALS, or those of a trial that nobody has seen,
        whose gain differs from that of IMODALS as much as trials differ.
    seed : int
        Seed of the draws.
    observables : sequence of str, optional
        What to keep; all observables by default, for one patient and draws all states too.
    model : Model or Kernel, optional
        The built-in model by default; any assembled model (`model.assembly.assemble`).
        The amount of a dose counts in the unit that the model's route is per.
    engine : {'fast', 'plain', 'scipy', 'scipy-radau', 'scipy-bdf'}
        The compiled solver, its plain rendering, or SciPy with the same equations.
    precision : {'float64', 'float32'}
        float32 screens cohorts at an error of some 5e-5, about twice as fast.
    options : SolverOptions, optional
        rtol 1e-6 by default (1e-5 in float32).
    summary : bool
        Keep running mean, sd and quantiles of a cohort instead of its subjects.
    folder : path, optional
        Write a cohort to this folder instead of memory; of a list of regimens each has
        a folder of its own in it.
    resume : bool
        Go on with what the folder holds of the same cohort; False refuses a folder
        that holds results.
    overwrite : bool
        What the package wrote into the folder is removed, and the run begins anew; other files stay.
    workers : int, optional
        Threads for a cohort; all processors by default.
    executor : optional
        Where the blocks of a cohort run: anything with `submit(f, *args)`, such as a
        Dask client. A result depends neither on workers nor on the executor.
    progress : callable, optional
        For a cohort: `progress(done, total)` after each block.
    cancel : callable, optional
        For a cohort: where `cancel()` turns true, it stops, and what is done is kept.
    raise_on_failure : bool
        Raise SimulationError if the patient (or every subject) fails; else values
        are NaN and `solution.messages` says why.

    Returns
    -------
    Solution, or a list of Solution for a list of regimens
        Where subjects failed, `solution.left_out` counts them, and a warning says so.

    Raises
    ------
    InputError
        If a time, dose or name cannot be used; with one sentence.
    SimulationError
        If the run fails.
    """
    if isinstance(regimen, Sequence) and not isinstance(regimen, str):
        keywords = dict(locals())
        keywords.pop("regimen")
        keywords.pop("folder")
        folders = [None if folder is None else Path(folder) / str(i) for i in range(len(regimen))]
        with told_once():
            return [simulate(r, folder=place, **keywords) for r, place in zip(regimen, folders, strict=True)]
    asked.check_kinds(summary, cancel)
    where: asked.Where = {"folder": folder, "resume": resume, "overwrite": overwrite, "workers": workers}
    where |= {"executor": executor, "progress": progress}
    asked.refuse_idle(cohort, draws, seed, summary=summary, **where, cancel=cancel)
    kernel = asked.kernel_for(model, cohort)
    plan, study = asked.plan_of(regimen, kernel), checked_study(study, drawn=draws is not None)
    end = asked.end_of(until, plan, save if regimen is None else None)
    values = asked.values_of(parameters, cohort, draws)
    asked.warn_of(plan, end, studied=isinstance(values, ParameterSet))
    request = Request(
        kernel=kernel,
        plan=plan,
        values=values,
        times=asked.save_times(asked.daily(end) if save is None and cohort is not None else save, end),
        end=end,
        options=asked.solver_of(options, precision),
        engine=engine,
        precision=precision,
        observables=None if observables is None else asked.names_of(observables, "observables"),
    )
    if cohort is not None:
        from .runs import RunOptions

        solution = request.cohort(cohort, RunOptions(**where), summary, cancel)
    else:
        solution = request.patient() if draws is None else request.drawn(draws, seed, study)
    _report_failures(solution, raise_on_failure)
    return solution


def _report_failures(solution: Solution, raise_on_failure: bool) -> None:
    """Raise if everything failed; warn each time something did.

    Raises
    ------
    SimulationError
    """
    failed = [text for s, text in solution.messages.items() if solution.status[s] != Status.CANCELLED]
    if not failed:
        return
    total = len(solution.status)
    if len(failed) == total and raise_on_failure:
        raise SimulationError(failed[0])
    warn_incomplete(f"{len(failed)} of {total} subjects or draws failed; the first: {failed[0]}")


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
    model: Model | Kernel | None = None,
) -> Sensitivities:
    """Differentiate the typical patient's course by parameters.

    Parameters
    ----------
    regimen : Regimen or str
    parameters_of_interest : sequence of str, optional
        By default every parameter of the equations that is not fixed.
    observables : sequence of str
    until, save, parameters, options, model
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
    from .simulation.sensitivities import forward_sensitivities

    kernel = asked.kernel_for(model)
    plan = asked.plan_of(regimen, kernel)
    end = asked.end_of(until, plan)
    times = asked.save_times(asked.daily(end) if save is None else save, end)
    values = parameters if parameters is not None else load_parameters()
    if not isinstance(values, ParameterSet):
        raise InputError("Derivatives are by the parameters of a ParameterSet, with records; a mapping has none.")
    asked.warn_of(plan, end)
    wanted = asked.free_of(values, kernel) if parameters_of_interest is None else parameters_of_interest
    ids, seen = asked.names_of(wanted, "parameters_of_interest"), asked.names_of(observables, "observables")
    return forward_sensitivities(kernel, plan, values, ids, seen, times, end, asked.solver_of(options))
