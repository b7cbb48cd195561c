"""The inlined exp and log against extended precision, over their whole range."""

import ctypes

import numpy as np
import pytest

from il2model.codegen.elementary import ERRORS, elementary_functions
from il2model.codegen.llvm_text import Text, function
from il2model.solver import machine

POINTS = 40_000


def compiled(name, single):
    """The function as a NumPy function of one argument."""
    t, map_ = Text(1, single), Text(1, single)
    head = [f"declare {t.type} @llvm.fma.{t.suffix}({t.type}, {t.type}, {t.type})", elementary_functions(1, single)]
    i = map_.begin_loop()
    map_.store(map_.call(f"v{name}", map_.load("%x", i)), "%y", i)
    map_.end_loop(POINTS)
    text = "\n".join([*head, function(map_, "void @map(ptr %x, ptr %y)")])
    address = machine.load_object(machine.compile_text(text), ("map",))["map"]
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(address)

    def apply(x):
        x = np.ascontiguousarray(x, np.float32 if single else np.float64)
        assert x.shape == (POINTS,)
        y = np.empty_like(x)
        call(x.ctypes.data, y.ctypes.data)
        return y

    return apply


def points(name, low, high):
    """Arguments over the range: even steps for exp, even factors for log, and many near the zero of the result."""
    half = POINTS // 2
    if name == "exp":
        return np.concatenate([np.linspace(low, high, half), np.linspace(-1, 1, POINTS - half)])
    return np.concatenate([np.geomspace(low, high, half), np.geomspace(0.5, 2.0, POINTS - half)])


@pytest.mark.parametrize(("name", "precision"), ERRORS)
def test_the_error_is_that_of_the_table(name, precision):
    """The table holds a bound that is measured here, and is not far above it."""
    low, high, bound = ERRORS[name, precision]
    kind = np.float32 if precision == "float32" else np.float64
    x = points(name, low, high).astype(kind)
    y = compiled(name, precision == "float32")(x)
    exact = getattr(np, name)(x.astype(np.longdouble))
    unit = np.spacing(np.abs(exact).astype(kind))
    worst = float((np.abs(y.astype(np.longdouble) - exact) / unit).max())
    print(f"{name} {precision}: {worst:.2f} units in the last place")
    assert 0.5 * bound < worst <= bound


@pytest.mark.parametrize(("name", "precision"), ERRORS)
def test_nan_stays_visible_and_arguments_outside_the_range_are_clamped(name, precision):
    low = ERRORS[name, precision][0]
    apply = compiled(name, precision == "float32")
    y = apply(np.resize([np.nan, low, -np.inf if name == "exp" else 0.0, 1.0], POINTS))
    assert np.isnan(y[0])
    assert y[1] == y[2]
    assert float(y[3]) == pytest.approx(np.e if name == "exp" else 0.0, rel=3 * float(np.finfo(y.dtype).eps))
