"""`il2model calibrate`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..calibration.fit import calibrate as fit
from ..uncertainty.posterior import Posterior
from .running import run_long
from .verb import verb


@verb(
    fit,
    examples=(
        "il2model calibrate pk --quick -o results/mine",
        "il2model calibrate all -o results/calibration --workers 2",
    ),
)
def calibrate(
    run: partial[dict[str, Posterior]],
    stages: str | tuple[str, ...],
    *,
    output: Path = Path("results/calibration"),
    dask: str | None = None,
) -> None:
    """Calibrate the model to the published summaries of the trials.

    Stages build on each other: pk, then imodals; progression; then mirocals. Each writes a folder with its posterior,
    tables and diagnostics. A killed run goes on when it is started again.

    Parameters
    ----------
    stages : STAGE
        pk, imodals, progression, mirocals, several of them as pk,imodals, or all.
    quick
        Coarse, in minutes; to see it run, not to rely on.
    targets : DIR
        Target files of your own.
    output : DIR
        A folder per stage.
    """
    fits = run_long(partial(run, stages), "steps of the sampler", folder=output, dask=dask)
    for stage, posterior in fits.items():
        print(f"{stage}: {len(posterior)} draws of {len(posterior.ids)} numbers in {output / stage}")
