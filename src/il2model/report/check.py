"""The page of a trial that was predicted and not fitted."""

from __future__ import annotations

from html import escape

from ..calibration.predicted import Prediction
from ..notebook import table
from .calibration import short
from .embed import embedded

_HEADS = ("id", "meaning", "unit", "published", "median", "q025", "q975", "predictive_q025", "predictive_q975")


def check_page(found: Prediction, name: str) -> str:
    """Return table and figure as one HTML page."""
    heads = ("number", "meaning", "unit", "published", "model", "2.5 %", "97.5 %", "another trial, 2.5 %", "97.5 %")
    rows = [
        (*(short(row[k]) for k in _HEADS), short(100 * row["percentile"]), "yes" if row["inside"] else "NO")
        for row in found.rows
    ]
    body = table(f"{len(rows)} published numbers", (*heads, "percentile", "inside"), rows)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(name)}: predicted</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}}
div{{overflow-x:auto}}table{{border-collapse:collapse;font-size:13px}}td,th{{padding:.25rem .6rem;text-align:left;
border-bottom:1px solid #ddd}}img{{max-width:100%}}</style></head><body><h1>{escape(name)}: predicted, not fitted</h1>
<p>{found.draws} draws of the fit {escape(found.fit)}. <em>Model</em>: of infinitely many patients. <em>Another
trial</em>: of the same size, with its sampling error. Research use only.</p>{body}
<img src="data:image/png;base64,{embedded(found.plot())}" alt="Published numbers beside predictions">
</body></html>"""
