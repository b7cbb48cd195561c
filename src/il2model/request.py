"""One simulation, checked, and how it is run: a patient, rows of parameters, draws, a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from .asked import Values
from .dosing.regimen import Regimen
from .manifest import manifest
from .parameters import ParameterSet
from .simulation.run import Courses, solve
from .simulation.solution import Solution
from .simulation.summary import RunningSummary
from .solver.kernel import Kernel
from .solver.problem import Floats, SolverOptions, Status
from .store import BlockStore, digest

if TYPE_CHECKING:
    from .population.cohort import Cohort
    from .runs import RunOptions
    from .simulation.cohort import Cancel


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
