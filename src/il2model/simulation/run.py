"""The one way into the solver: regimens and rows of parameters to named courses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from ..dosing.regimen import Regimen
from ..errors import unknown_name
from ..solver.kernel import Kernel
from ..solver.problem import Floats, Ints, SolverOptions, Status, distinct
from .balance import PER_MIU, Balance, balance_of
from .batch import Batch, check_ids
from .engine import check_engine, check_options, hand_over
from .steady_state import loads_of


@dataclass(frozen=True, kw_only=True)
class Courses:
    """Named courses of some subjects, in the units of the model, and how each run ended.

    Parameters
    ----------
    time : (time,)
        Days; values are those before the events of their time.
    values : {id: (subject, time)}
        NaN from a failure on.
    status, steps, rejected : (subject,)
    messages : {subject: sentence}
        Who failed, and why.
    balance : Balance
    per_miu : (subject,)
        pmol per MIU; NaN for a model without drug.
    """

    time: Floats
    values: Mapping[str, Floats]
    status: Ints
    steps: Ints
    rejected: Ints
    messages: Mapping[int, str]
    balance: Balance
    per_miu: Floats

    def __getitem__(self, id: str) -> Floats:
        if id not in self.values:
            raise unknown_name("course", id, self.values)
        return self.values[id]

    @classmethod
    def join(cls, parts: Sequence[Courses]) -> Courses:
        """Return the courses of all subjects of the parts, one after the other, each packed in memory."""
        first = np.cumsum([0, *(len(p.status) for p in parts)])
        whole = {f.name: [getattr(p.balance, f.name) for p in parts] for f in fields(Balance)}
        return cls(
            time=parts[0].time,
            values={i: np.concatenate([p.values[i] for p in parts]) for i in parts[0].values},
            status=np.concatenate([p.status for p in parts]),
            steps=np.concatenate([p.steps for p in parts]),
            rejected=np.concatenate([p.rejected for p in parts]),
            messages={int(k) + s: text for k, p in zip(first, parts) for s, text in p.messages.items()},
            balance=Balance(**{name: np.concatenate(columns) for name, columns in whole.items()}),
            per_miu=np.concatenate([p.per_miu for p in parts]),
        )

    def stack(self, ids: Sequence[str]) -> Floats:
        """Return (subject, time, quantity) of some courses."""
        return np.stack([self[i] for i in ids], axis=-1)


def width(kernel: Kernel) -> int:
    """Return how many numbers a subject has at each time while it is worked on: states in three copies, observables."""
    return 3 * len(kernel.blueprint.states) + len(kernel.blueprint.observables)


def solve(
    kernel: Kernel,
    plans: Sequence[Regimen],
    rows: Floats,
    save: Floats,
    until: float,
    ids: Sequence[str] | None = None,
    *,
    which: Ints | None = None,
    options: SolverOptions | None = None,
    engine: str = "fast",
    precision: str = "float64",
    batch: bool = False,
    holds: bool = False,
) -> Courses:
    """Integrate subjects; subject i has row i of the parameters and follows `plans[which[i]]`.

    Parameters
    ----------
    kernel : Kernel
    plans : sequence of Regimen
    rows : (subject, parameter)
        Values in the units of the model (`kernel.blueprint.parameters.convert`).
    save : (time,)
        Days to save, in any order; values are taken before the doses of that time.
    until : float
        Last day.
    ids : sequence of str, optional
        States and observables to return; all by default.
    which : (subject,), optional
        The regimen of each subject; the first by default.
    batch : bool
        Use the lane solver even for one subject, so that its bits are those of a cohort.
    holds : bool
        The untreated states are known to hold, and are not tested again.

    Raises
    ------
    InputError
        If a name is unknown.
    """
    check_engine(engine, precision)
    if ids is not None:
        check_ids(kernel, ids)
    options = options or SolverOptions()
    check_options(engine, options)
    ready = Batch.prepare(kernel, plans, rows, which, until=until, holds=holds)
    loads = loads_of(ready, options, engine)
    resets = sorted({t for s in ready.schedules for t in s.resets})
    grid = distinct(np.concatenate([save, np.array(resets), [until]]))

    count, n = len(ready), len(kernel.blueprint.states)
    states, final = np.full((count, len(grid), n), np.nan), np.full((count, n), np.nan)
    steps, rejected = np.zeros(count, np.int64), np.zeros(count, np.int64)
    status = np.full(count, int(Status.REFUSED), np.int64)
    messages = {s: f"These parameters are refused: {text}" for s, text in ready.refused.items()}
    some = np.flatnonzero(ready.usable)
    if len(some):
        result = hand_over(kernel, ready.problem(grid, loads, some), options, engine, precision, batch)
        states[some], final[some] = result.states, result.final
        steps[some], rejected[some], status[some] = result.steps, result.rejected, result.status
        messages |= {int(some[i]): text for i, text in result.sentences(kernel.blueprint.states.ids).items()}
    return Courses(
        time=save,
        values=ready.observe(states[:, np.searchsorted(grid, save)], save, ids),
        status=status,
        steps=steps,
        rejected=rejected,
        messages=messages,
        balance=balance_of(ready, grid, states, final, loads),
        per_miu=np.array(ready.parameter(PER_MIU, np.nan)),
    )


def observed(
    kernel: Kernel,
    plans: Sequence[Regimen],
    rows: Floats,
    save: Floats,
    ids: Sequence[str],
    *,
    which: Ints | None = None,
    options: SolverOptions | None = None,
    precision: str = "float64",
) -> dict[str, Floats]:
    """Return the courses of `solve` alone, {id: (subject, time)}, with the least work.

    The solver saves the states that `ids` need and no others, and observables are
    compiled: their last digits differ from those of `solve`. NaN from a failure on.

    Whether the untreated states hold is not tested.

    Raises
    ------
    InputError, UnknownNameError
        If a dose lies after the last time, or a name is unknown.
    """
    check_ids(kernel, ids)
    bp, options = kernel.blueprint, options or SolverOptions()
    derived = [i for i in ids if i not in bp.states]
    needs = kernel.blueprint.closed_forms.needs(derived)
    states = [s for s in bp.states.ids if s in needs or s in ids]
    ready = Batch.prepare(kernel, plans, rows, which, until=float(save[-1]), holds=True)
    saved, some = np.full((len(ready), len(save), len(states)), np.nan), np.flatnonzero(ready.usable)
    if len(some):
        problem = ready.problem(save, loads_of(ready, options, "fast"), some)
        problem = replace(problem, out_index=np.array(bp.states.ats(states), dtype=np.int64))
        saved[some] = hand_over(kernel, problem, options, precision=precision, batch=True).states
    given = {id: saved[..., k] for k, id in enumerate(states)}
    inputs = ready.inputs_at(save) if set(needs) & set(bp.inputs.ids) else None
    if inputs is not None:
        given |= {id: inputs[..., k] for k, id in enumerate(bp.inputs.ids) if id in needs}
    seen = kernel.course(derived, rows, {id: given[id] for id in needs}) if derived else {}
    return {id: seen[id] if id in seen else given[id] for id in ids}
