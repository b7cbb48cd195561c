"""`il2model sensitivity`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from .. import sums
from ..errors import SimulationError
from ..sensitivity.results import StudyResult
from ..sensitivity.run import run_study, run_to_width
from ..sensitivity.study import SensitivityStudy
from .output import say, written
from .running import run_long
from .verb import verb


@verb(
    SensitivityStudy,
    run_study,
    left={"study": "the other options", "model": "a model is an object of Python"},
    examples=(
        "il2model sensitivity --method morris --n 20 --outputs treg_auc -o screen",
        "il2model sensitivity --n 256 --until-width 0.05 --outputs plasma_ccl2",
        "il2model sensitivity --outputs survival_difference --dask tcp://host:8786",
    ),
)
def sensitivity(
    design: partial[SensitivityStudy],
    run: partial[StudyResult],
    *,
    outputs: Sequence[str] = ("treg_percent", "plasma_ccl2", "alsfrs_r"),
    until_width: float | None = None,
    alone: bool = False,
    dask: str | None = None,
    output: Path = Path("results/sensitivity"),
) -> None:
    """Run a global sensitivity study, stored and resumable, and write its report.

    Parameters
    ----------
    outputs : LIST
        Observables; endpoints such as treg_auc, ccl2_nadir, alsfrs_r_slope; or differences between arms:
        survival_difference, alsfrs_r_difference. il2model outputs lists them.
    parameters
        Which to vary (default: all with a prior that the outputs can depend on).
    method
        A name of il2model methods.
    until : DAY
        Last day (default 640 for differences between arms, else 85).
    times : DAYS
        Days of observables (default: the visits of each cycle).
    base
        Parameter set that is varied: prior (default: the calibrated one).
    policy
        For failed rows: refuse, bound or drop.
    until_width : W
        Double n until the half-widths of all total indices are below W.
    alone
        Leave out what is run beside it: scrambles, tornado, prior beside posterior.
    output : DIR
        Study, rows, indices and report.html.
    """
    from ..report.sensitivity import write_sensitivity

    study = design(outputs=outputs)
    call = run if until_width is None else partial(run_to_width, width=until_width, **run.keywords)
    result = run_long(partial(call, study), "rows", folder=output, dask=dask)
    beside = {}
    for word, companion in {} if alone else result.study.companions().items():
        wanted = run.keywords.get("policy", "refuse")
        policy = next(p for p in (wanted, "drop", "refuse") if p in companion.how.policies)
        again = partial(run, companion, policy=policy, resume=True)
        try:
            beside[word] = run_long(again, f"rows of {word}", folder=output / word, dask=dask)
        except SimulationError as error:
            say(f"note: {word} is left out: {error}")
    with written(output):
        page = sums.know(write_sensitivity([(result, beside)], output / "report.html"))
    print("\n".join(leading(result)))
    for note in result.notes:
        print(f"note: {note}")
    print(f"Open {page}")


def leading(result: StudyResult) -> list[str]:
    """Return a line per output, at its last time: the parameters that lead."""
    lines = []
    name, values, half = result.main()
    last = max((c.time for c in result.study.columns if c.time is not None), default=None)
    for k, column in enumerate(result.study.columns):
        if column.series is not None and column.time != last:
            continue
        if result.masked[k]:
            lines.append(f"{column.name}: no variance")
            continue
        order = np.argsort(-np.abs(np.nan_to_num(values[:, k])))[:5]
        top = ", ".join(
            f"{result.study.inputs[i]} {values[i, k]:.2f}" + (f" +- {half[i, k]:.2f}" if half is not None else "")
            for i in order
        )
        lines.append(f"{column.name}: {name} {top}")
    return lines
