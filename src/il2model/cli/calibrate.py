"""`il2model calibrate`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..calibration.fit import calibrate as fit
from ..trials.trial import Trial
from ..uncertainty.posterior import Posterior
from .running import run_long
from .verb import verb


@verb(
    fit,
    examples=(
        "il2model calibrate pk --quick -o results/mine",
        "il2model calibrate all -o results/calibration --workers 2",
        "il2model calibrate pk --fix il2_clearance='0.25 L/min' -o results/held",
        "il2model calibrate pk --prior 'il2_lymph_rate=uniform(9,12)' -o results/prior",
    ),
)
def calibrate(
    run: partial[dict[str, Posterior]],
    stages: str | tuple[str, ...],
    *,
    targets: str | None = None,
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
    targets : NAME,...
        Trials by name, trial files and folders of them; those that ship by default, which 'all' names.
    fix : ID=VALUE
        Hold a parameter instead of estimating it; may be repeated.
    only : ID,...
        Estimate these parameters alone.
    prior : ID=LAW
        Another prior, such as 'il2_clearance=lognormal(0.25 L/min, 0.1)'; may be repeated.
    structure : NAME
        A structural alternative, or average (default): draws of all structures of imodals by posterior weight.
    floor : NAME+NAME=SHARE
        Least weight of some structures together in the average, such as crowding+exhaustion=0.08; may be repeated.
    size : N
        Virtual patients of the likelihood.
    output : DIR
        A folder per stage.
    """
    if targets is not None:
        parts = [p.strip() for p in targets.split(",") if p.strip()]
        run = partial(run, targets=[n for p in parts for n in (Trial.names() if p == "all" else (p,))])
    fits = run_long(partial(run, stages), "steps of the sampler", folder=output, dask=dask)
    for stage, posterior in fits.items():
        judged = "" if posterior.manifest.get("converged", True) else "; NOT CONVERGED, see diagnostics.json"
        print(f"{stage}: {len(posterior)} draws of {len(posterior.ids)} numbers in {output / stage}{judged}")
