"""Elementary effects for screening (Morris 1991; Campolongo, Cariboni and Saltelli 2007)."""

from __future__ import annotations

import numpy as np

from ...streams import stream
from ..method import RESAMPLES, Cube, Floats, Indices, Look, Method, Needs, constant_outputs, library_seed

#: Levels of the grid.
LEVELS = 8


def design(cube: Cube, n: int, seed: int, *, second_order: bool) -> Floats:
    """Return SALib's trajectories: each row moves one input."""
    from SALib.sample import morris

    return np.asarray(morris.sample(cube.salib, n, num_levels=LEVELS, seed=library_seed(seed)))


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return `elementary_effects`, NaN where an output is constant."""
    found = elementary_effects(X, Y, resamples=RESAMPLES * 5, seed=seed)
    return {name: np.where(constant_outputs(Y), np.nan, values) for name, values in found.items()}


def elementary_effects(X: Floats, Y: Floats, *, resamples: int = 1000, seed: int = 0) -> Indices:
    """Estimate Morris' measures from trajectories, all outputs at once.

    SALib's `morris.analyze` gives the same means and SDs (tested). Its bootstrap interval
    holds the true mean of a skew distribution too rarely with few trajectories; here the
    bootstrap is studentised (Efron and Tibshirani 1993, chapter 12.5).

    Parameters
    ----------
    X : (trajectory * (d + 1), d)
        In the order of SALib's `morris.sample`: each row moves one input.
    Y : (row, output)

    Returns
    -------
    dict
        mu, mu_star, sigma, and mu_star_half: half-width of the 95 % interval; (d, output).
    """
    d = X.shape[1]
    steps = np.diff(X.reshape(-1, d + 1, d), axis=1)
    moved = np.abs(steps).argmax(axis=2)  # (trajectory, step)
    n, m = len(moved), Y.shape[1]
    size = np.take_along_axis(steps, moved[:, :, None], axis=2)
    effects = np.empty((n, d, m))
    np.put_along_axis(effects, moved[:, :, None], np.diff(Y.reshape(n, d + 1, m), axis=1) / size, axis=1)
    distance = np.abs(effects).reshape(n, -1)
    mean, sd = distance.mean(axis=0), distance.std(axis=0, ddof=1)
    weights = stream(seed, "resample").multinomial(n, np.full(n, 1 / n), size=resamples) / n
    # about the mean: the variance of a resample is a difference of squares
    centred = distance - mean
    shift = weights @ centred
    spread = np.sqrt(np.maximum(weights @ centred**2 - shift**2, 0) * n / (n - 1))
    with np.errstate(all="ignore"):
        t = np.where(spread > 1e-9 * sd, shift / spread, 0.0)
    widest = np.abs(np.quantile(t, (0.025, 0.975), axis=0)).max(axis=0)
    half = (widest * sd).reshape(d, m)
    return {
        "mu": effects.mean(axis=0),
        "mu_star": mean.reshape(d, m),
        "sigma": effects.std(axis=0, ddof=1),
        "mu_star_half": half,
    }


METHOD = Method(
    name="morris",
    title="Morris",
    sentence="elementary effects, mean and sigma (Morris 1991, Campolongo 2007)",
    leading="mu_star",
    design=design,
    estimate=estimate,
    look=Look(axis="mean absolute elementary effect", in_units=True, relative=True, plane=("mu_star", "sigma")),
    needs=Needs(counts="trajectories"),
)
