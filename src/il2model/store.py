"""Results on disk: whole files or none, blocks with a checksum, folders that know their job.

A run that is killed at any moment leaves a folder from which it goes on to the same bits.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from . import sums
from .errors import InputError, intact
from .files import STALE, Array, Content, Json, content_bytes, digest, unwritten, write_atomic, write_json

__all__ = [
    "STALE",
    "Array",
    "Block",
    "BlockStore",
    "Content",
    "Json",
    "digest",
    "read_block",
    "unwritten",
    "write_atomic",
    "write_json",
]

_KEY = "job.json"
_META = "__meta__"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+=-]*")
_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")
#: Names of blocks, for those that cannot be read any more.
_BLOCK = re.compile(r"([a-z]+-)?[0-9]+(-[0-9]+)?|profile-\w+|optimum|law|table")
#: What to do about a folder that holds something else.
WAY_OUT = "give another folder, or overwrite it (--overwrite)."


@dataclass(frozen=True, kw_only=True)
class Block:
    """Arrays by name, and plain data."""

    arrays: Mapping[str, Array]
    meta: Mapping[str, Json] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]


class BlockStore:
    """A folder of blocks that belong to one job.

    Parameters
    ----------
    folder : path or None
        None keeps nothing, so that a verb need not ask.
    key : mapping
        What the results depend on, by name, as plain data: of another job's folder the
        error says which of these differ. What they do not depend on (workers, executor) stays out.
    resume : bool
        False refuses a folder that holds blocks.
    overwrite : bool
        What the package wrote into the folder is removed first; other files stay.

    Raises
    ------
    InputError
        If the folder cannot be written, holds another job, or holds blocks and `resume` is false.
    """

    def __init__(
        self, folder: str | Path | None, key: Mapping[str, Json], *, resume: bool = True, overwrite: bool = False
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        text = json.dumps(dict(key), sort_keys=True)
        self.key: Mapping[str, Json] = MappingProxyType(json.loads(text))
        self.digest = digest(text)
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if overwrite:
                remove_results(self.folder)
            self._remove_leftovers()
            if not resume and self.names():
                raise InputError(f"{self.folder} holds results already; resume them, {WAY_OUT}")
            if not self._is_mine():
                write_json(self.folder / _KEY, {"digest": self.digest, "job": dict(self.key)})
        except OSError as error:
            raise unwritten(self.folder, error) from None

    @classmethod
    def opened(cls, folder: str | Path, verb: str) -> BlockStore:
        """Return the store that a run of a verb left in a folder.

        Raises
        ------
        InputError
            If there is none, or the folder's description is damaged.
        """
        path = Path(folder) / _KEY
        if not path.exists():
            raise InputError(f"{folder} holds no stored {verb}: {_KEY} is missing.")
        job, _ = _described(path)
        if job.get("verb") != verb:
            raise InputError(f"{folder} holds the results of {job.get('verb', 'something else')}, not of {verb}.")
        return cls(folder, job)

    def __repr__(self) -> str:
        return f"BlockStore({str(self.folder)!r}, {self.digest})"

    def names(self) -> list[str]:
        """Return the names of the blocks in the folder, sorted."""
        return [] if self.folder is None else sorted(p.stem for p in self.folder.glob("[!.]*.npz"))

    def path(self, name: str) -> Path:
        """Return the file of a block."""
        if self.folder is None or not _NAME.fullmatch(name):
            raise InputError(f"{name!r} cannot name a block; letters, digits and -_.@+= can.")
        return self.folder / f"{name}.npz"

    def get(self, name: str) -> Block | None:
        """Return a block, None if it is not there.

        Raises
        ------
        InputError
            If the file is damaged or belongs to another job.
        """
        if self.folder is None:
            return None
        path = self.path(name)
        try:
            block, job = read_block(path)
        except FileNotFoundError:
            return None
        if job != self.digest:
            raise InputError(f"{path} belongs to another job; {WAY_OUT}")
        return block

    def put(self, name: str, arrays: Mapping[str, Array], **meta: Json) -> None:
        """Write a block, whole or not at all; one of the same name is replaced."""
        if self.folder is None:
            return
        arrays = {n: np.asarray(a) for n, a in arrays.items()}
        if any(a.dtype.hasobject for a in arrays.values()):
            raise TypeError("a block holds arrays of numbers or text, not of objects")
        meta = json.loads(json.dumps(meta))
        whole = {"job": self.digest, "meta": meta, "name": name}
        whole["checksum"] = _checksum(arrays, whole)
        arrays[_META] = np.array(json.dumps(whole))
        content = io.BytesIO()
        np.savez(content, **arrays)  # type: ignore[arg-type]  # mypy takes every name for allow_pickle
        with self._writing():
            write_atomic(self.path(name), content.getvalue())

    def write(self, name: str, content: Content | Mapping[str, Json]) -> None:
        """Write a file beside the blocks (a table, a manifest), whole or not at all; a mapping as JSON."""
        if self.folder is None:
            return
        text = json.dumps(dict(content), indent=1) + "\n" if isinstance(content, Mapping) else content
        with self._writing():
            sums.write(self.folder / name, content_bytes(text))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritten(self.folder, error, "; what is there stays, and a resumed run goes on from it") from None

    def _is_mine(self) -> bool:
        """Whether the folder says that it holds this job; False if it says nothing."""
        assert self.folder is not None
        path = self.folder / _KEY
        if not path.exists():
            return False
        job, known = _described(path)
        if known != self.digest:
            raise InputError(f"{self.folder} holds another job: {_difference(job, self.key)}; {WAY_OUT}")
        return True

    def _remove_leftovers(self) -> None:
        assert self.folder is not None
        for part in self.folder.glob(".*.part"):
            try:
                if time.time() - part.stat().st_mtime > STALE:
                    part.unlink()
            except OSError:
                continue


def _described(path: Path) -> tuple[dict[str, Json], str]:
    """Return the job that a folder says it holds, and its digest."""
    with intact(path):
        stored = json.loads(path.read_text(encoding="utf8"))
        job, known = dict(stored["job"]), str(stored["digest"])
        if known != digest(json.dumps(job, sort_keys=True)):
            raise ValueError("its digest differs")
        return job, known


def read_block(path: Path) -> tuple[Block, str]:
    """Return the block of a file, and the digest of the job that it belongs to.

    Raises
    ------
    InputError
        If the file is damaged, or is another block's.
    FileNotFoundError
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            arrays = {n: data[n] for n in data.files if n != _META}
            whole = json.loads(str(data[_META]))
        checksum = whole.pop("checksum")
        if checksum != _checksum(arrays, whole) or whole.get("name", path.stem) != path.stem:
            raise ValueError("its checksum differs")
        return Block(arrays=arrays, meta=whole["meta"]), whole["job"]
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except MemoryError:
        raise
    except Exception:  # a damaged archive raises almost anything
        raise InputError(f"{path} is damaged; remove it and resume.") from None


def remove_results(folder: Path, *more: str) -> None:
    """Remove what the package wrote into a folder and into folders of runs in it, and `more`; other files stay."""
    if not folder.is_dir():
        return
    ours = {_KEY, sums.NAME, *sums.listed(folder), *more}
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if (path / _KEY).is_file() or (path / sums.NAME).is_file():
                remove_results(path)
                with suppress(OSError):  # what else is in it stays
                    path.rmdir()
        elif path.name in ours or (path.suffix == ".npz" and _is_block(path)) or _PART.fullmatch(path.name):
            path.unlink()


def _is_block(path: Path) -> bool:
    """Tell whether a file is a block, or what is left of one."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return _META in data.files
    except Exception:  # a damaged archive raises almost anything
        return _BLOCK.fullmatch(path.stem) is not None


def _checksum(arrays: Mapping[str, Array], whole: Mapping[str, Json]) -> str:
    """Return the checksum of a block; those of version 0.9 and before do not have its name in it."""
    head = [whole["job"], whole["meta"]] + ([whole["name"]] if "name" in whole else [])
    parts: list[str | Array] = [json.dumps(head, sort_keys=True)]
    for name in sorted(arrays):
        array = np.atleast_1d(arrays[name])
        parts += [f"\0{name} {array.dtype.str} {array.shape}\0", array]
    return digest(*parts, separator="", digits=64)


def _difference(theirs: Mapping[str, Json], ours: Mapping[str, Json]) -> str:
    """Say what differs between two jobs: the values where they are short, the names of the rest."""
    if theirs.get("verb") != ours.get("verb"):
        return f"one of {theirs.get('verb', 'another kind')}, not of {ours.get('verb', 'this kind')}"
    short, long = [], []
    for name in dict.fromkeys([*ours, *theirs]):
        if name in ours and name in theirs and ours[name] == theirs[name]:
            continue
        there, here = (json.dumps(k.get(name, None)) for k in (theirs, ours))
        if len(there) + len(here) <= 60:
            short.append(f"its {name.replace('_', ' ')} is {there}, here {here}")
        else:
            long.append(name.replace("_", " "))
    words = short + ([f"its {' and '.join(long)} differ" + "s" * (len(long) == 1)] if long else [])
    return ", ".join(words) or "its key differs"
