"""What a folder holds of a stage already: kept if it is the same fit, refused before work begins if not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from .. import sums
from ..errors import InputError
from ..runs import log
from ..store import WAY_OUT
from ..uncertainty.posterior import Posterior

#: What a stage of a version without a list of its files wrote.
FILES = (
    "posterior.nc",
    "manifest.json",
    "timing.json",
    "estimate.json",
    "diagnostics.json",
    "covariance.csv",
    "parameters.csv",
    "targets.csv",
)


def done(home: Path) -> bool:
    """Whether a stage is finished, and none of its files is missing."""
    return (home / "posterior.nc").exists() and not sums.missing(home)


def check_new(folder: Path, stages: Iterable[str]) -> None:
    """Refuse a folder that holds one of the stages, or checkpoints of it.

    Raises
    ------
    InputError
    """
    for home in (folder / stage for stage in stages):
        if done(home) or any(home.glob("*/*.npz")):
            raise InputError(f"{home} holds a fit already; resume it, {WAY_OUT}")


def kept(stage: str, folder: Path, design: str, sampler: str, seed: int) -> Posterior:
    """Return the stored fit of a stage.

    Raises
    ------
    InputError
        If it is another fit.
    """
    home, stored = folder / stage, Posterior.load(stage, folder)
    if stored.manifest.get("design_hash") != design:
        raise InputError(f"{home} holds a fit of another model or other targets; {WAY_OUT}")
    said = stored.manifest.get("sampler")
    method = said.get("method", "emcee") if isinstance(said, Mapping) else "emcee"
    if (method, stored.manifest.get("seed")) != (sampler, seed):
        theirs = f"{method} and seed {stored.manifest.get('seed')}"
        raise InputError(f"{home} holds a fit by {theirs}, not by {sampler} and seed {seed}; {WAY_OUT}")
    log.info("%s: the stored fit is kept", stage)
    return stored
