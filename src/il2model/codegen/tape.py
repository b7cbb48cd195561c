"""The model as straight-line arithmetic: equal terms share one number.

A tape is a list of operations in which every distinct term appears once (value
numbering). It knows which terms stay fixed for a patient, so that those are
computed once, and it differentiates itself forward, so that the Jacobian shares
its powers and logarithms with the right-hand side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import ModelError

if TYPE_CHECKING:
    import sympy as sp

    from ..model.model import Model

Node = int


@dataclass(frozen=True)
class Op:
    """One operation: its name, its operands and, for constants and leaves, its value."""

    name: str  # const, fixed, state, input, add, sub, mul, div, pow, exp, log
    args: tuple[Node, ...] = ()
    value: float | int = 0.0


@dataclass
class Tape:
    """Operations by number; `moving[i]` is False where term i is fixed for a patient."""

    ops: list[Op] = field(default_factory=list)
    moving: list[bool] = field(default_factory=list)
    _index: dict[Op, Node] = field(default_factory=dict)

    def put(self, op: Op) -> Node:
        """Return the number of `op`, adding it if it is new."""
        node = self._index.get(op)
        if node is None:
            node = len(self.ops)
            self._index[op] = node
            self.ops.append(op)
            self.moving.append(op.name in ("state", "input") or any(self.moving[a] for a in op.args))
        return node

    def const(self, value: float) -> Node:
        """A number."""
        return self.put(Op("const", (), float(value)))

    def value(self, node: Node) -> float | None:
        """The number a node stands for, or None."""
        op = self.ops[node]
        return float(op.value) if op.name == "const" else None

    def add(self, a: Node, b: Node) -> Node:
        """A + b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.const(x + y)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        return self.put(Op("add", (min(a, b), max(a, b))))

    def sub(self, a: Node, b: Node) -> Node:
        """A - b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.const(x - y)
        if y == 0.0:
            return a
        return self.put(Op("sub", (a, b)))

    def mul(self, a: Node, b: Node) -> Node:
        """A * b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.const(x * y)
        if x == 0.0 or y == 0.0:
            return self.const(0.0)
        if x == 1.0:
            return b
        if y == 1.0:
            return a
        return self.put(Op("mul", (min(a, b), max(a, b))))

    def div(self, a: Node, b: Node) -> Node:
        """A / b; a division by what is fixed becomes a product with its reciprocal."""
        x, y = self.value(a), self.value(b)
        if x == 0.0:
            return a
        if x is not None and y is not None:
            return self.const(x / y)
        if y == 1.0:
            return a
        if self.moving[a] and not self.moving[b]:
            return self.mul(a, self.put(Op("div", (self.const(1.0), b))))
        return self.put(Op("div", (a, b)))

    def power(self, base: Node, exponent: Node) -> Node:
        """Base ** exponent; small integers become products."""
        e = self.value(exponent)
        if e is not None and e == int(e) and abs(e) <= 8:
            result: Node | None = None
            square, k = base, abs(int(e))
            while k:
                if k & 1:
                    result = square if result is None else self.mul(result, square)
                k >>= 1
                if k:
                    square = self.mul(square, square)
            if result is None:
                return self.const(1.0)
            return result if e > 0 else self.div(self.const(1.0), result)
        return self.put(Op("pow", (base, exponent)))

    def exp(self, a: Node) -> Node:
        """exp(a)."""
        return self.put(Op("exp", (a,)))

    def log(self, a: Node) -> Node:
        """log(a)."""
        return self.put(Op("log", (a,)))

    def _fold(self, nodes: list[Node], join: Callable[[Node, Node], Node]) -> Node | None:
        """Join nodes, those fixed for a patient first."""
        result: Node | None = None
        for node in sorted(nodes, key=lambda n: self.moving[n]):
            result = node if result is None else join(result, node)
        return result

    def lower(self, expr: sp.Expr, leaves: Mapping[str, Node]) -> Node:
        """Write a SymPy expression to the tape.

        Raises
        ------
        ModelError
            If the expression holds a function outside the model language.
        """
        if expr.is_Symbol:
            return leaves[expr.name]
        if expr.is_Number:
            return self.const(float(expr))
        if expr.is_Add:
            return self._lower_sum(expr, leaves)
        if expr.is_Mul:
            return self._lower_product(expr, leaves)
        if expr.is_Pow:
            if expr.exp.is_Number and expr.exp < 0:
                return self.div(self.const(1.0), self.lower(expr.base ** (-expr.exp), leaves))
            return self.power(self.lower(expr.base, leaves), self.lower(expr.exp, leaves))
        import sympy as sp  # a tape that is read back needs no symbols

        if isinstance(expr, sp.exp):
            return self.exp(self.lower(expr.args[0], leaves))
        if isinstance(expr, sp.log):
            return self.log(self.lower(expr.args[0], leaves))
        raise ModelError(f"The function {expr.func.__name__} is not part of the model language.")

    def _lower_sum(self, expr: sp.Expr, leaves: Mapping[str, Node]) -> Node:
        plus: list[Node] = []
        minus: list[Node] = []
        for term in expr.args:
            negative = term.could_extract_minus_sign()
            (minus if negative else plus).append(self.lower(-term if negative else term, leaves))
        total = self._fold(plus, self.add)
        less = self._fold(minus, self.add)
        if less is None:
            assert total is not None
            return total
        return self.sub(self.const(0.0) if total is None else total, less)

    def _lower_product(self, expr: sp.Expr, leaves: Mapping[str, Node]) -> Node:
        over: list[Node] = []
        under: list[Node] = []
        for factor in expr.args:
            if factor.is_Pow and factor.exp.is_Number and factor.exp < 0:
                under.append(self.lower(factor.base ** (-factor.exp), leaves))
            else:
                over.append(self.lower(factor, leaves))
        fixed_under = self._fold([n for n in under if not self.moving[n]], self.mul)
        moving_under = self._fold([n for n in under if self.moving[n]], self.mul)
        if fixed_under is not None:
            over.append(self.div(self.const(1.0), fixed_under))
        top = self._fold(over, self.mul)
        top = self.const(1.0) if top is None else top
        return top if moving_under is None else self.div(top, moving_under)

    def gradients(self, nodes: Iterable[Node]) -> list[dict[int, Node]]:
        """Return, per node, its derivative by each state it depends on (forward mode)."""
        done: dict[Node, dict[int, Node]] = {}
        wanted = list(nodes)
        for node in self.reach(wanted):
            done[node] = self._gradient(node, done)
        return [done[n] for n in wanted]

    def _gradient(self, node: Node, known: Mapping[Node, dict[int, Node]]) -> dict[int, Node]:
        op = self.ops[node]
        if op.name == "state":
            return {int(op.value): self.const(1.0)}
        if not self.moving[node] or op.name == "input":
            return {}
        a = op.args[0]
        da = known[a]
        if op.name in ("exp", "log", "pow"):
            if op.name == "exp":
                outer = node
            elif op.name == "log":
                outer = self.div(self.const(1.0), a)
            else:
                if self.moving[op.args[1]]:
                    raise ModelError("An exponent may not depend on a state.")
                # by the power itself, not power / base: finite where the base is zero
                lower = self.sub(op.args[1], self.const(1.0))
                outer = self.mul(op.args[1], self.power(a, lower))
            return {j: self.mul(outer, d) for j, d in da.items()}
        b = op.args[1]
        db = known[b]
        result: dict[int, Node] = {}
        inverse = self.div(self.const(1.0), b) if op.name == "div" else None
        for j in sorted({*da, *db}):
            x, y = da.get(j), db.get(j)
            if op.name == "add":
                terms = [t for t in (x, y) if t is not None]
                result[j] = terms[0] if len(terms) == 1 else self.add(*terms)
            elif op.name == "sub":
                left = self.const(0.0) if x is None else x
                result[j] = left if y is None else self.sub(left, y)
            elif op.name == "mul":
                left = self.const(0.0) if x is None else self.mul(x, b)
                result[j] = left if y is None else self.add(left, self.mul(a, y))
            else:  # (a' - (a/b) b') / b
                assert inverse is not None
                left = self.const(0.0) if x is None else x
                top = left if y is None else self.sub(left, self.mul(node, y))
                result[j] = self.mul(top, inverse)
        return {j: d for j, d in result.items() if self.value(d) != 0.0}

    def reach(self, nodes: Iterable[Node]) -> list[Node]:
        """Return all nodes that `nodes` need, in order of evaluation."""
        seen: set[Node] = set()
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(self.ops[node].args)
        return sorted(seen)


@dataclass(frozen=True)
class Program:
    """A model on a tape: right-hand side and sparse Jacobian as node numbers.

    `fixed` names the leaves that are fixed for a patient (parameters, then
    constants), in the order in which a kernel expects them.
    """

    tape: Tape
    states: tuple[str, ...]
    fixed: tuple[str, ...]
    inputs: tuple[str, ...]
    scales: tuple[float, ...]
    rhs: tuple[Node, ...]
    jacobian: Mapping[tuple[int, int], Node]


def build_program(model: Model) -> Program:
    """Write the equations of `model` to a tape and differentiate them."""
    tape = Tape()
    used = {s.name for e in (*model.equations.values(), *model.derived.values()) for s in e.free_symbols}
    fixed = tuple(n for n in (*model.parameters, *model.constants) if n in used)
    leaves: dict[str, Node] = {}
    for kind, names in (("fixed", fixed), ("state", model.states), ("input", model.inputs)):
        for i, name in enumerate(names):
            leaves[name] = tape.put(Op(kind, (), i))
    for name, expr in model.derived.items():
        leaves[name] = tape.lower(expr, leaves)
    rhs = tuple(tape.lower(model.equations[s], leaves) for s in model.states)
    jacobian = {(i, j): d for i, row in enumerate(tape.gradients(rhs)) for j, d in row.items()}
    return Program(tape, model.states, fixed, model.inputs, model.scales, rhs, jacobian)
