"""Tables of a fit's foresight, beside the fit: leave-one-out, percentiles, and what informs what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..runs import Executor, Progress, RunOptions, one_thread
from ..store import write_json
from ..uncertainty.posterior import Posterior
from .influence import influence
from .likelihood import pointwise
from .loo import leave_out, tables
from .predictive import flat, predict, predictive_check, stored_problem
from .sampled import part
from .tables import Row, write_table
from .targets import Source


def write_foretold(
    folder: str | Path,
    stages: Sequence[str],
    *,
    targets: Source | list[Source] | None = None,
    refit: bool = True,
    seed: int = 3,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> None:
    """Write leave-one-out.csv, foretold.csv, influence.csv and predictive.json beside the fits of a folder.

    Parameters
    ----------
    folder : path
        What `calibrate` wrote.
    stages : sequence of str
    targets, refit, seed, resume, workers, executor, progress
        As in `leave_out`.

    Raises
    ------
    InputError
        If a fit is missing, or of another model or other targets.
    """
    home, run = Path(folder), RunOptions(resume=resume, workers=workers, executor=executor, progress=progress)
    groups: list[Row] = []
    numbers: list[Row] = []
    informed: list[Row] = []
    checks: dict[str, object] = {}
    for k, stage in enumerate(stages):
        mine = part(run, 100 * k // len(stages), 100 * (k + 1) // len(stages))
        posterior = Posterior.load(stage, home)
        with one_thread():
            problem = stored_problem(posterior, home, targets)
            z = flat(posterior)
            checks[stage] = predictive_check(problem, z[posterior.pick(min(len(z), 800), seed)], seed)
            terms = pointwise(problem.fitted, problem.targets, predict(problem, z))
        informed += [{"stage": stage, **row} for row in influence(z, terms, posterior.coordinates)]
        found = leave_out(
            *(stage, home),
            targets=targets,
            refit=refit,
            seed=seed,
            resume=resume,
            workers=workers,
            executor=executor,
            progress=mine.tell,
        )
        of_groups, of_numbers = tables(stage, found)
        groups += of_groups
        numbers += of_numbers
        write_table(home / "leave-one-out.csv", groups)
        write_table(home / "foretold.csv", numbers)
        write_table(home / "influence.csv", informed)
        write_json(home / "predictive.json", checks)
