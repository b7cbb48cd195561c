"""What MIROCALS published, beside the replicates: interval, percentile, and a sentence for each figure."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..resources import data_dir
from ..solver.problem import Floats

if TYPE_CHECKING:
    from .run import TrialResult

#: The published figure of each analysis, by its id in calibration/targets/mirocals.toml.
FIGURES: Mapping[str, tuple[str, str]] = {
    "all": ("hr_all", "hazard ratio, all patients"),
    "low_pnfh": ("hr_low", "hazard ratio, CSF pNFH 750 to 3700 pg/mL"),
    "high_pnfh": ("hr_high", "hazard ratio, CSF pNFH above 3700 pg/mL"),
    "adjusted_main": ("hr_main", "hazard ratio at CSF pNFH 0, beside the interaction"),
    "interaction": ("hr_interaction", "ratio of hazard ratios per pg/mL of CSF pNFH"),
    "dead[placebo]": ("dead_placebo", "share dead at 640 days, placebo"),
    "dead[2 MIU]": ("dead_il2", "share dead at 640 days, 2 MIU"),
}
#: Analyses without a published figure in public text.
OTHERS: Mapping[str, str] = {"adjusted_all": "hazard ratio adjusted for CSF pNFH, ALSFRS-R and age"}


@cache
def others() -> Mapping[str, Mapping[str, Any]]:
    """Return the published figures that are no targets, by analysis (calibration/published/mirocals.toml)."""
    path = data_dir("calibration") / "published" / "mirocals.toml"
    return {row["analysis"]: row for row in tomllib.loads(path.read_text(encoding="utf8")).values()}


@cache
def _targets() -> Mapping[str, Any]:
    path = data_dir("calibration") / "targets" / "mirocals.toml"
    found: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf8"))["targets"]
    return found


def published(analysis: str) -> tuple[float, float, float] | None:
    """Return a published figure with its 95 % interval on its natural scale, or None."""
    if analysis in others():
        row = others()[analysis]
        return float(row["value"]), float(row["low"]), float(row["high"])
    if analysis not in FIGURES:
        return None
    row = _targets()[FIGURES[analysis][0]]
    if "count" in row:
        events, n = row["count"]
        p = events / n
        half = 1.96 * math.sqrt(p * (1 - p) / n)
        return p, p - half, p + half
    values = (float(row["estimate"]), float(row["low"]), float(row["high"]))
    if analysis == "interaction":  # the target is per 1,000 pg/mL
        values = tuple(v**0.001 for v in values)
    return values


def baseline_rows(covariates: Mapping[str, Floats]) -> list[dict[str, Any]]:
    """Return what the virtual patients are like on day 0, beside what MIROCALS published."""
    from ..parameters import load_parameters

    known = load_parameters("prior")
    counts = np.array(_targets()["strata"]["counts"])
    share = counts / counts.sum()
    pnfh = covariates["csf_pnfh"]
    rows: list[dict[str, Any]] = []

    def add(name: str, values: Floats, published: float | None, *, spread: bool = True) -> None:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        row = {"name": name, "value": float(middle if spread else values.mean()), "published": published}
        rows.append(row | ({"q25": float(low), "q75": float(high)} if spread else {}))

    add("age, years", covariates["age"], known["age_median"])
    add("men, share", covariates["male"], known["male_share"], spread=False)
    add("bulbar onset, share", covariates["bulbar"], None, spread=False)
    add("onset to day 0, months", covariates["months_since_onset"], None)
    add("ALSFRS-R, points", covariates["alsfrs_r"], None)
    add("SVC, % predicted", covariates["svc"], None)
    add("CSF pNFH, pg/mL", pnfh, None)
    add("CSF pNFH below 750, share", (pnfh < 750).astype(float), float(share[0]), spread=False)
    add("CSF pNFH 750 to 3700, share", ((pnfh >= 750) & (pnfh <= 3700)).astype(float), float(share[1]), spread=False)
    add("CSF pNFH above 3700, share", (pnfh > 3700).astype(float), float(share[2]), spread=False)
    add("plasma NfL, pg/mL", covariates["plasma_nfl"], None)
    return rows


def comparison(result: TrialResult) -> list[dict[str, Any]]:
    """Return a row per analysis; published values stand beside a MIROCALS-like trial only."""
    rows = []
    beside = result.design.name == "mirocals"
    shares = [n for n in result.names if n.startswith("dead[")]
    more = [n for n in others() if beside and not n.startswith("dead[")]
    for name in [*(n for n in FIGURES if not n.startswith("dead[")), *OTHERS, *more, *shares]:
        if name not in result.names:
            continue
        scale = np.exp if name in (*FIGURES, *OTHERS, "ratio_high_low") and not name.startswith("dead[") else np.asarray
        values = scale(result[name])
        null = scale(result.null[:, result.names.index(name)])
        low, middle, high = _quantiles(values)
        row: dict[str, Any] = {
            "analysis": name, "meaning": _meaning(name, beside),
            "median": middle, "q025": low, "q975": high, "without_estimate": float(np.isnan(values).mean()),
        }  # fmt: skip
        known = published(name) if beside else None
        if known is not None:
            row |= {
                "published": known[0], "published_low": known[1], "published_high": known[2],
                "percentile": _percentile(values, known[0]), "percentile_no_effect": _percentile(null, known[0]),
            }  # fmt: skip
            row["mean"] = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
            row["sentence"] = sentence(row)
        rows.append(row)
    return rows


def _meaning(name: str, beside: bool) -> str:
    if name in FIGURES:
        return FIGURES[name][1]
    if beside and name in others():
        return str(others()[name]["meaning"])
    return OTHERS.get(name, "share dead at the end")


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


def sentence(row: Mapping[str, Any]) -> str:
    """Say where a published figure falls among the replicates."""
    digits = {"interaction": 5, "interaction_p": 3, "pnfh_at_hr_1": 0}.get(str(row["analysis"]), 2)
    if "(1 is yes)" in row["meaning"]:
        what = row["meaning"].replace(" (1 is yes)", "")
        return f"{what[0].upper()}{what[1:]}: published yes; so in {100 * row['mean']:.0f} % of the replicates."
    inside = row["q025"] <= row["published"] <= row["q975"]
    words = "inside" if inside else "OUTSIDE"
    value, middle, low, high = (f"{row[k]:.{digits}f}" for k in ("published", "median", "q025", "q975"))
    at, null = (f"{100 * row[k]:.1f}" for k in ("percentile", "percentile_no_effect"))
    return (
        f"{row['meaning'][0].upper()}{row['meaning'][1:]}: published {value}; replicates {middle} ({low} to {high}); "
        f"it lies {words} their central 95 %, at percentile {at} ({null} without an effect)."
    )
