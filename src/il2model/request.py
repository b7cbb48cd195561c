"""One simulation, checked, and how it is run: a patient, rows of parameters, draws, a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from . import memory
from .asked import Values
from .dosing.regimen import Regimen
from .manifest import manifest
from .parameters import ParameterSet
from .simulation.run import Courses, solve, width
from .simulation.solution import Solution
from .simulation.summary import RunningSummary
from .solver.kernel import Kernel
from .solver.problem import Floats, SolverOptions, Status
from .store import BlockStore, digest

if TYPE_CHECKING:
    from .population.cohort import Cohort
    from .runs import RunOptions
    from .simulation.cohort import Cancel, Task
    from .uncertainty.study import Study


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

    @property
    def ids(self) -> tuple[str, ...]:
        """What is kept: all states and observables where nothing is named."""
        bp = self.kernel.blueprint
        return tuple(self.observables if self.observables is not None else (*bp.states.ids, *bp.observables.ids))

    def patient(self) -> Solution:
        """Run the typical patient."""
        row = self.kernel.blueprint.parameters.convert(self.values)[None, :]
        return self._solution(self._at_once(row), "patient", {})

    def drawn(self, draws: int, seed: int, study: Study) -> Solution:
        """Run draws of the parameters: several in blocks, as a cohort."""
        from .uncertainty.draws import draw, told_of_draws

        assert isinstance(self.values, ParameterSet)
        some = draw(self.values, draws, seed, kernel=self.kernel, study=study)
        rows = some.rows(self.kernel)
        found = self._at_once(rows) if len(rows) == 1 else self._in_blocks(rows)
        return self._solution(
            found, "draws", {"draws": draws, "seed": seed} | told_of_draws(self.values, study) | some.shares
        )

    def _at_once(self, row: Floats) -> Courses:
        """Run one row of parameters in model units, (1, parameter)."""
        need = memory.courses(1, len(self.times), len(self.ids), working=1, width=width(self.kernel))
        memory.check(need, f"{len(self.times)} times", "save fewer of them")
        return solve(
            self.kernel,
            [self.plan],
            row,
            self.times,
            self.end,
            self.observables,
            options=self.options,
            engine=self.engine,
            precision=self.precision,
        )

    def _in_blocks(self, rows: Floats) -> Courses:
        from .simulation.cohort import solve_cohort

        return solve_cohort(self.task(self.ids), rows.__getitem__, np.zeros(len(rows), np.int64))

    def task(self, ids: Sequence[str]) -> Task:
        """Return what all blocks share, checked."""
        from .simulation.batch import check_ids
        from .simulation.cohort import Task
        from .simulation.engine import check_engine, check_options

        check_ids(self.kernel, ids)
        check_engine(self.engine, self.precision)
        check_options(self.engine, self.options)
        return Task(
            kernel=self.kernel,
            plans=[self.plan],
            save=self.times,
            until=self.end,
            ids=ids,
            options=self.options,
            engine=self.engine,
            precision=self.precision,
        )

    def cohort(self, cohort: Cohort, how: RunOptions, summary: bool, cancel: Cancel | None) -> Solution:
        """Run a cohort in blocks: kept in memory, in a folder, or as running summaries."""
        from .population.typical import told
        from .simulation.cohort import solve_cohort

        bp = self.kernel.blueprint
        ids = tuple(self.observables if self.observables is not None else bp.observables.ids)
        details = {"cohort": repr(cohort), "cohort_seed": cohort.seed, "first_subject": cohort.first}
        if cohort.population:
            details["population"] = told(cohort.population)
        task = replace(self.task(ids), holds=cohort.holds)
        summaries = {id: RunningSummary(len(self.times)) for id in ids} if summary else None
        store = BlockStore(how.folder, self._job(cohort, ids), resume=how.resume, overwrite=how.overwrite)
        which = np.zeros(len(cohort), np.int64)
        found = solve_cohort(task, cohort.rows, which, how, summaries=summaries, store=store, cancel=cancel)
        solution = self._solution(found, "cohort", details, summaries)
        store.write("manifest.json", solution.manifest)
        return solution

    def _job(self, cohort: Cohort, ids: tuple[str, ...]) -> dict[str, object]:
        """Return what the courses of a cohort depend on."""
        return {
            "verb": "simulate",
            "model": self.kernel.blueprint.key,
            "regimen": repr((self.plan.given, self.plan.resets, self.plan.riluzole)),
            "until": self.end,
            "save": self.times.tolist(),
            "observables": ids,
            "subjects": len(cohort),
            "patients": digest(repr(cohort.columns), cohort.base, cohort.varied, separator="", digits=64),
            "engine": self.engine,
            "precision": self.precision,
            "options": repr(asdict(self.options)),
        }

    def _outside(self) -> str:
        """Return what of the regimen was not studied; nothing is known of numbers without records."""
        return self.plan.extrapolation(self.end).text if isinstance(self.values, ParameterSet) else ""

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
                **({"beyond_the_end": beyond} if (beyond := self.plan.beyond(self.end)) else {}),
                **({"extrapolation": outside} if (outside := self._outside()) else {}),
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
