"""Files on disk: named by the hash of what made them, written by atomic rename."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ..store import digest, write_atomic

_PACKAGE = Path(__file__).resolve().parents[1]


def cache_dir() -> Path:
    """Return the folder of compiled kernels (`IL2MODEL_CACHE` overrides it).

    Where it cannot be written, a temporary folder of this process takes its place.
    """
    override = os.environ.get("IL2MODEL_CACHE")
    if override:
        return _usable(Path(override))
    import platformdirs

    return _usable(Path(platformdirs.user_cache_dir("il2model")))


@cache
def _usable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="il2model-"))


@cache
def source_hash(*folders: str) -> str:
    """Return a hash of the Python sources in these folders of the package."""
    sources = (p for folder in folders for p in sorted((_PACKAGE / folder).glob("*.py")))
    return digest(*(p.name.encode() + b"\0" + p.read_bytes() for p in sources), separator="")


def text_hash(*parts: str) -> str:
    """Return a hash of some texts."""
    return digest(*parts, separator="\0")


def read(name: str) -> bytes | None:
    """Return a cached file, or None."""
    try:
        return (cache_dir() / name).read_bytes()
    except OSError:
        return None


def texts_of(key: str) -> tuple[tuple[str, bytes], ...]:
    """Return name and content of what was generated for a model: metadata, plain text, LLVM text of each variant."""
    names = [p.name for p in entries() if key in p.name and p.suffix in (".json", ".py", ".ll")]
    return tuple((name, (cache_dir() / name).read_bytes()) for name in names)


def write(name: str, content: bytes | str) -> Path:
    """Store a file; several processes may do so at once, each leaves a whole one."""
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return write_atomic(folder / name, content)


def entries() -> list[Path]:
    """Return the cached files, by name."""
    folder = cache_dir()
    return sorted(p for p in folder.glob("*") if p.is_file()) if folder.is_dir() else []


def clear() -> int:
    """Remove all cached files; return how many."""
    import shutil

    files = entries()
    for path in files:
        path.unlink(missing_ok=True)
    shutil.rmtree(cache_dir() / "__pycache__", ignore_errors=True)
    return len(files)


def total_size(paths: Iterable[Path]) -> int:
    """Return the size of some files in bytes."""
    return sum(p.stat().st_size for p in paths)
