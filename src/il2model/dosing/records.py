"""NONMEM-style dosing records to doses and resets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InputError, unknown_name
from .dose import Dose

_COLUMNS = ("id", "time", "amt", "evid", "ii", "addl", "rate", "duration", "ss", "cmt", "dv", "mdv")
_ROUTES = {"sc": "sc", "iv": "iv", "1": "sc", "2": "iv", "nan": "sc", ".": "sc"}
_MAX_ADDL = 100_000


def _rows(frame: Any) -> list[dict[str, Any]]:
    if hasattr(frame, "to_dict") and hasattr(frame, "columns"):  # a data frame
        rows = frame.to_dict("records")
    elif isinstance(frame, Mapping):
        columns = {k: list(v) for k, v in frame.items()}
        lengths = {len(v) for v in columns.values()}
        if len(lengths) > 1:
            raise InputError("The columns of the records have different lengths.")
        count = lengths.pop() if lengths else 0
        rows = [{k: v[i] for k, v in columns.items()} for i in range(count)]
    elif isinstance(frame, Iterable) and not isinstance(frame, str | bytes):
        rows = list(frame)
    else:
        raise InputError("Dosing records are a data frame, a mapping of columns or a list of mappings.")
    clean = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InputError(f"Record {number} is not a mapping of column to value.")
        clean.append({str(k).strip().lower(): v for k, v in row.items()})
    return clean


def _number(row: Mapping[str, Any], key: str, number: int, default: float) -> float:
    value = row.get(key, default)
    if value is None or value == "" or value == ".":
        return default
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise InputError(f"Record {number}: {key} is {value!r}, which is not a number.") from None
    if math.isnan(result) and key not in ("time", "amt"):
        return default
    if not math.isfinite(result):
        raise InputError(f"Record {number}: {key} is {result}; it must be finite.")
    return result


def _count(row: Mapping[str, Any], key: str, number: int, allowed: range) -> int:
    value = _number(row, key, number, 0.0)
    if value != int(value) or int(value) not in allowed:
        raise InputError(f"Record {number}: {key} is {value:g}; allowed are {allowed.start} to {allowed.stop - 1}.")
    return int(value)


def doses_from_records(frame: Any) -> tuple[tuple[Dose, ...], tuple[float, ...], float]:
    """Expand records (time, amt, ii, addl, rate or duration, ss, evid, cmt) into doses, resets and a length in days.

    evid 0 and 2 are passed over, 1 doses, 3 resets the IL-2 half, 4 resets and
    doses; a reset ends the additional doses of earlier records.
    """
    rows = _rows(frame)
    doses: list[Dose] = []
    resets: list[float] = []
    parsed = []
    for number, row in enumerate(rows, 1):
        for column in row:
            if column not in _COLUMNS:
                raise unknown_name(f"column (in record {number})", column, _COLUMNS)
        if "time" not in row:
            raise InputError(f"Record {number} has no column 'time'.")
        evid = _count({"evid": 1, **row}, "evid", number, range(5))
        if evid in (1, 4) and "amt" not in row:
            raise InputError(f"Record {number} has no column 'amt'.")
        parsed.append((number, row, evid, _number(row, "time", number, math.nan)))
        if math.isnan(parsed[-1][3]):
            raise InputError(f"Record {number}: time is missing.")
    if len({str(r["id"]) for _, r, _, _ in parsed if "id" in r}) > 1:
        raise InputError("The records hold several subjects (id); pass those of one.")
    stops = sorted(time for _, _, evid, time in parsed if evid in (3, 4))
    for number, row, evid, time in parsed:
        if evid == 3:
            resets.append(time)
        if evid not in (1, 4):
            continue
        doses += _expand(number, row, evid, time, stops)
        if len(doses) > _MAX_ADDL:
            raise InputError(f"The records hold more than {_MAX_ADDL} doses.")
    length = max([d.end for d in doses] + resets + [0.0]) + 28.0
    return tuple(doses), tuple(resets), length


def _expand(number: int, row: Mapping[str, Any], evid: int, time: float, stops: list[float]) -> list[Dose]:
    """Turn one record into its doses."""
    amount = _number(row, "amt", number, 0.0)
    ii = _number(row, "ii", number, 0.0)
    addl = _count(row, "addl", number, range(_MAX_ADDL + 1))
    rate = _number(row, "rate", number, 0.0)
    duration = _number(row, "duration", number, 0.0)
    ss = _count(row, "ss", number, range(2))
    compartment = str(row.get("cmt") or 1).strip().lower().removesuffix(".0")
    route = _ROUTES.get(compartment)
    if route is None:
        raise InputError(f"Record {number}: cmt is {row['cmt']!r}; allowed are 1 (sc) and 2 (iv).")
    if amount < 0 or rate < 0 or duration < 0:
        raise InputError(f"Record {number}: amt, rate and duration must be zero or more.")
    if rate and duration and not math.isclose(rate * duration, amount, rel_tol=1e-9):
        raise InputError(f"Record {number}: amt is not rate x duration; give one of the two.")
    if addl and ii <= 0:
        raise InputError(f"Record {number}: addl needs an interval ii above zero.")
    if rate and not duration:
        duration = amount / rate
    try:
        found = [Dose(time, amount, route, duration, reset=evid == 4, ss=bool(ss), ii=ii if ss else 0.0)]
        for k in range(1, addl + 1):
            when = time + k * ii
            if any(time < stop <= when for stop in stops):
                break
            found.append(Dose(when, amount, route, duration))
    except InputError as error:
        raise InputError(f"Record {number}: {error}") from None
    return found
