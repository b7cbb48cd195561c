"""The columns of dosing records: which names are known, which are refused, and how a cell is read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from ..errors import InputError

#: Columns that hold numbers, in the words of NONMEM, and three that only this program knows.
NUMBERS = (
    *("time", "amt", "evid", "ii", "addl", "rate", "duration", "ss", "dv", "mdv"),
    *("per_m2", "on_riluzole", "planned_length"),
)
#: All columns that are read; others may hold anything.
KNOWN = ("id", *NUMBERS, "cmt", "dvid")
#: Where one of these is not zero, a record says something about a dose.
DOSING = ("amt", "rate", "duration", "ii", "addl", "ss")
_ALIASES = {"dur": "duration"}
_UNITS = ("unit", "units", "amtu", "amt_unit", "dose_unit", "dosu")
_REFUSED = {
    **dict.fromkeys(
        ("date", "dat1", "dat2", "dat3"),
        "calendar dates are not read: count TIME in days from the first dose and leave the column out",
    ),
    "tinf": "the length of an infusion in days is called duration here",
    "adm": "the route is called cmt here: 1 or sc, 2 or iv",
    "route": "the route is called cmt here: 1 or sc, 2 or iv",
    "lag": "the lag of absorption is a parameter of the model, il2_lag",
    "alag": "the lag of absorption is a parameter of the model, il2_lag",
}
_MISSING = ("", ".", "na", "nan")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eEdD][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?([0-9]+,[0-9]*|,[0-9]+)([eEdD][+-]?[0-9]+)?")


def known_names(names: Iterable[Any], source: str) -> list[str]:
    """Return the names of columns in lower case, with the aliases replaced.

    Raises
    ------
    InputError
        For a name that stands twice, that another program gives a meaning to, or that is nearly a known one.
    """
    given = [str(name).strip().lstrip("#@").strip() for name in names]
    found = [_ALIASES.get(name.lower(), name.lower()) for name in given]
    first: dict[str, str] = {}
    of = f" of {source}" if source else ""
    for name, spelled in zip(found, given, strict=True):
        if name in first:
            same = f"{first[name]!r} and {spelled!r}" if first[name] != spelled else repr(spelled)
            raise InputError(f"A column{of} stands twice: {same}; leave one of the two out.")
        first[name] = spelled
        if name in _REFUSED:
            raise InputError(f"Column {spelled!r}{of} cannot be used: {_REFUSED[name]}.")
    absent = [name for name in KNOWN if name not in first]
    for name, spelled in first.items():
        near = [] if name in KNOWN else get_close_matches(name, absent, n=1, cutoff=0.8)
        if near:
            raise InputError(
                f"There is no column {spelled!r} in dosing records{of}: did you mean {near[0]!r}? "
                "Rename it, or give what means something else another name."
            )
    return found


def check_unit(name: str, value: Any, place: str) -> None:
    """Refuse amounts in another unit."""
    if name in _UNITS and not is_missing(value) and str(value).strip().upper() != "MIU":
        raise InputError(f"{place}: {name} is {value!r}; amounts of records are in MIU (per_m2 = 1: MIU per m2).")


def is_missing(value: Any) -> bool:
    """Return whether a cell says nothing: empty, '.', NA or NaN."""
    if value is None or isinstance(value, str):
        return value is None or value.strip().lower() in _MISSING
    return bool(isinstance(value, float) and math.isnan(value)) or type(value).__name__ in ("NAType", "NaTType")


def as_number(value: Any, what: str, place: str, *, decimal_comma: bool = False) -> float | None:
    """Return the number of a cell, or None where it is missing.

    Raises
    ------
    InputError
        If it holds something else.
    """
    if is_missing(value):
        return None
    try:
        if isinstance(value, str):
            result = float(_plain_number(value.strip(), decimal_comma=decimal_comma))
        elif hasattr(value, "total_seconds") or type(value).__name__ in ("bool", "bool_", "timedelta64", "datetime64"):
            raise TypeError
        else:
            result = float(value)
    except (TypeError, ValueError, OverflowError):
        clock = " (count days, no clock times)" if what == "time" and ":" in str(value) else ""
        raise InputError(f"{place}: {what} is {value!r}, which is not a number{clock}.") from None
    if not math.isfinite(result):
        raise InputError(f"{place}: {what} is {value!r}; it must be finite.")
    return result


def _plain_number(text: str, *, decimal_comma: bool) -> str:
    if decimal_comma and _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    elif decimal_comma and "." in text:
        raise ValueError  # the file writes decimal commas: what a point means cannot be told
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return text.lower().replace("d", "e")


def has_decimal_comma(cells: Iterable[str]) -> bool:
    """Return whether one of the cells is a number with a decimal comma."""
    return any(_COMMA.fullmatch(cell) for cell in cells)
