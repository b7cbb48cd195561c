"""Kaplan-Meier curves with numbers at risk, and the log-rank test.

Sources: Kaplan and Meier 1958; Greenwood's variance; Mantel 1966. Checked
against statsmodels and SciPy in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .inputs import Bools, Floats, binary, numbers, subjects


@dataclass(frozen=True)
class KaplanMeier:
    """A survival curve: it falls to `survival[k]` at `time[k]`, where `at_risk[k]` were left before."""

    time: Floats
    survival: Floats
    standard_error: Floats
    at_risk: NDArray[np.int64]
    deaths: NDArray[np.int64]

    def at(self, times: ArrayLike) -> Floats:
        """Return the curve at given times, 0 or more.

        Raises
        ------
        InputError
        """
        asked = numbers(np.atleast_1d(times), "a time of the curve", least=0.0).reshape(np.shape(times))
        k = np.searchsorted(self.time, asked, side="right")
        return np.asarray(np.append(1.0, self.survival)[k])

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return the pointwise interval on the log(-log) scale; NaN where the curve is 0.

        Raises
        ------
        InputError
            If the level does not lie between 0 and 1.
        """
        from scipy.stats import norm

        if not 0 < level < 1:
            raise InputError(f"level is {level!r}; it must lie between 0 and 1, such as 0.95.")

        z = norm.ppf(0.5 + level / 2)
        with np.errstate(all="ignore"):
            s = self.survival
            half = z * self.standard_error / (s * np.abs(np.log(s)))
            return s ** np.exp(half), s ** np.exp(-half)


def kaplan_meier(time: ArrayLike, event: ArrayLike) -> KaplanMeier:
    """Estimate the survival curve of subjects with deaths (`event`) or censoring at `time`; 1 where nobody died.

    Raises
    ------
    InputError
        If there is nobody, a time is negative or no number, or a status is neither 0 nor 1.
    """
    time, event = subjects(time, event)
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


def log_rank(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, *, raise_on_failure: bool = True
) -> tuple[float, float]:
    """Test whether two groups have one hazard.

    Parameters
    ----------
    time, event, group : (subject,)
        Time of death or censoring, whether it was a death, and whether the subject belongs to the second group.
    raise_on_failure : bool
        Whether data without a test are refused; else z and p are NaN.

    Returns
    -------
    (z, p)
        z is positive where the group marked True dies more than expected.

    Raises
    ------
    InputError
        If the data are no times and statuses of the same subjects; without a test: nobody died, or died while
        both groups were at risk, or a group is empty.
    """
    found = _tested(*subjects(time, event, group=group), binary(group, "group"))
    if isinstance(found, str) and raise_on_failure:
        raise InputError(found)
    return (float("nan"), float("nan")) if isinstance(found, str) else found


def _tested(time: Floats, event: Bools, group: Bools) -> tuple[float, float] | str:
    """Return z and p, or why there is no test."""
    at = np.unique(time[event])
    if len(at) == 0:
        return "Nobody died, so there is no hazard to compare."
    if group.all() or not group.any():
        return "A group is empty; the test compares two."
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
        return "Nobody died while both groups were at risk, so there is nothing to compare."
    z = float((d1 - d * share).sum() / np.sqrt(variance))
    from scipy.special import ndtr

    return z, float(2 * ndtr(-abs(z)))
