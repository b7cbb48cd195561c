"""The command as real processes: started, signalled, and what is left of it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

COMMAND = [sys.executable, "-m", "il2model"]
_MARK = "IL2MODEL_TEST_MARK"


def run(words, *, limits=None, **environment):
    """Run the command to its end; None takes a variable out of the environment.

    Under a limit it writes no bytecode: Python before 3.12 keeps half a file as if it were whole.
    """
    own = {"PYTHONDONTWRITEBYTECODE": "1"} if limits else {}
    variables = {k: v for k, v in {**os.environ, **own, **environment}.items() if v is not None}
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, env=variables, preexec_fn=limits)


class Running:
    """A command under way, and every process that it has started."""

    def __init__(self, words, folder, environment):
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self.said = folder / f"said-{self.mark}"
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [*COMMAND, *words],
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, **environment, _MARK: self.mark},
                start_new_session=True,
                preexec_fn=_listen,
            )

    def lines(self):
        return self.said.read_text().splitlines()

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition(self):
            assert self.process.poll() is None, self.lines()
            assert time.monotonic() < deadline, self.lines()
            time.sleep(0.02)

    def all(self):
        """Return the numbers of its processes that live."""
        found = []
        for number in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{number}/environ", "rb") as stream:
                    marked = f"{_MARK}={self.mark}".encode() in stream.read().split(b"\0")
            except OSError:
                continue
            if marked:
                found.append(int(number))
        return found

    def end(self, number, *, group=False):
        """Send a signal; return exit code and seconds until no process is left."""
        begin = time.monotonic()
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        code = self.process.wait(30)
        while self.all() and time.monotonic() < begin + 10:
            time.sleep(0.02)
        return code, time.monotonic() - begin


def _listen():
    """What runs in the background of a shell ignores interrupts, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(words, folder, **environment):
    """Start a command; nothing of it is left at the end."""
    one = Running(words, folder, environment)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        for number in one.all():
            os.kill(number, signal.SIGKILL)
