"""NONMEM-style data sets of several subjects: doses and observations in, doses and observations out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dosing.regimen import Regimen
from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_DOSE = ["ID", "TIME", "AMT", "RATE", "EVID", "CMT", "II", "ADDL", "SS"]


def read_nonmem(source: str | Path | Any) -> tuple[dict[Any, Regimen], pd.DataFrame]:
    """Return the regimen of every subject, and the observations.

    Parameters
    ----------
    source : path or data frame
        Columns ID, TIME (day), AMT (MIU), and where needed EVID, II, ADDL, RATE (MIU/day), SS, CMT
        (1 s.c., 2 i.v.), DV, DVID, MDV; any case; '.' is missing. Records with EVID 0 are
        observations; without EVID, those with a missing or zero AMT are.

    Returns
    -------
    regimens : {id: Regimen}
    observations : data frame
        Rows with EVID 0 and MDV 0, in the columns of the source.

    Raises
    ------
    InputError
        With the record and column that cannot be used.
    """
    import pandas as pd

    if isinstance(source, str | Path):
        try:
            frame = pd.read_csv(source, na_values=["."], skipinitialspace=True)
        except (OSError, ValueError) as error:
            raise InputError(f"{source} cannot be read: {error}.") from None
    else:
        frame = source.copy()
    frame.columns = [str(c).strip().lstrip("#").upper() for c in frame.columns]
    for column in ("ID", "TIME"):
        if column not in frame:
            raise InputError(f"The data set has no column {column}.")
    for column in frame.columns.difference(["ID", "DVID"]):
        numbers = pd.to_numeric(frame[column], errors="coerce")
        wrong = frame[column].notna() & numbers.isna()
        if wrong.any():
            number = int(np.flatnonzero(wrong)[0]) + 1
            raise InputError(f"Record {number}: {column} is {frame[column][wrong].iloc[0]!r}, which is not a number.")
        frame[column] = numbers
    if "EVID" not in frame:
        amount = frame["AMT"] if "AMT" in frame else pd.Series(0.0, index=frame.index)
        frame["EVID"] = np.where(amount.fillna(0) > 0, 1, 0)
    frame["EVID"] = frame["EVID"].fillna(0)
    doses = frame[frame["EVID"].isin([1, 3, 4])]
    columns = [c for c in _DOSE[1:] if c in frame]
    regimens: dict[Any, Regimen] = {}
    for id, rows in frame.groupby("ID", sort=False):
        own = doses[doses["ID"] == id][columns]
        records = [{str(k).lower(): v for k, v in r.items() if v == v} for r in own.to_dict("records")]
        try:
            plan = Regimen.from_records(records, name=f"subject {id}")
        except InputError as error:
            raise InputError(f"Subject {id}: {error}") from None
        last = float(rows["TIME"].max())
        regimens[id] = plan.replace(length=max(plan.length, last))
    seen = frame["EVID"] == 0
    if "MDV" in frame:
        seen &= frame["MDV"].fillna(0) == 0
    return regimens, frame[seen].reset_index(drop=True)


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
        ID, TIME, AMT, RATE, EVID, CMT, II, ADDL, SS, DVID, DV, MDV; `attrs['dvid']` names the numbers.
        A dose comes after an observation of the same time, as it is simulated here.

    Raises
    ------
    InputError
        If observations lack ID or TIME, or are of a subject without a regimen.
    """
    import pandas as pd

    plans = {1: regimens} if isinstance(regimens, Regimen) else dict(regimens)
    rows = []
    for id, plan in plans.items():
        for record in plan.to_records():
            rows.append({"ID": id, **{k.upper(): v for k, v in record.items()}, "DVID": 0, "DV": np.nan, "MDV": 1})
    names: list[str] = []
    if observations is not None:
        seen = observations.reset_index()
        seen = seen.rename(columns={c: str(c).upper() for c in seen.columns if str(c).upper() in ("ID", "TIME")})
        if "TIME" not in seen:
            raise InputError("The observations have no column TIME.")
        if "ID" not in seen:
            if len(plans) > 1:
                raise InputError("The observations have no column ID, and there are several subjects.")
            seen["ID"] = next(iter(plans))
        unknown = set(seen["ID"]) - set(plans)
        if unknown:
            raise InputError(f"Subject {sorted(unknown)[0]} has observations and no regimen.")
        names = [c for c in seen.columns if c not in ("ID", "TIME", "index")]
        for number, name in enumerate(names, 1):
            for id, time, value in zip(seen["ID"], seen["TIME"], seen[name], strict=True):
                rows.append(
                    {
                        "ID": id,
                        "TIME": time,
                        "AMT": 0.0,
                        "RATE": 0.0,
                        "EVID": 0,
                        "CMT": 0,
                        "II": 0.0,
                        "ADDL": 0,
                        "SS": 0,
                        "DVID": number,
                        "DV": value,
                        "MDV": int(value != value),
                    },
                )
    columns = [*_DOSE, "DVID", "DV", "MDV"]
    frame = pd.DataFrame(rows, columns=columns)
    order = {id: k for k, id in enumerate(plans)}
    frame["_"] = frame["ID"].map(order)
    frame = frame.sort_values(["_", "TIME", "MDV", "DVID"], kind="stable").drop(columns="_").reset_index(drop=True)
    frame.attrs["dvid"] = dict(enumerate(names, 1))
    return frame
