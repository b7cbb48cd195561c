"""Elimination in a fixed order without pivots, against dense algebra."""

import numpy as np

from il2model.codegen.linear_algebra import eliminate
from tests.helpers.regimens import random_rows


def solve(M, b, pattern):
    """Solve M x = b by the operations that the generated code holds."""
    lu = eliminate(len(M), pattern)
    w = np.zeros(len(lu.slots))
    for (i, j), k in lu.slots.items():
        w[k] = M[i, j]
    for name, a, b_, c in lu.factor:
        w[a] = 1 / w[a] if name == "inv" else (w[a] * w[b_] if name == "mul" else w[a] - w[b_] * w[c])
    x = b.copy()
    for name, row, k, column in lu.solve:
        x[row] = x[row] - w[k] * x[column] if name == "sub" else x[row] * w[k]
    return x


def pattern_of(M):
    return {(int(i), int(j)) for i, j in zip(*np.nonzero(M), strict=True)}


def test_elimination_solves_like_numpy():
    rng = np.random.default_rng(0)
    for _ in range(20):
        n = int(rng.integers(2, 12))
        M = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.4) + 5 * np.eye(n)
        b = rng.standard_normal(n)
        np.testing.assert_allclose(solve(M, b, pattern_of(M)), np.linalg.solve(M, b), rtol=1e-10)


def test_the_lu_backward_error_is_small_over_random_patients(kernel, parameters):
    """Unpivoted elimination of 1/(gamma h) I - J, against the dense residual."""
    bp, module = kernel.blueprint, kernel.blueprint.plain_module()
    rows = random_rows(kernel, parameters, 16, seed=2)
    constants = kernel.constants(rows)
    fixed, states = kernel.fixed(rows, constants), kernel.baseline(rows, constants)
    n = len(bp.states)
    rng = np.random.default_rng(1)
    worst = 0.0
    for f, y in zip(fixed, states, strict=True):
        J = np.zeros((n, n))
        module.jacobian(y * np.exp(0.3 * rng.standard_normal(n)), bp.input_defaults, f, J)
        for h in (1e-4, 1e-2, 1.0, 30.0):
            M = np.eye(n) / (0.2119 * h) - J
            b = rng.standard_normal(n)
            x = solve(M, b, pattern_of(J))
            worst = max(worst, float((np.abs(M @ x - b) / (np.abs(M) @ np.abs(x) + np.abs(b))).max()))
    assert worst < 1e-12
