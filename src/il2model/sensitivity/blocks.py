"""Rows of a study in blocks: on disk, and put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import memory
from ..errors import InputError
from ..runs import RunOptions
from ..solver.problem import Floats
from ..store import BlockStore
from .evaluate import Rows
from .study import SensitivityStudy


@dataclass(frozen=True)
class Block:
    """Some rows of a design, and their name on disk."""

    number: int
    rows: slice

    @property
    def name(self) -> str:
        """Of the file, without its ending."""
        return f"block-{self.number:06d}"


def block_size(study: SensitivityStudy) -> int:
    """Return how many rows are evaluated between two writes: some seconds of work that share its overhead."""
    return 512 if study.compares else 4096


def check_memory(study: SensitivityStudy, options: RunOptions) -> None:
    """Refuse a study whose design, outputs or block of rows would not fit in memory.

    Raises
    ------
    InputError
    """
    inputs, outputs, kernel = len(study.inputs), len(study.columns), study.kernel
    rows = study.n * study.how.stride(inputs, study.second_order)
    subjects = min(rows, block_size(study)) * (study.patients if study.compares else 1)
    of_one = len(kernel.blueprint.parameters) * 3 + 4 * outputs + (0 if study.compares else study.days)
    if options.executor is not None:
        subjects = 0  # a block is worked on elsewhere
    memory.check(
        8.0 * (rows * (3 * inputs + 6 * outputs) + subjects * of_one),
        f"{rows} rows of {inputs} inputs and {outputs} outputs"
        + f", of {study.patients} patients each," * study.compares,
        "ask for a smaller n, fewer times or outputs" + ", or fewer patients" * study.compares,
    )


def blocks(study: SensitivityStudy) -> Iterator[Block]:
    """Return numbered blocks of rows."""
    rows, size = len(study.design), block_size(study)
    for k, first in enumerate(range(0, rows, size)):
        yield Block(k, slice(first, min(first + size, rows)))


def open_store(
    study: SensitivityStudy, folder: str | Path | None, *, resume: bool = True, overwrite: bool = False
) -> BlockStore:
    """Return the store of a study; its key leaves n out, so that a larger design goes on from a smaller one."""
    return BlockStore(folder, study.key, resume=resume, overwrite=overwrite)


def stored_rows(store: BlockStore, block: Block, X: Floats) -> tuple[Rows, Floats] | None:
    """Return a stored block and the seconds it took, if its rows are those of the design.

    Raises
    ------
    InputError
        If it is damaged, or holds other points.
    """
    found = store.get(block.name)
    if found is None:
        return None
    stored = found["design"]
    if len(stored) > len(X) or not np.array_equal(stored, X[: len(stored)]):
        raise InputError(f"{store.path(block.name)} belongs to another design (its rows differ); give another folder.")
    if len(stored) < len(X):
        return None
    rows = Rows(Y=found["Y"], reasons=list(found.meta["reasons"]), left_out=found["left_out"], spans=np.zeros((0, 2)))
    return rows, found["seconds"]


def store_rows(store: BlockStore, block: Block, X: Floats, rows: Rows, seconds: Floats) -> None:
    """Write a block; `seconds` passed since the one before, and of these in the model."""
    arrays = {"design": X, "Y": rows.Y, "left_out": rows.left_out, "seconds": seconds}
    store.put(block.name, arrays, reasons=rows.reasons)


@dataclass(frozen=True)
class Collected:
    """Rows of a whole design: outputs (row, output), weights left out (row,), and a sentence per failed row.

    `seconds` holds what its blocks took, and of these the model.
    """

    Y: Floats
    left_out: Floats
    reasons: dict[int, str]
    seconds: Floats

    @classmethod
    def empty(cls, study: SensitivityStudy) -> Collected:
        """Return a design of which nothing has run."""
        n = len(study.design)
        return cls(np.full((n, len(study.columns)), np.nan), np.zeros(n), {}, np.zeros(2))

    def take(self, part: slice, rows: Rows, seconds: Floats) -> None:
        """Put the rows of a block where they belong."""
        self.Y[part], self.left_out[part] = rows.Y, rows.left_out
        self.reasons.update({part.start + k: w for k, w in enumerate(rows.reasons) if w})
        self.seconds[:] += seconds


def stored_part(study: SensitivityStudy, store: BlockStore) -> tuple[Collected, list[Block]]:
    """Return the rows that a folder holds, and the blocks that are missing there."""
    rows, missing = Collected.empty(study), []
    for block in blocks(study):
        found = stored_rows(store, block, study.design[block.rows])
        if found is None:
            missing.append(block)
        else:
            rows.take(block.rows, *found)
    return rows, missing


def patients_left_out(Y: Floats, left_out: Floats) -> str:
    """Say how many virtual patients are left out of rows that ran; '' for none."""
    ran = left_out[np.isfinite(Y).all(axis=1)]
    if not ran.any():
        return ""
    return (
        f"In {(ran > 0).mean():.0%} of the rows virtual patients whose untreated state does not hold, or without a "
        f"bounded course, at most {ran.max():.1%} of the cohort by weight, are left out of both arms."
    )


def gaps(Y: Floats, left_out: Floats) -> str:
    """Say who is missing: rows that failed, patients left out of the others; '' for nobody."""
    failed = int((~np.isfinite(Y).all(axis=1)).sum())
    rows = f"{failed} of {len(Y)} rows failed." if failed else ""
    return " ".join(text for text in (rows, patients_left_out(Y, left_out)) if text)
