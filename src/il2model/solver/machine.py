"""LLVM text to machine code through llvmlite, with the object kept on disk."""

from __future__ import annotations

from functools import cache
from typing import Any

from . import cache as store

_KEEP: list[Any] = []  # engines must outlive the addresses taken from them


@cache
def host() -> tuple[str, str, str]:
    """Return the processor, its features and the llvmlite version (part of every key)."""
    import llvmlite
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), llvmlite.__version__


def _target(speed: int) -> Any:
    import llvmlite.binding as llvm

    cpu, features, _ = host()
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=speed)


def compile_text(text: str, speed: int = 2) -> bytes:
    """Compile LLVM text and return the object file.

    Loop and SLP vectorisation stay off: the text is already in lanes.
    """
    import llvmlite.binding as llvm

    machine = _target(speed)
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=speed)
    tuning.loop_vectorization = False
    tuning.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    result: bytes = machine.emit_object(module)
    return result


def load_object(data: bytes, names: tuple[str, ...]) -> dict[str, int]:
    """Load an object file; return the addresses of its functions."""
    import llvmlite.binding as llvm

    machine = _target(2)
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
