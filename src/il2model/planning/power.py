"""Power and sample size by enrichment, size and endpoint; assurance over the posterior."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..endpoints.registry import TESTS
from ..parameters import ParameterSet
from ..runs import Executor, Progress, RunOptions, worked
from ..solver.problem import Floats
from ..store import Block, BlockStore
from ..streams import stream
from ..trial_files import REFERENCE
from ..trials.analysis import COMPUTED, TrialData
from ..trials.design import TrialDesign
from ..trials.recipe import PoolRecipe, Question, pools_forgotten, record_of
from ..trials.replicate import draw_trial
from ..trials.trial import Trial
from ..uncertainty.study import Study
from ..units import to_whole
from .asked import ENDPOINTS, Range, cuts_of, endpoints_of, sizes_of
from .result import PowerStudy

if TYPE_CHECKING:
    import pandas as pd

#: Patients per arm that are tried by default: as many as in the reference trial, and more.
SIZES = (TrialDesign.of(REFERENCE).control.size, 200, 300, 400)
#: Trials that one task runs and one file holds.
BLOCK = 50


def power_study(
    design: TrialDesign | Trial | str | Path,
    *,
    cuts: Sequence[Range] | None = None,
    sizes: Sequence[int] = SIZES,
    endpoints: Sequence[str] = ENDPOINTS,
    replicates: int = 200,
    seed: int = 0,
    draws: int | None = None,
    study: Study = "imodals",
    hazard_ratio: float | None = None,
    parameters: ParameterSet | None = None,
    pool: int | None = None,
    folder: str | Path | None = None,
    resume: bool = True,
    overwrite: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> PowerStudy:
    """Estimate power over cut-offs of CSF pNFH, patients per arm and endpoints.

    Parameters
    ----------
    design : TrialDesign, Trial, str or path
        Its first treated arm is compared with the control.
    cuts : sequence of (low, high) or None, optional
        Whom the trial takes in, by CSF pNFH in pg/mL; None is everybody. By default everybody, and around
        the strata of the design.
    sizes : sequence of int
        Patients per arm.
    endpoints : sequence of {'log_rank', 'cafs'}
    replicates : int
        For each cut-off and size; spread over the draws.
    seed : int
    draws : int, optional
        Average over posterior draws: assurance, the chance of success given what is known.
    study : {'imodals', 'new'}
        Whose patients the draws describe: those of IMODALS, or those of a trial that nobody has seen.
    hazard_ratio : float, optional
        This ratio instead of the model's effect.
    parameters : ParameterSet, optional
    pool : int, optional
        Virtual patients that trials draw from (1000; 256 for each draw).
    folder : path, optional
        Trials are stored there block by block, and what it holds of this study is not run again.
    resume : bool
        False refuses a folder that holds trials.
    overwrite : bool
        What the package wrote into the folder is removed, and the run begins anew; other files stay.
    workers : int, optional
        Threads that simulate the virtual patients; all processors by default.
    executor : optional
        Anything with `submit(f, *args)`, such as a Dask client: blocks of trials run there.
    progress : callable, optional
        `progress(done, total)` in trials.

    Returns
    -------
    PowerStudy
        Columns: low, high (pg/mL), per_arm, endpoint, power, standard_error, deaths (mean of a trial),
        for_80_percent (patients per arm, from the mean of the statistic).
        It does not depend on folder, workers or executor.

    Raises
    ------
    InputError, UnknownNameError
    """
    options = RunOptions(
        folder=folder, resume=resume, overwrite=overwrite, workers=workers, executor=executor, progress=progress
    )
    replicates = to_whole(replicates, "replicates", 1, 100_000)
    asked = Question.of(
        "power",
        design,
        options,
        seed=seed,
        draws=draws,
        parameters=parameters,
        study=study,
        pool=pool,
        hazard_ratio=hazard_ratio,
        sizes=(1000, 256),
    )
    plan = asked.design
    cuts = default_cuts(plan) if cuts is None else cuts_of(cuts)
    sizes = sizes_of(sizes)
    endpoints = endpoints_of(endpoints)
    asked.check_memory(min(replicates, BLOCK), max(sizes))
    facts: dict[str, object] = {
        "cuts": [None if c is None else list(c) for c in cuts],
        "sizes": list(sizes),
        "endpoints": list(endpoints),
        "replicates": replicates,
    }
    store = asked.store(facts)
    recipes = {(c, k): recipe for c, cut in enumerate(cuts) for k, recipe in enumerate(asked.recipes(cut))}
    tasks = list(_layout(recipes, sizes, endpoints, replicates, asked.seed))
    blocks = _run(tasks, store, options)
    table, refused, pools = _table(plan, cuts, sizes, endpoints, tasks, blocks)
    left_out = {"refused": refused, "patients": pools * asked.size}
    details = {**facts, **asked.facts, "trial": plan.name, **asked.drawn, **left_out}
    record = record_of(asked.values, {"study": details})
    found = PowerStudy(design=plan, table=table, draws=draws, manifest=record, **left_out)
    found.save(store)
    return found


def default_cuts(design: TrialDesign) -> tuple[Range, ...]:
    """Return everybody, who lies below the high stratum, in the middle one, and in its lower part, pg/mL."""
    low, high = design.cuts
    return (None, (0.0, high), (low, high), (low, 2500.0))


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Some trials of one cut-off, draw of the parameters and size."""

    name: str
    recipe: PoolRecipe
    cut: int
    size: int
    per_arm: int
    endpoints: tuple[str, ...]
    replicates: tuple[int, ...]
    seed: int


def _layout(
    recipes: dict[tuple[int, int], PoolRecipe],
    sizes: Sequence[int],
    endpoints: Sequence[str],
    replicates: int,
    seed: int,
) -> Iterator[_Task]:
    """Yield all tasks, those of one pool together."""
    draws = 1 + max(k for _, k in recipes)
    for (cut, k), recipe in recipes.items():
        mine = tuple(range(k, replicates, draws))
        for number, n in enumerate(sizes):
            for first in range(0, len(mine), BLOCK):
                yield _Task(
                    name=f"cut-{cut:03d}-draw-{k:05d}-size-{number:03d}-{first:06d}",
                    recipe=recipe,
                    cut=cut,
                    size=number,
                    per_arm=n,
                    endpoints=tuple(endpoints),
                    replicates=mine[first : first + BLOCK],
                    seed=seed,
                )


def _run(tasks: list[_Task], store: BlockStore, options: RunOptions) -> dict[str, Block]:
    """Return the block of each task: those stored, and the others run and stored."""
    blocks = {t.name: block for t in tasks if (block := store.get(t.name)) is not None}
    missing = [t for t in tasks if t.name not in blocks]
    total = sum(len(t.replicates) for t in tasks)
    done = total - sum(len(t.replicates) for t in missing)
    options.tell(done, total)
    with worked(_work, missing, options) as results, pools_forgotten():
        for task, block in zip(missing, results, strict=True):
            blocks[task.name] = block
            store.put(task.name, block.arrays, **block.meta)
            done += len(task.replicates)
            options.tell(done, total)
    return blocks


def _work(task: _Task) -> Block:
    """Run a task, here or in another process: deaths (trial,), and z and p of each endpoint (trial, endpoint)."""
    pool = task.recipe.pool()
    design = task.recipe.design.sized(task.per_arm)
    deaths, tests = [], []
    for r in task.replicates:
        data = draw_trial(pool, design, stream(task.seed, "power", task.cut, task.size, r))
        deaths.append(float(data.died.sum()))
        tests.append([_test(data, endpoint) for endpoint in task.endpoints])
    z, p = np.moveaxis(np.array(tests, float).reshape(len(tests), -1, 2), 2, 0)
    arrays = {"deaths": np.array(deaths), "z": z, "p": p}
    return Block(arrays=arrays, meta={"refused": task.recipe.base().refused})


def _test(data: TrialData, endpoint: str) -> tuple[float, float]:
    """Return z, above 0 where the treated do better, and p."""
    z, p = COMPUTED[endpoint](data)
    return TESTS[endpoint].sign * z, p


def _table(
    plan: TrialDesign,
    cuts: Sequence[Range],
    sizes: Sequence[int],
    endpoints: Sequence[str],
    tasks: list[_Task],
    blocks: dict[str, Block],
) -> tuple[pd.DataFrame, int, int]:
    """Return the table of power, how many virtual patients no trial holds, and how many pools there were."""
    import pandas as pd

    rows = []
    for c, cut in enumerate(cuts):
        for s, n in enumerate(sizes):
            mine = [blocks[t.name] for t in tasks if (t.cut, t.size) == (c, s)]
            deaths, z, p = (np.concatenate([b[name] for b in mine]) for name in ("deaths", "z", "p"))
            rows += [_row(cut, n, e, z[:, k], p[:, k], deaths, plan.alpha) for k, e in enumerate(endpoints)]
    pools = {t.name.partition("-size")[0]: blocks[t.name].meta["refused"] for t in tasks}
    return pd.DataFrame(rows), sum(pools.values()), len(pools)


def _row(
    cut: Range, n: int, endpoint: str, z: Floats, p: Floats, deaths: Floats, alpha: float
) -> dict[str, float | int | str]:
    from scipy.special import ndtri

    power = float(((p < alpha) & (z > 0)).mean())
    tested = np.isfinite(z) & np.isfinite(p)
    mean = float(z[tested].mean()) if tested.any() else float("nan")
    wanted = float(ndtri(1 - alpha / 2) + ndtri(0.8))
    return {
        "low": 0.0 if cut is None else cut[0],
        "high": float("inf") if cut is None else cut[1],
        "per_arm": n,
        "endpoint": endpoint,
        "power": power,
        "standard_error": float(np.sqrt(power * (1 - power) / len(p))),
        "deaths": float(np.mean(deaths)),
        "without_test": int((~tested).sum()),
        "for_80_percent": float(np.ceil(n * (wanted / mean) ** 2)) if mean > 0.05 else float("nan"),
    }
