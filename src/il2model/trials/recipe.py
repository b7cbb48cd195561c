"""What makes a pool: a recipe travels to a worker in place of the patients, and gives the same ones in any process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .._version import __version__
from ..errors import InputError
from ..manifest import manifest
from ..parameters import ParameterSet
from ..plain import plain
from ..runs import RunOptions
from ..solver.kernel import builtin_kernel
from ..store import digest
from ..streams import derived_seed
from ..uncertainty.draws import draw
from ..units import to_float, to_whole
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


def recipes_of(
    design: TrialDesign,
    sets: Sequence[ParameterSet],
    *,
    size: int,
    seed: int,
    hazard_ratio: float | None,
    options: RunOptions,
) -> list[PoolRecipe]:
    """Return the recipe of each parameter draw; its patients are its own: the pool's seed goes with the draw."""
    return [
        PoolRecipe(
            design=design.replace(trial=None),
            size=size,
            seed=derived_seed(seed, "pool", k),
            parameters=one,
            hazard_ratio=hazard_ratio,
            workers=options.workers if options.executor is None else 1,
        )
        for k, one in enumerate(sets)
    ]


def sets_of(values: ParameterSet, draws: int | None, seed: int) -> list[ParameterSet]:
    """Return the parameter set of each draw, or the one set.

    Raises
    ------
    InputError
    """
    if not isinstance(values, ParameterSet):
        raise InputError(
            f"parameters is of type {type(values).__name__}; a ParameterSet is needed (load_parameters())."
        )
    return [values] if draws is None else draw(values, draws, seed).sets()


def size_of(pool: int | None, default: int) -> int:
    """Return how many virtual patients a pool has.

    Raises
    ------
    InputError
    """
    return default if pool is None else to_whole(pool, "pool", 2, 1_000_000)


def ratio_of(hazard_ratio: float | None) -> float | None:
    """Return a hazard ratio that stands in for the model's effect.

    Raises
    ------
    InputError
    """
    if hazard_ratio is None:
        return None
    ratio = to_float(hazard_ratio, "1", what="hazard_ratio")
    if not 0 < ratio < 100:
        raise InputError(f"The hazard ratio is {ratio:g}; it must be above 0 and below 100.")
    return ratio


def job_of(verb: str, values: ParameterSet) -> dict[str, str]:
    """Return what every run of virtual trials depends on: the verb, the version, the model and the parameters."""
    model = builtin_kernel().blueprint.fingerprint
    return {"verb": verb, "version": __version__, "model": model, "parameters": parameter_key(values)}


def record_of(values: ParameterSet, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a run with the built-in model."""
    return manifest(
        model_hash=builtin_kernel().blueprint.fingerprint,
        parameter_hash=values.fingerprint(),
        parameter_set=values.name,
        calibrated=values.calibrated,
        details=details,
    )


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
    return build_pool(r.design, r.size, seed=r.seed, parameters=r.parameters, workers=r.workers)


def forget_pools() -> None:
    """Let the pools go that this process keeps."""
    _made.cache_clear()


@contextmanager
def pools_forgotten() -> Iterator[None]:
    """Let the pools go at the end of a run."""
    try:
        yield
    finally:
        forget_pools()
