"""One input at a time, the others at their medians: a tornado."""

from __future__ import annotations

import numpy as np

from ..method import Cube, Floats, Indices, Look, Method, Needs, constant_outputs

#: Distance of a point from the median, as a share of the prior.
SWING = 0.4


def design(cube: Cube, n: int, seed: int, *, second_order: bool) -> Floats:
    """Return the centre, then each input low, then each input high; n and seed change nothing."""
    d = cube.inputs
    centre = np.full((1, d), 0.5)
    return np.vstack([centre, centre + np.diag(np.full(d, -SWING)), centre + np.diag(np.full(d, SWING))])


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return the change at the low and at the high point, and the swing between them."""
    d = cube.inputs
    low, high = Y[1 : d + 1] - Y[0], Y[d + 1 :] - Y[0]
    return {"swing": np.where(constant_outputs(Y), np.nan, high - low), "low": low, "high": high}


METHOD = Method(
    name="oat",
    title="one at a time",
    sentence="one at a time from the 10 to the 90 % quantile, the others at their medians: a tornado",
    leading="swing",
    design=design,
    estimate=estimate,
    look=Look(axis="swing", relative=True, points=False),
    needs=Needs(counts="nothing"),
)
