"""Tables of records: other spellings that change nothing, and tables that cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st

#: What is no number in any field.
NO_NUMBER = ["nan", "NaN", "inf", "-inf", "1e400", "x", "1,5,2", "0x1F", "--", "1_0.5.1", "٣", "1 2", "=1", "∞"]


@dataclass(frozen=True)
class Sheet:
    """A table of texts."""

    head: list[str]
    rows: list[list[str]]

    def text(self, separator: str = ",", end: str = "\n") -> str:
        return end.join(separator.join(row) for row in (self.head, *self.rows)) + end


_COLUMNS = ("time", "amt", "ii", "addl", "rate", "cmt", "evid")
_RECORD = st.fixed_dictionaries(
    {
        "time": st.sampled_from(["0", "0.5", "1", "2.25", "7"]),
        "amt": st.sampled_from(["1", "2", "0.5", "1.25"]),
        "ii": st.sampled_from(["0", "1", "2.5"]),
        "addl": st.just("0"),
        "rate": st.sampled_from(["0", "0", "2"]),
        "cmt": st.sampled_from(["1", "2"]),
    }
)


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    """Draw valid records of one subject."""
    rows = sorted(draw(st.lists(_RECORD, min_size=1, max_size=4)), key=lambda r: float(r["time"]))
    for r in rows:
        r["cmt"] = "2" if r["rate"] != "0" else r["cmt"]
        r["addl"] = draw(st.sampled_from(["0", "2"])) if r["ii"] != "0" else "0"
        r["ii"] = r["ii"] if r["addl"] != "0" else "0"
        r["evid"] = "1"
    return Sheet([*_COLUMNS], [[r[c] for c in _COLUMNS] for r in rows])


@st.composite
def data_sets(draw: st.DrawFn) -> Sheet:
    """Draw a valid NONMEM data set of two subjects, with observations and a covariate."""
    made = [draw(sheets()) for _ in range(2)]
    head = ["ID", *(h.upper() for h in made[0].head), "DV", "WT"]
    rows = []
    for k, sheet in enumerate(made, start=1):
        rows += [[str(k), *row, ".", "70"] for row in sheet.rows]
        last = float(sheet.rows[-1][0])
        seen = {"ID": str(k), "TIME": f"{last + 3:g}", "EVID": "0", "DV": "8.8", "WT": "70"}
        rows.append([seen.get(h, ".") for h in head])
    return Sheet(head, rows)


def _swapped(sheet: Sheet, order: list[int]) -> Sheet:
    return Sheet([sheet.head[k] for k in order], [[row[k] for k in order] for row in sheet.rows])


def _respelled(cell: str) -> str:
    try:
        return f"{float(cell):.6e}" if cell not in ("0", "1", "2") else f"{cell}.0"
    except ValueError:
        return cell


def _put(sheet: Sheet, row: int, column: str, value: str) -> Sheet:
    k = next(i for i, h in enumerate(sheet.head) if h.lower() == column)
    rows = [list(r) for r in sheet.rows]
    rows[row][k] = value
    return Sheet(sheet.head, rows)


@st.composite
def same_tables(draw: st.DrawFn, sheet: Sheet) -> bytes:
    """Draw another spelling of a table."""
    if draw(st.booleans()):
        sheet = _swapped(sheet, draw(st.permutations(range(len(sheet.head)))))
    if draw(st.booleans()):
        sheet = Sheet(
            [*sheet.head, "remark"], [[*row, draw(st.sampled_from(["x", "", "-5 kg"]))] for row in sheet.rows]
        )
    if draw(st.booleans()):
        keep = {"evid", "cmt", "id"}  # codes and names are whole
        rows = [
            [c if h.lower() in keep else _respelled(c) for h, c in zip(sheet.head, row, strict=True)]
            for row in sheet.rows
        ]
        sheet = Sheet(sheet.head, rows)
    head = [getattr(h, draw(st.sampled_from(["lower", "upper", "strip"])))() for h in sheet.head]
    remarks = "remark" in sheet.head  # may be empty, so it needs a separator that shows
    separator = draw(st.sampled_from([",", "\t", ";"] + [" "] * (not remarks)))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    rows = sheet.rows
    if separator == ";" and draw(st.booleans()):
        rows = [[c.replace(".", ",") if re.fullmatch(r"\d+\.\d+(e[-+]\d+)?", c) else c for c in row] for row in rows]
    if separator == "," and draw(st.booleans()):
        rows = [[f'"{c}"' for c in row] for row in rows]
    text = Sheet(head, rows).text(separator, end) + draw(st.sampled_from(["", end, end * 3]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


def _wrong_cell(draw: st.DrawFn, sheet: Sheet) -> Sheet:
    dose = draw(st.integers(0, len(sheet.rows) - 1))
    while dict(zip((h.lower() for h in sheet.head), sheet.rows[dose], strict=True))["evid"] == "0":
        dose -= 1
    column = draw(st.sampled_from(["time", "amt", "evid", "rate", "cmt"]))
    own = {
        "evid": ["7", "101", "-1", "1.5", "."],
        "cmt": ["9", "-3", "0.5", "nowhere"],
        "amt": ["-1", ".", ""],
        "time": ["-1", ""],
    }
    wrong = NO_NUMBER if column in ("time", "amt", "evid") else NO_NUMBER[2:]  # NaN is a missing value
    return _put(sheet, dose, column, draw(st.sampled_from([*wrong, *own.get(column, [])])))


@st.composite
def wrong_tables(draw: st.DrawFn, sheet: Sheet) -> bytes:
    """Draw a table that cannot be read: a cell, a row, a column or the file."""
    kind = draw(
        st.sampled_from(["cell", "cell", "column", "twice", "short", "long", "empty", "head", "bytes", "utf-16"])
    )
    rows = [list(r) for r in sheet.rows]
    at = draw(st.integers(0, len(rows) - 1))
    if kind == "cell":
        sheet = _wrong_cell(draw, sheet)
    elif kind == "column":
        lost = draw(st.sampled_from(["time", "amt"]))
        sheet = _swapped(sheet, [k for k, h in enumerate(sheet.head) if h.lower() != lost])
    elif kind == "twice":
        k = draw(st.integers(0, len(sheet.head) - 1))
        sheet = Sheet([*sheet.head, sheet.head[k]], [[*r, r[k]] for r in rows])
    elif kind == "short":
        rows[at] = rows[at][: draw(st.integers(1, len(rows[at]) - 1))]
        sheet = Sheet(sheet.head, rows)
    elif kind == "long":
        rows[at] = [*rows[at], "5"]
        sheet = Sheet(sheet.head, rows)
    elif kind == "empty":
        return draw(st.sampled_from([b"", b"\n\n", b"\xef\xbb\xbf", sheet.text().splitlines()[0].encode()]))
    elif kind == "head":
        near = {
            "time": "tmie",
            "amt": "amount",
            "evid": "evd",
            "cmt": "cmpt",
            "rate": "rat",
            "addl": "adl",
            "ii": "iii",
        }
        lost = draw(st.sampled_from(["time", "amt"]))
        sheet = Sheet([near.get(h.lower(), h) if h.lower() == lost else h for h in sheet.head], rows)
    whole = sheet.text().encode()
    if kind == "bytes":
        at = draw(st.integers(0, len(whole) - 1))
        return whole[:at] + draw(st.sampled_from([b"\x00", b"\xff\xfe", b"\x80\x81", b"\xc3"])) + whole[at:]
    return sheet.text().encode("utf-16") if kind == "utf-16" else whole
