"""Many subjects in blocks over workers: bounded memory, progress, cancel and resume with what is done kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from .. import memory
from ..dosing.regimen import Regimen
from ..runs import RunOptions, ordered
from ..solver.kernel import Kernel
from ..solver.problem import Floats, Ints, SolverOptions, Status
from ..store import BlockStore
from . import stored
from .balance import Balance
from .run import Courses, solve, width
from .summary import BINS, RunningSummary

Cancel: TypeAlias = Callable[[], bool]
Rows: TypeAlias = Callable[[slice], Floats]

#: Bytes of the states of subjects that are worked on at a time; what is kept of them is less.
AT_A_TIME = 128e6


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all blocks of a cohort share; it travels to other processes.

    Parameters
    ----------
    kernel : Kernel
    plans : sequence of Regimen
    save : (time,)
    until : float
    ids : sequence of str
        States and observables to keep.
    options : SolverOptions
    engine, precision : str
    holds : bool
        The untreated states are known to hold, and are not tested again.
    """

    kernel: Kernel
    plans: Sequence[Regimen]
    save: Floats
    until: float
    ids: Sequence[str]
    options: SolverOptions
    engine: str = "fast"
    precision: str = "float64"
    holds: bool = False

    @property
    def variant(self) -> str:
        """Compiled variant that runs the blocks."""
        return "single" if self.precision == "float32" else "batch"

    @property
    def at_a_time(self) -> int:
        """Subjects that are worked on at a time; a multiple of the lanes."""
        return max(8, 8 * int(AT_A_TIME // (8 * memory.courses(1, len(self.save), width(self.kernel)))))


def solve_block(task: Task, subjects: tuple[Floats, Ints]) -> Courses:
    """Integrate the subjects of one block, (rows, which) as in `run.solve`; only what is kept leaves the worker."""
    rows, which = subjects
    parts = [slice(k, k + task.at_a_time) for k in range(0, len(rows), task.at_a_time)]
    return Courses.join([_solve_some(task, rows[part], which[part]) for part in parts])


def _solve_some(task: Task, rows: Floats, which: Ints) -> Courses:
    return solve(
        task.kernel,
        task.plans,
        rows,
        task.save,
        task.until,
        task.ids,
        which=which,
        options=task.options,
        engine=task.engine,
        precision=task.precision,
        batch=True,
        holds=task.holds,
    )


def block_size(subjects: int, workers: int = 2) -> int:
    """Return a block that keeps all lanes and workers busy; a multiple of eight.

    What is kept, summed up or sent away must not depend on a machine, so it has the blocks of two workers.
    """
    wanted = -(-subjects // (8 * workers))
    return min(1024, max(64, -(-wanted // 8) * 8))


def solve_blocks(
    task: Task,
    rows_of: Rows,
    which: Ints,
    how: RunOptions | None = None,
    *,
    block: int | None = None,
    store: BlockStore | None = None,
    cancel: Cancel | None = None,
) -> Iterator[tuple[slice, Courses]]:
    """Integrate a cohort block by block; yield (subjects, courses) in order of the subjects.

    The compiled solver releases the interpreter's lock, so blocks run on threads.
    A result does not depend on blocks or workers.

    Parameters
    ----------
    rows_of : callable
        Makes the parameters of some subjects when they are due.
    which : (subject,)
        The regimen of each subject.
    how : RunOptions, optional
        Workers, executor, progress.
    block : int, optional
        Subjects per block.
    store : BlockStore, optional
        Keeps the blocks; what it holds is not run again.
    cancel : callable, optional
        Where it turns true, no further block is started.
    """
    how, total = how or RunOptions(), len(which)
    size = block or block_size(total, how.width)
    parts = [slice(k, min(k + size, total)) for k in range(0, total, size)]
    there = set(() if store is None else store.names())
    if task.engine == "fast" and how.executor is None:
        task.kernel.variant(task.variant)  # compile before the threads start

    def due() -> Iterator[tuple[Floats, Ints]]:
        for part in parts:
            if stored.block_name(part) in there:
                continue
            if cancel is not None and cancel():
                return
            yield rows_of(part), which[part]

    computed = ordered(partial(solve_block, task), due(), how)
    for part in parts:
        kept = store is not None and stored.block_name(part) in there
        found = stored.get(store, part) if store is not None and kept else next(computed, None)
        if found is None:
            continue
        if store is not None and not kept:
            stored.put(store, part, found)
        yield part, found
        how.tell(part.stop, total)


def _check_memory(task: Task, n: int, how: RunOptions, block: int | None, *, whole: bool, summed: bool) -> None:
    """Refuse a cohort of which more is held at a time than there is memory.

    Raises
    ------
    InputError
    """
    m, ids = len(task.save), len(task.ids)
    size = min(n, block or block_size(n, how.width))
    waiting = min(n, 2 * how.width * size) * ids + (n * (ids + 1) if whole else 0) + (2 * BINS * ids if summed else 0)
    need = memory.courses(
        waiting, m, 1, working=min(n, how.width * min(size, task.at_a_time)), width=width(task.kernel)
    )
    ways = "keep fewer observables or times" + (", use summary=True, or give a folder" if whole else "")
    memory.check(need, f"{n} subjects x {m} times x {ids} quantities", ways)


def solve_cohort(
    task: Task,
    rows_of: Rows,
    which: Ints,
    how: RunOptions | None = None,
    *,
    summaries: Mapping[str, RunningSummary] | None = None,
    store: BlockStore | None = None,
    cancel: Cancel | None = None,
) -> Courses:
    """Integrate a cohort and return its courses; who failed, or was cancelled, is told in them.

    Parameters
    ----------
    summaries : {id: RunningSummary}, optional
        Fed instead of keeping the subjects' values.
    others
        As in `solve_blocks`. Courses of a store stay on disk until they are asked for.

    Raises
    ------
    InputError
        If the result would not fit in memory, or the store cannot be used.
    """
    n, m = len(which), len(task.save)
    on_disk = store is not None and store.folder is not None
    alone = summaries is None and not on_disk and (how is None or how.executor is None)
    block = None if alone else block_size(n)
    _check_memory(
        task, n, how or RunOptions(), block, whole=summaries is None and not on_disk, summed=summaries is not None
    )
    held = {} if summaries is not None or on_disk else {i: np.full((n, m), np.nan) for i in task.ids}
    whole = Courses(
        time=task.save,
        values=held,
        status=np.full(n, int(Status.CANCELLED), np.int64),
        steps=np.zeros(n, np.int64),
        rejected=np.zeros(n, np.int64),
        messages={},
        balance=Balance.unknown(n),
        per_miu=np.full(n, np.nan),
    )
    messages: dict[int, str] = {}
    parts = []
    for part, found in solve_blocks(task, rows_of, which, how, block=block, store=store, cancel=cancel):
        for id, column in found.values.items():
            if summaries is not None:
                summaries[id].add(column[found.status == Status.SUCCESS])
            elif not on_disk:
                held[id][part] = column
        stored.fill(whole, part, found)
        messages |= {part.start + s: text for s, text in found.messages.items()}
        parts.append(part)
    messages |= {int(s): Status.CANCELLED.sentence() for s in np.flatnonzero(whole.status == Status.CANCELLED)}
    if store is not None and store.folder is not None and summaries is None:
        blocks = {store.path(stored.block_name(p)).name: p for p in parts}
        return replace(whole, messages=messages, values=stored.OnDisk(store.folder, tuple(task.ids), blocks, (n, m)))
    return replace(whole, messages=messages)
