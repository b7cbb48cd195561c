"""The page of a trial that was predicted and not fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from ..calibration.predicted import BOUNDS, Prediction
from .calibration import short
from .embed import embedded

_HEADS = ("number", "published", "model (95 %)", "another trial, 95 %", "percentile", "inside")


def check_page(found: Prediction, name: str) -> str:
    """Return table and figure as one HTML page."""
    head = "".join(f"<th>{h}</th>" for h in _HEADS)
    body = "".join(f"<tr>{''.join(_cells(row))}</tr>" for row in found.rows)
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(name)}: predicted</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}}
h1,p,li{{overflow-wrap:anywhere}}div{{overflow-x:auto}}table{{border-collapse:collapse;font-size:13px}}
td,th{{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}}
td:first-child,th:first-child{{text-align:left}}td:first-child{{white-space:normal;min-width:11rem}}
code{{font-size:.85em;color:#555}}img{{width:100%;max-width:38rem;height:auto;margin-top:1rem}}
@media(max-width:40rem){{table{{font-size:12px}}td,th{{padding:.25rem .35rem}}}}</style></head><body>
<h1>{escape(name)}: published and predicted</h1>
<p>{found.draws} draws of the fit {escape(found.fit)}; nothing was fitted for this page. <em>Model</em>: of infinitely
many patients. <em>Another trial</em>: of the same size, with its sampling error. <em>Percentile</em>: where the
published number falls among other trials. Research use only.</p><ul>{notes}</ul>
<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>
<img src="data:image/png;base64,{embedded(found.plot(), 150)}" alt="Published numbers beside predictions">
</body></html>"""


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Return the cells of a published number."""
    day = "" if row["day"] is None else f"day {row['day']:g}"
    place = ", ".join(escape(str(x)) for x in (row["arm"], day) if x)
    percentile = "" if math.isnan(row["percentile"]) else f"{100 * row['percentile']:.1f}"
    return [
        f"<td>{escape(row['meaning'])}{f' ({place})' if place else ''}<br><code>{escape(row['id'])}</code>"
        f"{', ' if row['axis'] else ''}{escape(row['axis'])}</td>",
        f"<td>{BOUNDS.get(row['form'], '')}{short(row['published'])}</td>",
        f"<td>{short(row['median'])} ({short(row['q025'])} to {short(row['q975'])})</td>",
        f"<td>{short(row['predictive_q025'])} to {short(row['predictive_q975'])}</td>",
        f"<td>{percentile}</td>",
        f"<td>{'yes' if row['inside'] else '<strong>NO</strong>'}</td>",
    ]
