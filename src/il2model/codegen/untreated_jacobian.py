"""The Jacobian at the untreated state, in blocks whose eigenvalues are those of the whole.

States that do not move without drug are grouped by who feeds back on whom (strongly connected
components of the sparsity): in that order the Jacobian is block triangular. A state on which
nothing depends, not even itself, only adds up: it is neutral, and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .closed_text import ClosedForms
from .tape import Op, Tape

if TYPE_CHECKING:
    from ..model.model import Model

Entry = tuple[int, int]


@dataclass(frozen=True)
class UntreatedJacobian:
    """The blocks of a model.

    Parameters
    ----------
    forms : ClosedForms
        Its fixed leaves are the parameters, then the constants; its observables the entries 'row,column'.
    blocks : tuple of tuple of int
        States, by number, that feed back on each other.
    """

    forms: ClosedForms
    blocks: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, model: Model) -> UntreatedJacobian:
        """Differentiate a model and group its states."""
        tape, names = Tape(), (*model.states, *model.inputs)
        fixed = {n: tape.put(Op("fixed", (), k)) for k, n in enumerate((*model.parameters, *model.constants))}
        start = {s: tape.lower(e, fixed) for s, e in model.baseline.items()}
        start |= {i: tape.const(v) for i, v in zip(model.inputs, model.input_defaults, strict=True)}
        leaves = fixed | {name: tape.put(Op("state", (), k)) for k, name in enumerate(names)}
        for name, expr in model.derived.items():
            leaves[name] = tape.lower(expr, leaves)
        rows = tape.gradients([tape.lower(model.equations[s], leaves) for s in model.states])
        steady = [k for k, s in enumerate(model.states) if s in model.steady]
        entries = {(i, j): rows[i][j] for i in steady for j in steady if j in rows[i]}
        blocks = _blocks(steady, entries)
        inside = {f"{i},{j}": node for (i, j), node in entries.items() if any(i in b and j in b for b in blocks)}
        return cls(ClosedForms(tape, names, start, inside), blocks)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Row and column of every entry, in the order of the observables of `forms`."""
        pairs = (name.split(",") for name in self.forms.observables)
        return tuple((int(i), int(j)) for i, j in pairs)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"forms": self.forms.to_dict(), "blocks": self.blocks}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> UntreatedJacobian:
        """Read what `to_dict` wrote."""
        return cls(ClosedForms.from_dict(data["forms"]), tuple(tuple(b) for b in data["blocks"]))


def _blocks(states: list[int], entries: Mapping[Entry, int]) -> tuple[tuple[int, ...], ...]:
    """Return the strongly connected components, without states that only add up."""
    import numpy as np
    from scipy.sparse.csgraph import connected_components

    links = np.zeros((len(states), len(states)), bool)
    for i, j in entries:
        links[states.index(i), states.index(j)] = True
    labels = connected_components(links, connection="strong")[1]
    groups = [tuple(s for s, label in zip(states, labels, strict=True) if label == k) for k in sorted(set(labels))]
    return tuple(sorted(g for g in groups if len(g) > 1 or (g[0], g[0]) in entries))
