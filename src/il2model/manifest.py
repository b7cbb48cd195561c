"""What made a result: versions, hashes, seed and command."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping
from typing import Any, TypeAlias

from ._version import __version__

#: What made a result, as plain data.
Manifest: TypeAlias = dict[str, Any]


def versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of some packages."""
    found = {"python": platform.python_version()}
    for package in packages:
        version = _version(package)
        if version is not None:
            found[package] = version
    return found


def _version(package: str) -> str | None:
    """Return the version that the first folder of the path says; importlib.metadata would cost a warm start 30 ms."""
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        for name in names:
            if name.startswith(f"{package}-") and name.endswith(".dist-info"):
                return name[len(package) + 1 : -len(".dist-info")]
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def manifest(
    *,
    model_hash: str,
    parameter_hash: str,
    parameter_set: str,
    calibrated: bool,
    details: Mapping[str, object] | None = None,
) -> Manifest:
    """Return the manifest of a result as plain data."""
    record: Manifest = {
        "il2model": __version__,
        "model_hash": model_hash,
        "parameter_hash": parameter_hash,
        "parameter_set": parameter_set,
        "calibrated": calibrated,
        "command": shlex.join(["il2model", *sys.argv[1:]]) if sys.argv and "il2model" in sys.argv[0] else "python",
        "versions": versions("numpy", "scipy", "numba", "llvmlite", "sympy"),
    }
    record.update(details or {})
    return record


def peak_memory(*, children: bool = False) -> float | None:
    """Return the largest resident memory of this process so far, MiB; None where the system does not tell.

    With `children`, of this process or of one that it started and that has ended.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1024**2 if sys.platform == "darwin" else 1024
    who = [resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN][: 1 + children]
    return round(max(resource.getrusage(w).ru_maxrss for w in who) / unit, 1)
