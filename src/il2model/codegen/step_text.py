"""The model's own functions as LLVM text: prepare, factor, stage, attempt.

`attempt` makes one Rodas5P step of every lane from Y to N, with the error
estimate, the step-size factor and two safety numbers, all in one work buffer
whose layout is returned with the text.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import tableau
from .elementary import elementary_functions
from .evaluation import Evaluation
from .layout import make_layout
from .linear_algebra import Elimination, eliminate
from .llvm_text import Text, function
from .tape import Node, Program

SAFETY = 0.9


class StepWriter:
    """Write the functions of one program for a number of lanes."""

    def __init__(self, program: Program, lanes: int, single: bool = False) -> None:
        self.program = program
        self.lu: Elimination = eliminate(len(program.states), program.jacobian)
        self.lanes, self.single = lanes, single
        tape = program.tape
        wanted = tape.reach([*program.rhs, *program.jacobian.values()])
        moving = [n for n in wanted if tape.moving[n]]
        results = {*program.rhs, *program.jacobian.values()}
        needed = {a for n in moving for a in tape.ops[n].args} | results
        hoisted = sorted(n for n in needed if not tape.moving[n] and tape.ops[n].name not in ("const", "fixed"))
        self.hoisted = {node: k for k, node in enumerate(hoisted)}
        self.layout = make_layout(program, lanes, single, len(self.lu.slots), len(hoisted))
        self.n = len(program.states)

    def text(self) -> str:
        """Return the whole module."""
        t = Text(self.lanes, self.single)
        scale = ", ".join(f"{t.element} {t.literal(s)}" for s in self.program.scales)
        head = [
            f"@scale = internal constant [{self.n} x {t.element}] [{scale}]",
            f"declare {t.type} @llvm.fma.{t.suffix}({t.type}, {t.type}, {t.type})",
            f"declare {t.type} @llvm.fabs.{t.suffix}({t.type})",
            "",
            elementary_functions(self.lanes, self.single),
        ]
        body = [self._prepare(), self._factor(), self._stage(), self._rhs(), self._attempt()]
        return "\n".join(head + body)

    def _new(self) -> Text:
        return Text(self.lanes, self.single)

    def _evaluate(self, t: Text, nodes: Iterable[Node], state: str | None) -> dict[Node, str]:
        """Write the operations that `nodes` need; states are read behind `state`."""
        return Evaluation(self.program.tape, self.layout, self.hoisted, t, state).run(list(nodes))

    def _prepare(self) -> str:
        """Terms that are fixed for a patient."""
        t = self._new()
        values = self._evaluate(t, self.hoisted, None)
        for node, k in self.hoisted.items():
            t.store(values[node], "%w", self.layout.Q + k * self.lanes)
        return function(t, "void @prepare(ptr noalias %w)")

    def _solve(self, t: Text, b: list[str], slot: dict[int, str]) -> list[str]:
        """Back-substitute the right side `b`; `slot` caches entries of W."""

        def entry(k: int) -> str:
            if k not in slot:
                slot[k] = t.load("%w", self.layout.W + k * self.lanes)
            return slot[k]

        for name, row, k, column in self.lu.solve:
            if name == "sub":
                b[row] = t.sub(b[row], t.mul(entry(k), b[column]))
            else:
                b[row] = t.mul(b[row], entry(k))
        return b

    def _factor(self) -> str:
        """f(Y), the Jacobian, LU of 1/(gamma h) I - J, and the first stage."""
        t, p, lo, V = self._new(), self.program, self.layout, self.lanes
        values = self._evaluate(t, [*p.rhs, *p.jacobian.values()], "%y")
        diagonal = t.mul(t.load("%w", lo.HINV), t.const(1.0 / tableau.GAMMA))
        w: dict[int, str] = {}
        column: dict[int, list[str]] = {j: [] for j in range(self.n)}
        for (i, j), k in self.lu.slots.items():
            node = p.jacobian.get((i, j))
            if i == j:
                w[k] = diagonal if node is None else t.sub(diagonal, values[node])
            elif node is not None:
                w[k] = t.sub(t.const(0.0), values[node])
            if k in w:
                column[j].append(w[k])
        for j, entries in column.items():  # column sums, for the checksum of the solve
            total = entries[0]
            for e in entries[1:]:
                total = t.add(total, e)
            t.store(total, "%w", lo.CS + j * V)
        for name, a, b, c in self.lu.factor:
            if name == "inv":
                w[a] = t.div(t.const(1.0), w[a])
            elif name == "mul":
                w[a] = t.mul(w[a], w[b])
            else:
                product = t.mul(w[b], w[c])
                w[a] = t.sub(w.get(a, t.const(0.0)), product)
        for k, value in w.items():
            t.store(value, "%w", lo.W + k * V)
        solution = self._solve(t, [values[n] for n in p.rhs], dict(w))
        for i, value in enumerate(solution):
            t.store(value, "%k", i * V)
        return function(t, "internal void @factor(ptr noalias %w, ptr noalias %y, ptr noalias %k) noinline")

    def _stage(self) -> str:
        """K <- W^-1 (f(u) + k / h): right-hand side and solve of one stage."""
        t, p, lo = self._new(), self.program, self.layout
        hinv = t.load("%w", lo.HINV)
        values = self._evaluate(t, p.rhs, "%u")
        b = [t.fma(hinv, t.load("%k", i * self.lanes), values[n]) for i, n in enumerate(p.rhs)]
        for i, value in enumerate(self._solve(t, b, {})):
            t.store(value, "%k", i * self.lanes)
        return function(t, "internal void @stage(ptr noalias %w, ptr noalias %u, ptr noalias %k) noinline")

    def _rhs(self) -> str:
        """f(u) alone, for tests and for other solvers."""
        t, p = self._new(), self.program
        values = self._evaluate(t, p.rhs, "%u")
        for i, n in enumerate(p.rhs):
            t.store(values[n], "%f", i * self.lanes)
        return function(t, "void @rhs(ptr noalias %w, ptr noalias %u, ptr noalias %f)")

    def _attempt(self) -> str:
        t, lo, V, n = self._new(), self.layout, self.lanes, self.n
        block = n * V
        K = [lo.K + s * block for s in range(tableau.STAGES)]

        def pointer(offset: int) -> str:
            return t.at("%w", offset)

        Y, N, U = pointer(lo.Y), pointer(lo.N), pointer(lo.U)
        k = [pointer(o) for o in K]
        t.store(t.div(t.const(1.0), t.load("%w", lo.H)), "%w", lo.HINV)

        take = t.load("%w", lo.TAKE)
        i = t.op(f"mul i64 {t.begin_loop()}, {V}")
        t.store(t.choose("ogt", take, t.const(0.5), t.load(N, i), t.load(Y, i)), Y, i)
        t.end_loop(n)
        t.lines.append(f"  call void @factor(ptr %w, ptr {Y}, ptr {k[0]})")

        rows, tail = tableau.rows(), len(tableau.A)
        for s in range(1, tableau.STAGES):
            i = t.op(f"mul i64 {t.begin_loop()}, {V}")
            earlier = [t.load(k[j], i) for j in range(s)]
            if s < tail:
                u = t.load(Y, i)
                for j in range(s):
                    u = t.fma(earlier[j], t.const(rows[s][j]), u)
            else:
                u = t.add(t.load(U, i), earlier[-1])
            t.store(u, U, i)
            g = t.mul(earlier[0], t.const(tableau.C[s][0]))
            for j in range(1, s):
                g = t.fma(earlier[j], t.const(tableau.C[s][j]), g)
            t.store(g, k[s], i)
            t.end_loop(n)
            if s == tableau.STAGES - 1:
                self._stage_with_checksum(t, U, k[s])
            else:
                t.lines.append(f"  call void @stage(ptr %w, ptr {U}, ptr {k[s]})")
        self._error(t, Y, N, U, k[-1])
        return function(t, "void @attempt(ptr noalias %w, double %rtol, double %atol)")

    def _stage_with_checksum(self, t: Text, U: str, k: str) -> None:
        """Last stage: keep the right side's sum and compare it with W times the solution."""
        lo, V, n = self.layout, self.lanes, self.n
        F = t.at("%w", lo.N)  # N is free until the error loop
        t.lines.append(f"  call void @rhs(ptr %w, ptr {U}, ptr {F})")
        t.store(t.const(0.0), "%w", lo.RES)
        t.store(t.const(1e-30), "%w", lo.ERR)
        hinv = t.load("%w", lo.HINV)
        i = t.op(f"mul i64 {t.begin_loop()}, {V}")
        b = t.fma(hinv, t.load(k, i), t.load(F, i))
        t.store(b, k, i)
        t.store(t.add(t.load("%w", lo.RES), b), "%w", lo.RES)
        t.store(t.add(t.load("%w", lo.ERR), t.abs(b)), "%w", lo.ERR)
        t.end_loop(n)
        t.lines.append(f"  call void @solve(ptr %w, ptr {k})")
        i = t.op(f"mul i64 {t.begin_loop()}, {V}")
        x = t.mul(t.load("%w", t.op(f"add i64 {i}, {lo.CS}")), t.load(k, i))
        t.store(t.sub(t.load("%w", lo.RES), x), "%w", lo.RES)
        t.store(t.add(t.load("%w", lo.ERR), t.abs(x)), "%w", lo.ERR)
        t.end_loop(n)
        t.store(t.div(t.abs(t.load("%w", lo.RES)), t.load("%w", lo.ERR)), "%w", lo.RES)

    def solve_text(self) -> str:
        """The solve alone."""
        t = self._new()
        b = [t.load("%k", i * self.lanes) for i in range(self.n)]
        for i, value in enumerate(self._solve(t, b, {})):
            t.store(value, "%k", i * self.lanes)
        return function(t, "internal void @solve(ptr noalias %w, ptr noalias %k) noinline")

    def _error(self, t: Text, Y: str, N: str, U: str, last: str) -> None:
        """N, the mean square error, the step factor and the growth."""
        lo, V, n = self.layout, self.lanes, self.n
        rtol, atol = "%rtol", "%atol"
        if self.single:
            rtol, atol = (t.op(f"fptrunc double {x} to float") for x in (rtol, atol))
        relative, absolute = t.splat(rtol), t.splat(atol)
        t.store(t.const(1e-30), "%w", lo.ERR)
        t.store(t.const(0.0), "%w", lo.GROW)
        index = t.begin_loop()
        i = t.op(f"mul i64 {index}, {V}")
        e = t.load(last, i)
        new = t.add(t.load(U, i), e)
        t.store(new, N, i)
        where = t.op(f"getelementptr inbounds {t.element}, ptr @scale, i64 {index}")
        scale = t.splat(t.op(f"load {t.element}, ptr {where}"))
        old, size = t.abs(t.load(Y, i)), t.abs(new)
        largest = t.choose("ogt", old, size, old, size)
        ratio = t.div(e, t.fma(relative, largest, t.mul(absolute, scale)))
        t.store(t.fma(ratio, ratio, t.load("%w", lo.ERR)), "%w", lo.ERR)
        growth, seen = t.div(size, scale), t.load("%w", lo.GROW)
        t.store(t.choose("ogt", growth, seen, growth, seen), "%w", lo.GROW)
        t.end_loop(n)
        mean = t.mul(t.load("%w", lo.ERR), t.const(1.0 / n))
        t.store(mean, "%w", lo.ERR)
        power = t.call("vexp", t.mul(t.const(-0.5 / tableau.ORDER), t.call("vlog", mean)))
        t.store(t.mul(t.const(SAFETY), power), "%w", lo.FAC)
