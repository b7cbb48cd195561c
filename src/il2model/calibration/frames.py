"""A data frame of targets as the tables of a trial file: a row per target, its arm in the same row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import InputError, unknown_name
from ..trial_files import COURSE, ROWS, Row

_ARM = frozenset({"regimen", "length", "size", *COURSE})
_TARGET = ROWS["targets"][1]
_COUNTS = ("count", "counts", "arms")


def tables_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Row:
    """Return rows of a data frame as the tables of a trial file; an empty cell is a field that is not given.

    Columns are the fields of a target, `id`, `trial`, and those of its arm: `regimen`, or `amount`, `days`, `every`,
    `cycles`, `start`, `route`, `duration`. `count` may be a text such as '3/40'.

    Raises
    ------
    InputError, UnknownNameError
    """
    known = {"id", "trial", *_ARM, *_TARGET}
    for column in columns:
        if column not in known:
            raise unknown_name("column of a data frame of targets", str(column), sorted(known))
    arms: dict[str, Row] = {}
    targets: dict[str, Row] = {}
    names: list[str] = []
    for number, cells in enumerate(rows):
        row = {k: _plain(k, v) for k, v in cells.items() if not _empty(v)}
        id = str(row.pop("id", f"row_{number}"))
        names.append(str(row.pop("trial", "own")))
        if id in targets:
            raise InputError(f"data frame: two rows are called {id!r}.")
        arm = {k: row.pop(k) for k in list(row) if k in _ARM}
        if arm and "arm" not in row:
            raise InputError(f"data frame, target {id}: it says what an arm was given, and not which 'arm'.")
        if "arm" in row and arms.setdefault(str(row["arm"]), arm) != arm:
            raise InputError(f"data frame, target {id}: another row gives something else in the arm {row['arm']!r}.")
        targets[id] = row
    if not targets:
        raise InputError("The data frame holds no target.")
    if len(set(names)) > 1:
        raise InputError(
            f"The data frame holds {len(set(names))} trials ({', '.join(sorted(set(names)))}); give one each."
        )
    return {"trial": names[0], "arms": arms, "targets": targets}


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, float) and value != value) or str(value) in ("<NA>", "NaT", "")


def _plain(column: str, value: Any) -> Any:
    """Return a cell as a trial file would hold it."""
    value = value.item() if hasattr(value, "item") else value
    if column in _COUNTS and isinstance(value, str):
        parts = [p.strip() for p in value.replace("/", ",").split(",")]
        return parts if column == "arms" else [int(p) if p.isdigit() else p for p in parts]
    if column in ("n", "days", "cycles", "size") and isinstance(value, float) and value == int(value):
        return int(value)
    return list(value) if isinstance(value, tuple) else value
