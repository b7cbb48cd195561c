"""Files: whole or not at all, and named by digests of what is in them."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import Il2modelError, InputError, StorageError

Content = bytes | memoryview | str | Callable[[IO[bytes]], object]
#: An array of any numbers or of text, and a JSON value.
Array: TypeAlias = NDArray[Any]
Json: TypeAlias = Any
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


def content_bytes(content: Content) -> bytes:
    """Return what `write_atomic` would write."""
    if callable(content):
        stream = io.BytesIO()
        content(stream)
        return stream.getvalue()
    return content.encode(errors="replace") if isinstance(content, str) else bytes(content)


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
