"""The command as a process: interrupted, piped away, on a plain terminal."""

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest

import il2model as il2

COMMAND = [sys.executable, "-m", "il2model"]


@pytest.fixture(autouse=True, scope="module")
def _warm():
    """Nothing is left to compile, which would be said."""
    il2.simulate("placebo", until=1)


def _listen():
    """What runs in the background of a shell ignores interrupts, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_is_one_line_and_130(tmp_path):
    words = ["trial", "mirocals", "--replicates", "50000", "--pool", "40", "--workers", "1", "-o", str(tmp_path)]
    pipes = dict(stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with subprocess.Popen([*COMMAND, *words], **pipes, preexec_fn=_listen) as run:
        first = run.stderr.readline()
        run.send_signal(signal.SIGINT)
        try:
            out, rest = run.communicate(timeout=60)
        finally:
            run.kill()
    assert first.startswith("il2model: ")
    assert run.returncode == 130
    assert rest.splitlines()[-1] == "il2model: stopped."
    assert "Traceback" not in rest
    assert out == ""


def test_a_closed_pipe_is_silent():
    with subprocess.Popen(
        [*COMMAND, "simulate", "--regimen", "mirocals", "--format", "csv"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout.readline().startswith(b"time,")
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


def test_a_terminal_of_ascii_gets_ascii():
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [["simulate", "--regimen", "mirocals", "--at", "7"], ["simulate", "--help"], ["parameters", "list"]]
    for line in words:
        run = subprocess.run([*COMMAND, *line], capture_output=True, env=plain, check=True)
        assert run.stdout.isascii()
        assert b"?" not in run.stdout
    assert b"cells/uL" in subprocess.run([*COMMAND, *words[0]], capture_output=True, env=plain).stdout


def test_the_stored_command_can_be_run_again(tmp_path):
    records = tmp_path / "my dir" / "it's a b.csv"
    records.parent.mkdir()
    records.write_text("time,amt\n0,2\n")
    words = ["simulate", "--records", str(records), "--until", "5", "--at", "1", "--format", "json"]
    first, again = "", f"{shlex.join(COMMAND[:2])} il2model {shlex.join(words)}"
    for _ in range(2):
        run = subprocess.run(shlex.split(again), capture_output=True, text=True, check=True)
        assert first in ("", run.stdout)
        first = run.stdout
        command = json.loads(first)["manifest"]["command"]
        assert shlex.split(command) == ["il2model", *words]
        again = f"{shlex.join(COMMAND[:2])} {command}"
