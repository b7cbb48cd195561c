"""Kaplan-Meier curves with numbers at risk, and the log-rank test.

Sources: Kaplan and Meier 1958; Greenwood's variance; Mantel 1966. Checked
against statsmodels and SciPy in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class KaplanMeier:
    """A survival curve: it falls to `survival[k]` at `time[k]`, where `at_risk[k]` were left before."""

    time: Floats
    survival: Floats
    standard_error: Floats
    at_risk: NDArray[np.int64]
    deaths: NDArray[np.int64]

    def at(self, times: Floats) -> Floats:
        """Return the curve at given times."""
        k = np.searchsorted(self.time, times, side="right")
        return np.asarray(np.append(1.0, self.survival)[k])

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return the pointwise interval on the log(-log) scale; NaN where the curve is 0."""
        from scipy.stats import norm

        z = norm.ppf(0.5 + level / 2)
        with np.errstate(all="ignore"):
            s = self.survival
            half = z * self.standard_error / (s * np.abs(np.log(s)))
            return s ** np.exp(half), s ** np.exp(-half)


def kaplan_meier(time: Floats, event: Bools) -> KaplanMeier:
    """Estimate the survival curve of subjects with deaths (`event`) or censoring at `time`."""
    time, event = np.asarray(time, float), np.asarray(event, bool)
    at = np.unique(time[event])
    ordered = np.sort(time)
    risk = len(time) - np.searchsorted(ordered, at, side="left")
    deaths = np.diff(np.append(np.searchsorted(np.sort(time[event]), at, side="left"), event.sum()))
    survival = np.cumprod(1 - deaths / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(deaths / (risk * (risk - deaths)))
        error = survival * np.sqrt(greenwood)
    error = np.asarray(np.where(survival > 0, error, 0.0), float)
    return KaplanMeier(at, np.asarray(survival, float), error, risk.astype(np.int64), deaths.astype(np.int64))


def log_rank(time: Floats, event: Bools, group: Bools) -> tuple[float, float]:
    """Test whether two groups have one hazard.

    Returns
    -------
    (z, p)
        z is positive where the group marked True dies more than expected; both
        are NaN if nobody dies or a group is empty.
    """
    time, event, group = np.asarray(time, float), np.asarray(event, bool), np.asarray(group, bool)
    at = np.unique(time[event])
    if len(at) == 0 or group.all() or not group.any():
        return float("nan"), float("nan")
    first = np.sort(time[group])
    n = len(time) - np.searchsorted(np.sort(time), at, side="left")
    n1 = len(first) - np.searchsorted(first, at, side="left")

    def count(mask: Bools) -> Floats:
        x = np.sort(time[mask])
        return np.asarray(np.searchsorted(x, at, side="right") - np.searchsorted(x, at, side="left"), float)

    d, d1 = count(event), count(event & group)
    share = n1 / n
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(n > 1, d * share * (1 - share) * (n - d) / np.maximum(n - 1, 1), 0.0).sum()
    if variance <= 0:
        return float("nan"), float("nan")
    z = float((d1 - d * share).sum() / np.sqrt(variance))
    from scipy.special import ndtr

    return z, float(2 * ndtr(-abs(z)))
