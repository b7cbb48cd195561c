"""Running mean, spread and quantiles of a cohort that does not fit in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..values import same

Floats = NDArray[np.float64]
BINS = 2048
#: Quantiles of labelled results.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def quantiles(values: Floats, probabilities: Sequence[float]) -> Floats:
    """Return (probability, time) quantiles of (subject, time); NaN is passed over, of nobody they are NaN."""
    if not len(values):
        return np.full((len(probabilities), values.shape[1]), np.nan)
    return np.asarray(np.nanquantile(values, probabilities, axis=0))


def told(spread: tuple[Floats | None, Floats, Floats | None], k: int) -> str:
    """Return the value at a time in four digits, with 5 and 95 % where there is a spread."""
    low, middle, high = spread
    return f"{middle[k]:.4g}" + ("" if low is None or high is None else f" ({low[k]:.4g} to {high[k]:.4g})")


class RunningSummary:
    """Mean, standard deviation, extremes and quantiles of columns, fed block by block.

    Quantiles come from counts in bins laid over the first block with room to spare, so
    they are exact to a bin (about 1/1000 of the first block's range) and do not depend
    on the order of the blocks; what falls outside is counted at the extremes.
    """

    def __init__(self, times: int) -> None:
        self.count = np.zeros(times, np.int64)
        self.mean = np.zeros(times)
        self.square = np.zeros(times)
        self.low = np.full(times, np.inf)
        self.high = np.full(times, -np.inf)
        self.edges: Floats | None = None  # (time, BINS + 1)
        self.bins = np.zeros((times, BINS + 2), np.int64)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunningSummary) and same(vars(self), vars(other))

    __hash__ = None  # type: ignore[assignment]

    def add(self, values: Floats) -> None:
        """Add a block of (subject, time); NaN is passed over."""
        if not len(values):
            return
        good = np.isfinite(values)
        count = good.sum(axis=0)
        filled = np.where(good, values, 0.0)
        total = self.count + count
        safe = np.maximum(count, 1)
        mean = filled.sum(axis=0) / safe
        square = (np.where(good, values - mean, 0.0) ** 2).sum(axis=0)
        shift = mean - self.mean
        self.square += np.where(count > 0, square + shift**2 * self.count * count / np.maximum(total, 1), 0.0)
        self.mean += np.where(count > 0, shift * count / np.maximum(total, 1), 0.0)
        self.count = total
        low, high = np.where(good, values, np.inf).min(axis=0), np.where(good, values, -np.inf).max(axis=0)
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        if self.edges is None:
            room = np.where(np.isfinite(high - low), high - low, 0.0)
            room = 0.5 * np.maximum(room, 1e-9 * np.maximum(np.abs(high), 1e-9))
            start = np.where(np.isfinite(low), low, 0.0) - room
            stop = np.where(np.isfinite(high), high, 0.0) + room
            self.edges = start[:, None] + (stop - start)[:, None] * np.linspace(0, 1, BINS + 1)
        for t in range(values.shape[1]):
            where = np.searchsorted(self.edges[t], values[good[:, t], t], side="right")
            self.bins[t] += np.bincount(where, minlength=BINS + 2)

    @property
    def sd(self) -> Floats:
        """Standard deviation."""
        return np.asarray(np.sqrt(self.square / np.maximum(self.count - 1, 1)))

    def quantiles(self, probabilities: Sequence[float]) -> Floats:
        """Return (probability, time) quantiles."""
        out = np.full((len(probabilities), len(self.count)), np.nan)
        if self.edges is None:
            return out
        for t in range(len(self.count)):
            edges = np.concatenate([[self.low[t]], self.edges[t], [self.high[t]]])
            edges = np.clip(edges, self.low[t], self.high[t])
            below = np.concatenate([[0], np.cumsum(self.bins[t])])
            keep = np.concatenate([[True], np.diff(below) > 0])
            out[:, t] = np.interp(np.array(probabilities) * self.count[t], below[keep], edges[keep])
        return out

    def table(self) -> tuple[list[str], Floats]:
        """Return names of statistics, and their (statistic, time) values."""
        names = ["mean", "sd", *(f"q{100 * q:02.0f}" for q in QUANTILES)]
        moments = np.where(self.count > 0, [self.mean, self.sd], np.nan)
        return names, np.vstack([moments, self.quantiles(QUANTILES)])
