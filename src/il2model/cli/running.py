"""What every long verb shares: progress, a folder, a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..errors import InputError
from .output import written

if TYPE_CHECKING:
    from ..runs import Executor

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


def run_long(call: partial[R], label: str, *, folder: Path | None = None, dask: str | None = None, **more: object) -> R:
    """Run a public function that takes the options of a run, and `more`: shows progress, keeps results in `folder`."""
    from ..runs import shown

    with written(folder), connected(dask) as executor, shown(label) as progress:
        return call(folder=folder, executor=executor, progress=progress, **more)
