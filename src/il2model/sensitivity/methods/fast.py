"""Extended Fourier amplitude sensitivity test (Saltelli, Tarantola and Chan 1999)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...errors import InputError
from ..method import Cube, Floats, Indices, Look, Method, Needs, each_output, library_seed

#: Harmonics that are counted.
HARMONICS = 4


def design(cube: Cube, n: int, seed: int, *, second_order: bool) -> Floats:
    """Return SALib's design: a search curve for each input."""
    from SALib.sample import fast_sampler

    return np.asarray(fast_sampler.sample(cube.salib, n, M=HARMONICS, seed=library_seed(seed)))


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return first and total order from the spectrum along each curve."""
    from SALib.analyze.fast import compute_orders

    d, n = cube.inputs, len(Y) // cube.inputs
    if len(Y) % d:
        raise InputError(f"{len(Y)} rows are no FAST design of {d} inputs: they must be a multiple of {d}.")

    def one(y: Floats) -> dict[str, Floats]:
        omega = (n - 1) // (2 * HARMONICS)
        orders = np.array([compute_orders(part, n, HARMONICS, omega) for part in y.reshape(d, n)])
        return dict(zip(("S1", "ST"), orders.T, strict=True))

    return each_output(Y, d, ("S1", "ST"), one)


def _notes(indices: Mapping[str, Floats]) -> tuple[str, ...]:
    return ("FAST has no reliable interval; none is shown.",)


METHOD = Method(
    name="fast",
    title="FAST",
    sentence="extended Fourier amplitude (Saltelli 1999); no interval",
    leading="ST",
    design=design,
    estimate=estimate,
    look=Look(axis="share of the variance", beside=("S1", "first order", "total")),
    needs=Needs(counts="rows for each input", least=lambda inputs: 4 * HARMONICS**2 + 1),
    notes=_notes,
)
