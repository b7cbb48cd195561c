"""Simulate a cohort: in memory, to a store on disk, or to running summaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..dosing.regimen import Regimen
from ..errors import InputError, unknown_name
from ..solver.kernel import Kernel
from ..solver.problem import Floats, Ints, SolverOptions, Status
from .blocks import Cancel, Progress, run_blocks
from .run import Balance, Run
from .solution import Solution
from .summary import RunningSummary

#: Observables kept by default, and the most memory that a result may take.
MEMORY_LIMIT = 8e9
STORE_BLOCK = 1024


@dataclass(frozen=True)
class CohortOptions:
    """How a cohort is run and what is kept of it.

    Parameters
    ----------
    observables : sequence of str, optional
        What to keep of each subject; all observables by default.
    threads : int, optional
        All processors by default; the result does not depend on it.
    precision : {'float64', 'float32'}
        float32 is for screening: errors of some 5e-5.
    summary : bool
        Keep running mean, sd and quantiles instead of subjects.
    store : path, optional
        Write to this zarr folder instead of memory.
    progress, cancel : callables
        `progress(done, total)` after each block; `cancel()` true stops, and what
        is done is kept.
    block : int, optional
        Subjects per block.
    """

    observables: Sequence[str] | None = None
    threads: int | None = None
    precision: str = "float64"
    summary: bool = False
    store: str | Path | None = None
    progress: Progress | None = None
    cancel: Cancel | None = None
    block: int | None = None


def simulate_rows(
    kernel: Kernel,
    regimens: Sequence[Regimen],
    which: Ints,
    rows_of: Callable[[slice], Floats],
    times: Floats,
    until: float,
    manifest: Mapping[str, Any],
    *,
    options: SolverOptions,
    engine: str,
    how: CohortOptions,
) -> Solution:
    """Integrate subjects and keep what `how` asks for.

    `rows_of` returns the parameters of some subjects, `which` their regimens.

    Raises
    ------
    InputError, UnknownNameError
        If an observable does not exist, the result would not fit in memory, or
        the store cannot be written.
    """
    bp = kernel.blueprint
    states, observed = [s.id for s in bp.states], [o.id for o in bp.observables]
    ids = list(how.observables) if how.observables is not None else observed
    for id in ids:
        if id not in states and id not in observed:
            raise unknown_name("observable or state", id, [*observed, *states])
    if how.threads is not None and how.threads < 1:
        raise InputError(f"threads is {how.threads}; it must be at least 1.")
    n, m = len(which), len(times)
    size = 8.0 * n * m * len(ids)
    if size > MEMORY_LIMIT and not how.summary and how.store is None:
        raise InputError(
            f"{n} subjects x {m} times x {len(ids)} observables need {size / 1e9:.1f} GB; keep fewer observables or "
            "times, use summary=True, or give a store."
        )
    kept = _keep(how, ids, n, m, times, manifest)
    summaries = {id: RunningSummary(m) for id in ids} if how.summary else None
    steps, rejected = np.zeros(n, np.int64), np.zeros(n, np.int64)
    status = np.full(n, int(Status.CANCELLED), np.int64)
    messages: dict[int, str] = {}
    given, absorbed, remaining, lost = (np.full(n, np.nan) for _ in range(4))
    names = [p.id for p in bp.parameters]
    amount = names.index("il2_amount_per_miu") if "il2_amount_per_miu" in names else None
    per_miu = np.full(n, np.nan)
    block = how.block or (STORE_BLOCK if how.store is not None else None)
    for rows, part in run_blocks(
        kernel, regimens, which, rows_of, times, until, options=options, engine=engine, precision=how.precision,
        threads=how.threads, block=block, progress=how.progress, cancel=how.cancel,
    ):  # fmt: skip
        values = kernel.observables(part.states, part.inputs, part.parameters[:, None, :], part.constants[:, None, :])
        for id in ids:
            column = values[..., observed.index(id)] if id in observed else part.states[..., states.index(id)]
            if summaries is not None:
                summaries[id].add(column)
            elif kept is not None:
                kept[id][rows] = column
        if amount is not None:
            per_miu[rows] = part.parameters[:, amount]
        steps[rows], rejected[rows], status[rows] = part.steps, part.rejected, part.status
        messages |= {rows.start + s: text for s, text in part.messages.items()}
        b = part.balance
        given[rows], absorbed[rows], remaining[rows], lost[rows] = b.given, b.absorbed, b.remaining, b.lost
        if how.store is not None and kept is not None:
            kept["status"][rows] = part.status
    for s in np.flatnonzero(status == Status.CANCELLED):
        messages[int(s)] = Status.CANCELLED.sentence()
    empty = np.empty((n, 0, len(states)))
    whole = Run(
        times, empty, np.empty((n, 0, len(bp.inputs))), np.empty((n, 0)), np.empty((n, 0)), steps, rejected, status,
        messages, Balance(given, absorbed, remaining, lost),
    )  # fmt: skip
    return Solution(
        kernel, whole, tuple(regimens), which, dict(manifest), "cohort", kept if summaries is None else None, summaries
    )


def _keep(
    how: CohortOptions, ids: Sequence[str], n: int, m: int, times: Floats, manifest: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return arrays to fill: in memory or in a zarr folder."""
    if how.summary:
        return None
    if how.store is None:
        return {id: np.full((n, m), np.nan) for id in ids}
    import json

    try:
        import zarr
    except ImportError:
        raise InputError("A store needs the package zarr: pip install zarr.") from None
    kind = "float32" if how.precision == "float32" else "float64"
    try:
        group = zarr.open_group(str(how.store), mode="w")
        group.attrs["manifest"] = json.dumps(dict(manifest))
        time = group.create_array("time", shape=(m,), dtype="float64")
        time[:] = times
        made: dict[str, Any] = {
            id: group.create_array(
                id, shape=(n, m), chunks=(min(n, STORE_BLOCK), m), dtype=kind, fill_value=float("nan")
            )
            for id in ids
        }
        made["status"] = group.create_array(
            "status", shape=(n,), chunks=(min(n, STORE_BLOCK),), dtype="int64", fill_value=int(Status.CANCELLED)
        )
    except OSError as error:
        raise InputError(f"The store {how.store} cannot be written: {error.strerror or error}.") from None
    return made
