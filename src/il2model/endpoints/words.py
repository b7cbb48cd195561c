"""How a published number reads: what its endpoint is, and its unit as an axis says it."""

from __future__ import annotations

from .between import Between
from .registry import TARGETED


def meaning_of(endpoint: str) -> str:
    """Return what an endpoint is, in words."""
    return TARGETED[endpoint].meaning if endpoint in TARGETED else endpoint.replace("_", " ")


def axis_of(endpoint: str, unit: str, *, log: bool = False) -> str:
    """Return a unit as an axis says it: points of a percentage are not percent of a baseline."""
    from ..plotting.panels import UNIT_WORDS

    if log:
        return "hazard ratio"
    known, tail = TARGETED.get(endpoint), meaning_of(endpoint).rpartition(", ")[2]
    if unit == "percent" and tail == "points":
        return "percentage points"
    if unit == "percent" and tail.startswith("% "):
        return tail
    if isinstance(known, Between) and known.is_ratio:
        return f"ratio of two {known.pair}"
    if unit == "1":
        if tail.endswith("multiple of baseline"):
            return "multiple of baseline"
        return "share of patients" if known is None or known.law in ("share", "classes") else "ratio"
    return UNIT_WORDS.get(unit, unit.replace("percent/", "% per "))
