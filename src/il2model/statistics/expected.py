"""The Cox estimate of an infinitely large trial, without random numbers.

Every virtual patient stands in the risk set with weight x S(t) and dies with
weight x (S(t) - S(t + dt)); both arms hold the same patients. The score equation
of the weighted sample is then solved: a smooth function of the model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def expected_log_hazard_ratio(
    control: Floats, treated: Floats, weight: Floats, treated_weight: Floats | None = None
) -> float:
    """Return ln HR of two arms.

    Parameters
    ----------
    control, treated : (patient, time)
        Survival curves from 1 on; the risk set is taken at mid-step.
    weight : (patient,)
        Of the control arm, and of the treated arm unless `treated_weight` is given.

    Returns
    -------
    float
        NaN if no weight dies in one arm.
    """
    weights = (weight, weight if treated_weight is None else treated_weight)
    dead = [w @ (s[:, :-1] - s[:, 1:]) for w, s in zip(weights, (control, treated), strict=True)]
    risk = [w @ (s[:, :-1] + s[:, 1:]) / 2 for w, s in zip(weights, (control, treated), strict=True)]
    if not (dead[0].sum() > 0 and dead[1].sum() > 0):
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


def expected_cox(survival: Floats, weight: Floats, covariates: Floats) -> Floats:
    """Return the Cox coefficients of the infinite trial.

    Parameters
    ----------
    survival : (row, time)
        A row per patient and arm.
    weight : (row,)
    covariates : (row, column)

    Returns
    -------
    (column,)
        ln hazard ratio per unit of each column; NaN if it does not converge.
    """
    Z = np.asarray(covariates, dtype=float)
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
        move = np.linalg.solve(information, score)
        move /= max(1.0, np.abs(move).max())
        beta += move
        if np.abs(move).max() < 1e-11:
            return np.asarray(beta / sd)
    return np.full(Z.shape[1], np.nan)
