"""Distances between conditional distributions (Pianosi and Wagener 2015)."""

from __future__ import annotations

import numpy as np

from ..method import Cube, Floats, Indices, Look, Method, Needs, each_output, latin_design

#: Slices of each input.
SLICES = 10


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return the median and the largest Kolmogorov-Smirnov distance over the slices."""
    from SALib.analyze import pawn

    def one(y: Floats) -> dict[str, Floats]:
        # nothing in it is random: a seed would only be set for the whole process
        r = pawn.analyze(cube.salib, X, y, S=SLICES, seed=None)
        return {"median": np.asarray(r["median"]), "maximum": np.asarray(r["maximum"])}

    return each_output(Y, cube.inputs, ("median", "maximum"), one)


METHOD = Method(
    name="pawn",
    title="PAWN",
    sentence="distribution-based, given data (Pianosi 2015)",
    leading="median",
    design=latin_design,
    estimate=estimate,
    look=Look(axis="median"),
    needs=Needs(independent=False, given_data=True),
    policies=("refuse", "drop"),
)
