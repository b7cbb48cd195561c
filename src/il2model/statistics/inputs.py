"""What the statistics are given: subjects with a time and a status, numbers only; a sentence says what is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Below this share of its largest value the spread of a covariate is rounding noise.
_CONSTANT = 1e-10
#: Smallest eigenvalue of the correlation matrix at which columns still say different things.
_COLLINEAR = 1e-12


def numbers(given: ArrayLike, what: str, *, least: float = -np.inf, most: float = np.inf, axes: int = 1) -> Floats:
    """Return finite numbers from least to most as an array of some axes.

    Raises
    ------
    InputError
    """
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        raise InputError(f"{what} must be an array of numbers; got {type(given).__name__}.") from None
    if array.ndim != axes or array.size == 0:
        needed = "one axis" if axes == 1 else f"{axes} axes"
        raise InputError(f"{what} has the shape {array.shape}; it needs {needed} and no empty one.")
    values = array.astype(float)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= least) & (values <= most)))
    if len(wrong):
        place, value = int(wrong[0]), values.flat[wrong[0]]
        allowed = "finite" if np.isinf(least) else f"at least {least:g}" if np.isinf(most) else f"{least:g} to {most:g}"
        raise InputError(
            f"{what} is {value:g} in row {place // max(1, array.size // len(array))}; it must be {allowed}."
        )
    return values


def binary(given: ArrayLike, what: str) -> Bools:
    """Return a status as truth values: True and False, or 1 and 0.

    Raises
    ------
    InputError
    """
    values = numbers(given, what)
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        raise InputError(f"{what} is {values[wrong[0]]:g} in row {wrong[0]}; it must be 0 (False) or 1 (True).")
    return np.asarray(values == 1)


def subjects(time: ArrayLike, event: ArrayLike, **more: ArrayLike) -> tuple[Floats, Bools]:
    """Return times from 0 on and statuses of the same subjects.

    Parameters
    ----------
    time, event : (subject,)
    **more : (subject, ...)
        What else must be as long.

    Raises
    ------
    InputError
    """
    times, died = numbers(time, "time", least=0.0), binary(event, "event")
    same_length(time=times, event=died, **more)
    return times, died


def same_length(**arrays: ArrayLike) -> None:
    """Refuse arrays of different lengths.

    Raises
    ------
    InputError
    """
    lengths = {name: len(np.atleast_1d(np.asarray(a))) for name, a in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"The lengths differ: {', '.join(f'{k} {n}' for k, n in lengths.items())}.")


def matrix(covariates: ArrayLike) -> Floats:
    """Return covariates as (subject, column).

    Raises
    ------
    InputError
    """
    array = np.asarray(covariates)
    return numbers(array[:, None] if array.ndim == 1 else array, "a covariate", axes=2)


def unusable(columns: Floats) -> str:
    """Return why covariates cannot be told apart, or nothing.

    Measured relative to their own size: a constant plus rounding noise is a constant.
    """
    sd, size = columns.std(axis=0), np.abs(columns).max(axis=0)
    flat = np.flatnonzero(sd <= _CONSTANT * size)
    if len(flat):
        return f"The covariate in column {flat[0]} is the same for every subject, so it has no coefficient."
    scaled = (columns - columns.mean(axis=0)) / sd
    if columns.shape[1] > 1 and np.linalg.eigvalsh(scaled.T @ scaled / len(scaled))[0] < _COLLINEAR:
        return "The covariates are collinear: one is a sum of multiples of the others; leave it out."
    return ""
