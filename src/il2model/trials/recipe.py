"""What makes a pool: a recipe travels to a worker in place of the patients, and gives the same ones in any process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .. import memory
from .._version import __version__
from ..endpoints.assays import MEASURED
from ..endpoints.registry import RESULTS
from ..errors import InputError
from ..manifest import Manifest, manifest
from ..parameters import ParameterSet, load_parameters
from ..plain import plain
from ..runs import RunOptions
from ..solver.kernel import builtin_kernel
from ..store import BlockStore, digest
from ..streams import checked_seed, derived_seed
from ..uncertainty.draws import draw, told_of_draws
from ..uncertainty.study import Study, checked_study
from ..units import to_float, to_whole
from .design import TrialDesign
from .pool import STEP, Pool, build_pool
from .trial import Trial


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


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a run of virtual trials was asked, checked: whose trials, of which patients, and who works on them.

    Parameters
    ----------
    verb : str
    design : TrialDesign
    seed : int
    values : ParameterSet
    sets : list of ParameterSet
        That of each draw, or the one set.
    facts : mapping
        seed, draws (None: the one set), pool (virtual patients of a set), hazard_ratio (in place of the model's).
    options : RunOptions
    study : {'imodals', 'new'}
        Whose patients the draws describe.
    """

    verb: str
    design: TrialDesign
    seed: int
    values: ParameterSet
    sets: list[ParameterSet]
    facts: Mapping[str, float | None]
    options: RunOptions
    study: Study = "imodals"

    @classmethod
    def of(
        cls,
        verb: str,
        design: TrialDesign | Trial | str | Path,
        options: RunOptions,
        *,
        seed: int,
        draws: int | None,
        parameters: ParameterSet | None,
        pool: int | None,
        hazard_ratio: float | None,
        sizes: tuple[int, int],
        study: Study = "imodals",
    ) -> Question:
        """Check what was asked; `sizes` are the patients of a pool by default, with one set and with draws.

        Raises
        ------
        InputError, UnknownNameError
        """
        plan, seed = TrialDesign.of(design), checked_seed(seed)
        values = parameters if parameters is not None else load_parameters()
        if not isinstance(values, ParameterSet):
            raise InputError(
                f"parameters is of type {type(values).__name__}; a ParameterSet is needed (load_parameters())."
            )
        study = checked_study(study, drawn=draws is not None)
        sets = [values] if draws is None else draw(values, draws, seed, study=study).sets()
        size = sizes[draws is not None] if pool is None else to_whole(pool, "pool", 2, 1_000_000)
        ratio = None if hazard_ratio is None else to_float(hazard_ratio, "1", what="hazard_ratio")
        if ratio is not None and not 0 < ratio < 100:
            raise InputError(f"The hazard ratio is {ratio:g}; it must be above 0 and below 100.")
        idle = [a.name for a in plan.arms if a.adherence < 1 or a.agent is not None]
        if ratio is not None and idle:
            raise InputError(
                f"hazard_ratio stands in place of what the arms do; adherence and agent of {idle[0]} have no effect "
                "beside it: leave one of the two out."
            )
        facts = {"seed": seed, "draws": None if draws is None else len(sets), "pool": size, "hazard_ratio": ratio}
        return cls(
            verb=verb, design=plan, seed=seed, values=values, sets=sets, facts=facts, options=options, study=study
        )

    @property
    def size(self) -> int:
        """Virtual patients of one parameter set."""
        return int(self.facts["pool"] or 0)

    def check_memory(self, replicates: int, per_arm: int | None = None) -> None:
        """Refuse pools, trials and results that would not fit in memory; those of an executor are its own affair.

        Parameters
        ----------
        replicates : int
        per_arm : int, optional
            Patients of an arm, of the largest trial; those of the design by default.

        Raises
        ------
        InputError
        """
        plan, arms, visits = self.design, len(self.design.arms), len(self.design.visits)
        patients = plan.patients if per_arm is None else arms * per_arm
        days, seen = plan.follow_up / STEP + visits + 2, visits * len(MEASURED)
        kept = (3 if self.facts["hazard_ratio"] is not None else 2) * arms * (days + seen)
        pools = self.size * (kept + days * (len(MEASURED) + 1) + len(self.values))
        trial = patients * (2 * days + 5 * seen)
        found = replicates * (2 * (len(RESULTS) + 20 * arms + 4 * arms * visits) + arms * plan.follow_up / 20)
        if self.options.executor is None:
            what = f"{replicates} trials of {patients} patients, drawn from {self.size},"
            memory.check(8.0 * (pools + trial + found), what, "ask for a smaller pool, fewer patients or replicates")

    @property
    def drawn(self) -> dict[str, object]:
        """What a manifest says of the draws: where they come from, and whose patients they describe."""
        return {"drawn_from": None} if self.facts["draws"] is None else told_of_draws(self.values, self.study)

    def store(self, facts: Mapping[str, object] | None = None) -> BlockStore:
        """Return the store of the run; `facts` are what it depends on besides."""
        job = job_of(self.verb, self.values)
        new = {} if self.study == "imodals" else {"study": self.study}
        key = {**job, **self.facts, **new, **(facts or {}), "design": design_key(self.design)}
        return BlockStore(self.options.folder, key, resume=self.options.resume, overwrite=self.options.overwrite)

    def recipes(self, enrich: tuple[float, float] | None) -> list[PoolRecipe]:
        """Return the recipe of each parameter draw; its patients are its own: the pool's seed goes with the draw."""
        return [
            PoolRecipe(
                design=self.design.replace(trial=None, enrich=enrich),
                size=self.size,
                seed=derived_seed(self.seed, "pool", k),
                parameters=one,
                hazard_ratio=self.facts["hazard_ratio"],
                workers=self.options.workers if self.options.executor is None else 1,
            )
            for k, one in enumerate(self.sets)
        ]


def job_of(verb: str, values: ParameterSet) -> dict[str, object]:
    """Return what every run of virtual trials depends on: the verb, the version, the model and the parameters."""
    model = builtin_kernel().blueprint.fingerprint
    return {"verb": verb, "version": __version__, "model": model, "parameters": parameter_key(values)}


def record_of(values: ParameterSet, details: Mapping[str, object]) -> Manifest:
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
