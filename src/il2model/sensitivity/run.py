"""Run a study: what is missing in its folder, then the indices."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..manifest import manifest, peak_memory
from ..runs import Executor, Progress, RunOptions, ordered
from ..solver.problem import Floats
from ..store import BlockStore
from .blocks import Block, Collected, blocks, open_store, patients_left_out, store_rows, stored_rows
from .estimate import check_policy, estimate
from .evaluate import Rows, evaluate
from .methods import METHODS
from .results import StudyResult
from .shell import command
from .study import SensitivityStudy


def run_study(
    study: SensitivityStudy,
    *,
    policy: str = "refuse",
    folder: str | Path | None = None,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """Evaluate every row of a study and estimate its indices.

    Parameters
    ----------
    study : SensitivityStudy
    policy : {'refuse', 'bound', 'drop'}
        What to do about failed rows: refuse an index; bound it by both extremes of
        the outputs (sobol); leave the rows out (given-data methods only).
    folder : path, optional
        Results are written there block by block, and what it holds of this study is not run again.
    resume : bool
        False refuses a folder that holds results.
    workers : int, optional
        Threads; all processors by default.
    executor : Executor, optional
        With `submit(f, *args)`, such as a Dask client's: blocks run there.
    progress : callable, optional
        `progress(done, total)` in rows.

    Returns
    -------
    StudyResult
        It depends on neither workers nor executor.

    Raises
    ------
    InputError
        If the method does not allow the policy, or the folder holds another study.
    SimulationError
        If rows failed and the policy is to refuse.
    """
    options = RunOptions(folder=folder, resume=resume, workers=workers, executor=executor, progress=progress)
    check_policy(study.how, policy, tuple(METHODS.values()))
    begin = time.perf_counter()
    store = open_store(study, options.folder, resume=resume)
    store.write("study.json", {**study.describe(), "key": dict(study.key), "arguments": study.arguments})
    rows, cost = _collect(study, store, options)
    found = estimate(
        study.how,
        study.cube,
        study.design,
        rows.Y,
        outputs=[c.name for c in study.columns],
        reasons=rows.reasons,
        policy=policy,
        seed=study.seed,
        second_order=study.second_order,
    )
    missing = patients_left_out(rows.Y, rows.left_out)
    record = _manifest(study, policy, cost, time.perf_counter() - begin)
    result = StudyResult(
        study=study,
        **vars(rows),
        indices=found.indices,
        masked=found.masked,
        notes=(*found.notes, missing) if missing else found.notes,
        manifest=record,
    )
    if store.folder is not None:
        _write(store, result)
    return result


@dataclass
class _Cost:
    """Seconds of the blocks, of these in the model, and rows that were run now."""

    blocks: float = 0.0
    model: float = 0.0
    rows_run: int = 0
    waited: float = 0.0  # of this run, for blocks
    ticks: float = field(default_factory=time.perf_counter)
    spans: Floats = field(default_factory=lambda: np.zeros((0, 2)))

    def of_block(self, rows: Rows, *, elsewhere: bool) -> Floats:
        """Return the seconds of a block, and of these in the model."""
        self.rows_run += len(rows.Y)
        if elsewhere:  # by the worker's own clock
            return np.array([rows.took, np.ptp(rows.spans, axis=1).sum()])
        inside = covered(self.spans)
        self.spans = np.vstack([self.spans, rows.spans])  # blocks overlap
        now = time.perf_counter()
        seconds = np.array([now - self.ticks, covered(self.spans) - inside])
        self.ticks = now
        return seconds


def covered(spans: Floats) -> float:
    """Return the length of the union of intervals (interval, 2)."""
    total, end = 0.0, -np.inf
    for a, b in sorted(map(tuple, spans)):
        total += max(b - max(a, end), 0.0)
        end = max(end, b)
    return float(total)


def _collect(study: SensitivityStudy, store: BlockStore, options: RunOptions) -> tuple[Collected, _Cost]:
    """Return every row, from the folder where it is there."""
    rows, waiting, stored = Collected.empty(study), [], []
    for block in blocks(study):
        found = stored_rows(store, block, study.design[block.rows])
        if found is None:
            waiting.append(block)
        else:
            rows.take(block.rows, found[0])
            stored.append(found[1])
    done, total = len(study.design) - sum(b.rows.stop - b.rows.start for b in waiting), len(study.design)
    options.tell(done, total)
    cost = _Cost()
    for spent in stored:
        cost.blocks, cost.model = cost.blocks + spent[0], cost.model + spent[1]
    begin = time.perf_counter()
    for block, part in zip(waiting, _evaluated(study, waiting, options), strict=True):
        seconds = cost.of_block(part, elsewhere=options.executor is not None)
        store_rows(store, block, study.design[block.rows], part, seconds)
        rows.take(block.rows, part)
        cost.blocks, cost.model = cost.blocks + seconds[0], cost.model + seconds[1]
        done += block.rows.stop - block.rows.start
        options.tell(done, total)
    cost.waited = time.perf_counter() - begin
    return rows, cost


def _evaluated(study: SensitivityStudy, waiting: list[Block], options: RunOptions) -> Iterator[Rows]:
    """Evaluate blocks in order; on this machine one is prepared while another is integrated."""
    points = (study.design[b.rows] for b in waiting)
    if options.executor is not None:
        return ordered(partial(evaluate, study, 1), points, options)
    two = replace(options, workers=min(2, options.width))
    return ordered(partial(evaluate, study, options.workers), points, two)


def _manifest(study: SensitivityStudy, policy: str, cost: _Cost, seconds: float) -> dict[str, Any]:
    simulations = len(study.design) * study.simulations
    whole = cost.blocks + seconds - cost.waited
    return manifest(
        model_hash=study.kernel.blueprint.fingerprint,
        parameter_hash=study.values.fingerprint(),
        parameter_set=study.values.name,
        calibrated=study.values.calibrated,
        details={
            "study": study.describe(),
            "reproduce": command(study, policy),
            "policy": policy,
            "rows_run": cost.rows_run,
            "wall_seconds": round(seconds, 2),
            "cost": {
                "simulations": simulations,
                "seconds": round(whole, 2),
                "milliseconds_per_simulation": round(1e3 * cost.blocks / simulations, 4),
                "share_outside_the_model": round(1 - cost.model / whole, 4),
                "peak_memory_mib": peak_memory(),
            },
        },
    )


def _write(store: BlockStore, result: StudyResult) -> None:
    """Write indices, manifest and failed rows beside the blocks."""
    store.write("indices.nc", bytes(result.to_xarray().to_netcdf(engine="scipy")))
    store.write("indices.csv", result.to_dataframe().to_csv(float_format="%.6g"))
    store.write("failed.json", {str(k): w for k, w in result.reasons.items()})
    store.write("manifest.json", json.dumps({**result.manifest, "notes": list(result.notes)}, indent=1) + "\n")
