"""Run a study: what is missing in its folder, then the indices."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import InputError, warn_incomplete
from ..manifest import manifest, peak_memory
from ..runs import Executor, Progress, RunOptions, ordered
from ..solver.problem import Floats
from ..spreadsheet import csv_text
from ..store import BlockStore
from ..units import to_float, to_whole
from .blocks import Block, Collected, check_memory, open_store, patients_left_out, store_rows, stored_part
from .estimate import check_policy, estimate
from .evaluate import Rows, evaluate
from .methods import METHODS
from .results import StudyResult
from .study import SensitivityStudy

#: Largest base sample of the precision stop.
MOST = 2**16


def run_study(
    study: SensitivityStudy,
    *,
    policy: str = "refuse",
    folder: str | Path | None = None,
    resume: bool = True,
    overwrite: bool = False,
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
    overwrite : bool
        What the package wrote into the folder is removed, and the run begins anew; other files stay.
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
    options = RunOptions(
        folder=folder, resume=resume, overwrite=overwrite, workers=workers, executor=executor, progress=progress
    )
    check_policy(study.how, policy, tuple(METHODS.values()))
    if study.idle:
        raise InputError(study.idle)
    for note in study.notes:
        warn_incomplete(note)
    check_memory(study, options)
    begin = time.perf_counter()
    store = open_store(study, options.folder, resume=resume, overwrite=overwrite)
    store.write("study.json", {**study.describe(), "key": dict(study.key), "arguments": study.arguments})
    start = time.perf_counter()
    rows, run = _collect(study, store, options)
    around = start - begin - time.perf_counter()
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
    end = time.perf_counter()
    details = {"policy": policy, "rows_run": run, "wall_seconds": round(end - begin, 2)}
    record = _manifest(study, rows.seconds, around + end, details)
    result = StudyResult(
        study=study,
        Y=rows.Y,
        left_out=rows.left_out,
        reasons=rows.reasons,
        indices=found.indices,
        masked=found.masked,
        notes=(*found.notes, *[missing] * bool(missing), *study.notes),
        manifest=record,
    )
    if store.folder is not None:
        _write(store, result)
    return result


def run_to_width(
    study: SensitivityStudy,
    width: float,
    *,
    most: int = MOST,
    policy: str = "refuse",
    folder: str | Path | None = None,
    resume: bool = True,
    overwrite: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """Run a study with n, 2n, 4n, ... until every leading index has a half-width below `width`.

    Rows of a smaller design are the first of a larger one (one seed, nested), so nothing is run twice
    where there is a folder.

    Parameters
    ----------
    study : SensitivityStudy
        Of a method with nested designs: sobol.
    width : float
        Between 0 and 1.
    most : int
        Largest n.
    policy, folder, resume, overwrite, workers, executor, progress
        As in `run_study`.

    Raises
    ------
    InputError
        If the designs are not nested, or the width is not between 0 and 1.
    """
    if not study.how.nested:
        raise InputError(f"The precision stop serves sobol, whose designs are nested; {study.method} is not.")
    width, most = to_float(width, "1", what="width"), to_whole(most, "most", 2, 2**22)
    if not 0 < width < 1:
        raise InputError(f"The width is {width}; it must lie between 0 and 1.")
    while True:
        result = run_study(
            study,
            policy=policy,
            folder=folder,
            resume=resume,
            overwrite=overwrite,
            workers=workers,
            executor=executor,
            progress=progress,
        )
        half = result.main()[2]
        open_ = np.zeros(0) if half is None else half[:, ~result.masked]  # nothing makes an output vary that does not
        if not (open_ > width).any() or study.n >= most:
            return result
        study, resume, overwrite = study.replace(n=2 * study.n), True, False


class _Clock:
    """Seconds of blocks that overlap."""

    def __init__(self) -> None:
        self.ticks, self.spans = time.perf_counter(), np.zeros((0, 2))

    def seconds(self, rows: Rows) -> Floats:
        """Return what passed since the block before, and of these in the model."""
        inside, before = covered(self.spans), self.ticks
        self.spans, self.ticks = np.vstack([self.spans, rows.spans]), time.perf_counter()
        return np.array([self.ticks - before, covered(self.spans) - inside])


def covered(spans: Floats) -> float:
    """Return the length of the union of intervals (interval, 2)."""
    total, end = 0.0, -np.inf
    for a, b in sorted(map(tuple, spans)):
        total += max(b - max(a, end), 0.0)
        end = max(end, b)
    return float(total)


def _collect(study: SensitivityStudy, store: BlockStore, options: RunOptions) -> tuple[Collected, int]:
    """Return every row, from the folder where it is there, and how many were run."""
    rows, waiting = stored_part(study, store)
    total = len(study.design)
    run = sum(b.rows.stop - b.rows.start for b in waiting)
    done = total - run
    options.tell(done, total)
    clock = _Clock()
    for block, part in zip(waiting, _evaluated(study, waiting, options), strict=True):
        if options.executor is None:
            seconds = clock.seconds(part)
        else:  # by the worker's own clock
            seconds = np.array([part.took, np.ptp(part.spans, axis=1).sum()])
        store_rows(store, block, study.design[block.rows], part, seconds)
        rows.take(block.rows, part, seconds)
        done += block.rows.stop - block.rows.start
        options.tell(done, total)
    return rows, run


def _evaluated(study: SensitivityStudy, waiting: list[Block], options: RunOptions) -> Iterator[Rows]:
    """Evaluate blocks in order; on this machine one is prepared while another is integrated."""
    points = (study.design[b.rows] for b in waiting)
    if options.executor is not None:
        return ordered(partial(evaluate, study, 1), points, options)
    two = replace(options, workers=min(2, options.width))
    return ordered(partial(evaluate, study, options.workers), points, two)


def _manifest(
    study: SensitivityStudy, spent: Floats, around: float, details: Mapping[str, object]
) -> dict[str, object]:
    """Return the manifest; `spent` are seconds of the blocks, and of these in the model, `around` those of the rest."""
    simulations = len(study.design) * study.simulations
    whole = float(spent[0]) + around
    return manifest(
        model_hash=study.kernel.blueprint.fingerprint,
        parameter_hash=study.values.fingerprint(),
        parameter_set=study.values.name,
        calibrated=study.values.calibrated,
        details={
            "study": study.describe(),
            "reproduce": study.command(str(details["policy"])),
            **details,
            "cost": {
                "simulations": simulations,
                "seconds": round(whole, 2),
                "milliseconds_per_simulation": round(1e3 * float(spent[0]) / simulations, 4),
                "share_outside_the_model": round(1 - float(spent[1]) / whole, 4),
                "peak_memory_mib": peak_memory(),
            },
        },
    )


def _write(store: BlockStore, result: StudyResult) -> None:
    """Write indices, manifest and failed rows beside the blocks."""
    store.write("indices.nc", bytes(result.to_xarray().to_netcdf(engine="scipy")))
    store.write("indices.csv", csv_text(result.to_dataframe()))
    store.write("failed.json", {str(k): w for k, w in result.reasons.items()})
    store.write("manifest.json", json.dumps({**result.manifest, "notes": list(result.notes)}, indent=1) + "\n")
