"""Signals that end a process: one line, what is done is kept, and all is over within a second."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

#: What ends a run, where the system has it: Ctrl-C, a batch system, a closed terminal.
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
#: Seconds that compiled code, which answers no signal, is given to come back.
GRACE = 0.7
_said = threading.Lock()


class Stopped(KeyboardInterrupt):
    """Raised in the main thread by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def listen() -> None:
    """Let signals end this process, which is ours; one that is ignored from the start (nohup) stays so."""
    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    ours = [n for n in numbers if signal.getsignal(n) != signal.SIG_IGN]
    for number in ours:
        signal.signal(number, _raise)
    sys.unraisablehook = _unraisable
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(heard,), name="signals", daemon=True).start()


def stopped(by: KeyboardInterrupt) -> int:
    """Say that the process ends, and return its exit code."""
    _say_once()
    return by.code if isinstance(by, Stopped) else 130


def interruption(error: BaseException) -> KeyboardInterrupt | None:
    """Return the signal behind an error: a module that is interrupted while it loads raises another one."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, KeyboardInterrupt):
        behind = behind.__cause__ or behind.__context__
    return behind


def _say_once() -> None:
    if _said.acquire(blocking=False):
        with suppress(OSError, ValueError):  # nobody reads any more
            print("il2model: stopped.", file=sys.stderr, flush=True)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    for other in map(signal.Signals.__getitem__, (n for n in SIGNALS if hasattr(signal, n))):
        signal.signal(other, signal.SIG_IGN)  # it ends once
    raise Stopped(number)


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """Leave it to the watch where a signal came while compiled code called back."""
    if not isinstance(lost.exc_value, Stopped):
        sys.__unraisablehook__(lost)


def _watch(heard: int) -> None:
    """End the process where the main thread cannot."""
    numbers = {getattr(signal, name) for name in SIGNALS if hasattr(signal, name)}
    number = 0
    while number not in numbers:
        number = os.read(heard, 1)[0]
    time.sleep(GRACE)
    processes = sys.modules.get("multiprocessing.process")
    for child in processes.active_children() if processes is not None else ():
        child.kill()
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # a progress bar hides the cursor
    _say_once()
    os._exit(128 + number)
