"""The driver through Numba to LLVM text: the only use of Numba in the fast route."""

from __future__ import annotations

from types import FunctionType
from typing import get_type_hints

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.base import BaseContext
from numba.core.types.containers import BaseTuple
from numba.core.types.misc import CPointer
from numba.core.typing import Context, Signature
from numba.extending import intrinsic

from . import driver, machine
from .problem import Floats, Ints

#: Nothing that needs Numba's own runtime, and no way in but the address.
OPTIONS = {"error_model": "numpy", "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "nogil": True}


def _call(context: Context, address: types.Type, work: types.Type, reals: types.Type) -> tuple[Signature, object]:
    """Call a function by address, as a plain C function."""

    def build(context: BaseContext, builder: ir.IRBuilder, signature: Signature, values: list[ir.Value]) -> ir.Value:
        arguments = [values[1], *cgutils.unpack_tuple(builder, values[2])]
        kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), arguments)
        return context.get_dummy_value()

    return types.void(address, work, reals), build


def numba_type(annotation: object, single: bool = False) -> types.Type:
    """Return Numba's type of an annotation of the driver; arrays become addresses."""
    kinds: dict[object, types.Type] = {
        int: types.int64,
        float: types.float64,
        Ints: CPointer(types.int64),
        Floats: CPointer(types.float32 if single else types.float64),
    }
    if annotation not in kinds:
        kinds[annotation] = BaseTuple.from_types(
            [numba_type(a) for a in get_type_hints(annotation).values()], annotation
        )
    return kinds[annotation]


def compile_driver(single: bool) -> str:
    """Lower `drive` with Numba and return its LLVM text, in which all but `drive` is internal."""
    names = dict(vars(driver))
    for name, value in vars(driver).items():
        if isinstance(value, FunctionType) and value.__module__ == driver.__name__:
            names[name] = numba.njit(**OPTIONS)(FunctionType(value.__code__, names, name))
    names["call"] = intrinsic(_call)
    hints = get_type_hints(driver.drive)
    result = numba_type(hints.pop("return"))
    signature = result(*[numba_type(a, single) for a in hints.values()])
    names["drive"].compile(signature)
    compiled = names["drive"].overloads[signature.args]

    module = llvm.parse_assembly(compiled.library.get_llvm_str())
    for item in (*module.functions, *module.global_variables):
        if item.name == compiled.fndesc.mangled_name:
            item.name = "drive"
        elif not item.is_declaration:
            item.linkage = llvm.Linkage.internal
    # what nobody calls goes, with the addresses of this process that Numba left in it
    machine.optimize(module, unroll=False)
    return str(module)
