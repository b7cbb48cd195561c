"""Run a trial many times: draw patients from the pool, let chance act, analyse as the trial did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..parameters import ParameterSet
from ..plain import plain
from ..runs import Executor, Progress, RunOptions, worked
from ..solver.problem import Floats
from ..store import Block, BlockStore
from ..streams import stream
from ..uncertainty.study import Study
from ..units import to_whole
from .curves import expected_survival, observed_survival, ratio_by_marker
from .design import TrialDesign
from .recipe import PoolRecipe, Question, design_key, pools_forgotten, record_of
from .replicate import analyse, draw_trial
from .result import TrialResult
from .stored import GRID, assembled, layout, pool_name
from .trial import Trial

#: Patients of the pool with one parameter set, and with posterior draws.
POOL, POOL_PER_DRAW = 2000, 256


def run_trial(
    design: TrialDesign | Trial | str | Path,
    replicates: int = 200,
    seed: int = 0,
    *,
    draws: int | None = None,
    study: Study = "imodals",
    parameters: ParameterSet | None = None,
    pool: int | None = None,
    hazard_ratio: float | None = None,
    folder: str | Path | None = None,
    resume: bool = True,
    overwrite: bool = False,
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
    study : {'imodals', 'new'}
        Whose patients the draws describe: those of IMODALS, or those of a trial that nobody has seen.
    parameters : ParameterSet, optional
    pool : int, optional
        Virtual patients that replicates draw from (2000; 256 for each draw).
    hazard_ratio : float, optional
        Take this ratio instead of the model's effect: for tests of the analysis.
    folder : path, optional
        Replicates are stored there block by block, and what it holds of this trial is not run again.
    resume : bool
        False refuses a folder that holds replicates.
    overwrite : bool
        What the package wrote into the folder is removed, and the run begins anew; other files stay.
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
    options = RunOptions(
        folder=folder, resume=resume, overwrite=overwrite, workers=workers, executor=executor, progress=progress
    )
    replicates = to_whole(replicates, "replicates", 1, 1_000_000)
    asked = Question.of(
        "trial",
        design,
        options,
        seed=seed,
        draws=draws,
        parameters=parameters,
        study=study,
        pool=pool,
        hazard_ratio=hazard_ratio,
        sizes=(POOL, POOL_PER_DRAW),
    )
    asked.check_memory(replicates)
    plan, store = asked.design, asked.store()
    blocks = _run(asked.recipes(plan.enrich), replicates, asked.seed, store, options)
    details = {"trial": plan.name, "replicates": replicates, **asked.facts, **asked.drawn}
    record = record_of(asked.values, details | {"design": design_key(plan), "notes": list(plan.notes)})
    store.write("design.json", plain(plan))
    store.write("manifest.json", record)
    return TrialResult(**assembled(blocks, record, plan))


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Some replicates of one draw of the parameters, and what its patients are like where that is asked for."""

    recipe: PoolRecipe
    seed: int
    name: str
    replicates: tuple[int, ...]
    pool_name: str | None


def _run(
    recipes: list[PoolRecipe], replicates: int, seed: int, store: BlockStore, options: RunOptions
) -> dict[str, Block]:
    """Return the blocks of pools and replicates by name: those stored, and the others run and stored."""
    blocks: dict[str, Block] = {}
    tasks: list[_Task] = []
    for number, recipe in enumerate(recipes):
        pool: str | None = pool_name(number)
        if (block := store.get(pool_name(number))) is not None:
            blocks[pool_name(number)], pool = block, None
        for name, wanted in layout(number, len(recipes), replicates):
            if (block := store.get(name)) is not None:
                blocks[name] = block
                wanted = wanted[len(block["table"]) :]
            if wanted or pool is not None:
                tasks.append(_Task(recipe=recipe, seed=seed, name=name, replicates=wanted, pool_name=pool))
            pool = None
    done = replicates - sum(len(t.replicates) for t in tasks)
    options.tell(done, replicates)
    with worked(_work, tasks, options) as results, pools_forgotten():
        for task, made in zip(tasks, results, strict=True):
            for name, block in made.items():
                blocks[name] = _joined(blocks[name], block) if name in blocks else block
                store.put(name, blocks[name].arrays, **blocks[name].meta)
            done += len(task.replicates)
            options.tell(done, replicates)
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
