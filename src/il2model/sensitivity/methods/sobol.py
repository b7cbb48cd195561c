"""Sobol indices of all outputs at once: estimators as matrix products, bootstrap as one more.

Saltelli's first-order and Jansen's total estimator (Saltelli and others 2010, table 2),
second order after Saltelli 2002 as in SALib. SALib gives the same numbers on one output
(tested); a loop over it takes 30 times longer for 200 outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...streams import stream
from ..method import RESAMPLES, Cube, Floats, Indices, Look, Method, Needs, constant_outputs

#: Resamples of a second-order index, at most.
SECOND_RESAMPLES = 100


def design(cube: Cube, n: int, seed: int, *, second_order: bool) -> Floats:
    """Return Saltelli's design on scrambled Sobol points: n * (d + 2) rows, n * (2 d + 2) with second order."""
    return saltelli_design(n, cube, second_order, stream(seed, "sobol"))


def saltelli_design(n: int, cube: Cube, second: bool, rng: np.random.Generator) -> Floats:
    """Return the rows of SALib's `sobol.sample` with scrambling, bit for bit (tested), without its loops."""
    from scipy.stats import qmc

    d = cube.inputs
    base = qmc.Sobol(2 * d, scramble=True, seed=rng).random(n)
    A, B = base[:, :d], base[:, d:]
    rows = np.empty((n, stride(d, second), d))
    rows[:, : d + 1] = A[:, None]
    rows[:, d + 1 :] = B[:, None]
    k = np.arange(d)
    rows[:, 1 + k, k] = B
    if second:
        rows[:, d + 1 + k, k] = A
    return np.asarray(rows.reshape(-1, d) * ((1 - cube.edge) - cube.edge) + cube.edge)


def stride(d: int, second: bool) -> int:
    """Return the rows of the design of one base point."""
    return 2 * d + 2 if second else d + 2


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return `sobol_indices`."""
    return sobol_indices(Y, cube.inputs, second=second_order, resamples=RESAMPLES, seed=seed)


@dataclass(frozen=True)
class _Blocks:
    """Blocks of a design, outputs centred and scaled, and the resamples as a matrix of counts."""

    A: Floats  # (base point, output)
    B: Floats
    AB: Floats  # (parameter, base point, output), not yet scaled
    BA: Floats | None
    centre: Floats
    scale: Floats
    weights: Floats  # (resample, base point); the first is the whole sample

    def scaled(self, x: Floats) -> Floats:
        return np.asarray((x - self.centre) / self.scale)

    def mean(self, x: Floats) -> Floats:
        # every estimator is a mean over base points of products: resampling is a matrix of counts
        return np.asarray(self.weights @ x)


def _blocks(Y: Floats, d: int, second: bool, resamples: int, seed: int) -> _Blocks:
    runs = Y.reshape(-1, stride(d, second), Y.shape[1])
    A, B = runs[:, 0], runs[:, -1]
    AB = runs[:, 1 : d + 1].transpose(1, 0, 2)
    BA = runs[:, d + 1 : 2 * d + 1].transpose(1, 0, 2) if second else None
    N = len(A)
    both = np.concatenate([A, B])
    centre, scale = both.mean(axis=0), np.where(both.std(axis=0) > 0, both.std(axis=0), 1.0)
    counts = stream(seed, "resample").multinomial(N, np.full(N, 1 / N), size=resamples).astype(float) / N
    weights = np.vstack([np.full((1, N), 1 / N), counts])
    return _Blocks((A - centre) / scale, (B - centre) / scale, AB, BA, centre, scale, weights)


def _half(samples: Floats, axis: int) -> Floats:
    return np.asarray(1.96 * samples.std(axis=axis, ddof=1))


def sobol_indices(Y: Floats, d: int, *, second: bool = False, resamples: int = 200, seed: int = 0) -> Indices:
    """Estimate Sobol indices from a Saltelli design of d parameters.

    Parameters
    ----------
    Y : (run, output)
        In the order of SALib's `sobol.sample`; finite.
    resamples : int
        Bootstrap resamples of the base points.

    Returns
    -------
    dict
        S1, ST : (parameter, output), and where asked S2 : (parameter, parameter, output), each with the half-width
        of its 95 % bootstrap interval, `_half`; noise : (output,), the floor of a total index by a dummy parameter;
        interactions : (output,), the share of the variance that no single parameter explains. NaN where an output
        is constant.
    """
    masked = constant_outputs(Y)
    b = _blocks(Y, d, second, resamples, seed)
    m = Y.shape[1]
    dummy = b.B * b.A  # the noise of a parameter that does nothing
    average = b.mean(b.A + b.B) / 2
    variance = b.mean(b.A**2 + b.B**2) / 2 - average**2
    variance[:, masked] = 1.0  # masked below
    S1 = np.empty((d, resamples + 1, m))
    ST = np.empty((d, resamples + 1, m))
    for i in range(d):  # one parameter at a time: memory stays that of the results
        moved = b.scaled(b.AB[i])
        S1[i] = b.mean(b.B * (moved - b.A)) / variance
        ST[i] = b.mean(0.5 * (b.A - moved) ** 2) / variance
    found = {"S1": S1[:, 0], "S1_half": _half(S1[:, 1:], 1), "ST": ST[:, 0], "ST_half": _half(ST[:, 1:], 1)}
    found["noise"] = 1.96 * (b.mean(dummy)[1:] / variance[1:]).std(axis=0, ddof=1)
    found["interactions"] = 1 - np.where(masked, np.nan, S1[:, 0]).sum(axis=0)
    if b.BA is not None:
        found["S2"], found["S2_half"] = _second_order(b, b.BA, S1, variance)
    return {name: np.asarray(np.where(masked, np.nan, values)) for name, values in found.items()}


def _second_order(b: _Blocks, BA: Floats, S1: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return indices of pairs and half-widths, NaN on and below the diagonal.

    There are d^2 / 2 pairs: fewer resamples, in single precision (sampling errors are a thousand times larger).
    """
    d, _, m = S1.shape
    S2 = np.full((d, d, m), np.nan)
    S2_half = np.full((d, d, m), np.nan)
    few = slice(None, SECOND_RESAMPLES + 1)
    light = b.weights[few].astype(np.float32)
    product = b.mean(b.A * b.B)[few]
    moved = np.stack([b.scaled(x).astype(np.float32) for x in b.AB])
    for i in range(d):
        back = b.scaled(BA[i]).astype(np.float32)
        for j in range(i + 1, d):
            v = (light @ (back * moved[j]) - product) / variance[few] - S1[i, few] - S1[j, few]
            S2[i, j], S2_half[i, j] = v[0], _half(v[1:], 0)
    return S2, S2_half


def _notes(indices: Mapping[str, Floats]) -> tuple[str, ...]:
    floor = indices["noise"]
    if np.isnan(floor).all():
        return ()
    return (f"Noise floor of a total index (a parameter that does nothing): {np.nanmax(floor):.3f}.",)


METHOD = Method(
    name="sobol",
    title="Sobol",
    sentence="first and total order, variance (Saltelli 2010, Jansen 1999)",
    leading="ST",
    design=design,
    estimate=estimate,
    look=Look(axis="share of the variance", beside=("S1", "first order", "total")),
    needs=Needs(power_of_two=True, counts="base points"),
    policies=("refuse", "bound"),
    nested=True,
    stride=stride,
    notes=_notes,
)
