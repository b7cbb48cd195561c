"""A full disk: yesterday's files are as they were, nothing half stays, one sentence and exit 1."""

import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.processes import COMMAND, run

SIMULATE = "simulate --regimen mirocals --until 560 --at 0,7,28,560"
#: What writes a file, and a limit in bytes that it does not fit into.
FILES = {
    "course.csv": (f"{SIMULATE} -o", 100),
    "course.json": (f"{SIMULATE} -o", 100),
    "course.nc": (f"{SIMULATE} -o", 500),
    "course.txt": (f"{SIMULATE} -o", 100),
    "figure.png": (f"{SIMULATE} --plot", 5000),
    "figure.svg": (f"{SIMULATE} --plot", 5000),
    "model.xml": ("export sbml -o", 5000),
    "model.tex": ("export latex -o", 5000),
    "doses.csv": ("export nonmem -o", 100),
    "model.omex": ("export omex -o", 5000),
    "page.html": ("report {pk} -o", 20000),
}


def full(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture(scope="module")
def one_stage(tmp_path_factory):
    """A fit of one stage: its page is drawn in a quarter of the time."""
    folder = tmp_path_factory.mktemp("fit")
    shutil.copytree(Path("calibration/results/pk"), folder / "pk")
    return folder


@pytest.mark.parametrize("name", FILES)
def test_yesterdays_file_stays(name, tmp_path, one_stage):
    words, size = FILES[name]
    (tmp_path / name).write_bytes(b"yesterday")
    done = run([*words.format(pk=one_stage).split(), str(tmp_path / name)], limits=full(size))
    assert done.returncode == 1, done.stderr
    *_, last = done.stderr.splitlines()
    assert last == f"il2model: {tmp_path / name} cannot be written: File too large."
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"yesterday"


def test_petab_is_one_sentence(tmp_path):
    done = run(["export", "petab", "-o", str(tmp_path / "petab")], limits=full(3000))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert not list((tmp_path / "petab").glob(".*"))


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [
        "trial mirocals --replicates 5 --pool 40 -o",
        "power --cuts all --sizes 20 --pool 40 --replicates 5 -o",
        "optimize --patients 4 --generations 1 --draws 0 -o",
        "sensitivity --method morris --n 4 --outputs treg_auc --until 28 --alone -o",
        "simulate --regimen imodals-1miu --cohort 20 --folder",
        "demo -o",
    ],
)
def test_a_run_is_one_sentence_and_goes_on_from_what_was_kept(words, tmp_path):
    line = [*words.split(), str(tmp_path / "run")]
    done = run(line, limits=full(2500))
    assert done.returncode == 1, done.stderr
    assert "cannot be written: File too large" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "run").rglob("*.part"))
    assert run(line).returncode == 0


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a shell")
def test_standard_output_that_is_full_is_one_sentence():
    import subprocess

    assert run(SIMULATE.split()).returncode == 0  # what compiles says so
    line = " ".join([*COMMAND, *SIMULATE.split(), "> /dev/full"])
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "il2model: what was written: No space left on device.\n")


def test_the_numbers_that_are_written_are_those_that_are_printed(tmp_path):
    printed = run([*SIMULATE.split(), "--format", "csv"]).stdout
    assert run([*SIMULATE.split(), "-o", str(tmp_path / "x.csv")]).returncode == 0
    assert (tmp_path / "x.csv").read_text() == printed
    assert np.isfinite([float(x) for x in printed.splitlines()[1].split(",")[-3:]]).all()
