"""The work buffer that the compiled functions share with the driver."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from . import tableau
from .tape import Program


@dataclass(frozen=True)
class Layout:
    """Offsets into the work buffer, in numbers; each item holds `lanes` numbers in a row."""

    lanes: int
    single: bool
    states: int
    fixed: int
    inputs: int
    size: int
    H: int  # step size
    HINV: int  # 1 / step size
    ERR: int  # mean square of the scaled error
    FAC: int  # factor for the next step
    TAKE: int  # 1 where N of the last attempt becomes Y
    GROW: int  # largest |N| / scale
    RES: int  # checksum of the linear solve
    Y: int
    N: int
    K: int
    U: int
    W: int
    CS: int
    P: int
    Q: int
    IN: int

    def as_dict(self) -> dict[str, int | bool]:
        """Return the fields, for the metadata file."""
        return asdict(self)


def make_layout(program: Program, lanes: int, single: bool, slots: int, hoisted: int) -> Layout:
    """Lay the buffer out; `slots` are entries of the LU factors, `hoisted` terms that are fixed for a patient."""
    n = len(program.states)
    offsets: dict[str, int] = {}
    position = 0
    items = [("H", 1), ("HINV", 1), ("ERR", 1), ("FAC", 1), ("TAKE", 1), ("GROW", 1), ("RES", 1), ("Y", n), ("N", n)]
    items += [("K", n * tableau.STAGES), ("U", n), ("W", slots), ("CS", n)]
    items += [("P", len(program.fixed)), ("Q", max(1, hoisted)), ("IN", max(1, len(program.inputs)))]
    for name, count in items:
        offsets[name] = position
        position += count * lanes
    return Layout(lanes, single, n, len(program.fixed), len(program.inputs), position, **offsets)
