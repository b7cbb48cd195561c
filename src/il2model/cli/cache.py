"""`il2model cache`."""

from __future__ import annotations

from cyclopts import App

from ..solver import cache as store
from .verb import verb

cache = App(name="cache", help="List, clear or warm the compiled kernels.", help_format="plaintext")


@cache.command
@verb(name="list", examples=("il2model cache list", "il2model cache list | tail -1"))
def list_() -> None:
    """Show the files of the compiled kernels, and where they are."""
    files = store.entries()
    for path in files:
        print(f"{path.stat().st_size / 1024:9.1f} KB  {path.name}")
    print(f"{len(files)} files, {store.total_size(files) / 1e6:.1f} MB, in {store.cache_dir()}")


@cache.command
@verb(examples=("il2model cache clear", "IL2MODEL_CACHE=build/cache il2model cache clear"))
def clear() -> None:
    """Remove the files; the next run compiles again."""
    print(f"Removed {store.clear()} files from {store.cache_dir()}")


@cache.command
@verb(examples=("il2model cache warm", "IL2MODEL_CACHE=build/cache il2model cache warm"))
def warm() -> None:
    """Compile every variant now."""
    import time

    from ..solver.blueprint import VARIANTS
    from ..solver.kernel import builtin_kernel

    start = time.perf_counter()
    kernel = builtin_kernel()
    for variant in VARIANTS:
        kernel.variant(variant)
    print(f"The compiled kernels are ready ({time.perf_counter() - start:.1f} s).")
