"""`il2model trial`."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..trials import TrialDesign, TrialResult, run_trial
from .output import Listing, say, written
from .running import run_long
from .verb import verb


@verb(
    run_trial,
    examples=(
        "il2model trial mirocals --replicates 200 --seed 1",
        "il2model trial mirocals --replicates 1000 --draws 100 -o results/mirocals",
    ),
)
def trial(
    run: partial[TrialResult],
    *,
    size: int | None = None,
    dropout: float = 0.0,
    adherence: float = 1.0,
    dask: str | None = None,
    format: Listing = "table",
    output: Path | None = None,
) -> None:
    """Replay a published trial: draw patients, let chance act, analyze as the trial did.

    Prints each published figure beside the replicates and says at which percentile it falls, with the model's effect
    and without one.

    Parameters
    ----------
    design : NAME
        A published trial (il2model trials list shows them), or a trial file of your own.
    draws
        Draws of the posterior to spread the replicates over (default: the point estimate).
    pool
        Virtual patients that replicates draw from (default 2000; 256 for each draw).
    size
        Patients an arm, instead of the trial's.
    dropout : SHARE
        Lost to follow-up a year.
    adherence : SHARE
        Of planned doses given.
    hazard_ratio
        This ratio instead of the model's effect.
    output : DIR
        Store replicates, tables, figure and page.
    """
    design = TrialDesign.named(run.keywords["design"])
    if size is not None:
        design = design.sized(size)
    if adherence != 1.0:
        control, *others = design.arms
        design = design.replace(arms=(control, *(replace(a, adherence=adherence) for a in others)))
    if dropout:
        design = design.replace(dropout=dropout)
    result = run_long(partial(run, design=design), "replicates", folder=output, dask=dask)
    if output is not None:
        from ..report.trial import write_trial

        with written(output):
            say(f"open {write_trial(result, output)}")
    print(json.dumps(as_json(result), indent=1) if format == "json" else as_text(result))


def as_json(result: TrialResult) -> dict[str, object]:
    """Return the analyses as plain data, published values beside them; no value is NaN."""
    from ..endpoints.registry import RESULTS

    content: dict[str, object] = {}
    dead: dict[str, object] = {}
    for name, row in ((str(n), row) for n, row in result.summary().iterrows()):
        entry = {k: _clean(row[k]) for k in ("median", "q025", "q975")}
        beside = {
            key: float(row[key])
            for key in ("published", "published_low", "published_high", "percentile", "percentile_no_effect")
            if key in row and _clean(row[key]) is not None
        } | {"without_estimate": _clean(row["without_estimate"])}
        if name.startswith("dead["):
            dead[name[5:-1]] = entry | beside
        else:
            kind = "hr" if name in RESULTS and RESULTS[name].log else "value"
            content[name] = {kind: entry, **beside}
    power, error = result.power()
    return {
        **{"trial": result.design.name, "replicates": len(result.table)},
        **content,
        f"dead_{result.design.follow_up:g}": dead,
        "log_rank": {"power": power, "standard_error": error, "type_one_error": result.type_one_error()},
        **{"notes": list(result.notes), "manifest": dict(result.manifest)},
    }


def _clean(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def as_text(result: TrialResult) -> str:
    """Return a table a reader can take in, and a sentence per published figure."""
    lines = [f"{result.design.name}: {len(result.table)} replicates of {result.design.patients} patients"]
    frame = result.summary()
    lines.append(f"{'':24s}{'published':>22s}{'replicates, median (95 %)':>34s}{'percentile':>12s}{'no effect':>11s}")
    for name, row in frame.iterrows():
        digits = {"interaction": 5, "interaction_p": 3, "pnfh_at_hr_1": 0}.get(str(name), 2)
        ours = f"{row['median']:.{digits}f} ({row['q025']:.{digits}f} to {row['q975']:.{digits}f})"
        theirs = percentile = null = ""
        if "published" in row and _clean(row["published"]) is not None:
            theirs = f"{row['published']:.{digits}f}"
            percentile, null = f"{100 * row['percentile']:.1f}", f"{100 * row['percentile_no_effect']:.1f}"
        lines.append(f"{name!s:24s}{theirs:>22s}{ours:>34s}{percentile:>12s}{null:>11s}")
    power, error = result.power()
    lines.append(
        f"log-rank: power {100 * power:.1f} % (+- {100 * error:.1f}); "
        f"{100 * result.type_one_error():.1f} % rejected without an effect"
    )
    if "sentence" in frame:
        lines += ["", *(s for s in frame["sentence"] if isinstance(s, str))]
    lines += result.notes
    return "\n".join(lines)
