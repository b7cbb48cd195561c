"""Memory: what a run will take, and what there is; more than that is refused before work begins.

The limit is what the system says is available to the process, its control group and `ulimit` included, or what
IL2MODEL_MEMORY says ('4 GB').
"""

from __future__ import annotations

import errno
import math
import os
import re
from pathlib import Path

from .errors import InputError

#: Sets another limit.
VARIABLE = "IL2MODEL_MEMORY"
#: Bytes that are taken for available where the system says nothing.
UNKNOWN = 8e9
#: What loaders of libraries say when the system gives no memory.
_SAYS = ("failed to map segment", "cannot allocate memory", "cannot create shared object descriptor")
#: Bytes that libraries need to load and compile.
_NEEDED = 2**28
_UNITS = {
    "": 1.0,
    "B": 1.0,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KIB": 2.0**10,
    "MIB": 2.0**20,
    "GIB": 2.0**30,
}
_PROC, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def courses(subjects: float, times: float, kept: float, *, working: float = 0, width: float = 0) -> float:
    """Return the bytes of courses: `kept` numbers of every subject and time, `width` of those that are worked on."""
    return 8.0 * times * (subjects * kept + working * width)


def check(need: float, what: str, instead: str) -> None:
    """Refuse what will not fit.

    Parameters
    ----------
    need : float
        Bytes.
    what, instead : str
        What needs them, and what to do about it, for the sentence.

    Raises
    ------
    InputError
    """
    if need > 1e8 and need > (there := limit()):
        raise InputError(
            f"{what} would need about {_gigabytes(need)} of memory, and {_gigabytes(there)} are free: {instead} "
            f"({VARIABLE}='{max(1, math.ceil(need / 1e9))} GB' lets it run nevertheless)."
        )


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def limit() -> float:
    """Return the bytes that a run may take.

    Raises
    ------
    InputError
        If IL2MODEL_MEMORY is no amount of memory.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        return available()
    match = re.fullmatch(r"\s*(\d+\.?\d*(?:[eE]\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match.group(2).upper() not in _UNITS or float(match.group(1)) <= 0:
        raise InputError(f"{VARIABLE} is {text!r}; it must be an amount of memory, such as '4 GB'.")
    return float(match.group(1)) * _UNITS[match.group(2).upper()]


def available() -> float:
    """Return the bytes that this process can still take, as far as the system says."""
    return min((x for x in (_of_machine(), *_of_groups(), _of_process()) if x is not None), default=UNKNOWN)


def is_short(error: BaseException) -> bool:
    """Say whether a failure comes of too little memory, whatever its name: a library that does not load is one too."""
    one: BaseException | None = error
    while one is not None:
        said = str(one).lower()
        if isinstance(one, MemoryError) or (isinstance(one, OSError) and one.errno == errno.ENOMEM):
            return True
        if any(text in said for text in _SAYS):
            return True
        one = one.__cause__ or one.__context__
    try:
        reserve()
    except (ImportError, MemoryError, OSError):
        return True
    return False


def reserve() -> None:
    """Raise MemoryError or OSError unless there is room for libraries to load and compile, which else abort."""
    import mmap

    mmap.mmap(-1, _NEEDED).close()


def _of_machine() -> float | None:
    """Return what the kernel says is available; without one that says it, half of what is built in."""
    fields = dict(line.split(":", 1) for line in _read(_PROC / "meminfo").splitlines() if ":" in line)
    if "MemAvailable" in fields:
        return float(fields["MemAvailable"].split()[0]) * 1024
    try:
        return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _of_groups() -> list[float]:
    """Return what is left of the control groups that this process is in, with those above them (versions 2 and 1)."""
    found = []
    for line in _read(_PROC / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory") and "memory" not in controllers.split(","):
            continue
        root = _GROUPS / "memory" if controllers else _GROUPS
        most, used, unused = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        if not controllers:
            most, used, unused = "memory.max", "memory.current", "inactive_file"
        inside = Path(path.lstrip("/"))
        for place in (root / inside, *(root / above for above in inside.parents)):
            top, taken = _read(place / most).strip(), _read(place / used).strip()
            if top.isdigit() and taken.isdigit():
                stat = dict(row.split() for row in _read(place / "memory.stat").splitlines() if len(row.split()) == 2)
                found.append(max(0.0, float(top) - float(taken) + float(stat.get(unused, 0))))
    return found


def _of_process() -> float | None:
    """Return what `ulimit -v` leaves."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most == resource.RLIM_INFINITY:
            return None
        pages = float(_read(_PROC / "self" / "statm").split()[0])
        return max(0.0, most - pages * resource.getpagesize())
    except (ImportError, IndexError, ValueError, OSError):
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf8")
    except (OSError, ValueError):
        return ""
