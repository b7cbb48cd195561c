"""Observables along given or untreated courses, compiled: many times as fast as the plain text through NumPy.

Their last digits differ from NumPy's, which other exponentials and logarithms make.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..codegen.closed_text import LANES, write_closed
from . import cache, machine
from .blueprint import Blueprint
from .problem import Floats


@dataclass(frozen=True)
class ClosedKernel:
    """Some observables, compiled for what is given over time."""

    ids: tuple[str, ...]
    given: tuple[str, ...]
    parameters: int
    function: Callable[[int, int, int, int, int], None]

    @classmethod
    def load(cls, blueprint: Blueprint, ids: Sequence[str], given: Sequence[str]) -> ClosedKernel:
        """Compile them, or load what an earlier process compiled."""
        n = len(blueprint.parameters)
        key = cache.text_hash(*ids, "given", *given)
        data = machine.compiled(
            f"closed-{blueprint.key}", key, lambda: write_closed(blueprint.closed_forms, ids, given, n)
        )
        address = machine.load_object(data, ("closed",))["closed"]
        pointer, whole = ctypes.c_void_p, ctypes.c_int64
        return cls(tuple(ids), tuple(given), n, ctypes.CFUNCTYPE(None, *[pointer] * 3, whole, whole)(address))

    def __call__(self, parameters: Floats, courses: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return {id: (..., time)} of parameters (..., parameter) and what is given, each (..., time)."""
        rows = np.ascontiguousarray(parameters, dtype=np.float64).reshape(-1, self.parameters)
        times, n = np.shape(courses[self.given[0]])[-1], len(rows)
        shape = (*parameters.shape[:-1], times)
        if n == 0 or times == 0:
            return {id: np.empty(shape) for id in self.ids}
        # lanes hold subjects: too few are repeated
        who = np.arange(max(n, LANES)) % n
        rows = rows if n >= LANES else rows[who]
        x, out = np.empty((len(self.given), times, len(who))), np.empty((len(self.ids), times, len(who)))
        for k, name in enumerate(self.given):
            course = np.broadcast_to(courses[name], shape).reshape(-1, times).T
            x[k] = course if n >= LANES else course[:, who]
        self.function(rows.ctypes.data, x.ctypes.data, out.ctypes.data, len(who), times)
        return {id: out[k, :, :n].T.reshape(shape) for k, id in enumerate(self.ids)}
