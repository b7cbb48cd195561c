"""`il2model check`."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path

from ..calibration.predicted import BOUNDS, Prediction, check_trial
from .output import Listing, check_figure, check_page_name, write_figure, write_file
from .verb import verb


@verb(
    check_trial,
    examples=("il2model check mirocals --draws 100", "il2model check imodals --plot imodals.png"),
    left={"trial": "the verb reads it itself"},
    name="check",
)
def check(
    run: partial[Prediction],
    trial: str,
    *,
    folder: Path | None = None,
    format: Listing = "table",
    plot: Path | None = None,
    output: Path | None = None,
) -> None:
    """Predict what a trial published, without fitting it.

    Each published number stands beside what the model gives (95 % over draws of the posterior) and beside what another
    trial of the same size would publish, sampling error included; the percentile says where the number falls in that.

    Parameters
    ----------
    trial : TRIAL
        A trial file of your own, or the name of one that ships.
    draws : N
        Draws of the posterior.
    folder : DIR
        Fits of your own instead of those that ship.
    plot : FILE
        A figure.
    output : FILE
        A page (.html).
    """
    check_figure(plot)
    check_page_name(output)
    found = run(trial=trial, folder=folder)
    if plot is not None:
        write_figure(plot, found.plot)
    if output is not None:
        from ..report.check import check_page

        write_file(output, check_page(found, trial))
    print(json.dumps(as_json(found), indent=1) if format == "json" else as_text(found, trial))


def as_json(found: Prediction) -> dict[str, object]:
    """Return the rows as plain data; no value is NaN."""
    rows = [{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in found.rows]
    return {"fit": found.fit, "draws": found.draws, "numbers": rows, "notes": list(found.notes)}


def as_text(found: Prediction, trial: str) -> str:
    """Return a table a reader can take in."""
    lines = [f"{trial}: {found.draws} draws of the fit {found.fit}; nothing is fitted here"]
    lines.append(
        f"{'':24s}{'published':>11s}{'model (95 %)':>30s}{'another trial, 95 %':>25s}{'percentile':>12s}  unit"
    )
    for row in found.rows:
        model = f"{row['median']:.3g} ({row['q025']:.3g} to {row['q975']:.3g})"
        other = f"{row['predictive_q025']:.3g} to {row['predictive_q975']:.3g}"
        place = "" if math.isnan(row["percentile"]) else f"{100 * row['percentile']:.1f}"
        mark = "" if row["inside"] else "  OUTSIDE"
        published = f"{BOUNDS.get(row['form'], '')}{row['published']:.3g}"
        lines.append(f"{row['id']:24s}{published:>11s}{model:>30s}{other:>25s}{place:>12s}  {row['axis']}{mark}")
    return "\n".join([*lines, *found.notes])
