"""The public functions: parse what the user passed, call the layers, label the result."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from .errors import IncompleteWarning, InputError, SimulationError
from .kernels.kernel import Kernel, builtin_kernel
from .kernels.problem import Floats, SolverOptions, Status
from .manifest import manifest
from .observables.solution import Solution
from .parameters import ParameterSet, load_parameters
from .population.coordinates import Coordinates, sobol_points
from .simulation.regimen import Regimen
from .simulation.run import run
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
    regimen: Regimen | str,
    *,
    until: float | str | None = None,
    save: Times = None,
    parameters: ParameterSet | None = None,
    draws: int | None = None,
    seed: int = 0,
    engine: str = "fast",
    options: SolverOptions | None = None,
    raise_on_failure: bool = True,
    kernel: Kernel | None = None,
) -> Solution:
    """Simulate one typical patient under a regimen.

    Parameters
    ----------
    regimen : Regimen or str
        A regimen, or the name of one (`Regimen.names()`).
    until : float or str, optional
        Last day ('640 day'); the regimen's planned length by default.
    save : sequence of float or str, optional
        Days to save; four a day by default. Values at the time of a dose are
        those before it.
    parameters : ParameterSet, optional
        `load_parameters()` by default.
    draws : int, optional
        Run this many draws of the parameters; labelled results then hold
        quantiles. Until a fit has landed the draws come from the priors.
    seed : int
        Seed of the draws.
    engine : {'fast', 'plain', 'scipy', 'scipy-radau', 'scipy-bdf'}
        The compiled solver, its plain rendering, or SciPy with the same equations.
    options : SolverOptions, optional
        rtol 1e-6 by default.
    raise_on_failure : bool
        Raise SimulationError if a subject fails; else its values are NaN and
        `solution.messages` says why.

    Returns
    -------
    Solution

    Raises
    ------
    InputError
        If a time, dose or name cannot be used; with one sentence.
    SimulationError
        If the run fails.
    """
    plan = Regimen.named(regimen) if isinstance(regimen, str) else regimen
    if not isinstance(plan, Regimen):
        raise InputError(f"A regimen is needed, such as Regimen.named('mirocals'); got {type(plan).__name__}.")
    end = to_float(until, "day", what="until") if until is not None else max(plan.length, plan.last_time, 1.0)
    if not 0 < end <= _MAX_DAYS:
        raise InputError(f"until is {end:g} day; it must lie above 0 and at most {_MAX_DAYS:g} (100 years).")
    times = save_times(save, end)
    values = parameters if parameters is not None else load_parameters()
    kernel = kernel if kernel is not None else builtin_kernel()
    studied = plan.studied()
    if studied:
        _warn_once(*studied)
    if draws is None:
        items = kernel.blueprint.parameters
        matrix = np.array([values.vector([i.id for i in items], [i.unit for i in items])])
        kind = "patient"
    else:
        matrix = draw_parameters(kernel, values, draws, seed)
        kind = "draws"
    result = run(
        kernel,
        [plan],
        np.zeros(len(matrix), np.int64),
        matrix,
        times,
        end,
        options=options or SolverOptions(),
        engine=engine,
    )
    if raise_on_failure and result.messages and (kind == "patient" or len(result.messages) == len(matrix)):
        raise SimulationError(next(iter(result.messages.values())))
    if result.messages and kind == "draws":
        _warn_once(
            "failed draws",
            f"{len(result.messages)} of {len(matrix)} draws failed; the first: {next(iter(result.messages.values()))}",
        )
    record = manifest(
        model_hash=kernel.blueprint.fingerprint,
        parameter_hash=values.fingerprint(),
        parameter_set=values.name,
        calibrated=values.calibrated,
        details=_details(plan, end, engine, draws, seed),
    )
    return Solution(kernel, result, (plan,), np.zeros(len(matrix), np.int64), record, kind)


def _details(plan: Regimen, end: float, engine: str, draws: int | None, seed: int) -> Mapping[str, Any]:
    details: dict[str, Any] = {"regimen": str(plan), "until_day": end, "engine": engine}
    if draws is not None:
        details |= {"draws": draws, "seed": seed, "drawn_from": "prior"}
    return details


def draw_parameters(kernel: Kernel, values: ParameterSet, draws: int, seed: int) -> Floats:
    """Return (draw, parameter) in model units, from the priors of `values`.

    Raises
    ------
    InputError
        If the number of draws is not between 1 and 100000.
    """
    if not 1 <= draws <= 100_000:
        raise InputError(f"draws is {draws}; it must be a whole number from 1 to 100000.")
    coordinates = Coordinates.of(kernel, values)
    return coordinates.matrix(sobol_points(draws, len(coordinates.ids), seed))


def status_counts(solution: Solution) -> dict[str, int]:
    """Return how many subjects ended with each status."""
    return {s.name: int((solution.status == s).sum()) for s in Status if (solution.status == s).any()}


def check_parameters(folder: str | None = None) -> tuple[int, list[str]]:
    """Check every parameter record against the model and the bibliography.

    Returns the number of records and a sentence per problem: a source without an
    entry, a parameter of the model without a record, a record the model does not
    use, or a unit that does not fit.
    """
    from pathlib import Path

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
        if id not in needed:
            problems.append(f"{id}: the model does not use it.")
            continue
        try:
            factor(record.unit, needed[id])
        except UnitError as error:
            problems.append(f"{id}: {error}")
    return len(values), problems
