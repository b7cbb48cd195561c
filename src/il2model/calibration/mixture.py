"""The structures of a stage as one problem: which of them holds is one more coordinate.

Its normal score picks a structure as often as the prior weight says. A coordinate that a structure does not have keeps
its prior there and changes nothing (the product space of Carlin and Chib 1995), so that log posterior, weights and
evidence of the whole are those of its parts. What a structure fixes is a column like every other number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..solver.problem import Floats
from ..store import digest
from ..streams import stream
from .problem import Problem, Structure, design_hash

#: Name of the average, and of the coordinate that picks a structure.
AVERAGE, COORDINATE = "average", "structure"


@dataclass(frozen=True)
class Mixture(Problem):
    """Several structures of a stage, each as likely as its prior weight.

    Parameters
    ----------
    parts : tuple of Problem
    shares : tuple of float
        Their prior weights, which add up to one.
    design : str
        Hash of what was asked for, where that is more than these.
    """

    parts: tuple[Problem, ...]
    shares: tuple[float, ...]
    design: str = ""

    @classmethod
    def of(cls, base: Problem, parts: Sequence[Problem], shares: Sequence[float]) -> Mixture:
        """Join the problems of structures.

        Parameters
        ----------
        base : Problem
            The stage without any: its simulator and its targets are those of the whole.
        parts : sequence of Problem
        shares : sequence of float

        Raises
        ------
        InputError
            If structures differ in more than the numbers of the model.
        """
        if any(p.structure.trait != base.structure.trait for p in parts):
            raise InputError(f"The structures of the stage {base.stage!r} are not settings of one model: no average.")
        ids = tuple(dict.fromkeys(chain.from_iterable(p.map.ids for p in parts)))
        priors = {id: law for p in reversed(parts) for id, law in p.map.priors.items()}
        names = ", ".join(p.structure.name for p in parts)
        return cls(
            stage=base.stage,
            simulator=base.simulator,
            targets=base.targets,
            structure=Structure(name=AVERAGE, meaning=f"an average over {names}", trait=base.structure.trait),
            map=replace(base.map, ids=ids, priors=priors),
            nuisances=base.nuisances,
            earlier=base.earlier,
            parts=tuple(parts),
            shares=tuple(shares),
        )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates: draws of earlier stages, the structure, parameters of any structure, nuisances."""
        return (*(f"draw_of_{e.fit}" for e in self.earlier), COORDINATE, *self.map.ids, *self.nuisances)

    @property
    def steps(self) -> int:
        """The first so many coordinates are steps."""
        return len(self.earlier) + 1

    @property
    def columns(self) -> tuple[str, ...]:
        """Every number that some structure samples or holds."""
        held = (i for p in self.parts for i in p.structure.fix)
        return tuple(dict.fromkeys(chain(held, self.map.ids)))

    def which(self, z: Floats) -> NDArray[np.int64]:
        """Return the place of the structure of each point (point,)."""
        from scipy.special import ndtr

        edges = np.cumsum(self.shares)[:-1]
        place = ndtr(np.atleast_2d(z)[:, len(self.earlier)])
        return np.asarray(np.searchsorted(edges, place, side="right"), dtype=np.int64)

    def own(self, k: int, z: Floats) -> Floats:
        """Return points on the coordinates of one structure."""
        return z[:, [self.coordinates.index(name) for name in self.parts[k].coordinates]]

    def lifted(self, k: int, z: Floats, seed: int | None) -> Floats:
        """Return points of one structure on the coordinates of all.

        What the structure does not have comes from the prior, or is its middle without a seed.

        Raises
        ------
        InputError
            If its prior weight is too small for a coordinate.
        """
        from scipy.special import ndtri

        mine, d = self.parts[k].coordinates, len(self.coordinates)
        rng = None if seed is None else stream(seed, "pseudo_prior", k)
        found = np.zeros((len(z), d)) if rng is None else rng.standard_normal((len(z), d))
        low = float(np.sum(self.shares[:k]))
        place = np.full(len(z), 0.5) if rng is None else rng.random(len(z))
        found[:, len(self.earlier)] = ndtri(low + self.shares[k] * np.clip(place, 1e-9, 1 - 1e-9))
        found[:, [self.coordinates.index(name) for name in mine]] = z
        if (self.which(found) != k).any():
            name = self.parts[k].structure.name
            raise InputError(f"The prior weight {self.shares[k]:.3g} of {name} is too small to be told from none.")
        return found

    def table(self, z: Floats) -> dict[str, Floats]:
        """Return every number that z (point, coordinate) gives, by id: those that its structure holds, too."""
        z = np.atleast_2d(z)
        chosen = self.which(z)
        found: dict[str, Floats] = {}
        for k, part in enumerate(self.parts):
            rows = np.flatnonzero(chosen == k)
            if not len(rows):
                continue
            table = part.table(self.own(k, z[rows]))
            held = {i: np.full(len(rows), part.simulator.parameters[i]) for i in self.columns if i not in table}
            for id, values in (table | held).items():
                found.setdefault(id, np.empty(len(z)))[rows] = values
        ids = [*(i for e in self.earlier for i in e.ids), *self.columns, *self.nuisances]
        return {id: found[id] for id in dict.fromkeys(ids)}


def design_of(problem: Problem) -> str:
    """Return a hash of what a fit rests on: of an average, of each part with its prior weight."""
    if not isinstance(problem, Mixture):
        return design_hash(problem)
    if problem.design:
        return problem.design
    return digest(*(f"{design_hash(p)} {share:.9g}" for p, share in zip(problem.parts, problem.shares, strict=True)))


def told_of(problem: Problem, z: Floats) -> tuple[NDArray[np.str_], dict[str, Mapping[str, str | float]]]:
    """Return the structure of each draw (draw,), and what is told of each with the share of these draws as weight.

    A stage that starts from an average has the structures of the draws that it picks.
    """
    if isinstance(problem, Mixture):
        names = np.array([p.structure.name for p in problem.parts])[problem.which(z)]
        told: dict[str, Mapping[str, str | float]] = {
            p.structure.name: {"meaning": p.structure.meaning, "prior_weight": share}
            for p, share in zip(problem.parts, problem.shares, strict=True)
        }
        return names, _weighed(told, names)
    for k, earlier in enumerate(problem.earlier):
        if earlier.structures:
            names = earlier.names(earlier.at(z[:, k]))
            return names, _weighed(earlier.structures, names)
    return np.zeros(0, np.str_), {}


def _weighed(
    told: Mapping[str, Mapping[str, str | float]], names: NDArray[np.str_]
) -> dict[str, Mapping[str, str | float]]:
    return {name: {**of, "weight": float((names == name).mean())} for name, of in told.items()}
