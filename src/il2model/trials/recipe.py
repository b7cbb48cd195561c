"""What makes a pool: a recipe travels to a worker in place of the patients, and gives the same ones in any process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from ..errors import InputError
from ..parameters import ParameterSet
from ..plain import plain
from ..store import digest
from .design import TrialDesign
from .pool import Pool, build_pool


@dataclass(frozen=True, kw_only=True, eq=False)
class PoolRecipe:
    """The virtual patients of a design.

    Parameters
    ----------
    design : TrialDesign
    size : int
        Patients.
    seed : int
    parameters : ParameterSet
    hazard_ratio : float, optional
        This ratio in place of the model's effect.
    workers : int, optional
        Threads that simulate; the pool does not depend on them.
    """

    design: TrialDesign
    size: int
    seed: int
    parameters: ParameterSet
    hazard_ratio: float | None = None
    workers: int | None = None

    @property
    def key(self) -> str:
        """A hash of what the patients depend on."""
        return digest(json.dumps([self.size, self.seed, design_key(self.design)]), parameter_key(self.parameters))

    def base(self) -> Pool:
        """Return the pool with the model's own effect; the last ones of a process are kept for its next tasks.

        Raises
        ------
        InputError
            If nobody can die.
        """
        pool = _made(_Keyed(self))
        if pool.hazard[..., -1].max() <= 0:
            raise InputError("No event is possible in this trial: every hazard is zero.")
        return pool

    def pool(self) -> Pool:
        """Return the pool."""
        return self.base() if self.hazard_ratio is None else self.base().with_hazard_ratio(self.hazard_ratio)


def design_key(design: TrialDesign) -> object:
    """Return what replicates of a design depend on, as plain data: not what was published beside it."""
    return plain(design, leave_out=("trial",), told_apart=True)


def parameter_key(values: ParameterSet) -> str:
    """Return a hash of everything in a parameter set that a population can use, spreads among it."""
    return digest(json.dumps(plain(values.records, told_apart=True), sort_keys=True), values.fingerprint())


class _Keyed:
    """A recipe that is told apart by its key."""

    def __init__(self, recipe: PoolRecipe) -> None:
        self.recipe, self.key = recipe, recipe.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=2)
def _made(keyed: _Keyed) -> Pool:
    r = keyed.recipe
    return build_pool(r.design, r.size, seed=r.seed, parameters=r.parameters, threads=r.workers)


def forget_pools() -> None:
    """Let the pools go that this process keeps."""
    _made.cache_clear()
