"""Write LLVM IR text: one function at a time, for any number of lanes.

A lane is one patient. With four lanes every value is `<4 x double>`, and the
text is otherwise the same; with one lane it is plain `double`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

#: contract: a*b+c may fuse. nsz: the sign of zero is free. Nothing that hides NaN.
FLAGS = "contract nsz"


@dataclass
class Text:
    """A growing piece of IR; every method returns the name of a new value."""

    lanes: int
    single: bool = False  # float32
    lines: list[str] = field(default_factory=list)
    count: int = 0
    loops: int = 0

    @property
    def element(self) -> str:
        """Type of one number."""
        return "float" if self.single else "double"

    @property
    def integer(self) -> str:
        """Integer type of the same width."""
        return "i32" if self.single else "i64"

    def _wide(self, scalar: str) -> str:
        return scalar if self.lanes == 1 else f"<{self.lanes} x {scalar}>"

    @property
    def type(self) -> str:
        """Type of one value of all lanes."""
        return self._wide(self.element)

    @property
    def itype(self) -> str:
        """Integer type of one value of all lanes."""
        return self._wide(self.integer)

    @property
    def suffix(self) -> str:
        """Suffix of intrinsics."""
        bits = "f32" if self.single else "f64"
        return bits if self.lanes == 1 else f"v{self.lanes}{bits}"

    @property
    def align(self) -> int:
        """Alignment of the work buffer in bytes."""
        return self.lanes * (4 if self.single else 8)

    def fresh(self) -> str:
        """Return an unused name."""
        self.count += 1
        return f"%t{self.count}"

    def op(self, text: str) -> str:
        """Add an operation."""
        name = self.fresh()
        self.lines.append(f"  {name} = {text}")
        return name

    def literal(self, value: float) -> str:
        """Spell a number exactly, for one lane."""
        if self.single:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"

    def const(self, value: float) -> str:
        """Spell a number for all lanes."""
        one = self.literal(value)
        return one if self.lanes == 1 else "<" + ", ".join([f"{self.element} {one}"] * self.lanes) + ">"

    def iconst(self, value: int) -> str:
        """Spell an integer for all lanes."""
        return str(value) if self.lanes == 1 else "<" + ", ".join([f"{self.integer} {value}"] * self.lanes) + ">"

    def binary(self, name: str, a: str, b: str) -> str:
        """fadd, fsub, fmul or fdiv."""
        return self.op(f"{name} {FLAGS} {self.type} {a}, {b}")

    def add(self, a: str, b: str) -> str:
        """A + b."""
        return self.binary("fadd", a, b)

    def sub(self, a: str, b: str) -> str:
        """A - b."""
        return self.binary("fsub", a, b)

    def mul(self, a: str, b: str) -> str:
        """A * b."""
        return self.binary("fmul", a, b)

    def div(self, a: str, b: str) -> str:
        """A / b."""
        return self.binary("fdiv", a, b)

    def fma(self, a: str, b: str, c: str) -> str:
        """A * b + c, rounded once."""
        t = self.type
        return self.op(f"call {t} @llvm.fma.{self.suffix}({t} {a}, {t} {b}, {t} {c})")

    def abs(self, a: str) -> str:
        """|a|."""
        return self.op(f"call {self.type} @llvm.fabs.{self.suffix}({self.type} {a})")

    def call(self, name: str, a: str) -> str:
        """Call one of the inlined functions."""
        return self.op(f"call {self.type} @{name}({self.type} {a})")

    def choose(self, predicate: str, a: str, b: str, yes: str, no: str) -> str:
        """Yes where `a predicate b`, else no."""
        mask = "i1" if self.lanes == 1 else f"<{self.lanes} x i1>"
        test = self.op(f"fcmp {predicate} {self.type} {a}, {b}")
        return self.op(f"select {mask} {test}, {self.type} {yes}, {self.type} {no}")

    def at(self, pointer: str, offset: int | str) -> str:
        """Pointer to `offset` numbers behind `pointer`."""
        if offset == 0:
            return pointer
        return self.op(f"getelementptr inbounds {self.element}, ptr {pointer}, i64 {offset}")

    def load(self, pointer: str, offset: int | str = 0) -> str:
        """Read one value of all lanes."""
        return self.op(f"load {self.type}, ptr {self.at(pointer, offset)}, align {self.align}")

    def store(self, value: str, pointer: str, offset: int | str = 0) -> None:
        """Write one value of all lanes."""
        where = self.at(pointer, offset)
        self.lines.append(f"  store {self.type} {value}, ptr {where}, align {self.align}")

    def splat(self, scalar: str) -> str:
        """Copy one number to all lanes."""
        if self.lanes == 1:
            return scalar
        one = self.op(f"insertelement {self.type} poison, {self.element} {scalar}, i32 0")
        return self.op(f"shufflevector {self.type} {one}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    def begin_loop(self) -> str:
        """Open a loop; returns the index, which counts states."""
        self.loops += 1
        k = self.loops
        self.lines += [f"  br label %pre{k}", f"pre{k}:", f"  br label %loop{k}", f"loop{k}:"]
        self.lines.append(f"  %i{k} = phi i64 [ 0, %pre{k} ], [ %next{k}, %loop{k} ]")
        return f"%i{k}"

    def end_loop(self, size: int | str) -> None:
        """Close the loop opened last, after `size` rounds."""
        k = self.loops
        self.lines += [
            f"  %next{k} = add nuw nsw i64 %i{k}, 1",
            f"  %more{k} = icmp ult i64 %next{k}, {size}",
            f"  br i1 %more{k}, label %loop{k}, label %done{k}",
            f"done{k}:",
        ]

    def horner(self, coefficients: list[float], x: str) -> str:
        """Evaluate a polynomial, lowest coefficient first, in pairs (Estrin)."""
        terms = [self.const(c) for c in coefficients]
        while len(terms) > 1:
            pairs = [self.fma(terms[i + 1], x, terms[i]) for i in range(0, len(terms) - 1, 2)]
            terms = pairs + ([terms[-1]] if len(terms) % 2 else [])
            if len(terms) > 1:
                x = self.mul(x, x)
        return terms[0]


def function(text: Text, head: str, result: str | None = None) -> str:
    """Wrap the lines of `text` into a function."""
    end = "ret void" if result is None else f"ret {text.type} {result}"
    return "\n".join([f"define {head} {{", "entry:", *text.lines, f"  {end}", "}", ""])
