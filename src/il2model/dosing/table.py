"""Dosing records as one table, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from .columns import NUMBERS, as_number, check_unit, has_decimal_comma, is_missing, known_names
from .text_table import parse_text, read_bytes

_KINDS = "a data frame, a mapping of columns, a list of mappings or the Path of a file"
_COMMENT = "c"


@dataclass(frozen=True)
class Table:
    """Records by column in lower case, and where each of them stands.

    A column that is not in a record was not given; a cell may be missing ('.').
    """

    source: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    lines: tuple[int, ...] = ()
    decimal_comma: bool = False

    def place(self, k: int) -> str:
        """Return where record k (0 is the first) stands: its file and line, and its number."""
        return f"{self.source}, line {self.lines[k]}, record {k + 1}" if self.lines else f"Record {k + 1}"

    def number(self, k: int, column: str) -> float | None:
        """Return the number in a cell, None where it is missing.

        Raises
        ------
        InputError
        """
        value = self.rows[k].get(column)
        return as_number(value, column, self.place(k), decimal_comma=self.decimal_comma)


def read_table(source: Any) -> Table:
    """Return the records of a data frame, a mapping of columns, mappings, or a file.

    Raises
    ------
    InputError
        With the place, if they are no table; if a column stands twice or is nearly a known one.
    """
    if isinstance(source, Path):
        return _from_file(source)
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        return _from_frame(source, "")
    if isinstance(source, Mapping):
        columns = {k: list(v) for k, v in source.items()} if all(map(_is_list, source.values())) else None
        if columns is None:
            raise InputError(f"Dosing records are {_KINDS}; a column of this mapping is no list.")
        if len({len(v) for v in columns.values()}) > 1:
            raise InputError("The columns of the records have different lengths.")
        names = known_names(columns, "")
        return _checked("", names, [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)])
    if isinstance(source, Iterable) and not isinstance(source, str | bytes):
        return _from_rows(list(source))
    raise InputError(f"Dosing records are {_KINDS}; got {type(source).__name__}.")


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _from_rows(rows: Sequence[Any]) -> Table:
    found: dict[str, None] = {}
    clean = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InputError(f"Record {number} is not a mapping of column to value.")
        names = known_names(row, "")
        found |= dict.fromkeys(names)
        clean.append(dict(zip(names, row.values(), strict=True)))
    return _checked("", list(found), clean)


def _from_frame(frame: Any, source: str) -> Table:
    names = known_names(frame.columns, source)
    cells = [list(frame.iloc[:, k]) for k in range(len(names))]
    return _checked(source, names, [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)])


def _from_file(path: Path) -> Table:
    content = read_bytes(path)
    if content.startswith(b"PAR1"):
        import pandas as pd

        try:
            return _from_frame(pd.read_parquet(path), path.name)
        except ImportError:
            raise InputError(
                f"The records {path} are Parquet, which pandas reads with pyarrow: pip install pyarrow, or save as CSV."
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"The records {path} are damaged Parquet: {str(error).splitlines()[0]}") from None
    text = parse_text(content, path.name)
    names = known_names(text.names, path.name)
    rows = [dict(zip(names, cells, strict=True)) for cells in text.rows]
    used = [name for name in names if name in NUMBERS]
    comma = text.separator in ";\t" and any(has_decimal_comma(row[name] for name in used) for row in rows)
    return _checked(path.name, names, rows, text.lines, decimal_comma=comma)


def _checked(
    source: str,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    lines: Sequence[int] = (),
    *,
    decimal_comma: bool = False,
) -> Table:
    """Leave out records that a first column C marks as comments, and check what is said of units."""
    if names and names[0] == _COMMENT:
        rows, lines = _without_comments(Table(source, tuple(names), tuple(rows), tuple(lines)))
    table = Table(source, tuple(names), tuple(rows), tuple(lines), decimal_comma)
    for k, row in enumerate(rows):
        for name, value in row.items():
            check_unit(name, value, table.place(k))
    return table


def _without_comments(table: Table) -> tuple[list[Mapping[str, Any]], list[int]]:
    kept = []
    for k, row in enumerate(table.rows):
        mark = row.get(_COMMENT)
        if not is_missing(mark) and str(mark).strip().upper() != "C":
            raise InputError(
                f"{table.place(k)}: the first column C holds {mark!r}; C leaves a record out, '.' keeps it."
            )
        if is_missing(mark):
            kept.append(k)
    return [table.rows[k] for k in kept], [table.lines[k] for k in kept] if table.lines else []
