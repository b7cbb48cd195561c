"""Checksums of the files of a folder, in it, as `sha256sum -c` reads them: what is damaged is found when it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .errors import InputError
from .files import Json, digest, write_atomic

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, with its checksum: whatever ends the process, a listed one is the file's."""
    known, new = _read(path.parent), digest(content, digits=64)
    before = known.get(path.name, ())
    if before or not path.exists():
        _list(path.parent, {**known, path.name: (*before, new)})
    write_atomic(path, content)
    _list(path.parent, {**known, path.name: (new,)})
    return path


def write_json(path: Path, value: Json) -> Path:
    """Write plain data as JSON, with its checksum."""
    return write(path, (json.dumps(value, indent=1) + "\n").encode())


def check(folder: Path) -> None:
    """Read every listed file that is there.

    Raises
    ------
    InputError
        If one is damaged.
    """
    for name in _read(folder):
        if (folder / name).exists():
            read(folder / name)


def missing(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that are listed and not there."""
    return tuple(name for name in _read(folder) if not (folder / name).exists())


def know(path: Path) -> Path:
    """List a file that has been written."""
    _list(path.parent, {**_read(path.parent), path.name: (digest(path.read_bytes(), digits=64),)})
    return path


def read(path: Path) -> bytes:
    """Return the content of a file; one that is not listed (of an older version) is taken as it is.

    Raises
    ------
    InputError
        If it is damaged, or listed and missing.
    FileNotFoundError
        If it is neither there nor listed.
    """
    known = _read(path.parent).get(path.name)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if known is None:
            raise
        raise InputError(f"{path} is missing; resume the run, and it is written again.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    if known is not None and digest(content, digits=64) not in known:
        raise InputError(f"{path} is damaged; remove it and resume.")
    return content


def listed(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that are listed; none of a damaged list."""
    try:
        return tuple(_read(folder))
    except InputError:
        return ()


def _read(folder: Path) -> Mapping[str, tuple[str, ...]]:
    try:
        text = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return {}
    body, _, seal = text.rpartition(b"# ")
    found: dict[str, tuple[str, ...]] = {}
    for line in body.decode(errors="replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is not None:
            found[match[2]] = (*found.get(match[2], ()), match[1])
    if seal != f"{digest(body, digits=64)}\n".encode():
        raise InputError(f"{folder / NAME} is damaged; remove it and resume.")
    return found


def _list(folder: Path, known: Mapping[str, Iterable[str]]) -> None:
    body = "".join(f"{sum}  {name}\n" for name in sorted(known) for sum in dict.fromkeys(known[name]))
    write_atomic(folder / NAME, f"{body}# {digest(body, digits=64)}\n")
