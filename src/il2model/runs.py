"""Long runs: five options that every long verb takes, tasks in order over threads, processes or a cluster."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from .errors import InputError, SimulationError

#: `progress(done, total)`.
Progress = Callable[[int, int], None]
Kind = Literal["threads", "processes"]
log = logging.getLogger("il2model")
T = TypeVar("T")
R = TypeVar("R")
_R = TypeVar("_R", covariant=True)
#: Tasks in flight on an executor whose width is not known.
_IN_FLIGHT = 64


class Future(Protocol[_R]):
    """What an executor promises."""

    def result(self) -> _R:
        """Wait for the result; raise what the task raised."""
        ...


class Executor(Protocol):
    """Anything with submit: a Dask client, an executor of concurrent.futures."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Run a function somewhere and return its future."""
        ...


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run keeps its results, who works on it, and who is told.

    Parameters
    ----------
    folder : path, optional
        Results are stored there as they come; what it holds of the same job is not run again.
    resume : bool
        False refuses a folder that holds results.
    workers : int, optional
        Threads or processes on this machine; all processors by default.
    executor : optional
        Anything with `submit(f, *args)`, such as a Dask client: tasks run there instead.
    progress : callable, optional
        `progress(done, total)`, called in the thread of the caller.

    A result depends on none of them.

    Raises
    ------
    InputError
    """

    folder: str | Path | None = None
    resume: bool = True
    workers: int | None = None
    executor: Executor | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.folder is not None:
            try:
                object.__setattr__(self, "folder", Path(self.folder))
            except TypeError:
                raise InputError(f"folder is {self.folder!r}; it must be the path of a folder.") from None
            _check_writable(Path(self.folder))
        if self.workers is not None:
            whole = isinstance(self.workers, int) and not isinstance(self.workers, bool)
            if not whole or self.workers < 1:
                raise InputError(f"workers is {self.workers!r}; it must be a whole number, 1 or more.")
        if self.executor is not None and not callable(getattr(self.executor, "submit", None)):
            raise InputError(
                f"The executor, of type {type(self.executor).__name__}, has no submit(f, *args); a Dask client or one "
                "of concurrent.futures has."
            )
        if self.progress is not None and not callable(self.progress):
            raise InputError("progress must be a function of (done, total).")

    @property
    def width(self) -> int:
        """Tasks that can run at one time on this machine."""
        return self.workers if self.workers is not None else (os.cpu_count() or 1)

    def tell(self, done: int, total: int) -> None:
        """Report to who listens."""
        if self.progress is not None:
            self.progress(done, total)


def _check_writable(folder: Path) -> None:
    for place in (folder, *folder.parents):
        if place.exists():
            if not place.is_dir():
                raise InputError(f"{folder} cannot be a folder: {place} is a file.")
            if not os.access(place, os.W_OK):
                raise InputError(f"{folder} cannot be written: no permission in {place}.")
            return


def ordered(
    function: Callable[[T], R], items: Iterable[T], options: RunOptions, *, kind: Kind = "threads"
) -> Iterator[R]:
    """Yield function(item) for each item, in order, while later ones are worked on.

    Parameters
    ----------
    function : callable
        For processes and executors a function of a module (or a partial of one).
    items : iterable
        Taken one by one as there is room: at most two a worker are under way.
    options : RunOptions
        Its workers or executor.
    kind : {'threads', 'processes'}
        Without an executor. Threads suit work that releases the interpreter's lock, as the compiled solver does.

    On an error, an interrupt or when the caller stops, nothing further is started.
    """
    if options.executor is None and options.width == 1 and kind == "threads":
        yield from map(function, items)
        return
    with pool(options, kind=kind) as (submit, limit):
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(submit(function, item))
            if len(waiting) >= limit:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def pool(options: RunOptions, *, kind: Kind = "processes") -> Iterator[tuple[Callable[..., Future[Any]], int]]:
    """Give `submit(f, *args)` and how many tasks to have under way at most; what waits at the end is cancelled."""
    futures: list[Any] = []
    own: ThreadPoolExecutor | ProcessPoolExecutor | None = None
    executor: Executor
    if options.executor is not None:
        executor, limit = options.executor, max(_IN_FLIGHT, 2 * options.width)
    else:
        own = ThreadPoolExecutor(options.width) if kind == "threads" else _processes(options.width)
        executor, limit = own, 2 * options.width

    def submit(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        futures[:] = [f for f in futures if not _is_done(f)]  # a cluster keeps the result of a future that is held
        future = executor.submit(function, *arguments)
        futures.append(future)
        return future

    try:
        yield submit, limit
    except BrokenProcessPool:
        raise SimulationError(
            "A worker process died, perhaps for want of memory; fewer workers need less, and a stored run can go on."
        ) from None
    except BaseException:
        for process in list((getattr(own, "_processes", None) or {}).values()):
            process.terminate()  # a task may take minutes: do not wait for it
        raise
    finally:
        for future in futures:
            if not _is_done(future) and hasattr(future, "cancel"):
                future.cancel()
        if own is not None:
            own.shutdown(wait=True, cancel_futures=True)


def _is_done(future: Any) -> bool:
    return bool(future.done()) if hasattr(future, "done") else False


def _processes(workers: int) -> ProcessPoolExecutor:
    from multiprocessing import get_context

    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_worker)


def _begin_worker() -> None:
    """Prepare a worker process: interrupts are its parent's affair, one thread of linear algebra, no life after it."""
    import multiprocessing
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of this process: the cores belong to the workers
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def shown(label: str) -> Iterator[Progress]:
    """Give a progress callback that shows `label`, what is done and the time left on standard error.

    A bar on a terminal, a line at every tenth elsewhere. Messages of the package's log are shown too.
    For command lines and notebooks; the library itself prints nothing.
    """
    level = log.level
    log.setLevel(logging.INFO)
    try:
        with _bar(label) if sys.stderr.isatty() else _lines(label) as (progress, say):
            handler = _Messages(say)
            log.addHandler(handler)
            try:
                yield progress
            finally:
                log.removeHandler(handler)
    finally:
        log.setLevel(level)


class _Messages(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        self.say(f"il2model: {record.getMessage()}")


@contextmanager
def _bar(label: str) -> Iterator[tuple[Progress, Callable[[str], None]]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        task = bars.add_task(label, total=None)
        begun = False

        def progress(done: int, total: int) -> None:
            nonlocal begun
            if begun:
                bars.update(task, completed=done, total=total)
            else:  # what was stored already says nothing about the speed
                bars.reset(task, completed=done, total=total)
                begun = True

        yield progress, lambda text: console.print(text, markup=False)


@contextmanager
def _lines(label: str) -> Iterator[tuple[Progress, Callable[[str], None]]]:
    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    start, first, last = time.monotonic(), -1, -1

    def progress(done: int, total: int) -> None:
        nonlocal start, first, last
        if first < 0:
            first, start = done, time.monotonic()
        tenth = 10 * done // max(total, 1)
        if tenth == last:
            return
        last = tenth
        left = ""
        if first < done < total:
            left = f", {_clock((time.monotonic() - start) * (total - done) / (done - first))} left"
        say(f"il2model: {label}: {done} of {total}{left}")

    yield progress, say


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
