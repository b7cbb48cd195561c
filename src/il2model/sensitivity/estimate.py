"""From outputs to indices: failed rows and constant outputs are dealt with once, for every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, SimulationError, unknown_name
from .method import POLICIES, Cube, Floats, Indices, Method, constant_outputs

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """What an estimator found.

    Parameters
    ----------
    indices : {name: (input, output)}
        `name_half` is the half-width of a 95 % interval, where one is reliable.
    masked : (output,)
        True where an output has no variance: its indices are NaN.
    notes : tuple of str
        What a reader must know: failed rows and the policy, masks, floors.
    """

    indices: Indices
    masked: Flags
    notes: tuple[str, ...]


def check_policy(method: Method, policy: str, allowed_by: Sequence[Method] = ()) -> None:
    """Refuse a policy that a method cannot keep.

    Raises
    ------
    InputError, UnknownNameError
    """
    if policy not in POLICIES:
        raise unknown_name("policy", policy, POLICIES)
    if policy not in method.policies:
        others = ", ".join(m.name for m in allowed_by if policy in m.policies)
        raise InputError(
            f"The policy {policy!r} does not serve {method.name}, which allows {' and '.join(method.policies)}"
            + (f"; it serves {others}." if others else ".")
        )


def estimate(
    method: Method,
    cube: Cube,
    X: Floats,
    Y: Floats,
    *,
    outputs: Sequence[str],
    reasons: Mapping[int, str] | None = None,
    policy: str = "refuse",
    seed: int = 0,
    second_order: bool = False,
) -> Estimated:
    """Estimate the indices of a method; never an index from data with NaN.

    Parameters
    ----------
    X : (row, input)
    Y : (row, output)
        NaN in failed rows.
    outputs : sequence of str
        Their names, for notes.
    reasons : {row: sentence}, optional
    policy : {'refuse', 'bound', 'drop'}

    Raises
    ------
    SimulationError
        If rows failed and the policy is to refuse, or all failed.
    InputError
        If too few rows are left.
    """
    check_policy(method, policy)
    bad: Flags = np.asarray(~np.isfinite(Y).all(axis=1))
    notes: list[str] = []

    def one(X: Floats, Y: Floats) -> Indices:
        return method.estimate(cube, X, Y, seed, second_order=second_order)

    if bad.any():
        first = next((w for k, w in sorted((reasons or {}).items()) if bad[k]), "an output is not finite")
        text = f"{bad.sum()} of {len(Y)} rows failed; the first: {first}"
        if policy == "refuse":
            raise SimulationError(
                f"{text} No index is computed from data with gaps: choose policy 'bound' or 'drop', or other ranges."
            )
        if bad.all():
            raise SimulationError(text)
        notes.append(f"{text} Policy: {policy}.")
    if policy == "bound" and bad.any():
        masked = constant_outputs(Y[~bad])
        indices = _bounded(one, X, Y, bad)
        notes.append("Intervals hold the failed rows at the lowest and at the highest value of each output.")
        return Estimated(indices=indices, masked=masked, notes=tuple(notes))
    if bad.any():
        X, Y = X[~bad], Y[~bad]
        method.check(len(X), cube.inputs)
    masked = constant_outputs(Y)
    if masked.any():
        names = [name for name, m in zip(outputs, masked, strict=True) if m]
        notes.append(f"No variance, so no index: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}.")
    indices = one(X, Y)
    gaps = np.isnan(indices[method.leading]) & ~masked
    if gaps.any():
        notes.append(f"{method.title} finds no {method.leading} for {gaps.sum()} pairs of input and output (NaN).")
    notes += method.notes(indices)
    return Estimated(indices=indices, masked=masked, notes=tuple(notes))


def _bounded(one: Callable[[Floats, Floats], Indices], X: Floats, Y: Floats, bad: Flags) -> Indices:
    """Put failed rows at both extremes of each output: the indices lie between."""
    found = []
    for extreme in (np.nanmin(Y, axis=0), np.nanmax(Y, axis=0)):
        filled = Y.copy()
        filled[bad] = extreme
        found.append(one(X, filled))
    both = {name: np.stack([f[name] for f in found]) for name in found[0]}
    result = {name: values.mean(axis=0) for name, values in both.items()}
    for name in [k for k in both if f"{k}_half" in both]:
        # the interval holds both fillings and the bootstrap of each
        centre, half = both[name], both[f"{name}_half"]
        result[f"{name}_half"] = np.maximum(
            (centre + half).max(axis=0) - result[name], result[name] - (centre - half).min(axis=0)
        )
    return result
