"""Values as plain data and back: frozen dataclasses of the package, as what JSON holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError

_CLASS = "class"


def plain(value: object, *, leave_out: tuple[str, ...] = (), told_apart: bool = False) -> Any:
    """Return what a value holds as plain data: numbers, text, lists and mappings with text for keys.

    Parameters
    ----------
    value : dataclass, array, mapping, sequence, number, text or None
    leave_out : tuple of str
        Fields of dataclasses that do not count.
    told_apart : bool
        Only what tells values apart: without fields that are not compared.

    Raises
    ------
    TypeError
        For anything else, so that nothing is lost without a word.
    """

    def inner(x: object) -> object:
        if is_dataclass(x) and not isinstance(x, type):
            kept = (f for f in fields(x) if f.init and f.name not in leave_out and (f.compare or not told_apart))
            name = f"{type(x).__module__}:{type(x).__qualname__}"
            return {_CLASS: name} | {f.name: inner(getattr(x, f.name)) for f in kept}
        if isinstance(x, np.ndarray | np.generic):
            return inner(x.tolist())
        if isinstance(x, Mapping):
            if any(not isinstance(k, str) for k in x):
                raise TypeError("the keys of a mapping must be text to be written")
            return {k: inner(v) for k, v in x.items()}
        if isinstance(x, list | tuple):
            return [inner(v) for v in x]
        if isinstance(x, Path):
            return str(x)
        if x is None or isinstance(x, bool | int | float | str):
            return x
        raise TypeError(f"a {type(x).__name__} cannot be written as plain data")

    return inner(value)


def restored(data: object) -> Any:
    """Return the value that `plain` wrote: dataclasses of this package, checked as when made; lists as tuples.

    Raises
    ------
    InputError
        If the data name a class that this version does not have, or hold what it refuses.
    """
    if isinstance(data, list):
        return tuple(restored(v) for v in data)
    if not isinstance(data, dict):
        return data
    values = {k: restored(v) for k, v in data.items() if k != _CLASS}
    if _CLASS not in data:
        return values
    module, _, name = str(data[_CLASS]).partition(":")
    try:
        if module.split(".")[0] != __package__:
            raise AttributeError
        kind = getattr(import_module(module), name)
        if not (isinstance(kind, type) and is_dataclass(kind)):
            raise AttributeError
        return kind(**values)
    except (ImportError, AttributeError, TypeError):
        raise InputError(f"A stored {name or 'value'} cannot be read by this version of il2model.") from None
