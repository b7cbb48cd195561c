"""Moment-independent importance from given data (Borgonovo 2007; Plischke, Borgonovo and Smith 2013).

SALib's estimator seeds NumPy's generator for the whole process; this one gives the same numbers from a
generator of its own (tested), without the variants that SALib estimates beside it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..method import Cube, Floats, Indices, Look, Method, Needs, each_output, estimator_stream, latin_design

RESAMPLES = 50
#: Points at which densities are compared.
GRID = 100
#: Bins of an input from which a resample takes equally many rows, and the fewest rows of one.
BINS, SMALLEST = 10, 10

Rows = np.ndarray[tuple[int], np.dtype[np.int64]]


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return delta (bias reduced, resamples balanced over the input) and the first order, with intervals."""

    def one(y: Floats) -> dict[str, Floats]:
        rng = estimator_stream(seed)
        found = np.array([_input(x, y, rng) for x in X.T])
        return dict(zip(("delta", "delta_half", "S1", "S1_half"), found.T, strict=True))

    return each_output(Y, cube.inputs, ("delta", "delta_half", "S1", "S1_half"), one)


def _input(x: Floats, y: Floats, rng: np.random.RandomState) -> tuple[float, float, float, float]:
    """Return delta, first order and their half-widths for one input; NaN where its values fill too few bins."""
    from SALib.analyze.delta import sobol_first
    from scipy.stats import norm

    n = len(y)
    groups = _groups(x)
    if groups is None:
        return (np.nan,) * 4
    exponent = 2.0 / (7.0 + np.tanh((1500.0 - n) / 500.0))
    edges = np.linspace(0, n, int(np.round(min(int(np.ceil(n**exponent)), 48))) + 1)
    grid = np.linspace(np.min(y), np.max(y), GRID)

    def balanced() -> Rows:
        share, more = divmod(n, len(groups))
        return np.concatenate([rng.choice(g, size=share + (k < more), replace=True) for k, g in enumerate(groups)])

    try:
        rows = balanced()
        whole = _delta(y[rows], x[rows], edges, grid)
        some = [balanced() for _ in range(RESAMPLES)]
        deltas = 2.0 * whole - np.array([_delta(y[r], x[r], edges, grid) for r in some])
    except np.linalg.LinAlgError:  # an output takes one value nearly everywhere in a slice
        return (np.nan,) * 4
    for _ in range(RESAMPLES + 1):  # what SALib draws for its variant without balance
        rng.randint(n, size=n)
    rows = rng.randint(n, size=n)
    first = float(sobol_first(y[rows], x[rows], edges))
    firsts = np.array([sobol_first(y[r], x[r], edges) for r in rng.choice(n, size=(RESAMPLES, n), replace=True)])
    z = norm.ppf(0.975)
    return float(deltas.mean()), float(z * deltas.std(ddof=1)), first, float(z * firsts.std(ddof=1))


def _groups(x: Floats) -> list[Rows] | None:
    """Return the rows of each bin of an input, small bins joined; None where no resample can be balanced."""
    if x.max() == x.min():
        return None
    edges = np.linspace(x.min(), x.max(), BINS + 1)
    bins = [np.flatnonzero((x > a if k else x >= a) & (x <= b)) for k, (a, b) in enumerate(pairwise(edges))]
    least = max(int(len(x) * 0.005), SMALLEST)
    found: list[Rows] = []
    waiting = iter(bins)
    for rows in waiting:
        while len(rows) < least and (more := next(waiting, None)) is not None:
            rows = np.concatenate((rows, more))
        found.append(rows)
    return found if len(found) >= 2 and len(x) // len(found) >= least else None


def _delta(y: Floats, x: Floats, edges: Floats, grid: Floats) -> float:
    """Return Plischke's estimator (his equation 26)."""
    from scipy.stats import gaussian_kde, rankdata

    rank = rankdata(x, method="ordinal")
    whole = gaussian_kde(y, bw_method="silverman")(grid)
    total = 0.0
    for low, high in pairwise(edges):
        rows = np.flatnonzero((rank > low) & (rank <= high))
        part = y[rows]
        if len(rows) and np.ptp(part) != 0.0:
            apart = np.abs(whole - gaussian_kde(part, bw_method="silverman")(grid))
            total += (len(rows) / (2 * len(y))) * np.trapezoid(apart, grid)
    return float(total)


METHOD = Method(
    name="delta",
    title="delta",
    sentence="moment-independent delta and first order, given data (Borgonovo 2007, Plischke 2013)",
    leading="delta",
    design=latin_design,
    estimate=estimate,
    look=Look(axis="delta"),
    # two bins of the fewest rows
    needs=Needs(independent=False, given_data=True, least=lambda inputs: 2 * SMALLEST),
    policies=("refuse", "drop"),
)
