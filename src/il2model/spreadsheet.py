"""Tables as CSV that a spreadsheet shows as they are: no text is taken for a formula."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: What a spreadsheet takes for the beginning of a formula, its wide forms and what it skips included.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


def text_cell(value: object) -> object:
    """Return a value as it goes into a cell: before text that would be a formula stands an apostrophe."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def original(cell: str) -> str:
    """Return the text that `text_cell` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def csv_text(table: pd.DataFrame, *, index: bool = True, digits: str | None = "%.6g") -> str:
    """Return a table as CSV; numbers stay numbers.

    Parameters
    ----------
    table : DataFrame
    index : bool
        Whether the index is written.
    digits : str, optional
        Format of numbers; all digits without it.
    """
    flat = table.reset_index() if index else table
    safe = flat.apply(lambda column: column if column.dtype.kind in "biufcmM" else column.map(text_cell))
    safe.columns = [text_cell(str(name)) for name in flat.columns]
    return str(safe.to_csv(index=False, float_format=digits, lineterminator="\n"))
