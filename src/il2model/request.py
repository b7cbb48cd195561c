"""What `simulate` was asked, checked: a kernel, a regimen, times and values; and how it is run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .dosing.regimen import Regimen
from .errors import InputError
from .manifest import manifest
from .parameters import ParameterSet, load_parameters
from .simulation.run import Courses, solve
from .simulation.solution import Solution
from .simulation.summary import RunningSummary
from .solver.kernel import Kernel, builtin_kernel, kernel_of
from .solver.problem import Floats, SolverOptions, Status
from .trial_files import REFERENCE
from .units import to_float

if TYPE_CHECKING:
    from .model.assembly import Model
    from .population.cohort import Cohort
    from .runs import Executor, Progress, RunOptions
    from .simulation.cohort import Cancel

#: One time or several, day or with a unit.
Times: TypeAlias = "Sequence[float | str] | Floats | float | str | None"
#: Numbers of the parameters: a set with records, or values of a model's own parameters.
Values: TypeAlias = ParameterSet | Mapping[str, float | str]
_MAX_DAYS = 36_525.0
_MAX_TIMES = 2_000_000


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
    times = _days(save)
    if len(times) == 0:
        raise InputError("There is no time to save.")
    if len(times) > _MAX_TIMES:
        raise InputError(f"{len(times)} save times are more than the {_MAX_TIMES} allowed.")
    if not np.isfinite(times).all() or times[0] < 0:
        raise InputError(f"A save time is {times[0]:g}; times are days from t = 0 on.")
    if times[-1] > until:
        raise InputError(f"The save time {times[-1]:g} lies after the end on day {until:g}.")
    return times


def _days(save: Sequence[float | str] | Floats | float | str) -> Floats:
    listed = [save] if isinstance(save, int | float | str) else save
    return np.unique([to_float(t, "day", what="a save time") for t in listed])


def daily(end: float) -> Floats:
    """Return every day until the end, and the end."""
    return np.unique(np.append(np.arange(0.0, end, 1.0), end))


def kernel_for(model: Model | Kernel | None, cohort: Cohort | None = None) -> Kernel:
    """Return the kernel of a model, of a cohort's model, or of the built-in one."""
    if model is None:
        return cohort.kernel if cohort is not None else builtin_kernel()
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
        end = to_float(until, "day", what="until")
    elif save is not None:
        end = max(_days(save), default=0.0)
    else:
        end = max(plan.length, plan.last_time, 1.0)
    if not 0 < end <= _MAX_DAYS:
        raise InputError(f"until is {end:g} day; it must lie above 0 and at most {_MAX_DAYS:g} (100 years).")
    return float(end)


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
    if draws is not None and not isinstance(values, ParameterSet):
        raise InputError("Draws come from the records of a ParameterSet; a mapping of numbers has none.")
    return values


def run_options(
    folder: str | Path | None, resume: bool, workers: int | None, executor: Executor | None, progress: Progress | None
) -> RunOptions:
    """Return the options of a long run, checked."""
    from .runs import RunOptions

    place = None if folder is None else Path(folder)
    return RunOptions(folder=place, resume=resume, workers=workers, executor=executor, progress=progress)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One simulation, checked.

    Parameters
    ----------
    kernel : Kernel
    plan : Regimen
    values : ParameterSet or mapping
    times : (time,)
    end : float
    options : SolverOptions
    engine, precision : str
    observables : sequence of str, optional
        What to keep.
    """

    kernel: Kernel
    plan: Regimen
    values: Values
    times: Floats
    end: float
    options: SolverOptions
    engine: str
    precision: str
    observables: Sequence[str] | None

    def patient(self) -> Solution:
        """Run the typical patient."""
        rows = self.kernel.blueprint.parameters.convert(self.values)[None, :]
        return self.rows(rows, "patient")

    def rows(self, rows: Floats, kind: str, **details: object) -> Solution:
        """Run rows of parameters in model units, (subject, parameter), all at once; `details` are for the manifest."""
        found = solve(
            self.kernel,
            [self.plan],
            rows,
            self.times,
            self.end,
            self.observables,
            options=self.options,
            engine=self.engine,
            precision=self.precision,
        )
        return self._solution(found, kind, details)

    def drawn(self, draws: int, seed: int) -> Solution:
        """Run draws of the parameters."""
        from .uncertainty.draws import draw

        assert isinstance(self.values, ParameterSet)
        some = draw(self.values, draws, seed, kernel=self.kernel)
        return self.rows(some.rows(self.kernel), "draws", draws=draws, seed=seed, drawn_from=some.source)

    def cohort(self, cohort: Cohort, how: RunOptions, summary: bool, cancel: Cancel | None) -> Solution:
        """Run a cohort in blocks: kept in memory, in a folder, or as running summaries."""
        from .simulation.batch import check_ids
        from .simulation.cohort import Task, solve_cohort
        from .simulation.engine import check_engine
        from .store import BlockStore

        bp = self.kernel.blueprint
        ids = tuple(self.observables if self.observables is not None else bp.observables.ids)
        check_ids(self.kernel, ids)
        check_engine(self.engine, self.precision)
        details = {"cohort": repr(cohort), "cohort_seed": cohort.seed, "first_subject": cohort.first}
        task = Task(
            kernel=self.kernel,
            plans=[self.plan],
            save=self.times,
            until=self.end,
            ids=ids,
            options=self.options,
            engine=self.engine,
            precision=self.precision,
        )
        summaries = {id: RunningSummary(len(self.times)) for id in ids} if summary else None
        store = BlockStore(how.folder, self._job(cohort, ids), resume=how.resume)
        which = np.zeros(len(cohort), np.int64)
        found = solve_cohort(task, cohort.rows, which, how, summaries=summaries, store=store, cancel=cancel)
        solution = self._solution(found, "cohort", details, summaries)
        store.write("manifest.json", solution.manifest)
        return solution

    def _job(self, cohort: Cohort, ids: tuple[str, ...]) -> dict[str, object]:
        """Return what the courses of a cohort depend on."""
        subjects = hashlib.sha256(repr(cohort.columns).encode())
        for array in (cohort.base, cohort.varied):
            subjects.update(np.ascontiguousarray(array).data)
        return {
            "model": self.kernel.blueprint.key,
            "regimen": repr((self.plan.given, self.plan.resets, self.plan.riluzole)),
            "until": self.end,
            "save": self.times.tolist(),
            "observables": ids,
            "subjects": len(cohort),
            "patients": subjects.hexdigest(),
            "engine": self.engine,
            "precision": self.precision,
            "options": repr(asdict(self.options)),
        }

    def _solution(
        self,
        found: Courses,
        kind: str,
        details: Mapping[str, object],
        summaries: Mapping[str, RunningSummary] | None = None,
    ) -> Solution:
        values = self.values
        if isinstance(values, ParameterSet):
            hash, name, calibrated = values.fingerprint(), values.name, values.calibrated
        else:
            from .store import digest

            text = repr(sorted((i, str(v)) for i, v in values.items()))
            hash, name, calibrated = digest(text), "given as numbers", False
        record = manifest(
            model_hash=self.kernel.blueprint.fingerprint,
            parameter_hash=hash,
            parameter_set=name,
            calibrated=calibrated,
            details={
                "regimen": str(self.plan),
                "until_day": self.end,
                "engine": self.engine,
                "precision": self.precision,
                "rtol": self.options.rtol,
                **details,
                "left_out": int((found.status != Status.SUCCESS).sum()),
            },
        )
        return Solution(
            kind=kind,
            time=found.time,
            items=self.kernel.blueprint.items,
            arrays=found.values,
            summaries=summaries,
            status=found.status,
            steps=found.steps,
            rejected=found.rejected,
            messages=found.messages,
            balance=found.balance,
            per_miu=found.per_miu,
            regimens=(self.plan,),
            which=np.zeros(len(found.status), np.int64),
            manifest=record,
        )
