"""The Cox estimate of an infinitely large trial, without random numbers.

Every virtual patient stands in the risk set with weight x S(t) and dies with
weight x (S(t) - S(t + dt)); both arms hold the same patients. The score equation
of the weighted sample is then solved: a smooth function of the model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .inputs import matrix, numbers, same_length, unusable

Floats = NDArray[np.float64]

#: Information of a coefficient, per death and squared standard deviation of its covariate, below which it is noise.
_FLAT = 1e-6
#: Share of the weight of an arm below which those who die are rounding.
_NOBODY = 1e-12


def expected_log_hazard_ratio(
    control: Floats,
    treated: Floats,
    weight: Floats,
    treated_weight: Floats | None = None,
    *,
    raise_on_failure: bool = True,
) -> float:
    """Return ln HR of two arms.

    Parameters
    ----------
    control, treated : (patient, time)
        Survival curves from 1 on; the risk set is taken at mid-step.
    weight : (patient,)
        Of the control arm, and of the treated arm unless `treated_weight` is given.
    raise_on_failure : bool
        Whether curves without a hazard ratio are refused; else it is NaN.

    Raises
    ------
    InputError
        If arrays do not fit each other or hold what is no survival or weight; without a hazard ratio: no weight
        dies in one arm.
    """
    weights = (weight, weight if treated_weight is None else treated_weight)
    if raise_on_failure:
        for curve, w, of in zip((control, treated), weights, ("control", "treated"), strict=True):
            _checked(curve, w, of)
        same_length(control=np.transpose(control), treated=np.transpose(treated))
    alive = [w @ s for w, s in zip(weights, (control, treated), strict=True)]
    dead, risk = [a[:-1] - a[1:] for a in alive], [(a[:-1] + a[1:]) / 2 for a in alive]
    if not all(a[0] - a[-1] > _NOBODY * a[0] for a in alive):
        if raise_on_failure:
            raise InputError("Nobody dies in one arm, so there is no finite hazard ratio.")
        return float("nan")
    total = dead[0] + dead[1]
    beta = 0.0
    for _ in range(60):
        r1 = risk[1] * np.exp(beta)
        p = r1 / (risk[0] + r1)
        move = (dead[1].sum() - total @ p) / (total @ (p * (1 - p)))
        beta += float(np.clip(move, -1.0, 1.0))
        if abs(move) < 1e-12:
            break
    return beta


def _checked(survival: Floats, weight: Floats, of: str) -> None:
    """Refuse what is no survival curve of weighted patients."""
    curves = numbers(survival, f"survival ({of})", least=0.0, most=1.0, axes=2)
    same_length(survival=curves, weight=numbers(weight, "weight", least=0.0))
    if (np.diff(curves, axis=1) > 1e-9).any():
        raise InputError(f"survival ({of}) rises; a survival curve starts at 1 and falls.")


def expected_cox(survival: Floats, weight: Floats, covariates: Floats, *, raise_on_failure: bool = True) -> Floats:
    """Return the Cox coefficients of the infinite trial.

    Parameters
    ----------
    survival : (row, time)
        A row per patient and arm.
    weight : (row,)
    covariates : (row, column)
    raise_on_failure : bool
        Whether rows without a finite estimate are refused; else it is NaN.

    Returns
    -------
    (column,)
        ln hazard ratio per unit of each column.

    Raises
    ------
    InputError
        If arrays do not fit each other or hold what is no survival, weight or number; without an estimate: nobody
        dies, a covariate is constant, covariates are collinear, or the estimate is infinite.
    """
    Z = matrix(covariates) if raise_on_failure else np.asarray(covariates, dtype=float)
    if raise_on_failure:
        _checked(survival, weight, "all")
        same_length(survival=survival, covariates=Z)
    beta = _solved(survival, weight, Z)
    if raise_on_failure and np.isnan(beta).any():
        raise InputError(unusable(Z) or "The estimate is infinite: nobody dies, or a covariate tells who does.")
    return beta


def _solved(survival: Floats, weight: Floats, Z: Floats) -> Floats:
    """Solve the score equation; NaN without a finite solution."""
    nothing = np.full(Z.shape[1], np.nan)
    if not np.isfinite(Z).all() or unusable(Z):
        return nothing
    dead = weight[:, None] * (survival[:, :-1] - survival[:, 1:])
    risk = weight[:, None] * (survival[:, :-1] + survival[:, 1:]) / 2
    total, sd = dead.sum(axis=0), Z.std(axis=0)
    X = (Z - Z.mean(axis=0)) / sd
    observed = (dead.T @ X).sum(axis=0)
    beta = np.zeros(Z.shape[1])
    for _ in range(100):
        r = risk * np.exp(X @ beta)[:, None]
        sums = r.sum(axis=0)
        mean = (r.T @ X) / sums[:, None]
        score = observed - (total[:, None] * mean).sum(axis=0)
        information = (X * (r @ (total / sums))[:, None]).T @ X - (mean * total[:, None]).T @ mean
        try:
            move = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return nothing
        move /= max(1.0, np.abs(move).max())
        beta += move
        if np.abs(move).max() < 1e-11:
            heavy = np.abs(np.diag(information)) > _FLAT * total.sum()  # else nothing changes with it: it is infinite
            return np.asarray(beta / sd) if heavy.all() else nothing
    return nothing
