"""Files of a folder are listed with their checksums; damage is found when they are read."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from il2model import sums
from il2model.errors import InputError


def test_what_is_written_is_read_and_damage_is_a_sentence(tmp_path):
    path = sums.write(tmp_path / "a.csv", b"x,y\n1,2\n")
    sums.write_json(tmp_path / "b.json", {"a": 1})
    assert sums.read(path) == b"x,y\n1,2\n"
    assert sums.listed(tmp_path) == ("a.csv", "b.json")
    path.write_bytes(b"x,y\n2,4\n")
    with pytest.raises(InputError, match=r"a\.csv is damaged; remove it and resume"):
        sums.read(path)
    assert sums.read(sums.write(path, b"new")) == b"new"
    path.unlink()
    with pytest.raises(InputError, match=r"a\.csv is missing; resume the run"):
        sums.read(path)
    assert sums.missing(tmp_path) == ("a.csv",)


def test_what_is_not_listed_is_taken_as_it_is(tmp_path):
    (tmp_path / "old.json").write_bytes(b"{}")
    assert sums.read(tmp_path / "old.json") == b"{}"
    with pytest.raises(FileNotFoundError):
        sums.read(tmp_path / "none.json")
    sums.know(tmp_path / "old.json")
    (tmp_path / "old.json").write_bytes(b"[]")
    with pytest.raises(InputError, match="damaged"):
        sums.read(tmp_path / "old.json")


def test_a_damaged_list_is_a_sentence(tmp_path):
    path = sums.write(tmp_path / "a", b"1")
    whole = (tmp_path / sums.NAME).read_bytes()
    for k in range(len(whole)):
        (tmp_path / sums.NAME).write_bytes(whole[:k])
        with pytest.raises(InputError, match="SHA256SUMS is damaged; remove it and resume"):
            sums.read(path)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_sha256sum_reads_the_list(tmp_path):
    for name in ("a.csv", "b c.json"):
        sums.write(tmp_path / name, name.encode())
    check = ["sha256sum", "-c", "--quiet", sums.NAME]
    assert subprocess.run(check, cwd=tmp_path).returncode == 0
    (tmp_path / "a.csv").write_text("x")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 1


WRITER = """
import sys
from pathlib import Path
from il2model import sums
print("begun", flush=True)
for k in range(1000000):
    sums.write(Path(sys.argv[1]), b"%d" % k * 1000)
"""


def test_a_writer_killed_at_any_moment_leaves_a_file_that_is_listed(tmp_path):
    path = tmp_path / "a"
    for k in range(5):
        running = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        running.stdout.readline()
        time.sleep(0.05 + 0.013 * k)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
        assert sums.read(path)
