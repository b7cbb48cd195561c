"""Draws of the parameters: of the posterior where a set is calibrated, of the priors where it is not.

This is the one place that decides. What a user changed in a calibrated set keeps its value in every draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import ParameterSet, load_parameters
from ..solver.kernel import Kernel, builtin_kernel
from ..solver.problem import Floats
from ..units import to_whole
from .coordinates import Coordinates, sobol_points
from .posterior import Posterior, stored
from .study import WORDS, Study, checked_study, of_new_study

Source = Literal["posterior", "prior"]
#: Most draws of one run.
MOST = 100_000


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Numbers that differ between draws, by id, in the units of their records.

    Parameters
    ----------
    values : ParameterSet
        Everything else.
    source : {'posterior', 'prior'}
    table : {id: (draw,)}
    structure : (draw,)
        The structure of each draw by name; empty names where the fit has one alone.
    study : {'imodals', 'new'}
        Whose patients they describe.
    """

    values: ParameterSet
    source: Source
    table: Mapping[str, Floats]
    structure: NDArray[np.str_]
    study: Study = "imodals"

    def __len__(self) -> int:
        return len(next(iter(self.table.values())))

    @property
    def shares(self) -> dict[str, object]:
        """What a manifest says of the structures of the draws: how many are of each, if there are several."""
        names, counts = np.unique(self.structure, return_counts=True)
        several = {str(n): int(c) for n, c in zip(names, counts, strict=True) if n}
        return {"structures": several} if several else {}

    def rows(self, kernel: Kernel) -> Floats:
        """Return (draw, parameter) in model units."""
        return Coordinates(kernel, self.values, (), {}).rows(self.table, len(self))

    def sets(self) -> list[ParameterSet]:
        """Return a parameter set per draw."""
        return [self.values.replace({i: float(v[k]) for i, v in self.table.items()}) for k in range(len(self))]


def source_of(values: ParameterSet) -> Source:
    """Return where draws of a parameter set come from."""
    return "posterior" if values.calibrated and stored() else "prior"


def told_of_draws(values: ParameterSet, study: Study) -> dict[str, object]:
    """Return what a manifest says of draws: where they come from, and whose patients those of a fit describe."""
    source = source_of(values)
    return {"drawn_from": source} | ({"study": study, "draws_describe": WORDS[study]} if source == "posterior" else {})


def draw(values: ParameterSet, n: int, seed: int, *, kernel: Kernel | None = None, study: Study = "imodals") -> Draws:
    """Return n draws.

    Parameters
    ----------
    values : ParameterSet
    n : int
        From 1 to 100000.
    seed : int
    kernel : Kernel, optional
        Of another model: its parameters are drawn.
    study : {'imodals', 'new'}
        The patients of IMODALS, or those of a trial that nobody has seen.

    Raises
    ------
    InputError, UnknownNameError
    """
    n, study = to_whole(n, "draws", 1, MOST), checked_study(study, drawn=True)
    source, engine = source_of(values), kernel if kernel is not None else builtin_kernel()
    if source == "prior":
        if study == "new":
            raise InputError("A new trial needs draws of the fit; those of the priors describe no trial.")
        some = Coordinates.of(engine, values)
        table = some.values(sobol_points(n, len(some.ids), seed))
        return Draws(values=values, source=source, table=table, structure=np.full(n, "", np.str_))
    own = {change.id for change in load_parameters().diff(values)}
    posterior = Posterior.load()
    picked = posterior.pick(n, seed)
    drawn = {i: v for i, v in posterior.table(picked).items() if i not in own}
    if study == "new":
        drawn = of_new_study(drawn, values, engine, seed)
    table = {i: v for i, v in drawn.items() if i in values}
    return Draws(values=values, source=source, table=table, structure=posterior.names(picked), study=study)


def posterior_table(n: int, seed: int) -> dict[str, Floats]:
    """Return n draws of the stored posterior by id, nuisances of the studies among them."""
    posterior = Posterior.load()
    return posterior.table(posterior.pick(n, seed))
