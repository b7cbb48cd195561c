"""`exp` and `log` as LLVM text, for any number of lanes.

They are inlined polynomials, because a library call would stop vectorisation. NaN
passes through them, so that the error test sees it; arguments outside the range
of the table are clamped to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from .llvm_text import Text, function

#: (function, precision): smallest and largest argument, and the largest error between them in units
#: in the last place of the result; `tests/unit/codegen` measures 2.86, 1.84, 1.56 and 1.82.
ERRORS: Mapping[tuple[str, str], tuple[float, float, float]] = {
    ("exp", "float64"): (-700.0, 700.0, 3.0),
    ("log", "float64"): (1e-300, 1e300, 2.0),
    ("exp", "float32"): (-80.0, 80.0, 2.0),
    ("log", "float32"): (1e-37, 1e37, 2.0),
}


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
