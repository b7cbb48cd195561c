"""Terms of a tape as LLVM text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .layout import Layout
from .llvm_text import Text
from .tape import Node, Op, Tape


@dataclass
class Evaluation:
    """Terms of a tape as operations of a text; a term is written once.

    `state` points to the states; without it only terms that are fixed for a
    patient can be written.
    """

    tape: Tape
    layout: Layout
    hoisted: Mapping[Node, int]  # fixed terms that `prepare` keeps, and where
    t: Text
    state: str | None
    values: dict[Node, str] = field(default_factory=dict)
    logs: dict[Node, str] = field(default_factory=dict)

    def run(self, wanted: Sequence[Node]) -> dict[Node, str]:
        """Write what `wanted` need; return the names of all values."""
        for node in self.tape.reach(wanted):
            if self.state is None or self.tape.moving[node]:
                self.get(node)
        for node in wanted:
            self.get(node)
        return self.values

    def get(self, node: Node) -> str:
        """Return the name of a term's value."""
        if node not in self.values:
            op = self.tape.ops[node]
            if op.name in ("const", "fixed", "input", "state"):
                self.values[node] = self._leaf(op)
            elif self.state is not None and not self.tape.moving[node]:
                self.values[node] = self.t.load("%w", self.layout.Q + self.hoisted[node] * self.layout.lanes)
            else:
                self.values[node] = self._compute(op)
        return self.values[node]

    def _leaf(self, op: Op) -> str:
        if op.name == "const":
            return self.t.const(float(op.value))
        offset = int(op.value) * self.layout.lanes
        if op.name == "state":
            assert self.state is not None
            return self.t.load(self.state, offset)
        return self.t.load("%w", (self.layout.P if op.name == "fixed" else self.layout.IN) + offset)

    def _log(self, node: Node) -> str:
        if node not in self.logs:
            self.logs[node] = self.t.call("vlog", self.get(node))
        return self.logs[node]

    def _compute(self, op: Op) -> str:
        if op.name == "pow":
            return self.t.call("vexp", self.t.mul(self.get(op.args[1]), self._log(op.args[0])))
        if op.name == "log":
            return self._log(op.args[0])
        if op.name == "exp":
            return self.t.call("vexp", self.get(op.args[0]))
        return self.t.binary("f" + op.name, self.get(op.args[0]), self.get(op.args[1]))
