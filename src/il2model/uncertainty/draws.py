"""Draws of the parameters: of the posterior where a set is calibrated, of the priors where it is not.

This is the one place that decides. What a user changed in a calibrated set keeps its value in every draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..parameters import ParameterSet, load_parameters
from ..solver.kernel import Kernel, builtin_kernel
from ..solver.problem import Floats
from ..units import to_whole
from .coordinates import Coordinates, sobol_points
from .posterior import Posterior, stored

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
    """

    values: ParameterSet
    source: Source
    table: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(next(iter(self.table.values())))

    def rows(self, kernel: Kernel) -> Floats:
        """Return (draw, parameter) in model units."""
        return Coordinates(kernel, self.values, (), {}).rows(self.table, len(self))

    def sets(self) -> list[ParameterSet]:
        """Return a parameter set per draw."""
        return [self.values.replace({i: float(v[k]) for i, v in self.table.items()}) for k in range(len(self))]


def source_of(values: ParameterSet) -> Source:
    """Return where draws of a parameter set come from."""
    return "posterior" if values.calibrated and stored() else "prior"


def draw(values: ParameterSet, n: int, seed: int, *, kernel: Kernel | None = None) -> Draws:
    """Return n draws.

    Parameters
    ----------
    values : ParameterSet
    n : int
        From 1 to 100000.
    seed : int
    kernel : Kernel, optional
        Of another model: its parameters are drawn.

    Raises
    ------
    InputError
    """
    n = to_whole(n, "draws", 1, MOST)
    source = source_of(values)
    if source == "prior":
        some = Coordinates.of(kernel if kernel is not None else builtin_kernel(), values)
        return Draws(values=values, source=source, table=some.values(sobol_points(n, len(some.ids), seed)))
    own = {change.id for change in load_parameters().diff(values)}
    table = posterior_table(n, seed)
    return Draws(values=values, source=source, table={i: v for i, v in table.items() if i in values and i not in own})


def posterior_table(n: int, seed: int) -> dict[str, Floats]:
    """Return n draws of the stored posterior by id, nuisances of the studies among them."""
    posterior = Posterior.load()
    return posterior.table(posterior.pick(n, seed))
