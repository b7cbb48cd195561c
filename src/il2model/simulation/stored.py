"""Courses of a cohort in a folder: packed into blocks, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import intact, unknown_name
from ..solver.problem import Floats
from ..store import Block, BlockStore, read_block
from .balance import Balance
from .run import Courses

_NUMBERS = ("status", "steps", "rejected", "per_miu")
_BALANCE = tuple(f.name for f in fields(Balance))
#: Before the names of courses in a block, so that a state may be called 'status'.
_COURSE = "course_"


def block_name(part: slice) -> str:
    """Return the name of the block of some subjects."""
    return f"{part.start:09d}"


def fill(whole: Courses, part: slice, found: Courses) -> None:
    """Copy what there is one number of per subject."""
    for name in _NUMBERS:
        getattr(whole, name)[part] = getattr(found, name)
    for name in _BALANCE:
        getattr(whole.balance, name)[part] = getattr(found.balance, name)


def put(store: BlockStore, part: slice, found: Courses) -> None:
    """Keep the courses of some subjects."""
    arrays: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {"time": found.time}
    arrays |= {name: getattr(found, name) for name in _NUMBERS}
    arrays |= {f"balance_{name}": getattr(found.balance, name) for name in _BALANCE}
    arrays |= {_COURSE + id: values for id, values in found.values.items()}
    store.put(block_name(part), arrays, messages={str(s): text for s, text in found.messages.items()})


def get(store: BlockStore, part: slice) -> Courses | None:
    """Return the courses of some subjects, None where the store lacks them."""
    block: Block | None = store.get(block_name(part))
    if block is None:
        return None
    return Courses(
        time=block["time"],
        values={name.removeprefix(_COURSE): a for name, a in block.arrays.items() if name.startswith(_COURSE)},
        status=block["status"],
        steps=block["steps"],
        rejected=block["rejected"],
        messages={int(s): str(text) for s, text in block.meta["messages"].items()},
        balance=Balance(*(block[f"balance_{name}"] for name in _BALANCE)),
        per_miu=block["per_miu"],
    )


@dataclass(frozen=True)
class OnDisk(Mapping[str, Floats]):
    """Courses by id, each read from its folder when it is asked for; NaN where a block is missing.

    Parameters
    ----------
    folder : path
    ids : tuple of str
    blocks : {file: subjects}
    shape : (subjects, times)
    """

    folder: Path
    ids: tuple[str, ...]
    blocks: Mapping[str, slice]
    shape: tuple[int, int]
    _checked: set[tuple[str, int, int]] = field(default_factory=set, compare=False, repr=False)

    def __getitem__(self, id: str) -> Floats:
        if id not in self.ids:
            raise unknown_name("course", id, self.ids)
        whole = np.full(self.shape, np.nan)
        for name, part in self.blocks.items():
            whole[part] = self._course(self.folder / name, id)
        return whole

    def _course(self, path: Path, id: str) -> Floats:
        """Read a course; a block as a whole the first time, so that damage is noticed."""
        with intact(path):
            now = path.stat()
            seen = (path.name, now.st_mtime_ns, now.st_size)
            if seen not in self._checked:
                course: Floats = read_block(path)[0][_COURSE + id]
                self._checked.add(seen)
                return course
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
                return np.asarray(data[_COURSE + id])

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)
