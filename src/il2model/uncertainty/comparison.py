"""Two fits side by side: where a number went, how much surer one is, and which foretold the data better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

#: The row of the evidence.
EVIDENCE = "ln_evidence"


def compare_fits(first: Posterior, second: Posterior) -> pd.DataFrame:
    """Compare two fits, number by number.

    Parameters
    ----------
    first, second : Posterior

    Returns
    -------
    pandas.DataFrame
        A row per number that either estimates: name, unit, median and 95 % interval of both; `shift`, the difference of
        the means in standard deviations of the first; `sd_ratio`, the second's standard deviation over the first's;
        the verdict of both. A number that one of them does not hold, or holds at one value, has no shift.
        The row `ln_evidence`: that of both with 1.96 Monte Carlo errors, and in `difference` and `error` that of the
        second less that of the first, and its error. It is there where both tell one, and of the same data;
        `attrs["evidence"]` says it, or why not, in words.

    Raises
    ------
    InputError
        If they share no number, or give one in two units.
    """
    import pandas as pd

    a, b = first.summary(), second.summary()
    shared = [i for i in a.index if i in b.index]
    if not shared:
        raise InputError(f"The fits {first.fit!r} and {second.fit!r} share no number.")
    for id in shared:
        one, other = (p.units[p.ids.index(id)] for p in (first, second))
        if one != other:
            raise InputError(f"{id} is in {one} in one fit and in {other} in the other.")
    frame = a[["name", "unit"]].combine_first(b[["name", "unit"]]).reindex(a.index.union(b.index, sort=False))
    columns = ["median", "q025", "q975", "verdict"]
    frame = frame.join(a[columns].add_suffix("_first")).join(b[columns].add_suffix("_second"))
    sd = a["sd"].where(a["sd"] > 0, np.nan)
    frame["shift"] = (b["mean"] - a["mean"]) / sd
    frame["sd_ratio"] = b["sd"] / sd
    frame["difference"] = frame["error"] = np.nan
    difference = evidence_difference(first, second)
    if not isinstance(difference, str):
        row: dict[str, object] = {"name": "ln evidence", "unit": "1"}
        row |= _interval(first, "first") | _interval(second, "second")
        row |= dict(zip(("difference", "error"), difference, strict=True))
        frame = pd.concat([frame, pd.DataFrame([row], index=pd.Index([EVIDENCE], name=frame.index.name))])
    frame.attrs["evidence"] = told(difference)
    return frame


def evidence_difference(first: Posterior, second: Posterior) -> tuple[float, float] | str:
    """Return ln evidence of the second fit less that of the first and its Monte Carlo error; or why there is none."""
    if first.fit != second.fit:
        return f"they are of the stages {first.fit} and {second.fit}"
    for which, fit in (("first", first), ("second", second)):
        if _evidence(fit) is None:
            return f"the {which} fit tells none"
    data = [fit.manifest.get("data_hash") for fit in (first, second)]
    if None in data:
        return "one is of a version that does not say what it was fitted to"
    if data[0] != data[1]:
        return "they were fitted to other data"
    for which, fit in (("first", first), ("second", second)):
        if not fit.manifest.get("converged"):
            return f"the {which} fit has not converged"
    (a, error_a), (b, error_b) = (e for e in (_evidence(first), _evidence(second)) if e is not None)
    return b - a, math.hypot(error_a, error_b)


def told(difference: tuple[float, float] | str) -> str:
    """Return a difference of evidence, or why there is none, as a sentence."""
    if isinstance(difference, str):
        return f"No difference of ln evidence: {difference}."
    value, error = difference
    return f"ln evidence of the second less that of the first: {value:+.2f} ± {error:.2f} (Monte Carlo error)."


def _evidence(fit: Posterior) -> tuple[float, float] | None:
    found = fit.manifest.get("evidence")
    if not isinstance(found, Mapping) or found.get("log") is None or found.get("error") is None:
        return None
    return float(found["log"]), float(found["error"])


def _interval(fit: Posterior, which: str) -> dict[str, float]:
    value, error = _evidence(fit) or (math.nan, math.nan)
    return {f"median_{which}": value, f"q025_{which}": value - 1.96 * error, f"q975_{which}": value + 1.96 * error}
