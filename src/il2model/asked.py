"""What `simulate` was asked, checked: a kernel, a regimen, times, values, and options that have an effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict, cast

import numpy as np

from .clock import day_of, on_clock
from .dosing.regimen import Regimen
from .errors import InputError, warn_incomplete
from .parameters import ParameterSet, load_parameters
from .solver.kernel import Kernel, builtin_kernel, kernel_of
from .solver.problem import Floats, SolverOptions, distinct
from .trial_files import REFERENCE

if TYPE_CHECKING:
    from .model.assembly import Model
    from .population.cohort import Cohort
    from .runs import Executor, Progress

#: One time or several, day or with a unit.
Times: TypeAlias = "Sequence[float | str] | Floats | float | str | None"
#: Numbers of the parameters: a set with records, or values of a model's own parameters.
Values: TypeAlias = ParameterSet | Mapping[str, float | str]
_MAX_DAYS = 36_525.0
_MAX_TIMES = 2_000_000


def save_times(save: Times, until: float) -> Floats:
    """Return save times, day, in the order asked for; by default a quarter of a day apart.

    Raises
    ------
    InputError
        If a time is negative or after `until`.
    """
    if save is None:
        step = 0.25 if until <= 2000 else until / 8000
        grid = np.arange(0.0, until + step / 2, step)
        grid = on_clock(grid)
        grid[-1] = until if grid[-1] > until - step / 4 else grid[-1]
        return distinct(np.append(grid[grid <= until], until))
    times = _days(save)
    if len(times) == 0:
        raise InputError("There is no time to save.")
    if len(times) > _MAX_TIMES:
        raise InputError(f"{len(times)} save times are more than the {_MAX_TIMES} allowed.")
    if times.min() < 0:
        raise InputError(f"A save time is {times.min():g}; times are days from t = 0 on.")
    if times.max() > until:
        raise InputError(f"The save time {times.max():g} lies after the end on day {until:g}.")
    return times


def _days(save: Sequence[float | str] | Floats | float | str) -> Floats:
    listed = (save,) if isinstance(save, int | float | str) or np.ndim(save) == 0 else save
    return np.array([day_of(cast("float | str", t), "a save time") for t in listed])


def daily(end: float) -> Floats:
    """Return every day until the end, and the end."""
    return distinct(np.append(np.arange(0.0, end, 1.0), end))


def warn_of(plan: Regimen, end: float, *, studied: bool = True) -> None:
    """Warn of doses beyond the end and, if it is known what was studied, of what lies outside it."""
    for note in plan.notes(end, studied=studied):
        warn_incomplete(f"{note[0].upper()}{note[1:]}.", once=True)


def kernel_for(model: Model | Kernel | None, cohort: Cohort | None = None) -> Kernel:
    """Return the kernel of a model, of a cohort's model, or of the built-in one."""
    if cohort is not None and not hasattr(cohort, "kernel"):
        raise InputError(f"cohort is {cohort!r}; it must be a Cohort, such as Cohort.sample(300).")
    if model is None:
        return cohort.kernel if cohort is not None else builtin_kernel()
    if not isinstance(model, Kernel) and type(model).__name__ != "Model":  # its module needs SymPy
        raise InputError(f"model is of type {type(model).__name__}; it must be an assembled Model, or its Kernel.")
    kernel = model if isinstance(model, Kernel) else kernel_of(model)
    if cohort is not None and cohort.kernel != kernel:
        raise InputError("The cohort was drawn for another model; sample it with kernel=.")
    return kernel


def plan_of(regimen: Regimen | str | None, kernel: Kernel) -> Regimen:
    """Return the regimen that was named or given; without doses where the model has no route.

    Raises
    ------
    InputError
    """
    if isinstance(regimen, str):
        return Regimen.named(regimen)
    if isinstance(regimen, Regimen):
        return regimen
    if regimen is None and not kernel.blueprint.routes:
        return Regimen((), "no doses")
    given = "none was given" if regimen is None else f"got {type(regimen).__name__}"
    raise InputError(f"A regimen is needed, such as Regimen.named({REFERENCE!r}); {given}.")


def end_of(until: float | str | None, plan: Regimen, save: Times = None) -> float:
    """Return the last day: the one given, or that of `save`, or the regimen's planned length.

    Raises
    ------
    InputError
        If it is not between 0 and 100 years.
    """
    if until is not None:
        end = day_of(until, "until")
    elif save is not None:
        end = max(_days(save), default=0.0)
    else:
        end = max(plan.length, plan.last_time, 1.0)
    if not 0 < end <= _MAX_DAYS:
        raise InputError(f"until is {end:g} day; it must lie above 0 and at most {_MAX_DAYS:g} (100 years).")
    return day_of(end, "until")


def values_of(parameters: Values | None, cohort: Cohort | None, draws: int | None) -> Values:
    """Return the parameters to run with: of the cohort, those given, or those that ship.

    Raises
    ------
    InputError
        If a cohort comes with parameters or draws of its own, or draws without records.
    """
    if cohort is not None:
        if draws is not None or parameters is not None:
            raise InputError("A cohort holds its own parameters; give either cohort, or parameters and draws.")
        return cohort.parameters
    values = parameters if parameters is not None else load_parameters()
    if not isinstance(values, Mapping | ParameterSet):
        raise InputError(f"parameters is {values!r}; it must be a ParameterSet, or a mapping of id to number.")
    if draws is not None and not isinstance(values, ParameterSet):
        raise InputError("Draws come from the records of a ParameterSet; a mapping of numbers has none.")
    return values


def check_kinds(summary: object, cancel: object) -> None:
    """Refuse a summary that is neither True nor False, and what cannot be called to cancel a run.

    Raises
    ------
    InputError
    """
    if not isinstance(summary, bool):
        raise InputError(f"summary is {summary!r}; it must be True or False.")
    if cancel is not None and not callable(cancel):
        raise InputError(f"cancel is {cancel!r}; it must be a function without arguments that says whether to stop.")


class Where(TypedDict, total=False):
    """Options of a long run (`RunOptions`)."""

    folder: str | Path | None
    resume: bool
    overwrite: bool
    workers: int | None
    executor: Executor | None
    progress: Progress | None


def refuse_idle(cohort: Cohort | None, draws: int | None, seed: int, **of_cohort: object) -> None:
    """Refuse options that would have no effect.

    Parameters
    ----------
    cohort, draws, seed
        As in `simulate`.
    **of_cohort
        Options that only a cohort's run heeds, as given; None, False, and True for resume, are their defaults.

    Raises
    ------
    InputError
    """
    idle = [name for name, value in of_cohort.items() if value is not None and value is not (name == "resume")]
    if cohort is None and idle:
        verb = "have" if len(idle) > 1 else "has"
        raise InputError(
            f"{' and '.join(idle)} {verb} no effect on one patient or draws; give cohort=Cohort.sample(...), or leave "
            f"{'them' if len(idle) > 1 else 'it'} out."
        )
    if seed != 0 and cohort is not None:
        raise InputError("seed is that of draws, and has no effect on a cohort; give it to Cohort.sample(n, seed=...).")
    if seed != 0 and draws is None:
        raise InputError("seed is that of draws, and has no effect without them; give draws=200, or leave it out.")


def names_of(given: Sequence[str], what: str) -> list[str]:
    """Return several names as a list.

    Raises
    ------
    InputError
        If there is none, one stands twice, or they are not a list.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(f"{what} is {given!r}; a list of names is needed, such as [{given!r}].")
    twice = [name for name in given if list(given).count(name) > 1]
    if twice or not given:
        raise InputError(f"{twice[0]!r} stands twice in {what}; name it once." if twice else f"{what} names nothing.")
    return list(given)


def free_of(values: ParameterSet, kernel: Kernel) -> list[str]:
    """Return the parameters of a model that are not fixed.

    Raises
    ------
    InputError
        If there is none.
    """
    free = [i for i, r in values.records.items() if not r.fixed and i in kernel.blueprint.parameters]
    if not free:
        raise InputError("None of the parameters is a free one of this model; give parameters= with its records.")
    return free


def solver_of(options: SolverOptions | None, precision: str = "float64") -> SolverOptions:
    """Return the options of the solver: those given, or the default of a precision.

    Raises
    ------
    InputError
    """
    if options is None:
        return SolverOptions(rtol=1e-5 if precision == "float32" else 1e-6)
    if not isinstance(options, SolverOptions):
        raise InputError(f"options is of type {type(options).__name__}; it must be SolverOptions(rtol=...).")
    return options
