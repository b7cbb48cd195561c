"""Partial rank correlation coefficients (Marino and others 2008)."""

from __future__ import annotations

import numpy as np

from ..method import Cube, Floats, Indices, Look, Method, Needs, constant_outputs, latin_design


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return partial rank correlations from the inverse of the rank correlation matrix; intervals by Fisher's z."""
    from scipy.stats import rankdata

    ranks = np.column_stack([rankdata(x) for x in X.T])
    found = np.full((X.shape[1], Y.shape[1]), np.nan)
    for k in np.flatnonzero(~constant_outputs(Y)):
        inverse = np.linalg.pinv(np.corrcoef(np.column_stack([ranks, rankdata(Y[:, k])]).T))
        found[:, k] = -inverse[:-1, -1] / np.sqrt(np.diag(inverse)[:-1] * inverse[-1, -1])
    n = len(X) - X.shape[1] - 2
    half = np.tanh(np.arctanh(np.clip(np.abs(found), 0, 1 - 1e-12)) + 1.96 / np.sqrt(max(n - 1, 1))) - np.abs(found)
    return {"prcc": found, "prcc_half": half}


METHOD = Method(
    name="prcc",
    title="PRCC",
    sentence="partial rank correlation: the sign (Marino 2008)",
    leading="prcc",
    design=latin_design,
    estimate=estimate,
    look=Look(axis="partial rank correlation"),
    # with fewer rows the partial correlations are those of an exact fit
    needs=Needs(independent=False, given_data=True, least=lambda inputs: inputs + 3),
    policies=("refuse", "drop"),
)
