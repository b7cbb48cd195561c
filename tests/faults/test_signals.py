"""SIGTERM, SIGINT and SIGHUP end every process of a run with one line; a resumed run has the same bits."""

import os
import signal
import sys

import numpy as np
import pytest

from il2model.store import BlockStore
from tests.helpers.processes import run, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
CALIBRATE = "calibrate pk --quick --workers 2 -o"
VERBS = {
    "simulate": "simulate --regimen mirocals --cohort 2000000 --observables survival --at 640 --folder",
    "trial": "trial mirocals --replicates 50000 --pool 40 -o",
    "power": "power --cuts all --sizes 110 --pool 40 --replicates 50000 -o",
    "optimize": "optimize --patients 8 -o",
    "sensitivity": "sensitivity --method sobol --n 65536 --outputs treg_auc --until 28 --alone -o",
    "calibrate": CALIBRATE,
}


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What compiles says so."""
    assert run(["cache", "warm"]).returncode == 0


def works(job):
    """It is past its preparation: the first progress is shown, two workers live where it has workers."""
    begun = any(" of " in line for line in job.lines())
    return begun and ("calibrate" not in job.process.args or len(job.all()) >= 4)


def check_end(job, number, code, *, group=False):
    before = len(job.lines())
    ended, seconds = job.end(number, group=group)
    assert ended == code
    assert seconds < 2  # 1 on a machine that does nothing else
    said = [line for line in job.lines()[before:] if " of " not in line]
    assert said == (["il2model: stopped."] if code > 0 else [])
    assert job.all() == []


@pytest.mark.parametrize(
    "verb", [pytest.param(v, marks=() if v in ("trial", "calibrate") else pytest.mark.long) for v in VERBS]
)
def test_a_terminated_run_is_one_line_and_143(verb, tmp_path):
    with running([*VERBS[verb].split(), str(tmp_path / "job")], tmp_path) as job:
        job.process.args = VERBS[verb]
        job.wait_for(works)
        check_end(job, signal.SIGTERM, 143)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), pytest.param(signal.SIGHUP, 129, marks=pytest.mark.long)],
)
def test_a_signal_to_the_whole_group_is_one_line_too(number, code, tmp_path):
    """Ctrl-C in a terminal, `timeout` and batch systems tell the workers as well."""
    with running([*CALIBRATE.split(), str(tmp_path / "fit")], tmp_path) as job:
        job.process.args = CALIBRATE
        job.wait_for(works)
        check_end(job, number, code, group=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_compiles_ends_with_the_command(number, tmp_path):
    """The driver is compiled in a process of its own."""
    words = ["simulate", "--regimen", "placebo", "--until", "1"]
    with running(words, tmp_path, IL2MODEL_CACHE=str(tmp_path / "cache")) as job:
        job.wait_for(lambda j: len(j.all()) == 2)
        check_end(job, number, 143 if number == signal.SIGTERM else -9)


@pytest.mark.long
def test_compiled_code_that_answers_no_signal_is_ended(tmp_path):
    """Numba compiles the plain route for tens of seconds, in one call of LLVM for the most part."""
    words = ["simulate", "--regimen", "placebo", "--until", "1", "--engine", "plain"]
    with running(words, tmp_path, IL2MODEL_CACHE=str(tmp_path / "cache")) as job:
        job.wait_for(lambda j: list((tmp_path / "cache").glob("jit-*")))
        check_end(job, signal.SIGTERM, 143)


@pytest.mark.long
def test_workers_end_with_a_killed_parent_and_the_fit_goes_on_to_the_same_bits(tmp_path):
    words = CALIBRATE.split()
    with running([*words, str(tmp_path / "fit")], tmp_path) as job:
        job.process.args = CALIBRATE
        job.wait_for(lambda j: works(j) and list(tmp_path.glob("fit/pk/chains/*.npz")))
        check_end(job, signal.SIGKILL, -9)
    for folder in ("fit", "whole"):
        assert run([*words, str(tmp_path / folder)]).returncode == 0
    one, other = ((tmp_path / f / "pk" / "posterior.nc").read_bytes() for f in ("fit", "whole"))
    assert one == other


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_trial_goes_on_to_the_same_bits(number, tmp_path):
    words = ["trial", "mirocals", "--replicates", "50", "--pool", "40", "--workers", "1", "-o"]
    stored = tmp_path / "cut"
    with running([*words, str(stored)], tmp_path) as job:
        job.wait_for(lambda j: list(stored.glob("replicates-*.npz")))
        check_end(job, number, 143 if number == signal.SIGTERM else -9)
    kept = {p.name: p.stat().st_mtime_ns for p in stored.glob("*.npz")}
    assert 0 < len(kept) < 3
    for folder in (stored, tmp_path / "whole"):
        assert run([*words, str(folder)]).returncode == 0
    for name in BlockStore.opened(stored, "trial").names():
        one, other = (BlockStore.opened(f, "trial").get(name) for f in (stored, tmp_path / "whole"))
        assert all(np.array_equal(one[n], other[n], equal_nan=True) for n in other.arrays)
    assert all((stored / name).stat().st_mtime_ns == time for name, time in kept.items())
    assert not [p for p in os.listdir(stored) if p.endswith(".part")]
