"""What every long verb shares: progress, a folder, a cluster."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..errors import InputError
from ..runs import Executor, RunOptions, shown
from ..streams import checked_seed
from .output import say, written

R = TypeVar("R")


@contextmanager
def connected(address: str | None) -> Iterator[Executor | None]:
    """Give a client of the Dask scheduler at `address`, or None without one.

    Raises
    ------
    InputError
        If the package is missing, or nobody answers.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--dask needs the package distributed: pip install 'il2model[cluster]'.") from None
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"No Dask scheduler answers at {address}: {error}.") from None
    with client:
        yield client


def run_long(call: partial[R], label: str, *, folder: Path | None = None, dask: str | None = None) -> R:
    """Run a public function that takes the options of a run: shows progress, keeps results in `folder`."""
    given = call.keywords
    RunOptions(folder=folder, workers=given.get("workers", given.get("threads")))
    checked_seed(given.get("seed", 0))
    takes = inspect.signature(call.func).parameters
    place = next((n for n in ("folder", "directory", "output") if n in takes), None)
    options: dict[str, object] = {place: folder} if place is not None and folder is not None else {}
    with written(folder), connected(dask) as executor, shown(label) as progress:
        if executor is not None:
            options["executor"] = executor

        def tell(*counts: int) -> None:
            if len(counts) > 1:
                progress(*counts[-2:])
            elif counts[0] % 10 == 0:
                say(f"{counts[0]} {label}")

        return call(progress=tell, **options)
