"""NONMEM-style data sets of several subjects: doses and observations in, doses and observations out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..dosing.columns import NUMBERS, is_missing
from ..dosing.record import read_record
from ..dosing.records import check_treated, course_of, split_subjects
from ..dosing.regimen import Regimen
from ..dosing.table import Table, read_table
from ..dosing.writing import OPTIONAL
from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_DOSE = ["ID", "TIME", "AMT", "RATE", "EVID", "CMT", "II", "ADDL", "SS"]
_VALUE = ["DVID", "DV", "MDV"]


def read_nonmem(source: str | Path | Any, *, allow_untreated: bool = False) -> tuple[dict[Any, Regimen], pd.DataFrame]:
    """Return the regimen of every subject, and the observations.

    Parameters
    ----------
    source : path or data frame
        Columns ID, TIME (day), AMT (MIU), and where needed EVID, II, ADDL, RATE (MIU/day) or DURATION, SS,
        CMT (1 s.c., 2 i.v.), DV, DVID, MDV; any case; '.' is missing. Without EVID, records that say nothing
        of a dose are observations where there is a DV, DVID or MDV. Other columns may hold anything.
    allow_untreated : bool
        A data set without a dose is meant.

    Returns
    -------
    regimens : {id: Regimen}
    observations : data frame
        Rows with EVID 0 and MDV 0, in the columns of the source.

    Raises
    ------
    InputError
        With the file, line, record and column that cannot be used.
    """
    table = read_table(Path(source) if isinstance(source, str) else source)
    for column in ("id", "time"):
        if column not in table.columns:
            raise InputError(f"The data set {table.source}".rstrip() + f" has no column {column.upper()}.")
    regimens: dict[Any, Regimen] = {}
    subjects = split_subjects(table)
    courses = []
    rows: list[dict[str, Any]] = []
    for id, numbers in subjects.items():
        try:
            records = [read_record(table, k) for k in numbers]
            courses.append(course_of(records, sortable=False))
            regimens[id] = Regimen.of_course(courses[-1], f"subject {id}")
        except InputError as error:
            raise InputError(f"Subject {id}: {error}") from None
        rows += [_values(table, k) | {"ID": id} for k, r in zip(numbers, records, strict=True) if r.observed]
    check_treated(table, courses, allow_untreated=allow_untreated)
    return regimens, _frame(rows, [c.upper() for c in table.columns])


def _values(table: Table, k: int) -> dict[str, Any]:
    """Return the cells of an observation, those of known columns as numbers."""
    row = {c.upper(): None if is_missing(v) else v for c, v in table.rows[k].items()}
    return row | {c.upper(): table.number(k, c) for c in table.rows[k] if c in NUMBERS} | {"EVID": 0}


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return a data frame in which columns of numbers are numbers."""
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(dict.fromkeys([*columns, "EVID"])))
    for column in frame.columns.drop("ID"):
        numbers = pd.to_numeric(frame[column], errors="coerce")
        if (numbers.notna() | frame[column].isna()).all():
            frame[column] = numbers
    return frame


def to_nonmem(regimens: Regimen | Mapping[Any, Regimen], observations: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return doses and observations as one data set, sorted by ID and TIME.

    Parameters
    ----------
    regimens : Regimen or {id: Regimen}
    observations : data frame, optional
        Columns ID (may be missing for one subject), TIME and a column per observable, such as
        `Solution.to_dataframe()` gives; DVID numbers them from 1 in order.

    Returns
    -------
    data frame
        ID, TIME, AMT, RATE, EVID, CMT, II, ADDL, SS, DVID, DV, MDV; `attrs['dvid']` names the numbers. Where a
        subject needs them also PER_M2, ON_RILUZOLE and PLANNED_LENGTH, so that `read_nonmem` gives equal regimens.
        A dose comes after an observation of the same time, as it is simulated here.

    Raises
    ------
    InputError
        If observations lack ID or TIME, or are of a subject without a regimen.
    """
    import pandas as pd

    plans = {1: regimens} if isinstance(regimens, Regimen) else dict(regimens)
    rows = [
        {"ID": id, **{k.upper(): v for k, v in record.items()}, "DVID": 0, "MDV": 1}
        for id, plan in plans.items()
        for record in plan.to_records()
    ]
    names: list[str] = []
    if observations is not None:
        seen = _observed(observations, plans)
        names = [c for c in seen.columns if c not in ("ID", "TIME", "index")]
        rows += _observation_rows(seen, names)
    more = [c.upper() for c in (*OPTIONAL, "planned_length") if any(c.upper() in r for r in rows)]
    last: dict[Any, float] = {}
    for row in rows:
        last[row["ID"]] = max(last.get(row["ID"], 0.0), row["TIME"])
    if any(last[id] > plan.length for id, plan in plans.items()):
        more = list(dict.fromkeys([*more, "PLANNED_LENGTH"]))
    frame = pd.DataFrame(rows, columns=[*_DOSE, *more, *_VALUE])
    order = {id: k for k, id in enumerate(plans)}
    frame["_"] = frame["ID"].map(order)
    frame = frame.sort_values(["_", "TIME", "MDV", "DVID"], kind="stable").drop(columns="_").reset_index(drop=True)
    for column, usual in OPTIONAL.items():
        if column.upper() in frame:
            filled = frame[column.upper()]
            if column == "on_riluzole":
                by_subject = filled.groupby(frame["ID"], sort=False)
                filled = by_subject.ffill().groupby(frame["ID"], sort=False).bfill()
            frame[column.upper()] = filled.fillna(usual).astype(int)
    if "PLANNED_LENGTH" in frame:
        frame["PLANNED_LENGTH"] = frame["ID"].map({id: plan.length for id, plan in plans.items()})
    frame.attrs["dvid"] = dict(enumerate(names, 1))
    return frame


def _observed(observations: pd.DataFrame, plans: Mapping[Any, Regimen]) -> pd.DataFrame:
    """Return observations with columns ID and TIME."""
    seen = observations.reset_index()
    seen = seen.rename(columns={c: str(c).upper() for c in seen.columns if str(c).upper() in ("ID", "TIME")})
    if "TIME" not in seen:
        raise InputError("The observations have no column TIME.")
    if "ID" not in seen:
        if len(plans) > 1:
            raise InputError("The observations have no column ID, and there are several subjects.")
        seen["ID"] = next(iter(plans))
    unknown: set[Hashable] = set(seen["ID"]) - set(plans)
    if unknown:
        raise InputError(f"Subject {sorted(map(str, unknown))[0]} has observations and no regimen.")
    return seen


def _observation_rows(seen: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    nothing = {"AMT": 0.0, "RATE": 0.0, "EVID": 0, "CMT": 0, "II": 0.0, "ADDL": 0, "SS": 0}
    return [
        {"ID": id, "TIME": time, **nothing, "DVID": number, "DV": value, "MDV": int(value != value)}
        for number, name in enumerate(names, 1)
        for id, time, value in zip(seen["ID"], seen["TIME"], seen[name], strict=True)
    ]
