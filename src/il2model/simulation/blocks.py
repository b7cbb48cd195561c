"""Cohorts in blocks over threads: bounded memory, progress, cancel with what is done kept."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ..dosing.regimen import Regimen
from ..solver.kernel import Kernel
from ..solver.problem import Floats, Ints, SolverOptions
from .run import Run, run

Progress = Callable[[int, int], None]
Cancel = Callable[[], bool]


def block_size(subjects: int, threads: int) -> int:
    """Return a block that keeps all lanes and threads busy; a multiple of eight."""
    wanted = -(-subjects // (8 * threads))
    return min(1024, max(64, -(-wanted // 8) * 8))


def run_blocks(
    kernel: Kernel,
    regimens: Sequence[Regimen],
    which: Ints,
    rows_of: Callable[[slice], Floats],
    save: Floats,
    until: float,
    *,
    options: SolverOptions,
    engine: str,
    precision: str,
    threads: int | None = None,
    block: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Iterator[tuple[slice, Run]]:
    """Integrate a cohort block by block; yield (rows, Run) in order of the subjects.

    The compiled solver releases the interpreter's lock, so blocks run on
    `threads` threads (all processors by default); `rows_of` makes the parameters
    of a block when it is due. At most two blocks a thread
    are held at once. A result does not depend on blocks or threads. `progress`
    gets (done, total); where `cancel()` turns true, no further block is started.
    """
    total = len(which)
    threads = threads if threads is not None else (os.cpu_count() or 1)
    size = block or block_size(total, threads)
    kernel.variant("single" if precision == "float32" else "batch")  # compile before the threads start
    waiting: deque[tuple[slice, Future[Run]]] = deque()
    starts = iter(range(0, total, size))
    with ThreadPoolExecutor(threads) as pool:

        def submit() -> bool:
            first = next(starts, None)
            if first is None or (cancel is not None and cancel()):
                return False
            rows = slice(first, min(first + size, total))
            future = pool.submit(
                run, kernel, regimens, which[rows], rows_of(rows), save, until,
                options=options, engine=engine, precision=precision, batch=True,
            )  # fmt: skip
            waiting.append((rows, future))
            return True

        try:
            while len(waiting) < 2 * threads and submit():
                pass
            done = 0
            while waiting:
                rows, future = waiting.popleft()
                result = future.result()
                submit()
                done = rows.stop
                yield rows, result
                if progress is not None:
                    progress(done, total)
        finally:
            for _, future in waiting:
                future.cancel()
