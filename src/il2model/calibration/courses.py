"""The courses that targets read, of each trial's own patients: every arm runs once, arms of one length together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ..endpoints.kinds import Course
from ..solver.problem import Floats
from .needs import Needs, combined, course, days_of, over_patients
from .simulator import Simulator
from .study import Study
from .targets import Target

#: Runs that end before this day are continued to it, so that they share a call of the solver.
_SHORTEST = 1.0
#: Turns the course of an endpoint (row, time) of the given rows into its own unit.
Convert = Callable[[Course, Floats, Floats], Floats]


@dataclass(frozen=True)
class _Run:
    """An arm in the patients of a trial: many who differ, or the typical one."""

    arm: str
    stage: str
    study: Study
    many: bool


def _run(target: Target, arm: str) -> _Run:
    return _Run(arm, target.stage, target.study, over_patients(target))


def predict(
    simulator: Simulator,
    table: Mapping[str, Floats],
    targets: tuple[Target, ...],
    convert: Convert = lambda e, seen, rows: seen,
) -> dict[str, Floats]:
    """Return predictions (set,) by target."""
    reads: dict[_Run, list[Target]] = {}
    for t in targets:
        for arm in t.arms:
            reads.setdefault(_run(t, arm), []).append(t)
    ends = {run: max(_SHORTEST, *(d for t in some for d in days_of(t))) for run, some in reads.items()}
    patients: dict[tuple[str, Study, bool], Floats] = {}
    for run in reads:
        who = (run.stage, run.study, run.many)
        if who not in patients:
            patients[who] = _patients(simulator, run, table)
    courses: dict[_Run, tuple[Floats, Mapping[str, Floats], Floats]] = {}
    for end in sorted(set(ends.values())):
        runs = [run for run in reads if ends[run] == end]
        needs = Needs.of((t for run in runs for t in reads[run]), end)
        rows = [patients[run.stage, run.study, run.many] for run in runs]
        seen = simulator.observe_each([run.arm for run in runs], rows, needs.days, needs.observables)
        courses |= {run: (needs.days, s, r) for run, s, r in zip(runs, seen, rows, strict=True)}
    sets = max((len(v) for v in table.values()), default=1)

    def read(t: Target, arm: str, day: float | None) -> Floats:
        days, seen, rows = courses[_run(t, arm)]
        e = course(t)
        each = convert(e, e.course(seen), rows)
        if not over_patients(t):
            return e.read(days, each, day)
        return e.summary(e.read(days, each.reshape(sets, -1, len(days)), day))

    return {t.id: combined(t, partial(read, t)) for t in targets}


def _patients(simulator: Simulator, run: _Run, table: Mapping[str, Floats]) -> Floats:
    """Return (row, parameter) of a trial's patients; those of one set follow each other."""
    mine = run.study.table(run.stage, table, simulator.parameters)
    rows = simulator.il2_patients(mine) if run.many else simulator.rows(mine)
    return rows.reshape(-1, rows.shape[-1])
