"""The tape of elementary operations and its derivatives."""

import numpy as np
import pytest
import sympy as sp

from il2model.codegen.tape import Op, Tape


def evaluate(tape, states, fixed):
    values = []
    for op in tape.ops:
        a = [values[i] for i in op.args]
        values.append(
            {"const": lambda: op.value, "state": lambda: states[int(op.value)], "fixed": lambda: fixed[int(op.value)],
             "add": lambda: a[0] + a[1], "sub": lambda: a[0] - a[1], "mul": lambda: a[0] * a[1],
             "div": lambda: a[0] / a[1] if a[1] else np.inf, "pow": lambda: a[0] ** a[1], "exp": lambda: np.exp(a[0]),
             "log": lambda: np.log(a[0])}[op.name]()
        )  # fmt: skip
    return values


def test_the_tape_differentiates_like_sympy():
    x, y, h = sp.symbols("x y h")
    expressions = [x / (x + y), (x / 3) ** h / (1 + (x / 3) ** h), sp.exp(-x * y) * sp.log(y), (x - y) ** 2 / x, 1 / y]
    point = {"x": 1.3, "y": 0.7, "h": 1.7}
    for expr in expressions:
        tape = Tape()
        leaves = {
            "x": tape.put(Op("state", (), 0)),
            "y": tape.put(Op("state", (), 1)),
            "h": tape.put(Op("fixed", (), 0)),
        }
        node = tape.lower(expr, leaves)
        gradient = tape.gradients([node])[0]
        values = evaluate(tape, [1.3, 0.7], [1.7])
        assert values[node] == pytest.approx(float(expr.subs(point)), rel=1e-14)
        for j, symbol in enumerate((x, y)):
            expected = float(expr.diff(symbol).subs(point))
            assert values[gradient[j]] == pytest.approx(expected, rel=1e-12) if j in gradient else expected == 0
