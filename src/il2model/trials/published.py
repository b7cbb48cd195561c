"""What a trial published, beside the replicates: interval, percentile, and a sentence for each figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..endpoints.registry import RESULTS
from ..solver.problem import Floats
from .design import TrialDesign
from .replicates import Replicates
from .reported import Reported

#: A row of a table: texts and numbers by column.
Row: TypeAlias = dict[str, Any]


def published(design: TrialDesign, analysis: str) -> tuple[float, float, float] | None:
    """Return a published figure with its 95 % interval on its natural scale, or None."""
    reported = _reported(design).get(analysis)
    if reported is None:
        return None
    exponent = RESULTS[analysis].exponent if analysis in RESULTS else 1.0
    value, low, high = reported.interval
    return value**exponent, low**exponent, high**exponent


def _reported(design: TrialDesign) -> Mapping[str, Reported]:
    return design.trial.reported() if design.trial is not None else {}


def baseline_rows(covariates: Mapping[str, Floats], design: TrialDesign) -> list[Row]:
    """Return what the virtual patients are like on day 0, beside what the trial published."""
    trial, (first, second) = design.trial, design.cuts
    known = {id: fact.values[0] for id, fact in trial.baseline.items()} if trial is not None else {}
    strata = next((r.counts for r in trial.targets.values() if r.endpoint == "pnfh_strata"), ()) if trial else ()
    shares: Sequence[float | None] = [n / sum(strata) for n in strata] or [None] * 3
    pnfh = covariates["csf_pnfh"]
    rows: list[Row] = []

    def add(name: str, values: Floats, published: float | None = None, *, spread: bool = True) -> None:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        row = {"name": name, "value": float(middle if spread else values.mean()), "published": published}
        rows.append(row | ({"q25": float(low), "q75": float(high)} if spread else {}))

    add("age, years", covariates["age"], known.get("age_median"))
    add("men, share", covariates["male"], known.get("male_share"), spread=False)
    add("bulbar onset, share", covariates["bulbar"], known.get("bulbar_share"), spread=False)
    add("onset to day 0, months", covariates["months_since_onset"])
    add("ALSFRS-R, points", covariates["alsfrs_r"])
    add("SVC, % predicted", covariates["svc"])
    add("CSF pNFH, pg/mL", pnfh)
    between = (pnfh >= first) & (pnfh <= second)
    add(f"CSF pNFH below {first:g}, share", (pnfh < first).astype(float), shares[0], spread=False)
    add(f"CSF pNFH {first:g} to {second:g}, share", between.astype(float), shares[1], spread=False)
    add(f"CSF pNFH above {second:g}, share", (pnfh > second).astype(float), shares[2], spread=False)
    add("plasma NfL, pg/mL", covariates["plasma_nfl"])
    return rows


def comparison(result: Replicates) -> list[Row]:
    """Return a row per analysis; what the design's trial published stands beside it."""
    known = (id for id, r in RESULTS.items() if r.listed)
    names = dict.fromkeys((*known, *_reported(result.design)))
    shares = [n for n in result.names if n.startswith("dead[")]
    order = [*(n for n in names if not n.startswith("dead[")), *shares]
    return [_compared(result, name) for name in order if name in result.names]


def _compared(result: Replicates, name: str) -> Row:
    """Return the row of one analysis."""
    scale = np.exp if name in RESULTS and RESULTS[name].log else np.asarray
    values = scale(result[name])
    low, middle, high = _quantiles(values)
    row: Row = {
        "analysis": name,
        "meaning": meaning(result.design, name),
        "median": middle,
        "q025": low,
        "q975": high,
        "without_estimate": float(np.isnan(values).mean()),
    }
    known = published(result.design, name)
    if known is None:
        return row
    null = scale(result.null[:, result.names.index(name)])
    row |= dict(zip(("published", "published_low", "published_high"), known, strict=True))
    row |= {"percentile": _percentile(values, known[0]), "percentile_no_effect": _percentile(null, known[0])}
    row["mean"] = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
    row["sentence"] = sentence(row)
    return row


def meaning(design: TrialDesign, name: str) -> str:
    """Say what an analysis is."""
    reported = _reported(design).get(name)
    if reported is not None and reported.meaning:
        return reported.meaning
    if name in RESULTS:
        return RESULTS[name].meaning.format(low=design.cuts[0], high=design.cuts[1])
    if name.startswith("dead["):
        return f"share dead at {design.follow_up:g} days, {name[5:-1]}"
    marker, _, rest = name.partition("[")
    arm, _, day = rest.partition("]@")
    return f"mean change of {marker} on day {day}, {arm}" if day else name


def _quantiles(values: Floats) -> tuple[float, float, float]:
    if np.isnan(values).all():
        return (float("nan"),) * 3
    low, middle, high = np.nanquantile(values, (0.025, 0.5, 0.975))
    return float(low), float(middle), float(high)


def _percentile(values: Floats, at: float) -> float:
    """Return the share of estimates below, counting equal ones by half."""
    x = values[np.isfinite(values)]
    if len(x) == 0:
        return float("nan")
    return float((x < at - 1e-12).mean() + 0.5 * (np.abs(x - at) <= 1e-12).mean())


def sentence(row: Row) -> str:
    """Say where a published figure falls among the replicates."""
    known = RESULTS.get(str(row["analysis"]))
    digits = known.digits if known is not None else 2
    if "(1 is yes)" in row["meaning"]:
        what = row["meaning"].replace(" (1 is yes)", "")
        return f"{what[0].upper()}{what[1:]}: published yes; so in {100 * row['mean']:.0f} % of the replicates."
    if math.isnan(row["median"]):
        return f"{row['meaning'][0].upper()}{row['meaning'][1:]}: no replicate has an estimate."
    inside = row["q025"] <= row["published"] <= row["q975"]
    words = "inside" if inside else "OUTSIDE"
    value, middle, low, high = (f"{row[k]:.{digits}f}" for k in ("published", "median", "q025", "q975"))
    at, null = (f"{100 * row[k]:.1f}" for k in ("percentile", "percentile_no_effect"))
    return (
        f"{row['meaning'][0].upper()}{row['meaning'][1:]}: published {value}; replicates {middle} ({low} to {high}); "
        f"it lies {words} their central 95 %, at percentile {at} ({null} without an effect)."
    )
