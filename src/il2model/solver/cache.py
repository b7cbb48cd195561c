"""Files named by the hash of what made them, each under its checksum, in a folder that only its owner can change.

What is missing, damaged or not ours is made again; what no folder takes stays in the memory of this process.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..display import notice
from ..store import STALE, digest, write_atomic

_PACKAGE = Path(__file__).resolve().parents[1]
#: What this package calls its files, temporary ones included.
_OURS = re.compile(r"\.?(blueprint|plain|closed|untreated|step|driver|jit)-.+\.(json|py|ll|o|code|sums|part)")
#: Length of the last line of a file, its checksum.
_SEAL = 75
#: Files that no folder could take.
_kept: dict[str, bytes] = {}


def cache_dir() -> Path | None:
    """Return the folder of compiled kernels (`IL2MODEL_CACHE` overrides it), None where none can be used."""
    override = os.environ.get("IL2MODEL_CACHE")
    if override:
        return _usable(Path(override))
    import platformdirs

    return _usable(Path(platformdirs.user_cache_dir("il2model")), home=True)


@cache
def _usable(folder: Path, home: bool = False) -> Path | None:
    """Return the folder, made if missing, or None; why not is said once."""
    try:
        if home and not folder.is_absolute():
            raise FileNotFoundError(errno.ENOENT, "there is no home folder")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        trouble = _distrust(folder.stat())
        os.listdir(folder)
    except OSError as error:
        trouble = error.strerror or str(error)
    if trouble:
        notice(
            f"The folder of compiled kernels {folder} is not used ({trouble}); each process compiles for itself. "
            "IL2MODEL_CACHE names another."
        )
    return None if trouble else folder


def _distrust(found: os.stat_result) -> str:
    """Say why what is in a file or folder may not be ours; nothing if it is."""
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            return "it belongs to another user"
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "others can write to it; chmod go-w mends that"
    return ""


@cache
def source_hash(*folders: str) -> str:
    """Return a hash of the Python sources in these folders of the package."""
    sources = (p for folder in folders for p in sorted((_PACKAGE / folder).glob("*.py")))
    return digest(*(p.name.encode() + b"\0" + p.read_bytes() for p in sources), separator="")


def text_hash(*parts: str) -> str:
    """Return a hash of some texts."""
    return digest(*parts, separator="\0")


def read(name: str) -> bytes | None:
    """Return the content of a cached file; None if it is missing, damaged or not ours alone to write."""
    if name in _kept:
        return _kept[name]
    folder = cache_dir()
    data = None if folder is None else read_own(folder / name)
    if data is None or len(data) < _SEAL or data[-_SEAL:] != _seal(name, data[:-_SEAL]):
        return None
    return data[:-_SEAL]


def read_own(path: Path) -> bytes | None:
    """Return what a plain file of this user holds, None for anything else."""
    flags = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    try:
        handle = os.open(path, os.O_RDONLY | flags)
    except OSError:
        return None
    try:
        with open(handle, "rb") as stream:
            found = os.fstat(handle)
            return stream.read() if stat.S_ISREG(found.st_mode) and not _distrust(found) else None
    except OSError:
        return None


def write(name: str, content: bytes | str) -> None:
    """Store a file; several processes may do so at once, each leaves a whole one. Where that fails, it is kept here."""
    content = content.encode() if isinstance(content, str) else content
    folder = cache_dir()
    if folder is None:
        _kept[name] = content
        return
    path = folder / name
    try:
        if path.is_dir():
            _remove(path)
        _sweep(folder)
        write_atomic(path, content + _seal(name, content), mode=0o600)
        _kept.pop(name, None)
    except OSError as error:
        _kept[name] = content
        _full(folder, error.strerror or str(error))


def prepare_numba(stem: str) -> bool:
    """Tell whether Numba can keep what it compiles from the file `stem`.py; what has changed since `know` goes.

    Numba reads its files unchecked: it only gets to see those that were there when they were known.
    """
    folder = cache_dir()
    if folder is None or f"{stem}.py" in _kept:
        return False
    place = folder / "__pycache__"
    try:
        if place.is_symlink() or place.is_file():
            place.unlink()
        place.mkdir(mode=0o700, exist_ok=True)
        place.chmod(0o700)
    except OSError:
        return False
    if not os.access(place, os.W_OK):
        return False
    known = json.loads(read(f"{stem}.sums") or b"{}")
    for path in _compiled(stem):
        data = read_own(path)
        if data is None or known.get(path.name) != digest(data, digits=64):
            _remove(path)
    return True


def know(stem: str) -> None:
    """Keep the checksums of what Numba has compiled from the file `stem`.py."""
    sums_of: dict[str, str] = {}
    for path in _compiled(stem):
        with suppress(OSError):
            path.chmod(0o600)
            sums_of[path.name] = digest(read_own(path) or b"", digits=64)
    sums = json.dumps(sums_of).encode()
    if sums != (read(f"{stem}.sums") or b"{}"):
        write(f"{stem}.sums", sums)


def _compiled(stem: str) -> list[Path]:
    folder = cache_dir()
    return [] if folder is None else sorted((folder / "__pycache__").glob(f"{stem}.*.nb[ic]"))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _seal(name: str, content: bytes) -> bytes:
    """Return the last line of a file: a comment in the languages that have `;` or `#` for one."""
    return f"\n{';' if name.endswith('.ll') else '#'} sha256 {digest(name, content, digits=64)}\n".encode()


@cache
def _full(folder: Path, why: str) -> None:
    notice(f"The compiled kernels cannot be kept in {folder} ({why}); this process keeps them for itself.")


@cache
def _sweep(folder: Path) -> None:
    """Remove what killed writers left."""
    import time

    for part in folder.glob(".*.part"):
        if _OURS.fullmatch(part.name) and time.time() - part.stat().st_mtime > STALE:
            part.unlink(missing_ok=True)


def entries() -> list[Path]:
    """Return the cached files, by name."""
    folder = cache_dir()
    return [] if folder is None else sorted(p for p in folder.iterdir() if _OURS.fullmatch(p.name))


def clear() -> int:
    """Remove all cached files, and nothing else; return how many."""
    files = entries()
    for path in files:
        _remove(path)
    for path in _compiled("jit-*"):
        _remove(path)
    return len(files)


def total_size(paths: Iterable[Path]) -> int:
    """Return the size of some files in bytes."""
    return sum(p.lstat().st_size for p in paths)
