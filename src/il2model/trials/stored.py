"""The blocks of a trial: which replicates lie in which, and how they become a result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import sums
from ..errors import InputError, intact
from ..manifest import Manifest
from ..plain import restored
from ..solver.problem import Floats
from ..store import Block, BlockStore
from .curves import mean_of_draws
from .design import TrialDesign

#: Replicates that one task runs and one file holds.
BLOCK = 25
#: Days of survival curves.
GRID: Floats = np.arange(0, 3651, 20.0)


def pool_name(number: int) -> str:
    """Return the name of the block that says what the patients of a draw are like."""
    return f"pool-{number:05d}"


def layout(number: int, draws: int, replicates: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the blocks of a draw, one at least; a name holds the same replicates however many there are."""
    mine = tuple(range(number, replicates, draws))
    for first in range(0, max(len(mine), 1), BLOCK):
        yield f"replicates-{number:05d}-{first:07d}", mine[first : first + BLOCK]


def assembled(blocks: Mapping[str, Block], record: Manifest, design: TrialDesign) -> dict[str, Any]:
    """Return the fields of a `TrialResult`, its replicates in their order."""
    replicates, draws = record["replicates"], record["draws"] or 1
    pools = [blocks[pool_name(k)] for k in range(draws)]
    first = blocks[next(layout(0, draws, replicates))[0]]
    parts = {n: np.empty((replicates, *first[n].shape[1:])) for n in ("table", "null", "curves")}
    for number in range(draws):
        for name, wanted in layout(number, draws, replicates):
            if wanted:
                for part, array in parts.items():
                    array[list(wanted)] = blocks[name][part][: len(wanted)]
    names = pools[0].meta["strata"]
    strata = {name: np.mean([p["strata"][k] for p in pools], axis=0) for k, name in enumerate(names)}
    prefix = "covariate."
    return {
        "design": design,
        "names": tuple(first.meta["names"]),
        **parts,
        "days": GRID[design.follow_up >= GRID],
        "strata": strata,
        "hr_curve": mean_of_draws([p["hr_curve"] for p in pools]),
        "refused": sum(p.meta["refused"] for p in pools),
        "patients": draws * record["pool"],
        "covariates": {n.removeprefix(prefix): a for n, a in pools[0].arrays.items() if n.startswith(prefix)},
        "manifest": record,
    }


def loaded(folder: Path) -> dict[str, Any]:
    """Return the fields of the `TrialResult` that a finished run left in its folder."""
    store = BlockStore.opened(folder, "trial")
    paths = folder / "manifest.json", folder / "design.json"
    if not all(path.exists() for path in paths):
        raise InputError(f"The trial in {folder} is not finished; run_trial goes on with it.")
    sums.check(folder)
    with intact(" or ".join(map(str, paths)), "run_trial writes them again"):
        record, kept = (json.loads(sums.read(path)) for path in paths)
        design = restored(kept)
        if not isinstance(design, TrialDesign):
            raise TypeError("no design")
        names = [pool_name(k) for k in range(record["draws"] or 1)]
        for number in range(len(names)):
            names += [name for name, wanted in layout(number, record["draws"] or 1, record["replicates"]) if wanted]
    blocks = {name: block for name in names if (block := store.get(name)) is not None}
    if len(blocks) < len(names):
        raise InputError(f"The trial in {folder} is not finished; run_trial goes on with it.")
    return assembled(blocks, record, design)
