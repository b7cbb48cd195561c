"""The folder of compiled kernels: damage is a miss, what is not ours alone is not used, its loss stops nothing."""

import os
import resource
import shutil
import stat
import subprocess
import sys

import pytest

from il2model.solver import cache

LINE = [sys.executable, "-m", "il2model", "simulate", "--regimen", "imodals-2miu", "--until", "115", "--at", "7"]
COMPILING = "il2model: compiling the model for this machine; this happens once."
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")


def run(folder, line=LINE, **environment):
    """Return what a process prints, and what it says."""
    environment = {**os.environ, "IL2MODEL_CACHE": str(folder)} | environment
    done = subprocess.run(
        line, capture_output=True, text=True, env={k: v for k, v in environment.items() if v is not None}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.splitlines()


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels") / "cache"
    answer, said = run(folder)
    assert said == [COMPILING]
    assert run(folder) == (answer, [])
    return folder, answer


@pytest.fixture
def copy(warm, tmp_path):
    folder = shutil.copytree(warm[0], tmp_path / "cache")
    folder.chmod(0o700)
    return folder, warm[1]


def flip(path, k):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1 << k % 8
    path.write_bytes(data)


def cut(path, k):
    path.write_bytes(path.read_bytes()[: (0, 100, -1)[k % 3]])


def replace(path, k):
    """By what is no file, or is another's."""
    data = path.read_bytes()
    path.unlink()
    if k % 4 == 0:
        path.mkdir()
        (path / "x").write_text("")
    elif k % 4 == 1:
        elsewhere = path.parent.parent / path.name
        elsewhere.write_bytes(data)
        path.symlink_to(elsewhere)
    elif k % 4 == 2:
        os.mkfifo(path)
    else:
        path.write_bytes(next(p for p in path.parent.iterdir() if p.is_file()).read_bytes())


@pytest.mark.long
@pytest.mark.parametrize("damage", [flip, cut, replace])
def test_damage_of_any_file_is_made_good(copy, damage):
    """Object code among them: with its bits flipped it would end the process."""
    folder, answer = copy
    files = cache_files(folder)
    assert {p.suffix for p in files} == {".json", ".py", ".code", ".ll", ".o"}
    for k, path in enumerate(files):
        damage(path, k)
    assert run(folder) == (answer, [COMPILING])
    assert run(folder) == (answer, [])


@pytest.mark.parametrize(
    "kind", ["blueprint-*", *(pytest.param(p, marks=pytest.mark.long) for p in ("plain-*", "step-*", "driver-*"))]
)
def test_one_damaged_file_is_made_again(copy, kind):
    """A cut blueprint ended every command in a traceback."""
    folder, answer = copy
    for k, path in enumerate(folder.glob(kind)):
        cut(path, k + 1)
    assert run(folder)[0] == answer
    assert run(folder) == (answer, [])


def cache_files(folder):
    return sorted(p for p in folder.iterdir() if p.is_file())


def test_every_flipped_byte_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir(mode=0o700)
    monkeypatch.setenv("IL2MODEL_CACHE", str(tmp_path / "cache"))
    for name in ("step-x.ll", "step-x.o"):
        cache.write(name, b"define void @x")
        path = tmp_path / "cache" / name
        whole = path.read_bytes()
        assert cache.read(name) == b"define void @x"
        for k in range(len(whole)):
            path.write_bytes(whole[:k] + bytes([whole[k] ^ 0x20]) + whole[k + 1 :])
            assert cache.read(name) is None
        path.write_bytes(whole + b"\n")
        assert cache.read(name) is None
    shutil.copy(tmp_path / "cache" / "step-x.o", tmp_path / "cache" / "step-y.o")
    assert cache.read("step-y.o") is None


def test_it_is_private(warm):
    assert stat.S_IMODE(warm[0].stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in warm[0].iterdir()} == {0o600}


def test_a_folder_that_others_can_write_to_is_not_used(copy):
    folder, answer = copy
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    folder.chmod(0o770)
    printed, said = run(folder)
    assert printed == answer
    assert len(said) == 2 and "is not used (others can write to it" in said[0] and said[1] == COMPILING
    assert before == {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    folder.chmod(0o700)
    assert run(folder) == (answer, [])


@root
@pytest.mark.long
def test_what_belongs_to_another_user_is_not_used(copy):
    folder, answer = copy
    for path in folder.iterdir():
        os.chown(path, 65534, 65534)
    assert run(folder) == (answer, [COMPILING])
    os.chown(folder, 65534, 65534)
    assert "it belongs to another user" in run(folder, [*LINE[:3], "cache", "list"])[1][0]


def test_a_folder_that_only_reads_is_read(copy):
    folder, answer = copy
    folder.chmod(0o500)
    assert run(folder) == (answer, [])


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "/dev/null/none", "XDG_CACHE_HOME": None},
        pytest.param({"HOME": None, "XDG_CACHE_HOME": "/dev/null/none"}, marks=pytest.mark.long),
        pytest.param({"HOME": "/nonexistent", "XDG_CACHE_HOME": "/proc/none"}, marks=pytest.mark.long),
    ],
)
def test_without_a_home_nothing_is_left_behind(warm, tmp_path, environment):
    before = set(os.listdir("."))
    printed, said = run("", IL2MODEL_CACHE=None, TMPDIR=str(tmp_path), MPLCONFIGDIR=None, **environment)
    assert printed == warm[1]
    assert len(said) == 2 and "each process compiles for itself" in said[0] and said[1] == COMPILING
    assert list(tmp_path.iterdir()) == [] and set(os.listdir(".")) == before


@pytest.mark.long
def test_a_full_disk_stops_nothing(warm, tmp_path):
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    environment = {**os.environ, "IL2MODEL_CACHE": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(LINE, capture_output=True, text=True, env=environment, preexec_fn=full)
    assert (done.returncode, done.stdout) == (0, warm[1])
    first, second = done.stderr.splitlines()
    assert (first, "File too large" in second) == (COMPILING, True)
    assert not list((tmp_path / "cache").glob(".*"))


def test_clear_removes_what_the_program_wrote_and_nothing_else(copy):
    folder, _ = copy
    count = len(cache_files(folder))
    (folder / "mine.o").write_text("mine")
    (folder / "notes").mkdir()
    printed, _ = run(folder, [*LINE[:3], "cache", "clear"])
    assert f"Removed {count} files" in printed
    assert sorted(p.name for p in folder.iterdir()) == ["mine.o", "notes"]


@pytest.mark.long
def test_what_numba_keeps_is_checked_before_it_is_loaded(copy):
    """The plain route: a changed file of Numba's is compiled again."""
    folder, _ = copy
    line = [*LINE, "--engine", "plain"]
    answer, _ = run(folder, line)
    kept = sorted((folder / "__pycache__").iterdir())
    assert {p.suffix for p in kept} == {".nbi", ".nbc"}
    before = {p: p.read_bytes() for p in kept}
    for k, path in enumerate(kept):
        (flip, cut)[k % 2](path, k)
    assert run(folder, line)[0] == answer
    assert all(before[p] == p.read_bytes() for p in kept if p.suffix == ".nbi")
    assert run(folder, line)[0] == answer
