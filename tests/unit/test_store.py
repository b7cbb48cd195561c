"""A store holds whole blocks of one job, notices damage, and says what differs."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from il2model.errors import InputError, StorageError
from il2model.store import BlockStore, digest, write_atomic

KEY = {"job": "trial", "seed": 1, "design": "x" * 100}


def test_a_block_comes_back_as_it_went_in(tmp_path):
    store = BlockStore(tmp_path / "a" / "b", KEY)
    arrays = {"x": np.array([[1.5, np.nan], [-0.0, np.inf]]), "names": np.array(["a", "bc"]), "n": np.int64(3)}
    store.put("rows-0", arrays, done=3, words={"1": "because"})
    block = BlockStore(tmp_path / "a" / "b", KEY).get("rows-0")
    assert block["x"].tobytes() == arrays["x"].tobytes()
    assert block["names"].tolist() == ["a", "bc"] and block["n"] == 3
    assert block.meta == {"done": 3, "words": {"1": "because"}}
    assert store.names() == ["rows-0"] and store.get("rows-1") is None


def test_without_a_folder_nothing_is_kept():
    store = BlockStore(None, KEY)
    store.put("x", {"x": np.ones(1)})
    store.write("x.json", {})
    assert store.get("x") is None and store.names() == []


def test_the_same_block_is_the_same_file(tmp_path):
    for name in ("one", "two"):
        BlockStore(tmp_path / name, KEY).put("x", {"x": np.arange(3.0)}, a=1)
    assert (tmp_path / "one" / "x.npz").read_bytes() == (tmp_path / "two" / "x.npz").read_bytes()


def _read_or_sentence(store):
    try:
        return store.get("x")
    except InputError as error:
        return str(error)


def test_every_flipped_byte_of_a_block_is_noticed_or_harmless(tmp_path):
    store = BlockStore(tmp_path, KEY)
    store.put("x", {"x": np.arange(4.0)}, a=[1, 2])
    whole = store.path("x").read_bytes()
    noticed = 0
    for k in range(0, len(whole), 3):
        store.path("x").write_bytes(whole[:k] + bytes([whole[k] ^ 0x10]) + whole[k + 1 :])
        block = _read_or_sentence(store)
        if isinstance(block, str):
            assert "is damaged; remove it and resume" in block
            noticed += 1
        else:  # times and flags of the archive
            assert np.array_equal(block["x"], np.arange(4.0)) and block.meta == {"a": [1, 2]}
    assert noticed > len(whole) / 6
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        store.path("x").write_bytes(whole[:cut])
        with pytest.raises(InputError, match="damaged"):
            store.get("x")


def test_numbers_changed_under_a_valid_archive_are_noticed(tmp_path):
    store = BlockStore(tmp_path, KEY)
    store.put("x", {"x": np.arange(4.0)})
    with np.load(store.path("x")) as data:
        arrays = dict(data)
    arrays["x"][2] = 7.0
    np.savez(store.path("x"), **arrays)
    with pytest.raises(InputError, match="damaged"):
        store.get("x")


def test_another_jobs_folder_is_refused_and_the_difference_named(tmp_path):
    BlockStore(tmp_path, KEY).put("x", {"x": np.ones(1)})
    with pytest.raises(InputError, match="holds another job: its seed is 1, here 2; give another folder"):
        BlockStore(tmp_path, KEY | {"seed": 2})
    with pytest.raises(InputError, match="its design differs"):
        BlockStore(tmp_path, KEY | {"design": "y" * 100})
    with pytest.raises(InputError, match="holds results already"):
        BlockStore(tmp_path, KEY, resume=False)
    (tmp_path / "job.json").unlink()
    with pytest.raises(InputError, match="belongs to another job"):
        BlockStore(tmp_path, KEY | {"seed": 2}).get("x")


def test_a_damaged_description_and_a_folder_that_is_a_file_are_one_sentence(tmp_path):
    BlockStore(tmp_path / "a", KEY)
    (tmp_path / "a" / "job.json").write_text("{")
    with pytest.raises(InputError, match=r"job\.json is damaged; remove it and resume"):
        BlockStore(tmp_path / "a", KEY)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        BlockStore(tmp_path / "file", KEY)
    with pytest.raises(InputError, match="cannot name a block"):
        BlockStore(tmp_path / "b", KEY).put("../x", {})


def test_a_full_disk_is_one_sentence_and_leaves_no_part(tmp_path, monkeypatch):
    store = BlockStore(tmp_path, KEY)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device.*goes on from it"):
        store.put("x", {"x": np.ones(1)})
    assert [p.name for p in tmp_path.iterdir()] == ["job.json"]


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = write_atomic(tmp_path / "x", "before")

    def fails(stream):
        stream.write(b"half")
        raise ValueError

    with pytest.raises(ValueError):
        write_atomic(path, fails)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
    assert (path.stat().st_mode & 0o777) == 0o666 & ~_umask()


def _umask():
    now = os.umask(0)
    os.umask(now)
    return now


WRITER = """
import sys, numpy as np
from il2model.store import BlockStore
store = BlockStore(sys.argv[1], {"job": "test"})
print("begun", flush=True)
for k in range(100000):
    store.put("block", {"x": np.full(20000, float(k))}, k=k)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_block(tmp_path):
    for k in range(4):
        running = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        running.stdout.readline()
        while not (tmp_path / "block.npz").exists():
            time.sleep(0.01)
        time.sleep(0.03 + 0.017 * k)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()  # closes its pipe
        block = BlockStore(tmp_path, {"job": "test"}).get("block")
        assert (block["x"] == block.meta["k"]).all()


def test_temporary_files_of_killed_runs_are_removed_once_they_are_old(tmp_path):
    old, new = tmp_path / ".a.npz.1.part", tmp_path / ".b.npz.2.part"
    for path in (old, new):
        path.write_text("x")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    assert BlockStore(tmp_path, KEY).names() == []
    assert not old.exists() and new.exists()


def test_a_digest_is_the_first_half_of_sha256():
    # printf 'a\nb' | sha256sum
    assert digest("a", "b") == digest(b"a", b"b") == "7e18f737311b2dc3"


def test_another_verbs_folder_is_refused_by_its_verb(tmp_path):
    BlockStore(tmp_path, {"verb": "study", "seed": 1})
    with pytest.raises(InputError, match="holds another job: one of study, not of trial; give another folder"):
        BlockStore(tmp_path, {"verb": "trial", "pool": 3})
