"""What every command line must keep: one sentence or none, an end, numbers that are numbers."""

from __future__ import annotations

import contextlib
import io
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from il2model.cli.main import main

#: Seconds after which a case hangs.
LIMIT = 60


def fuzzed(count: int, check: Callable[[st.DataObject], None]) -> None:
    """Hold a property against so many cases, the same ones in every run."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    kept = settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=quiet,
        phases=[Phase.generate],  # cases are small as they are; to make one smaller takes minutes
        report_multiple_bugs=False,
    )
    kept(given(st.data())(check))()


@dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    code: int
    out: str
    said: tuple[str, ...]


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Raise TimeoutError in what hangs."""

    def late(*_: object) -> None:
        raise TimeoutError(f"nothing after {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def ran(words: list[str]) -> Outcome:
    """Run a command line in this process and hold it against what every line must keep."""
    out, err = io.StringIO(), io.StringIO()
    with in_time(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    lines = err.getvalue().splitlines()
    assert all(line.startswith("il2model: ") for line in lines), (words, lines)
    said = tuple(
        m
        for m in lines
        if not re.match(r"il2model: (note: |compiling |wrote |open |drawing |simulating |[\w ]+: \d)", m)
    )
    assert code in (0, 1, 2), (words, code)
    assert len(said) == (code != 0), (words, code, said)
    if code == 0:
        assert not re.search(r"(?<![\w.])nan(?![\w.])", out.getvalue(), re.I), (words, out.getvalue())
    return Outcome(int(code), out.getvalue(), said)
