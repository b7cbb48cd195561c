"""Write LLVM IR text: one function at a time, for any number of lanes.

A lane is one patient. With four lanes every value is `<4 x double>`, and the
text is otherwise the same; with one lane it is plain `double`. `exp` and `log`
are inlined polynomials, because a library call would stop vectorisation; NaN
passes through them, so that the error test sees it.
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

    def end_loop(self, size: int) -> None:
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


def _exp64(t: Text) -> str:
    magic = 6755399441055744.0  # 1.5 x 2**52: adding it rounds to an integer
    x = t.choose("ogt", "%x", t.const(700.0), t.const(700.0), "%x")
    x = t.choose("olt", x, t.const(-700.0), t.const(-700.0), x)
    shifted = t.fma(x, t.const(1.4426950408889634), t.const(magic))
    bits = t.op(f"bitcast {t.type} {shifted} to {t.itype}")
    k = t.op(f"fsub {t.type} {shifted}, {t.const(magic)}")
    r = t.fma(k, t.const(-6.93147180369123816490e-01), x)
    r = t.fma(k, t.const(-1.90821492927058770002e-10), r)
    factorials = [1.0, 1.0, 0.5]
    for n in range(3, 13):
        factorials.append(factorials[-1] / n)
    p = t.horner(factorials, r)
    e = t.op(f"sub {t.itype} {bits}, {t.iconst(0x4338000000000000 - 1023)}")
    e = t.op(f"shl {t.itype} {e}, {t.iconst(52)}")
    return t.mul(p, t.op(f"bitcast {t.itype} {e} to {t.type}"))


def _log64(t: Text) -> str:
    x = t.choose("olt", "%x", t.const(1e-300), t.const(1e-300), "%x")
    bits = t.op(f"bitcast {t.type} {x} to {t.itype}")
    above = t.op(f"sub {t.itype} {bits}, {t.iconst(0x3FE6A09E667F3BCD)}")
    # arithmetic shift by 52 in logical steps: AVX2 has no 64-bit arithmetic shift
    biased = t.op(f"add {t.itype} {above}, {t.iconst(2048 << 52)}")
    k = t.op(f"sub {t.itype} {t.op(f'lshr {t.itype} {biased}, {t.iconst(52)}')}, {t.iconst(2048)}")
    mantissa = t.op(f"sub {t.itype} {bits}, {t.op(f'shl {t.itype} {k}, {t.iconst(52)}')}")
    m = t.op(f"bitcast {t.itype} {mantissa} to {t.type}")
    magic = t.op(f"add {t.itype} {k}, {t.iconst(0x4338000000000000)}")
    kd = t.op(f"fsub {t.type} {t.op(f'bitcast {t.itype} {magic} to {t.type}')}, {t.const(6755399441055744.0)}")
    s = t.div(t.sub(m, t.const(1.0)), t.add(m, t.const(1.0)))
    z = t.mul(s, s)
    p = t.mul(t.horner([1.0 / n for n in range(3, 21, 2)], z), z)
    twice = t.add(s, s)
    low = t.fma(twice, p, t.mul(kd, t.const(1.90821492927058770002e-10)))
    value = t.fma(kd, t.const(6.93147180369123816490e-01), t.add(twice, low))
    return t.fma("%x", t.const(0.0), value)  # NaN and infinity stay visible


def _exp32(t: Text) -> str:
    x = t.choose("ogt", "%x", t.const(80.0), t.const(80.0), "%x")
    x = t.choose("olt", x, t.const(-80.0), t.const(-80.0), x)
    shifted = t.fma(x, t.const(1.4426950408889634), t.const(12582912.0))
    bits = t.op(f"bitcast {t.type} {shifted} to {t.itype}")
    k = t.op(f"fsub {t.type} {shifted}, {t.const(12582912.0)}")
    r = t.fma(k, t.const(-0.693145751953125), x)
    r = t.fma(k, t.const(-1.428606765330187e-06), r)
    p = t.horner([1.0, 1.0, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040], r)
    e = t.op(f"sub {t.itype} {bits}, {t.iconst(0x4B400000 - 127)}")
    e = t.op(f"shl {t.itype} {e}, {t.iconst(23)}")
    return t.mul(p, t.op(f"bitcast {t.itype} {e} to {t.type}"))


def _log32(t: Text) -> str:
    x = t.choose("olt", "%x", t.const(1e-37), t.const(1e-37), "%x")
    bits = t.op(f"bitcast {t.type} {x} to {t.itype}")
    above = t.op(f"sub {t.itype} {bits}, {t.iconst(0x3F3504F3)}")
    k = t.op(f"ashr {t.itype} {above}, {t.iconst(23)}")
    mantissa = t.op(f"sub {t.itype} {bits}, {t.op(f'shl {t.itype} {k}, {t.iconst(23)}')}")
    m = t.op(f"bitcast {t.itype} {mantissa} to {t.type}")
    kd = t.op(f"sitofp {t.itype} {k} to {t.type}")
    s = t.div(t.sub(m, t.const(1.0)), t.add(m, t.const(1.0)))
    z = t.mul(s, s)
    p = t.mul(t.horner([1 / 3, 1 / 5, 1 / 7, 1 / 9], z), z)
    twice = t.add(s, s)
    value = t.fma(kd, t.const(0.6931471805599453), t.fma(twice, p, twice))
    return t.fma("%x", t.const(0.0), value)


def elementary_functions(lanes: int, single: bool) -> str:
    """Return the text of `vexp` and `vlog`."""
    out = []
    for name, body in (("vexp", _exp32 if single else _exp64), ("vlog", _log32 if single else _log64)):
        t = Text(lanes, single)
        result = body(t)
        out.append(function(t, f"internal {t.type} @{name}({t.type} %x) alwaysinline", result))
    return "\n".join(out)
