"""Derivative-based global sensitivity measures (Sobol and Kucherenko 2009)."""

from __future__ import annotations

import numpy as np

from ...uncertainty.coordinates import sobol_points
from ..method import RESAMPLES, Cube, Floats, Indices, Look, Method, Needs, each_output, estimator_stream, library_seed

#: Step of a finite difference on the unit cube.
STEP = 1e-3


def design(cube: Cube, n: int, seed: int, *, second_order: bool) -> Floats:
    """Return n points, each followed by one row per input with a step towards the middle.

    SALib's design ignores the seed, and its steps vanish at the ends of a range.
    """
    d = cube.inputs
    base = cube.edge + (1 - 2 * cube.edge) * sobol_points(n, d, library_seed(seed))
    X = np.repeat(base, d + 1, axis=0)
    for j in range(d):
        X[j + 1 :: d + 1, j] += np.where(base[:, j] < 0.5, STEP, -STEP)
    return X


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return mean squared derivatives and the bound they set on the total index, with a bootstrap interval."""
    from scipy.stats import norm

    d = cube.inputs
    width = (1 - cube.edge) - cube.edge
    points = X.reshape(-1, d + 1, d)

    def one(y: Floats) -> dict[str, Floats]:
        rng = estimator_stream(seed)
        runs = y.reshape(-1, d + 1)
        base = np.ascontiguousarray(runs[:, 0])
        n = len(base)
        found = np.empty((3, d))
        for j in range(d):
            slopes = (runs[:, j + 1] - base) / (points[:, j + 1, j] - points[:, 0, j])
            squares = slopes**2
            mean = np.mean(squares)
            resamples = np.array([squares[r].mean() for r in rng.randint(n, size=(RESAMPLES, n))])
            dgsm = mean * width**2 / (np.var(base) * np.pi**2)
            found[:, j] = dgsm, norm.ppf(0.975) * resamples.std(ddof=1), mean
        return dict(zip(("dgsm", "dgsm_half", "vi"), found, strict=True))

    return each_output(Y, d, ("dgsm", "dgsm_half", "vi"), one)


METHOD = Method(
    name="dgsm",
    title="DGSM",
    sentence="derivative-based (Sobol and Kucherenko 2009)",
    leading="dgsm",
    design=design,
    estimate=estimate,
    look=Look(axis="dgsm", relative=True),
    needs=Needs(counts="points"),
    stride=lambda inputs, second_order: inputs + 1,
)
