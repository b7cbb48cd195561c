"""Run a trial many times: draw patients from the pool, let chance act, analyse as the trial did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..errors import InputError
from ..manifest import manifest
from ..parameters import ParameterSet, load_parameters
from ..plain import plain, restored
from ..runs import Executor, Progress, RunOptions, ordered
from ..solver.kernel import builtin_kernel
from ..solver.problem import Floats
from ..store import Block, BlockStore
from ..streams import checked_seed, derived_seed, stream
from ..uncertainty.draws import draw, source_of
from .curves import expected_survival, mean_of_draws, observed_survival, ratio_by_marker
from .design import TrialDesign
from .recipe import PoolRecipe, design_key, forget_pools, parameter_key
from .replicate import analyse, draw_trial
from .result import TrialResult
from .trial import Trial

#: Replicates that one task runs and one file holds.
BLOCK = 25
#: Patients of the pool with one parameter set, and with posterior draws.
POOL, POOL_PER_DRAW = 2000, 256
GRID = np.arange(0, 3651, 20.0)


def run_trial(
    design: TrialDesign | Trial | str | Path,
    replicates: int = 200,
    seed: int = 0,
    *,
    draws: int | None = None,
    parameters: ParameterSet | None = None,
    pool: int | None = None,
    hazard_ratio: float | None = None,
    folder: str | Path | None = None,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> TrialResult:
    """Run a trial many times.

    Parameters
    ----------
    design : TrialDesign, Trial, str or path
        A design, a trial, its name (`TrialDesign.names()`), or a trial file of your own.
    replicates : int
    seed : int
        Replicate number i of a seed is the same trial however many there are.
    draws : int, optional
        Use so many draws of the posterior; replicate i takes draw i modulo that number.
    parameters : ParameterSet, optional
    pool : int, optional
        Virtual patients that replicates draw from (2000; 256 for each draw).
    hazard_ratio : float, optional
        Take this ratio instead of the model's effect: for tests of the analysis.
    folder : path, optional
        Replicates are stored there block by block, and what it holds of this trial is not run again.
    resume : bool
        False refuses a folder that holds replicates.
    workers : int, optional
        Threads that simulate the virtual patients; all processors by default.
    executor : optional
        Anything with `submit(f, *args)`, such as a Dask client: blocks of replicates run there.
    progress : callable, optional
        `progress(done, total)` in replicates.

    Returns
    -------
    TrialResult
        It does not depend on folder, workers or executor.

    Raises
    ------
    InputError, UnknownNameError, SimulationError
    """
    options = RunOptions(folder=folder, resume=resume, workers=workers, executor=executor, progress=progress)
    plan = TrialDesign.of(design)
    _check(replicates, pool, hazard_ratio)
    values = parameters if parameters is not None else load_parameters()
    sets = [values] if draws is None else draw(values, draws, checked_seed(seed)).sets()
    size = pool if pool is not None else (POOL if draws is None else POOL_PER_DRAW)
    facts = {"seed": checked_seed(seed), "draws": draws, "pool": size, "hazard_ratio": hazard_ratio}
    model = builtin_kernel().blueprint.fingerprint
    key = {"verb": "trial", "version": __version__, "model": model, "parameters": parameter_key(values)}
    store = BlockStore(options.folder, key | facts | {"design": design_key(plan)}, resume=options.resume)
    # the patients of a draw are its own: the pool's seed goes with the draw
    recipes = [
        PoolRecipe(
            design=plan.replace(trial=None),
            size=size,
            seed=derived_seed(seed, "pool", k),
            parameters=one,
            hazard_ratio=hazard_ratio,
            workers=options.workers if executor is None else 1,
        )
        for k, one in enumerate(sets)
    ]
    blocks = _run(recipes, replicates, seed, store, options)
    record = manifest(
        model_hash=model,
        parameter_hash=values.fingerprint(),
        parameter_set=values.name,
        calibrated=values.calibrated,
        details={
            "trial": plan.name,
            "replicates": replicates,
            **facts,
            "drawn_from": None if draws is None else source_of(values),
            "design": design_key(plan),
        },
    )
    store.write("design.json", plain(plan))
    store.write("manifest.json", record)
    return _assembled(blocks, record, plan)


def _check(replicates: int, pool: int | None, hazard_ratio: float | None) -> None:
    if replicates != int(replicates) or not 1 <= replicates <= 1_000_000:
        raise InputError(f"replicates is {replicates}; it must be a whole number from 1 to 1000000.")
    if pool is not None and not 2 <= pool <= 1_000_000:
        raise InputError(f"The pool has {pool} patients; it needs 2 to 1000000.")
    if hazard_ratio is not None and not 0 < hazard_ratio < 100:
        raise InputError(f"The hazard ratio is {hazard_ratio}; it must be above 0.")


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Some replicates of one draw of the parameters, and what its patients are like where that is asked for."""

    recipe: PoolRecipe
    seed: int
    name: str
    replicates: tuple[int, ...]
    pool_name: str | None


def _pool_name(number: int) -> str:
    return f"pool-{number:05d}"


def _layout(number: int, draws: int, replicates: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the blocks of a draw, one at least; a name holds the same replicates however many there are."""
    mine = tuple(range(number, replicates, draws))
    for first in range(0, max(len(mine), 1), BLOCK):
        yield f"replicates-{number:05d}-{first:07d}", mine[first : first + BLOCK]


def _run(
    recipes: list[PoolRecipe], replicates: int, seed: int, store: BlockStore, options: RunOptions
) -> dict[str, Block]:
    """Return the blocks of pools and replicates by name: those stored, and the others run and stored."""
    blocks: dict[str, Block] = {}
    tasks: list[_Task] = []
    for number, recipe in enumerate(recipes):
        pool: str | None = _pool_name(number)
        if (block := store.get(_pool_name(number))) is not None:
            blocks[_pool_name(number)], pool = block, None
        for name, wanted in _layout(number, len(recipes), replicates):
            if (block := store.get(name)) is not None:
                blocks[name] = block
                wanted = wanted[len(block["table"]) :]
            if wanted or pool is not None:
                tasks.append(_Task(recipe=recipe, seed=seed, name=name, replicates=wanted, pool_name=pool))
            pool = None
    done = replicates - sum(len(t.replicates) for t in tasks)
    options.tell(done, replicates)
    results = map(_work, tasks) if options.executor is None else ordered(_work, tasks, options)
    try:
        for task, made in zip(tasks, results, strict=True):
            for name, block in made.items():
                blocks[name] = _joined(blocks[name], block) if name in blocks else block
                store.put(name, blocks[name].arrays, **blocks[name].meta)
            done += len(task.replicates)
            options.tell(done, replicates)
    finally:
        forget_pools()
    return blocks


def _joined(first: Block, then: Block) -> Block:
    return Block(arrays={n: np.concatenate([a, then[n]]) for n, a in first.arrays.items()}, meta=first.meta)


def _work(task: _Task) -> dict[str, Block]:
    """Run a task, here or in another process."""
    design = task.recipe.design
    days = GRID[design.follow_up >= GRID]
    pool = task.recipe.pool()
    made = {}
    if task.pool_name is not None:
        strata = expected_survival(pool, design, days)
        base = task.recipe.base()
        arrays = {"strata": np.array(list(strata.values())), "hr_curve": ratio_by_marker(pool)}
        arrays |= {f"covariate.{name}": values for name, values in base.covariates.items()}
        made[task.pool_name] = Block(arrays=arrays, meta={"strata": list(strata), "refused": base.refused})
    if task.replicates:
        empty = pool.without_effect()
        rows, nulls, curves = [], [], []
        for k in task.replicates:
            data = draw_trial(pool, design, stream(task.seed, "replicate", k))
            rows.append(analyse(data, design))
            curves.append(observed_survival(data, design, days))
            null = draw_trial(empty, design, stream(task.seed, "replicate_without_effect", k))
            nulls.append(analyse(null, design))
        names = list(rows[0])
        arrays = {"table": _columns(rows, names), "null": _columns(nulls, names), "curves": np.array(curves)}
        made[task.name] = Block(arrays=arrays, meta={"names": names})
    return made


def _columns(rows: list[dict[str, float]], names: list[str]) -> Floats:
    return np.array([[row[n] for n in names] for row in rows])


def _assembled(blocks: Mapping[str, Block], record: Mapping[str, Any], design: TrialDesign) -> TrialResult:
    """Put the replicates in their order."""
    replicates, draws = record["replicates"], record["draws"] or 1
    pools = [blocks[_pool_name(k)] for k in range(draws)]
    first = blocks[next(_layout(0, draws, replicates))[0]]
    parts = {n: np.empty((replicates, *first[n].shape[1:])) for n in ("table", "null", "curves")}
    for number in range(draws):
        for name, wanted in _layout(number, draws, replicates):
            if wanted:
                for part, array in parts.items():
                    array[list(wanted)] = blocks[name][part][: len(wanted)]
    names = pools[0].meta["strata"]
    strata = {name: np.mean([p["strata"][k] for p in pools], axis=0) for k, name in enumerate(names)}
    prefix = "covariate."
    return TrialResult(
        design=design,
        names=tuple(first.meta["names"]),
        **parts,
        days=GRID[design.follow_up >= GRID],
        strata=strata,
        hr_curve=mean_of_draws([p["hr_curve"] for p in pools]),
        refused=sum(p.meta["refused"] for p in pools),
        patients=draws * record["pool"],
        covariates={n.removeprefix(prefix): a for n, a in pools[0].arrays.items() if n.startswith(prefix)},
        manifest=record,
    )


def load_trial(folder: Path) -> TrialResult:
    """Return the result that a finished run left in its folder; see `TrialResult.load`."""
    store = BlockStore.opened(folder, "trial")
    try:
        record = json.loads((folder / "manifest.json").read_text(encoding="utf8"))
        design = restored(json.loads((folder / "design.json").read_text(encoding="utf8")))
        names = [_pool_name(k) for k in range(record["draws"] or 1)]
        for number in range(len(names)):
            names += [name for name, wanted in _layout(number, record["draws"] or 1, record["replicates"]) if wanted]
    except FileNotFoundError:
        raise InputError(f"The trial in {folder} is not finished; run_trial goes on with it.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"The manifest or the design in {folder} is damaged; run_trial writes them again.") from None
    blocks = {name: block for name in names if (block := store.get(name)) is not None}
    if len(blocks) < len(names):
        raise InputError(f"The trial in {folder} is not finished; run_trial goes on with it.")
    return _assembled(blocks, record, design)
