"""Random balance designs (Tarantola, Gatelli and Mara 2006), bias corrected (Tissot and Prieur 2012)."""

from __future__ import annotations

import numpy as np

from ...streams import derived_seed
from ..method import Cube, Floats, Indices, Look, Method, Needs, each_output, latin_design

#: Harmonics that are counted.
HARMONICS = 10


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return SALib's first order, with a bootstrap of 50."""
    from SALib.analyze import rbd_fast

    def one(y: Floats) -> dict[str, Floats]:
        r = rbd_fast.analyze(cube.salib, X, y, M=HARMONICS, num_resamples=50, seed=derived_seed(seed, "estimator"))
        return {"S1": np.asarray(r["S1"], float), "S1_half": np.asarray(r["S1_conf"], float)}

    return each_output(Y, cube.inputs, ("S1", "S1_half"), one)


METHOD = Method(
    name="rbd_fast",
    title="RBD-FAST",
    sentence="random balance designs (Tarantola 2006)",
    leading="S1",
    design=latin_design,
    estimate=estimate,
    look=Look(axis="S1"),
    # the bias correction needs more than two rows a harmonic, also in the half of them that the bootstrap takes
    needs=Needs(given_data=True, least=lambda inputs: 4 * HARMONICS + 2),
    policies=("refuse", "drop"),
)
