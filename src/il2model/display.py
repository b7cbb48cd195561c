"""What a person sees of a long run: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: `progress(done, total)`.
Progress = Callable[[int, int], None]
log = logging.getLogger("il2model")


def notice(text: str) -> None:
    """Say a sentence on standard error; a worker process leaves that to its parent."""
    process = sys.modules.get("multiprocessing.process")
    if sys.stderr is not None and (process is None or process.parent_process() is None):
        print(f"il2model: {text}", file=sys.stderr, flush=True)


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
