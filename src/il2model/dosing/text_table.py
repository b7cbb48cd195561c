"""Tables of records in text files: CSV, TSV, semicolons with decimal comma, blanks, and NONMEM's own tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

_SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas"}
_OTHER_KINDS = {b"PK\x03\x04": "a spreadsheet", b"\x1f\x8b": "compressed", b"\xd0\xcf\x11\xe0": "a spreadsheet"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class TextTable:
    """Names of columns, cells of each row, the line of the file that each row stands on, and the separator."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    separator: str


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises
    ------
    InputError
        If it cannot be read, or holds nothing.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"The records {path} cannot be read: {why}.") from None
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise InputError(f"The records {path} are empty: the file holds no names of columns and no record.")
    return content


def parse_text(content: bytes, source: str) -> TextTable:
    """Split a text file into names and rows.

    Lines that begin with '#' or '@' are comments, the first row holds the names (with or without one of these
    before it), and NONMEM's `TABLE NO.` lines, with the names repeated after them, are passed over.

    Raises
    ------
    InputError
        With file and line, where the text is no table or a row has too many or too few fields.
    """
    lines = enumerate(_decoded(content, source).replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1)
    names: tuple[str, ...] = ()
    separator, repeated = "", False
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    for number, line in lines:
        place = f"{source}, line {number}"
        if not line.strip():
            continue
        if line.lstrip().upper().startswith("TABLE NO."):
            repeated = bool(names)
            continue
        if not names:
            separator = next((s for s in _SEPARATORS if s in line), " ")
            names = _names(_cells(line.lstrip().lstrip("#@"), separator, place), place)
            continue
        if line.lstrip()[0] in "#@":
            continue
        cells = _cells(line, separator, place)
        if repeated and tuple(c.lstrip("#@") for c in cells) == names:
            repeated = False
            continue
        if not any(cells):
            continue
        if len(cells) != len(names):
            raise InputError(_wrong_length(place, len(cells), len(names), separator))
        rows.append(cells)
        numbers.append(number)
    if not names:
        raise InputError(f"The records {source} hold no names of columns.")
    return _without_unnamed(TextTable(names, tuple(rows), tuple(numbers), separator), source)


def _decoded(content: bytes, source: str) -> str:
    for start, kind in _OTHER_KINDS.items():
        if content.startswith(start):
            raise InputError(f"The records {source} are {kind}, no text; save them as 'CSV UTF-8'.")
    if not content.startswith(_UTF16):
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise InputError(
                f"{source}, line {line}: a byte there is no UTF-8; save the records as 'CSV UTF-8'."
            ) from None
        if "\0" not in text:
            return text
    raise InputError(f"The records {source} are not UTF-8 text; save them as 'CSV UTF-8'.")


def _cells(line: str, separator: str, place: str) -> tuple[str, ...]:
    if separator == " ":
        return tuple(line.split())
    try:
        rows = list(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise InputError(f"{place}: not a row of a table: {error}.") from None
    return tuple(cell.strip() for cell in rows[0])


def _names(cells: tuple[str, ...], place: str) -> tuple[str, ...]:
    for cell in cells:
        if cell[:1].isdigit() or (cell[:1] in "+-." and cell):
            raise InputError(
                f"{place}: the first row must hold the names of the columns, such as time,amt; got {cell!r}."
            )
    return cells


def _wrong_length(place: str, found: int, wanted: int, separator: str) -> str:
    by = _SEPARATORS.get(separator, "blanks")
    return f"{place}: the row has {found} field{'' if found == 1 else 's'} (between {by}) and the names are {wanted}."


def _without_unnamed(table: TextTable, source: str) -> TextTable:
    """Leave out columns without a name, which spreadsheets write beside the last one; they must be empty."""
    kept = [k for k, name in enumerate(table.names) if name]
    for k in set(range(len(table.names))) - set(kept):
        for row, line in zip(table.rows, table.lines, strict=True):
            if row[k]:
                raise InputError(f"{source}, line {line}: column {k + 1} holds {row[k]!r} and has no name.")
    names = tuple(table.names[k] for k in kept)
    return TextTable(names, tuple(tuple(r[k] for k in kept) for r in table.rows), table.lines, table.separator)
