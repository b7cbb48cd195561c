"""Does the untreated state hold? The largest eigenvalue of its Jacobian, for many subjects at once.

Counted are the states that do not move without drug and do not merely add up (see
`codegen.untreated_jacobian`). Where the largest real part is not negative, a patient on
placebo drifts away by himself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from ..codegen.closed_text import LANES, write_closed
from ..parameters import load_parameters
from ..units import factor
from . import machine
from .blueprint import Blueprint
from .kernel import Kernel
from .problem import Floats

#: Size of a block, and its entries: which, in what row and column.
Places: TypeAlias = list[tuple[int, list[tuple[int, int, int]]]]
#: Subjects whose blocks are held at a time.
_AT_A_TIME = 2048


@dataclass(frozen=True)
class StabilityKernel:
    """The Jacobian at the untreated state, compiled.

    Parameters
    ----------
    places : list
        Of each block.
    entries : int
    function : callable
        Of addresses of fixed terms, nothing and entries; of subjects and 1.
    """

    places: Places
    entries: int
    function: Callable[[int, int, int, int, int], None]

    @classmethod
    def load(cls, blueprint: Blueprint) -> StabilityKernel:
        """Compile it, or load what an earlier process compiled."""
        forms, width = blueprint.untreated_jacobian.forms, len(blueprint.parameters) + len(blueprint.constants)
        data = machine.compiled(
            f"untreated-{blueprint.key}", "", lambda: write_closed(forms, tuple(forms.observables), (), width)
        )
        address = machine.load_object(data, ("closed",))["closed"]
        pointer, whole = ctypes.c_void_p, ctypes.c_int64
        function = ctypes.CFUNCTYPE(None, *[pointer] * 3, whole, whole)(address)
        return cls(_places(blueprint), len(forms.observables), function)

    def blocks(self, parameters: Floats, constants: Floats) -> list[Floats]:
        """Return the blocks, (subject, state, state) each."""
        n = len(parameters)
        # lanes hold subjects: too few are repeated
        rows = np.concatenate([parameters, constants], axis=1)[np.arange(max(n, LANES)) % n]
        out = np.empty((self.entries, len(rows)))
        self.function(rows.ctypes.data, 0, out.ctypes.data, len(rows), 1)
        return [_filled(size, places, out[:, :n]) for size, places in self.places]


#: What this process has loaded, by the key of the model.
_LOADED: dict[str, StabilityKernel] = {}


def _places(blueprint: Blueprint) -> Places:
    jacobian = blueprint.untreated_jacobian
    entries = list(enumerate(jacobian.entries))
    return [
        (len(b), [(k, b.index(i), b.index(j)) for k, (i, j) in entries if i in b and j in b]) for b in jacobian.blocks
    ]


def _filled(size: int, places: list[tuple[int, int, int]], entries: Floats) -> Floats:
    block = np.zeros((entries.shape[1], size, size))
    for k, row, column in places:
        block[:, row, column] = entries[k]
    return block


def plain_blocks(blueprint: Blueprint, parameters: Floats, constants: Floats) -> list[Floats]:
    """Return what `StabilityKernel.blocks` does through the plain text."""
    module, n = blueprint.plain_module(), len(blueprint.states)
    fixed = np.concatenate([parameters, constants], axis=1)[:, list(blueprint.fixed_columns)]
    whole = np.zeros((len(parameters), n, n))
    inputs = np.array(blueprint.input_defaults, dtype=float)
    for s, y in enumerate(module.baseline(parameters, constants)):
        module.jacobian(y, inputs, fixed[s], whole[s])
    return [whole[:, np.array(b)[:, None], np.array(b)] for b in blueprint.untreated_jacobian.blocks]


def largest_eigenvalue(kernel: Kernel, parameters: Floats, constants: Floats | None = None) -> Floats:
    """Return the largest real part of the eigenvalues at the untreated state, (subject,) per day.

    Parameters
    ----------
    kernel : Kernel
    parameters : (subject, parameter)
        In model units.
    constants : (subject, constant), optional
        `kernel.constants(parameters)`, where it is there already.

    Returns
    -------
    (subject,)
        Negative where the untreated state holds; NaN where the Jacobian holds what is no number.
    """
    constants = kernel.constants(parameters) if constants is None else constants
    blocks_of = _blocks_of(kernel)
    found = np.full(len(parameters), -np.inf)
    for first in range(0, len(parameters), _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        for block in blocks_of(parameters[part], constants[part]):
            found[part] = np.maximum(found[part], _abscissa(block))
    return found


def unstable(kernel: Kernel, parameters: Floats, constants: Floats) -> dict[int, str]:
    """Return the sentence for every subject whose untreated state does not hold, where a page asks for it."""
    if not kernel.blueprint.holds:
        return {}
    values = largest_eigenvalue(kernel, parameters, constants)
    return {
        int(s): f"the untreated state does not hold: its largest eigenvalue is {values[s]:+.2g} per day, so that the "
        f"patient drifts away without drug. {_furthest(kernel, parameters[s])}".rstrip()
        for s in np.flatnonzero(~(values < 0))
    }


def refused(kernel: Kernel, parameters: Floats, constants: Floats | None = None) -> dict[int, str]:
    """Return the sentence for every subject whose untreated state does not exist, or does not hold."""
    constants = kernel.constants(parameters) if constants is None else constants
    return unstable(kernel, parameters, constants) | kernel.refusals(parameters, constants)


def _furthest(kernel: Kernel, row: Floats) -> str:
    """Name the parameter that has gone the largest part of the way from its typical value to its bound."""
    typical, gone = load_parameters(), dict[str, float]()
    for item, given in zip(kernel.blueprint.parameters, row, strict=True):
        bounds = typical.record(item.id).bounds if item.id in typical else None
        if bounds is not None and bounds[0] < typical[item.id] < bounds[1]:
            away = given / factor(typical.record(item.id).unit, item.unit) - typical[item.id]
            gone[item.id] = away / (bounds[int(away > 0)] - typical[item.id])
    if not gone:
        return ""
    id = max(gone, key=lambda i: gone[i])
    unit, number = typical.record(id).unit, row[kernel.blueprint.parameters.at(id)]
    number /= factor(unit, kernel.blueprint.parameters.item(id).unit)
    return f"Furthest from its typical value is {id}: {number:.4g} against {typical[id]:.4g} {unit}."


def _blocks_of(kernel: Kernel) -> Callable[[Floats, Floats], list[Floats]]:
    """Return the compiled blocks, the plain ones where nothing can be compiled."""
    bp = kernel.blueprint
    if kernel.fast_route and bp.key not in _LOADED:
        try:
            _LOADED[bp.key] = StabilityKernel.load(bp)
        except Exception as error:
            kernel.fall_back(error)
    return _LOADED[bp.key].blocks if kernel.fast_route else partial(plain_blocks, bp)


def _abscissa(block: Floats) -> Floats:
    """Return the largest real part of the eigenvalues of matrices (subject, n, n)."""
    if block.shape[1] == 1:
        return np.asarray(block[:, 0, 0])
    numbers = np.isfinite(block).all(axis=(1, 2))
    found = np.full(len(block), np.nan)
    found[numbers] = _largest(block[numbers])
    return found


def _largest(matrices: Floats) -> Floats:
    """Return what LAPACK finds; NaN for a matrix whose eigenvalues do not converge."""
    try:
        return np.asarray(np.linalg.eigvals(matrices).real.max(axis=1))
    except np.linalg.LinAlgError:  # of one of them: the others are worked out alone
        alone = (_largest(m[None]) for m in matrices) if len(matrices) > 1 else [np.array([np.nan])]
        return np.concatenate(list(alone))
