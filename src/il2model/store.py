"""Results on disk: whole files or none, blocks with a checksum, folders that know their job.

A run that is killed at any moment leaves a folder from which it goes on to the same bits.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import Il2modelError, InputError, StorageError, intact

Content = bytes | memoryview | str | Callable[[IO[bytes]], object]
#: An array of any numbers or of text, and a JSON value.
Array: TypeAlias = NDArray[Any]
Json: TypeAlias = Any
_KEY = "job.json"
_META = "__meta__"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+=-]*")
#: Seconds after which the temporary file of a killed run is nobody's.
STALE = 3600.0


def digest(*parts: str | bytes | Array, separator: str = "\n", digits: int = 16) -> str:
    """Return hexadecimal digits of SHA-256 (64 at most) that name some texts, bytes or numbers of arrays."""
    whole = hashlib.sha256()
    for k, part in enumerate(parts):
        whole.update(separator.encode() * bool(k))
        content = part.tobytes() if isinstance(part, np.ndarray) else part
        whole.update(content.encode() if isinstance(content, str) else content)
    return whole.hexdigest()[:digits]


def write_atomic(path: str | Path, content: Content, *, mode: int = 0o666) -> Path:
    """Write a file whole or not at all, and have it on the disk when this returns.

    Parameters
    ----------
    path : path
        What is there is replaced; its folder must exist.
    content : bytes, str or callable
        Text is written as UTF-8; a callable gets the open binary stream.
    mode : int
        Permissions, of which the process's mask takes its part.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
            if callable(content):
                content(stream)
            else:
                stream.write(content.encode(errors="replace") if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return path


def unwritten(place: object, error: OSError, more: str = "") -> Il2modelError:
    """Return what to raise where `place` cannot be written: the disk's failure, or a wrong place."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
    return (StorageError if full else InputError)(f"{place} cannot be written: {error.strerror or error}{more}.")


def write_json(path: str | Path, value: Json) -> Path:
    """Write plain data as JSON, whole or not at all."""
    return write_atomic(path, json.dumps(value, indent=1) + "\n")


def _sync_folder(folder: Path) -> None:
    """Make a rename last; where a folder cannot be synchronised, the rename itself must do."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


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

    Raises
    ------
    InputError
        If the folder cannot be written, holds another job, or holds blocks and `resume` is false.
    """

    def __init__(self, folder: str | Path | None, key: Mapping[str, Json], *, resume: bool = True) -> None:
        self.folder = None if folder is None else Path(folder)
        text = json.dumps(dict(key), sort_keys=True)
        self.key: Mapping[str, Json] = MappingProxyType(json.loads(text))
        self.digest = digest(text)
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            if not resume and self.names():
                raise InputError(f"{self.folder} holds results already; resume them, or give another folder.")
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
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
                arrays = {n: data[n] for n in data.files if n != _META}
                meta = json.loads(str(data[_META]))
            if meta["checksum"] != _checksum(arrays, meta["job"], meta["meta"]):
                raise ValueError("its checksum differs")
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from None
        except Exception:  # a damaged archive raises almost anything
            raise InputError(f"{path} is damaged; remove it and resume.") from None
        if meta["job"] != self.digest:
            raise InputError(f"{path} belongs to another job; give another folder.")
        return Block(arrays=arrays, meta=meta["meta"])

    def put(self, name: str, arrays: Mapping[str, Array], **meta: Json) -> None:
        """Write a block, whole or not at all; one of the same name is replaced."""
        if self.folder is None:
            return
        arrays = {n: np.asarray(a) for n, a in arrays.items()}
        if any(a.dtype.hasobject for a in arrays.values()):
            raise TypeError("a block holds arrays of numbers or text, not of objects")
        meta = json.loads(json.dumps(meta))
        whole = {"job": self.digest, "meta": meta, "checksum": _checksum(arrays, self.digest, meta)}
        arrays[_META] = np.array(json.dumps(whole))
        content = io.BytesIO()
        np.savez(content, **arrays)  # type: ignore[arg-type]  # mypy takes every name for allow_pickle
        self._write(self.path(name), content.getvalue())

    def write(self, name: str, content: Content | Mapping[str, Json]) -> None:
        """Write a file beside the blocks (a table, a manifest), whole or not at all; a mapping as JSON."""
        if self.folder is None:
            return
        text = json.dumps(dict(content), indent=1) + "\n" if isinstance(content, Mapping) else content
        self._write(self.folder / name, text)

    def _write(self, path: Path, content: Content) -> None:
        try:
            write_atomic(path, content)
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
            raise InputError(f"{self.folder} holds another job: {_difference(job, self.key)}; give another folder.")
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
        return dict(stored["job"]), str(stored["digest"])


def _checksum(arrays: Mapping[str, Array], job: str, meta: Json) -> str:
    parts: list[str | Array] = [json.dumps([job, meta], sort_keys=True)]
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
