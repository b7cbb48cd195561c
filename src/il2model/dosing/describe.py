"""What a regimen says of itself, in a sentence."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ..clock import on_clock
from .dose import ROUTE_WORDS, Dose


def sentence(doses: Sequence[Dose]) -> str:
    """Return amounts and times of doses in one sentence."""
    return f"{_amounts(doses)}, {_times(doses)}." if doses else "No IL-2."


def _amounts(doses: Sequence[Dose]) -> str:
    amounts = sorted({(d.amount, d.per_m2, d.route, d.duration) for d in doses})
    if len(amounts) > 1:
        return f"{min(a[0] for a in amounts):g} to {max(a[0] for a in amounts):g} MIU"
    amount, per_m2, route, duration = amounts[0]
    what = f"{amount:g} MIU{'/m2' if per_m2 else ''} {ROUTE_WORDS.get(route, route)}"
    return f"{what} over {duration * 24:g} h" if duration else what


def _times(doses: Sequence[Dose]) -> str:
    runs = runs_of(doses)
    gaps, sizes = _gaps(runs), {len(r) for r in runs}
    if len(gaps) != 1 or len(sizes) != 1:
        return f"{len(doses)} dose{'s' if len(doses) > 1 else ''} from day {doses[0].time:g} to day {doses[-1].time:g}"
    size, gap = sizes.pop(), gaps.pop()
    per = f"once a day for {size} days" if size > 1 else "once"
    total = f"({len(doses)} doses, the last on day {doses[-1].time:g})"
    return f"{per}, every {gap:g} days, {len(runs)} times {total}"


def _gaps(runs: Sequence[Sequence[Dose]]) -> set[float]:
    """Return the different days between the starts of runs; none of a single run."""
    return {round(b[0].time - a[0].time, 6) for a, b in itertools.pairwise(runs)}


def runs_of(doses: Sequence[Dose]) -> list[list[Dose]]:
    """Split doses into runs of at most a day and a half between neighbours."""
    runs: list[list[Dose]] = []
    for dose in doses:
        if runs and on_clock(dose.time - runs[-1][-1].time) <= 1.5:
            runs[-1].append(dose)
        else:
            runs.append([dose])
    return runs
