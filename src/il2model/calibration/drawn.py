"""Draws of every structure of a stage on one table, as many of each: what each of them says is then as sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..parameters import load_parameters
from ..runs import one_thread
from ..solver.problem import Floats
from ..uncertainty.draws import Draws
from .averages import evidence_weights
from .evidence import Evidence
from .mixing import Question
from .simulator import Size
from .structures import Given


@dataclass(frozen=True, kw_only=True)
class DrawnOfEach:
    """Draws of structures.

    Parameters
    ----------
    draws : Draws
        Those of a structure side by side, in the order of the structures.
    names : (draw,)
        The structure of each.
    weights : {structure: posterior weight}
    """

    draws: Draws
    names: NDArray[np.str_]
    weights: Mapping[str, float]


def drawn_of_each(
    stage: str,
    found: Sequence[Evidence],
    n: int = 400,
    *,
    results: str | None = None,
    size: Size | None = None,
    targets: Given = None,
    seed: int = 1,
) -> DrawnOfEach:
    """Return n draws of each structure whose evidence is known.

    Parameters
    ----------
    stage : str
    found : sequence of Evidence
        The structures (`compare`).
    n : int
    results, size, targets
        As in `compare`.
    seed : int
    """
    told = [e for e in found if e.told]
    with one_thread():
        problem = Question(
            stage=stage,
            structures=tuple(e.structure for e in told),
            size=size or Size(),
            results=results,
            targets=targets,
        ).problem()
        z: list[Floats] = [problem.lifted(k, e.drawn.z[e.drawn.equal(n, seed)], None) for k, e in enumerate(told)]
        table = problem.table(np.concatenate(z))
    values = load_parameters("prior")
    names = np.repeat([e.structure.name for e in told], n)
    return DrawnOfEach(
        draws=Draws(
            values=values, source="posterior", table={i: v for i, v in table.items() if i in values}, structure=names
        ),
        names=names,
        weights=dict(zip(dict.fromkeys(names), evidence_weights(told), strict=True)),
    )
