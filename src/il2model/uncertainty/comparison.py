"""Two fits side by side: where a number went, and how much surer one is than the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd


def compare_fits(first: Posterior, second: Posterior) -> pd.DataFrame:
    """Compare two fits, number by number.

    Parameters
    ----------
    first, second : Posterior

    Returns
    -------
    pandas.DataFrame
        A row per number that either estimates: name, unit, median and 95 % interval of both; `shift`, the difference of
        the means in standard deviations of the first; `sd_ratio`, the second's standard deviation over the first's.
        A number that one of them does not hold, or holds at one value, has no shift.

    Raises
    ------
    InputError
        If they share no number, or give one in two units.
    """
    a, b = first.summary(), second.summary()
    shared = [i for i in a.index if i in b.index]
    if not shared:
        raise InputError(f"The fits {first.fit!r} and {second.fit!r} share no number.")
    for id in shared:
        if a.loc[id, "unit"] != b.loc[id, "unit"]:
            raise InputError(f"{id} is in {a.loc[id, 'unit']} in one fit and in {b.loc[id, 'unit']} in the other.")
    frame = a[["name", "unit"]].combine_first(b[["name", "unit"]]).reindex(a.index.union(b.index, sort=False))
    columns = ["median", "q025", "q975"]
    frame = frame.join(a[columns].add_suffix("_first")).join(b[columns].add_suffix("_second"))
    sd = a["sd"].where(a["sd"] > 0, np.nan)
    frame["shift"] = (b["mean"] - a["mean"]) / sd
    frame["sd_ratio"] = b["sd"] / sd
    return frame
