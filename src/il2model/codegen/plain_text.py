"""The same equations as plain Python text: readable, and an independent check.

The scalar functions `rhs` and `jacobian` serve SciPy as they are and Numba after
compilation; `constants`, `baseline`, `margins` and `observables` work on whole
columns of subjects through NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

if TYPE_CHECKING:
    from ..model.assembly import Model


class power(sp.Function):  # noqa: N801 - printed as it is written
    """base ** exponent whose derivative stays finite where the base is zero."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """d(base**e)/d(base) = e base**(e - 1)."""
        base, exponent = self.args
        if argindex != 1:
            raise NotImplementedError("an exponent may not depend on a state")
        return exponent * power(base, exponent - 1)


class _Printer(PythonCodePrinter):
    """Integers as floats, products for small powers, `exp`, `log` and `power` by name."""

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": False, "user_functions": {"power": "power"}})

    def _print_Integer(self, expr: Any) -> str:
        return f"{int(expr)}.0"

    def _print_Rational(self, expr: Any) -> str:
        return f"({int(expr.p)}.0 / {int(expr.q)}.0)"

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, exponent = expr.as_base_exp()
        if exponent.is_Integer:
            text = "*".join([f"({self._print(base)})"] * abs(int(exponent)))
            return f"({text})" if exponent > 0 else f"(1.0/({text}))"
        return f"power({self._print(base)}, {self._print(exponent)})"

    def _print_exp(self, expr: Any) -> str:
        return f"exp({self._print(expr.args[0])})"

    def _print_log(self, expr: Any) -> str:
        return f"log({self._print(expr.args[0])})"


def _powers(expr: sp.Expr) -> sp.Expr:
    result: sp.Expr = expr.replace(lambda e: e.is_Pow and not e.exp.is_number, lambda e: power(e.base, e.exp))
    return result


def _unpack(array: str, names: Iterable[str], used: set[str], column: str = "") -> list[str]:
    return [f"    {name} = {array}[{column}{i}]" for i, name in enumerate(names) if name in used]


def _symbols(*tables: Iterable[sp.Expr]) -> set[str]:
    return {s.name for table in tables for e in table for s in e.free_symbols}


def _needed(wanted: set[str], derived: Mapping[str, sp.Expr]) -> list[str]:
    """Derived quantities that `wanted` uses, directly or not, in order."""
    need = set(wanted)
    for name in reversed(list(derived)):
        if name in need:
            need |= {s.name for s in derived[name].free_symbols}
    return [name for name in derived if name in need]


_HEAD = '''"""The model {name} as plain text, generated from its symbols; do not edit.

Fixed terms `f` are parameters and constants in the order of FIXED.
"""

import numpy as np
from math import exp, log

STATES = {states!r}
PARAMETERS = {parameters!r}
CONSTANTS = {constants!r}
FIXED = {fixed!r}
INPUTS = {inputs!r}
OBSERVABLES = {observables!r}
CONSTRAINTS = {constraints!r}


def power(base, exponent):
    """base ** exponent, zero where the base is not positive."""
    return base**exponent if base > 0.0 else 0.0

'''

_COLUMNS = '''
def _columns():
    """The same names for whole columns."""

    def column_power(base, exponent):
        return np.where(base > 0.0, np.abs(base) ** exponent, 0.0)

    return np.exp, np.log, column_power

'''


def _vector_function(name: str, doc: str, arguments: str, lines: list[str], results: list[str], first: str) -> str:
    """A function over columns; each result is broadcast to the shape of `first`."""
    body = [f"def {name}({arguments}):", f'    """{doc}"""', "    exp, log, power = _columns()"]
    body += lines
    if not results:
        body.append(f"    return np.empty((*np.shape({first}), 0))")
        return "\n".join(body) + "\n\n"
    body.append(f"    results = [{', '.join(results)}]")
    body.append(f"    return np.stack([np.broadcast_to(r, np.shape({first})).astype(float) for r in results], axis=-1)")
    return "\n".join(body) + "\n\n"


def write_plain(model: Model, fixed: tuple[str, ...]) -> str:
    """Return the text of the plain module of `model`; `fixed` is the kernel's order of fixed terms."""
    show = _Printer().doprint
    names = tuple(model.constants)
    text = _HEAD.format(
        name=model.name,
        states=model.states,
        parameters=model.parameters,
        constants=names,
        fixed=fixed,
        inputs=model.inputs,
        observables=tuple(model.observables),
        constraints=tuple(c.id for c in model.constraints),
    )
    text += _COLUMNS
    p_first, f_first = "p[..., 0]", "y[..., 0]"

    def assign(table: Mapping[str, sp.Expr], which: Iterable[str]) -> list[str]:
        return [f"    {n} = {show(_powers(table[n]))}" for n in which]

    used = _symbols(model.constants.values())
    lines = _unpack("p", model.parameters, used, "..., ") + assign(model.constants, names)
    text += _vector_function(
        "constants", "Closed form of the untreated state; p is (..., parameter).", "p", lines, list(names), p_first
    )

    for name, doc, table in (
        ("baseline", "Initial states; c is (..., constant).", model.baseline),
        (
            "margins",
            "Conditions on the parameters; each must be positive.",
            {c.id: c.expression for c in model.constraints},
        ),
    ):
        used = _symbols(table.values())
        lines = _unpack("p", model.parameters, used, "..., ") + _unpack("c", names, used, "..., ")
        results = [show(_powers(e)) for e in table.values()]
        text += _vector_function(name, doc, "p, c", lines, results, p_first)

    needed = _needed(_symbols(model.observables.values()), model.derived)
    used = _symbols(model.observables.values(), [model.derived[n] for n in needed])
    lines = _unpack("y", model.states, used, "..., ") + _unpack("u", model.inputs, used, "..., ")
    lines += _unpack("p", model.parameters, used, "..., ") + _unpack("c", names, used, "..., ")
    lines += assign(model.derived, needed)
    results = [show(_powers(e)) for e in model.observables.values()]
    text += _vector_function("observables", "What assays and clinics read.", "y, u, p, c", lines, results, f_first)
    return text + _scalar_functions(model, fixed, show)


def _scalar_functions(model: Model, fixed: tuple[str, ...], show: Any) -> str:
    equations = {s: _powers(e) for s, e in model.equations.items()}
    needed = _needed(_symbols(equations.values()), model.derived)
    derived = {n: _powers(model.derived[n]) for n in needed}
    used = _symbols(equations.values(), derived.values())
    start = _unpack("y", model.states, used) + _unpack("u", model.inputs, used) + _unpack("f", fixed, used)
    start += [f"    {n} = {show(e)}" for n, e in derived.items()]
    lines = ["def rhs(y, u, f, dy):", '    """Right-hand side: writes dy."""', *start]
    lines += [f"    dy[{i}] = {show(e)}" for i, e in enumerate(equations.values())]

    lines += ["", "", "def jacobian(y, u, f, J):", '    """d(dy)/dy by the chain rule over the derived quantities."""']
    lines += [*start, "    J[:, :] = 0.0"]
    index = {name: i for i, name in enumerate(model.states)}
    total: dict[str, dict[str, sp.Symbol]] = {}
    for name, expr in derived.items():
        total[name] = {}
        for state, value in _total(expr, index, total).items():
            symbol = sp.Symbol(f"d_{name}__{state}")
            lines.append(f"    {symbol} = {show(value)}")
            total[name][state] = symbol
    for i, expr in enumerate(equations.values()):
        for state, value in _total(expr, index, total).items():
            lines.append(f"    J[{i}, {index[state]}] = {show(value)}")
    return "\n".join(lines) + "\n"


def _total(expr: sp.Expr, index: Mapping[str, int], total: Mapping[str, Mapping[str, sp.Symbol]]) -> dict[str, sp.Expr]:
    """Total derivative by each state, with the derivatives of derived quantities known."""
    result: dict[str, sp.Expr] = {}
    for symbol in sorted(expr.free_symbols, key=str):
        if symbol.name in index:
            result[symbol.name] = result.get(symbol.name, 0) + expr.diff(symbol)
        elif symbol.name in total:
            outer = expr.diff(symbol)
            for state, inner in total[symbol.name].items():
                result[state] = result.get(state, 0) + outer * inner
    return {s: result[s] for s in sorted(result, key=lambda s: index[s]) if result[s] != 0}
