"""Worker processes: they end with their parent, whatever ends it, and leave interrupts to it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import FrameType
from typing import Any


class Worker(SpawnProcess):
    """A process that never gets an interrupt, from its first line on, and is started whole."""

    def start(self) -> None:
        """Start the process."""
        with _held(), _deaf():
            super().start()


class Context(SpawnContext):
    """What starts worker processes, and ends them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[Worker] = []

    def Process(self, *arguments: Any, **keywords: Any) -> Worker:  # type: ignore[override]
        """Make a process."""
        self.started.append(Worker(*arguments, **keywords))
        return self.started[-1]

    def terminate(self) -> None:
        """End what was started: a task may take minutes, nobody waits for it."""
        for process in self.started:
            if process.is_alive():
                process.terminate()


def context() -> Context:
    """Return the context of worker processes of its own."""
    if os.name == "posix":  # what cleans up after a killed process does so without a word
        from multiprocessing import resource_tracker

        silent = "ignore:resource_tracker"
        sys.warnoptions.append(silent)
        try:
            resource_tracker.ensure_running()
        finally:
            sys.warnoptions.remove(silent)
    return Context()


@contextmanager
def _held() -> Iterator[None]:
    """Let signals to this process wait: half a process could not be ended."""
    waiting: list[tuple[int, FrameType | None]] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)):
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, lambda *both: waiting.append(both))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number, frame in waiting:
            before[number](number, frame)


@contextmanager
def _deaf() -> Iterator[None]:
    """Keep interrupts from this thread, and so from the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin() -> None:
    """Prepare a worker process: interrupts are its parent's affair, one thread of linear algebra, no life after it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of this process: the cores belong to the workers
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
