"""LLVM text to machine code through llvmlite, with the object kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from . import cache as store

if TYPE_CHECKING:
    import llvmlite.binding as llvm

_KEEP: list[llvm.ExecutionEngine] = []  # engines must outlive the addresses taken from them


@cache
def host() -> tuple[str, str, str]:
    """Return the processor, its features and the llvmlite version (part of every key)."""
    import llvmlite
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), llvmlite.__version__


def _target() -> llvm.TargetMachine:
    import llvmlite.binding as llvm

    cpu, features, _ = host()
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=2)


def optimize(module: llvm.ModuleRef, unroll: bool = True) -> llvm.TargetMachine:
    """Run LLVM's passes over a module in place, for this machine, which is returned.

    Loop and SLP vectorisation stay off: the text is already in lanes. A text that
    will be compiled later keeps its loops, or they would be unrolled twice.
    """
    import llvmlite.binding as llvm

    machine = _target()
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_unrolling = unroll
    tuning.loop_vectorization = False
    tuning.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return machine


def compile_text(text: str) -> bytes:
    """Compile LLVM text and return the object file."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    result: bytes = optimize(module).emit_object(module)
    return result


def load_object(data: bytes, names: tuple[str, ...]) -> dict[str, int]:
    """Load an object file; return the addresses of its functions."""
    import llvmlite.binding as llvm

    machine = _target()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(data))
    engine.finalize_object()
    _KEEP.append(engine)
    addresses = {name: engine.get_function_address(name) for name in names}
    if not all(addresses.values()):
        raise RuntimeError(f"the compiled file lacks {[n for n, a in addresses.items() if not a]}")
    return addresses


def object_name(stem: str, text_key: str) -> str:
    """Return the file name of an object: what made it and what it runs on."""
    return f"{stem}-{store.text_hash(text_key, *host())}.o"


def compiled(stem: str, key: str, text: Callable[[], str]) -> bytes:
    """Return an object file, compiled if the cache lacks it."""
    name = object_name(stem, key)
    data = store.read(name)
    if data is None:
        data = compile_text(text())
        store.write(name, data)
    return data
