"""Points of a design through the model: courses of a patient, or differences between two arms of a cohort."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..dosing.regimen import Regimen
from ..population.patients import Patients, weighted_patients
from ..runs import RunOptions
from ..simulation.cohort import Task, solve_cohort
from ..solver.problem import Floats, SolverOptions
from ..streams import fixed_seed
from ..uncertainty.coordinates import Coordinates, sobol_points
from .question import Question
from .study import SensitivityStudy

#: A row fails when virtual patients whose untreated state does not hold, or without a bounded course, weigh
#: more than this in its cohort; one of 128 weighs about 1 %. Fewer are left out of both arms, and their weight
#: is reported.
LEFT_OUT = 0.5


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Evaluated rows of a design.

    Parameters
    ----------
    Y : (row, output)
        NaN in a failed row.
    reasons : list of str
        A sentence per failed row, '' where it ran.
    left_out : (row,)
        Weight of the virtual patients whose untreated state does not hold, or without a bounded course, who are
        left out of both arms.
    spans : (run, 2)
        When integration and observables began and ended, seconds of this process' clock.
    took : float
        Seconds of the whole evaluation.
    """

    Y: Floats
    reasons: list[str]
    left_out: Floats
    spans: Floats
    took: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Ran:
    """Courses of many subjects: {id: (subject, time)}, a sentence for each that failed, and when."""

    course: Mapping[str, Floats]
    words: list[str]
    span: tuple[float, float]


def evaluate(study: SensitivityStudy, workers: int | None, X: Floats) -> Rows:
    """Run points of the design, (row, parameter); in another process too."""
    start = time.perf_counter()
    table = study.table(X)
    Y, reasons, left_out, ran = (_differences if study.compares else _courses)(study, table, len(X), workers)
    spans = np.array([r.span for r in ran])
    return Rows(Y=Y, reasons=reasons, left_out=left_out, spans=spans, took=time.perf_counter() - start)


_Read = tuple[Floats, list[str], Floats, list[_Ran]]


def _courses(question: Question, table: dict[str, Floats], n: int, workers: int | None) -> _Read:
    rows = Coordinates(question.kernel, question.values, (), {}).rows(table, n)
    # endpoints are read off daily values
    times = [c.time for c in question.columns if c.time is not None]
    grid = np.unique(np.concatenate([np.arange(0, question.days, 1.0), [question.days], np.array(times, float)]))
    ran = _run(
        question, question.plan, rows, grid, sorted({c.observable for c in question.columns}), workers, holds=False
    )
    out = np.column_stack([c.read(grid, ran.course[c.observable]) for c in question.columns])
    return out, ran.words, np.zeros(n), [ran]


def _differences(question: Question, table: dict[str, Floats], n: int, workers: int | None) -> _Read:
    """Return differences of weighted means over a quasi-random cohort, the same for every row."""
    patients = Patients(question.kernel, question.values)
    u = sobol_points(question.patients, patients.width, fixed_seed("patients_of_a_study"))
    people = weighted_patients(patients, u, table, refuse=True)
    rows = np.concatenate([p.rows for p in people])
    edges = np.concatenate([[0], np.cumsum([len(p.rows) for p in people])])
    grid = np.array([0.0, question.days])
    observed = sorted({c.observable for c in question.columns})
    control = _run(question, question.control_plan, rows, grid, observed, workers, holds=True)
    treated = _run(question, question.plan, rows, grid, observed, workers, holds=True)
    out, words, left_out = np.full((n, len(question.columns)), np.nan), [""] * n, np.zeros(n)
    for k, p in enumerate(people):
        part = slice(edges[k], edges[k + 1])
        failed = control.words[part], treated.words[part]
        good = np.array([not (a or b) for a, b in zip(*failed, strict=True)])
        left_out[k] = p.refused + (1 - p.refused) * p.weight[~good].sum()
        if left_out[k] > LEFT_OUT or not good.any():
            words[k] = next((w for w in (*failed[0], *failed[1]) if w), "Nobody is left in the cohort.")
            continue
        w = p.weight[good] / p.weight[good].sum()
        for c, column in enumerate(question.columns):
            courses = (arm.course[column.observable][part][good] for arm in (control, treated))
            out[k, c] = w @ column.difference(grid, *courses)
    return out, words, left_out, [control, treated]


def _run(
    question: Question,
    plan: Regimen,
    rows: Floats,
    grid: Floats,
    ids: Sequence[str],
    workers: int | None,
    *,
    holds: bool,
) -> _Ran:
    start = time.perf_counter()
    task = Task(
        kernel=question.kernel,
        plans=[plan],
        save=grid,
        until=float(grid[-1]),
        ids=ids,
        options=SolverOptions(rtol=question.rtol),
        holds=holds,
    )
    found = solve_cohort(task, rows.__getitem__, np.zeros(len(rows), np.int64), RunOptions(workers=workers))
    words = [found.messages.get(s, "") for s in range(len(rows))]
    return _Ran(course=found.values, words=words, span=(start, time.perf_counter()))
