"""Extended Fourier amplitude sensitivity test (Saltelli, Tarantola and Chan 1999)."""

from __future__ import annotations

import math
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
    d = cube.inputs
    if len(Y) % d:
        raise InputError(f"{len(Y)} rows are no FAST design of {d} inputs: they must be a multiple of {d}.")

    def one(y: Floats) -> dict[str, Floats]:
        first, total = zip(*(_orders(part) for part in y.reshape(d, -1)), strict=True)
        return {"S1": np.array(first), "ST": np.array(total)}

    return each_output(Y, d, ("S1", "ST"), one)


def _orders(y: Floats) -> tuple[float, float]:
    n = len(y)
    omega = (n - 1) // (2 * HARMONICS)
    spectrum = np.power(np.absolute(np.fft.fft(y)[np.arange(1, math.ceil(n / 2))]) / n, 2)
    variance = 2.0 * np.sum(spectrum)
    own = 2.0 * np.sum(spectrum[np.arange(1, HARMONICS + 1) * omega - 1])
    others = 2.0 * np.sum(spectrum[np.arange(omega // 2)])
    return float(own / variance), float(1.0 - others / variance)


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
