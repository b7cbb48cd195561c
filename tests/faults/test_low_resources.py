"""Too little memory, too few descriptors, odd locales: the answer, or one sentence and exit code 1."""

import resource
import subprocess
import sys
from functools import partial

import pytest

from il2model import memory
from tests.helpers.processes import COMMAND, run

WORDS = ["simulate", "--regimen", "imodals-2miu", "--until", "115", "--at", "7"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux keeps them")
long = pytest.mark.long


def limit(kind, number):
    return partial(resource.setrlimit, kind, (number, number))


@pytest.fixture(scope="module")
def answer():
    done = run(WORDS)
    assert done.returncode == 0
    return done.stdout


@pytest.mark.parametrize(
    "size", [pytest.param(40, marks=long), 60, *(pytest.param(m, marks=long) for m in (80, 120)), 200]
)
def test_too_little_memory_is_one_sentence(size, answer):
    """Libraries that found no room ended in a traceback of their import."""
    done = run(WORDS, limits=limit(resource.RLIMIT_AS, size * 2**20))
    *before, said = done.stderr.splitlines()
    if said == "il2model: stopped.":  # OpenBLAS interrupts the process where it finds no room for its threads
        assert done.returncode == 130 and before and all(line.startswith("OpenBLAS blas_thread") for line in before)
        return
    assert (done.returncode, done.stdout, before) == (1, "", []), done.stderr
    assert "not enough memory" in said or said.startswith("OpenBLAS error: Memory allocation")


@long
@pytest.mark.parametrize("size", [250, 300, 350, 400, 450])
def test_compiling_without_room_is_one_sentence(size, tmp_path):
    """LLVM aborts the process where it finds none."""
    cache = str(tmp_path / "cache")
    done = run(WORDS, limits=limit(resource.RLIMIT_AS, size * 2**20), IL2MODEL_CACHE=cache)
    assert (done.returncode, done.stdout) == (1, "")
    assert "not enough memory" in done.stderr.splitlines()[-1] and len(done.stderr.splitlines()) <= 2


@pytest.mark.parametrize("size", [600, pytest.param(1000, marks=long)])
def test_a_small_memory_is_enough(size, answer):
    done = run(WORDS, limits=limit(resource.RLIMIT_AS, size * 2**20))
    assert (done.returncode, done.stdout) == (0, answer)


@pytest.mark.parametrize("number", [pytest.param(12, marks=long), 40])
def test_few_descriptors_are_enough(number, answer):
    done = run(WORDS, limits=limit(resource.RLIMIT_NOFILE, number))
    assert (done.returncode, done.stdout, done.stderr) == (0, answer, "")


@pytest.mark.parametrize("name", ["C", *(pytest.param(n, marks=long) for n in ("POSIX", "tr_TR.UTF-8", "xx_YY"))])
def test_a_locale_changes_no_number(name, answer):
    done = run(WORDS, LC_ALL=name, LANG=name, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stdout, done.stderr) == (0, answer.replace("µ", "u"), "")


@pytest.mark.parametrize("number", [pytest.param(3, marks=long), pytest.param(8, marks=long)])
def test_processes_at_once_on_an_empty_cache(number, answer, tmp_path):
    """Each has the answer, and the cache is whole for the next."""
    environment = {"IL2MODEL_CACHE": str(tmp_path / "cache")}
    line = ["env", *(f"{k}={v}" for k, v in environment.items()), *COMMAND, *WORDS]
    jobs = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(number)]
    for printed, said in [job.communicate() for job in jobs]:
        assert printed == answer and len(said.splitlines()) <= 1
    assert [job.returncode for job in jobs] == [0] * number
    done = run(WORDS, **environment)
    assert (done.stdout, done.stderr) == (answer, "")
    assert not [*(tmp_path / "cache").glob(".*")]


def test_what_memory_is_to_blame_for():
    error = OSError("libx.so: not found, maybe permissions")
    assert not memory.is_short(error)
    error.__context__ = OSError("libx.so: failed to map segment from shared object")
    assert memory.is_short(error)
    assert memory.is_short(MemoryError())
    assert not memory.is_short(ImportError("No module named 'x'"))
    assert not memory.is_short(FileNotFoundError(2, "No such file"))
