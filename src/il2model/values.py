"""What makes an object a value: compared by what it holds, arrays by their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType

import numpy as np


def same(a: object, b: object) -> bool:
    """Tell whether two values hold the same: arrays by shape and numbers, NaN equal to NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        x, y = np.asarray(a), np.asarray(b)
        both = x.dtype.kind == y.dtype.kind == "f"
        return x.shape == y.shape and bool(np.array_equal(x, y, equal_nan=both))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is type(b) and is_dataclass(a) and type(a).__eq__ is object.__eq__:
        return same_fields(a, b)
    return bool(a == b)


class Portable:
    """A value whose mappings are read-only views, which cannot travel to another process as they are."""

    def __getstate__(self) -> dict[str, object]:
        return {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in vars(self).items()}

    def __setstate__(self, state: Mapping[str, object]) -> None:
        vars(self).update({k: MappingProxyType(v) if isinstance(v, dict) else v for k, v in state.items()})


def same_fields(a: object, b: object) -> bool:
    """Tell whether two values of one dataclass hold the same in every field that is compared."""
    return type(a) is type(b) and all(
        same(getattr(a, f.name), getattr(b, f.name))
        for f in fields(a)  # type: ignore[arg-type]
        if f.compare
    )
