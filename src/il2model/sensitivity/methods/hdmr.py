"""High-dimensional model representation, for correlated inputs too (Li and others 2010), first order.

SALib's estimator takes its subsets of rows from NumPy's generator for the whole process and ignores its
seed; this one gives the same numbers on the same subsets (tested), which follow the seed.
"""

from __future__ import annotations

import numpy as np

from ..method import Cube, Floats, Indices, Look, Method, Needs, each_output, estimator_stream, latin_design

#: Random subsets of rows, and rows of each.
SUBSETS, ROWS = 10, 300
#: Intervals of the cubic B-splines, ridge, and the end of the backfitting.
INTERVALS, RIDGE = 2, 0.01
STEPS, CHANGE = 100, 1e-3


def estimate(cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
    """Return structural (Sa), correlative (Sb) and total shares of the variance, means over the subsets."""
    d = cube.inputs
    basis = _splines((X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0)))

    def one(y: Floats) -> dict[str, Floats]:
        order = np.argsort(estimator_stream(seed).rand(len(y), SUBSETS), axis=0)[:ROWS]
        shares = np.stack([_shares(basis[rows], y[rows]) for rows in order.T], axis=-1)
        return {name: np.array([np.mean(v) for v in values]) for name, values in zip(("ST", "Sa", "Sb"), shares)}

    return each_output(Y, d, ("Sa", "Sb", "ST"), one)


def _splines(X: Floats) -> Floats:
    """Return cubic B-splines on the unit interval, (row, spline, input)."""
    from scipy.interpolate import BSpline

    found = np.zeros((len(X), INTERVALS + 3, X.shape[1]))
    for i, knot in enumerate(np.arange(-1, INTERVALS + 2)):
        spline = BSpline.basis_element(np.arange(knot - 2, knot + 3) / INTERVALS)
        for j in range(X.shape[1]):
            values = spline(X[:, j]) * np.power(INTERVALS, 3)
            found[:, i, j] = np.where(values < 0, 0, values)
    return found


def _shares(basis: Floats, y: Floats) -> Floats:
    """Return total, structural and correlative shares of one subset, (3, input); Li's equations 19 to 21."""
    variance = np.var(y)
    terms = _terms(basis, y - np.sum(y) / len(y))
    d = terms.shape[1]
    others = np.sum(terms, axis=1)[:, None] - terms
    total = np.cov(terms, y, rowvar=False)[:d, d] / variance
    structural = np.var(terms, axis=0) / variance
    correlative = np.array([np.cov(terms[:, j], others[:, j])[0, 1] for j in range(d)]) / variance
    return np.stack([total, structural, correlative])


def _terms(basis: Floats, rest: Floats) -> Floats:
    """Fit one function of each input by backfitting; return their values, (row, input)."""
    n, m, d = basis.shape
    solvers, weights = np.zeros((m, n, d)), np.zeros((m, d))
    for j in range(d):
        own = np.ascontiguousarray(basis[:, :, j])
        square = own.T @ own
        if np.all(np.linalg.svd(square)[1]):
            solvers[:, :, j] = np.linalg.solve(square + RIDGE * np.identity(m), own.T)
        weights[:, j] = solvers[:, :, j] @ rest
    before = np.sum(np.square(weights), axis=0)
    for _ in range(STEPS):
        for j in range(d):
            left = rest
            for z in range(d):
                if z != j:
                    left = left - basis[:, :, z] @ weights[:, z]
            weights[:, j] = solvers[:, :, j] @ left
        after = np.sum(np.square(weights), axis=0)
        if not np.max(np.absolute(after - before)) > CHANGE:
            break
        before = after
    return np.stack([basis[:, :, j] @ weights[:, j] for j in range(d)], axis=1)


METHOD = Method(
    name="hdmr",
    title="HDMR",
    sentence="high-dimensional model representation, correlated inputs (Li 2010)",
    leading="ST",
    design=latin_design,
    estimate=estimate,
    look=Look(axis="ST"),
    needs=Needs(independent=False, given_data=True, least=lambda inputs: ROWS),
    policies=("refuse", "drop"),
)
