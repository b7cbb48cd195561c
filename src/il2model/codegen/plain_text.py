"""The same equations as plain Python text: readable, and an independent check.

The scalar functions `rhs` and `jacobian` serve SciPy as they are and Numba after
compilation; `constants`, `baseline`, `untreated`, `margins`, `limits` and
`observables` work on whole columns of subjects through NumPy.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from ..model.language import TIME

if TYPE_CHECKING:
    from ..model.limits import Limit
    from ..model.model import Model


#: Names that the text itself needs: its functions, and the arrays that it reads and writes.
_TAKEN = frozenset(
    {*keyword.kwlist, "np", "exp", "log", "power", "y", "u", "f", "p", "c", "dy", "J", "results", "states"}
    | {"_columns", "_side", "_between"}
)


def _word(id: str) -> str:
    """Return what a symbol is called in the text: its id, unless the text needs that name."""
    return f"{id}_of_the_model" if id in _TAKEN else id


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

    def _print_Symbol(self, expr: Any) -> str:
        return _word(expr.name)

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
    return [f"    {_word(name)} = {array}[{column}{i}]" for i, name in enumerate(names) if name in used]


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
LIMITS = {limits!r}


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


def _side(root, slope):
    """Lowest and highest value where a condition is linear: beyond its root on one side."""
    return np.where(slope > 0.0, root, -np.inf), np.where(slope < 0.0, root, np.inf)


def _between(a, b):
    """Lowest and highest value where a condition is quadratic: between its roots."""
    return np.minimum(a, b), np.maximum(a, b)

'''


def _vector_function(
    name: str, doc: str, arguments: str, lines: list[str], results: list[str], first: str, width: int = 1
) -> str:
    """A function over columns; each result gives `width` of them, broadcast to the shape of `first`."""
    body = [f"def {name}({arguments}):", f'    """{doc}"""', "    exp, log, power = _columns()", *lines]
    body.append(f"    results = np.empty((*np.shape({first}), {width * len(results)}))")
    for k, result in enumerate(results):
        columns = ", ".join(f"results[..., {width * k + j}]" for j in range(width))
        body.append(f"    {columns} = {result}")
    return "\n".join([*body, "    return results"]) + "\n\n"


def write_plain(model: Model, fixed: tuple[str, ...]) -> str:
    """Return the text of the plain module of `model`; `fixed` is the kernel's order of fixed terms."""
    head = _HEAD.format(
        name=model.name,
        states=model.states,
        parameters=model.parameters,
        constants=tuple(model.constants),
        fixed=fixed,
        inputs=model.inputs,
        observables=tuple(model.observables),
        constraints=tuple(c.id for c in model.constraints),
        limits=tuple(model.limits),
    )
    columns = _column_functions(model) + _untreated(model) + _observables(model)
    return head + _COLUMNS + columns + _scalar_functions(model, fixed)


def _show(expr: sp.Expr) -> str:
    return str(_Printer().doprint(_powers(expr)))


def _assign(table: Mapping[str, sp.Expr], which: Iterable[str]) -> list[str]:
    return [f"    {_word(name)} = {_show(table[name])}" for name in which]


def _fixed_columns(model: Model, used: set[str]) -> list[str]:
    return _unpack("p", model.parameters, used, "..., ") + _unpack("c", model.constants, used, "..., ")


def _column_functions(model: Model) -> str:
    """What follows from the parameters alone: constants, baseline, margins, limits."""
    names, first = tuple(model.constants), "p[..., 0]"
    lines = _unpack("p", model.parameters, _symbols(model.constants.values()), "..., ")
    lines += _assign(model.constants, names)
    text = _vector_function(
        "constants",
        "Closed form of the untreated state; p is (..., parameter).",
        "p",
        lines,
        [_word(name) for name in names],
        first,
    )
    margins = [c.expression for c in model.constraints]
    limits = [limit for some in model.limits.values() for limit in some]
    sides = [e for limit in limits for e in (*limit.roots, limit.slope)]
    start = list(model.baseline.values())
    for name, doc, used, results, width in (
        ("baseline", "Initial states; c is (..., constant).", start, [_show(e) for e in start], 1),
        ("margins", "Conditions on the parameters; each must be positive.", margins, [_show(e) for e in margins], 1),
        ("limits", "Lowest and highest value that each condition leaves.", sides, [_sides(x) for x in limits], 2),
    ):
        text += _vector_function(name, doc, "p, c", _fixed_columns(model, _symbols(used)), results, first, width)
    return text


def _sides(limit: Limit) -> str:
    """The lowest and the highest value as text."""
    roots = [_show(root) for root in limit.roots]
    if len(roots) == 2:
        return f"_between({roots[0]}, {roots[1]})"
    return f"_side({roots[0]}, {_show(limit.slope)})"


def _untreated(model: Model) -> str:
    """The untreated course; what does not move is its value on day 0."""
    moving = {s: e for s, e in model.untreated.items() if s not in model.steady}
    used = _symbols(e for e in moving.values() if e is not None)
    lines = [
        f"def untreated(y, {TIME}, p, c):",
        '    """States (..., time, state) without drug from y (..., 1, state) on day 0, time in days (..., time)."""',
        "    exp, log, power = _columns()",
        f"    states = np.empty((*np.shape({TIME}), {len(model.states)}))",
        "    states[...] = y",
        *_unpack("y", model.states, used, "..., "),
        *_fixed_columns(model, used),
    ]
    for i, state in enumerate(model.states):
        if state in moving:
            course = moving[state]
            lines.append(f"    states[..., {i}] = {'np.nan' if course is None else _show(course)}")
    return "\n".join([*lines, "    return states"]) + "\n\n"


def _observables(model: Model) -> str:
    needed = _needed(_symbols(model.observables.values()), model.derived)
    used = _symbols(model.observables.values(), [model.derived[n] for n in needed])
    lines = _unpack("y", model.states, used, "..., ") + _unpack("u", model.inputs, used, "..., ")
    lines += _fixed_columns(model, used) + _assign(model.derived, needed)
    results = [_show(e) for e in model.observables.values()]
    return _vector_function("observables", "What assays and clinics read.", "y, u, p, c", lines, results, "y[..., 0]")


def _scalar_functions(model: Model, fixed: tuple[str, ...]) -> str:
    show = _Printer().doprint
    equations = {s: _powers(e) for s, e in model.equations.items()}
    needed = _needed(_symbols(equations.values()), model.derived)
    derived = {n: _powers(model.derived[n]) for n in needed}
    used = _symbols(equations.values(), derived.values())
    start = _unpack("y", model.states, used) + _unpack("u", model.inputs, used) + _unpack("f", fixed, used)
    start += [f"    {_word(n)} = {show(e)}" for n, e in derived.items()]
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
