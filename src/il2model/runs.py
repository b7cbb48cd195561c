"""Long runs: five options that every long verb takes, tasks in order over threads, processes or a cluster."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from .display import Progress, log, shown
from .errors import InputError, SimulationError
from .workers import Context, begin, context

__all__ = [
    "Executor",
    "Future",
    "Progress",
    "RunOptions",
    "crew",
    "log",
    "one_thread",
    "ordered",
    "pool",
    "shown",
    "worked",
]

Kind = Literal["threads", "processes"]
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
    overwrite : bool
        What the package wrote into the folder is removed, and the run begins anew; other files stay.
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
    overwrite: bool = False
    workers: int | None = None
    executor: Executor | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.resume, bool):
            raise InputError(f"resume is {self.resume!r}; it must be True or False.")
        if not isinstance(self.overwrite, bool):
            raise InputError(f"overwrite is {self.overwrite!r}; it must be True or False.")
        if self.overwrite and self.folder is None:
            raise InputError("overwrite has no effect without a folder; give one, or leave it out.")
        if not self.resume and self.folder is None:
            raise InputError("resume=False has no effect without a folder; give one, or leave it out.")
        if self.workers is not None and self.executor is not None:
            raise InputError("workers are of this machine, and have no effect beside an executor; give one of the two.")
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
) -> Generator[R, None, None]:
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
def worked(
    function: Callable[[T], R], items: Iterable[T], options: RunOptions, *, kind: Kind | None = None
) -> Iterator[Iterator[R]]:
    """Give the results of `ordered`; when the caller leaves, for whatever reason, nothing further is started.

    Without `kind` and without an executor the work is done here, one item after the other: for work that has
    threads of its own.
    """
    if kind is None and options.executor is None:
        yield map(function, items)
        return
    with closing(ordered(function, items, options, kind=kind or "threads")) as results:
        yield results


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
    except BaseException as error:
        # the second is what a Dask cluster says of a task under which several workers died
        if isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker":
            raise SimulationError(
                "A worker process died, perhaps for want of memory; fewer need less, and a stored run can go on."
            ) from None
        _terminate(own)
        raise
    finally:
        for future in futures:
            if not _is_done(future) and hasattr(future, "cancel"):
                future.cancel()
        if own is not None:
            own.shutdown(wait=True, cancel_futures=True)


@contextmanager
def crew(options: RunOptions) -> Iterator[RunOptions]:
    """Give the options with one crew of worker processes for many runs; an executor of the caller's stays."""
    if options.executor is not None:
        yield options
        return
    own = _processes(options.width)
    try:
        yield replace(options, workers=None, executor=own)
    except BaseException:
        _terminate(own)
        raise
    finally:
        own.shutdown(wait=True, cancel_futures=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra on one thread: the cores belong to the workers, and sums have one order."""
    known = set(os.environ)
    from threadpoolctl import threadpool_limits

    for name in set(os.environ) - known:  # its import sets one, of this process and all that it starts
        del os.environ[name]
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def _terminate(own: object) -> None:
    """End worker processes."""
    crew = getattr(own, "_mp_context", None)
    if isinstance(crew, Context):
        crew.terminate()


def _is_done(future: Any) -> bool:
    return bool(future.done()) if hasattr(future, "done") else False


def _processes(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=context(), initializer=begin)
