"""The calibration report: one HTML file that needs no network."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._version import __version__
from ..calibration.diagnostics import FALL
from ..calibration.self_test import RANKED
from ..endpoints import STAGES
from ..errors import InputError, intact
from ..plotting.forest import ForestRow, forest, histograms, profiles
from ..spreadsheet import original
from ..store import write_atomic
from ..trial_files import REFERENCE
from ..trials.design import TrialDesign
from ..uncertainty.posterior import Posterior
from .embed import embedded

Row = dict[str, Any]
#: The way out of a damaged table.
_AGAIN = "run il2model calibrate again, which writes it"
#: What each stage is about; the trials are those of its targets.
_WORDS = {
    "pk": "Pharmacokinetics",
    "imodals": "Treg and receptors",
    "progression": "Natural course",
    "mirocals": "Effect of IL-2 on death",
}


def read_table(path: Path) -> list[Row]:
    """Read a CSV table; numbers become floats, units stay words (that of a ratio is '1')."""
    if not path.exists():
        return []
    with path.open(encoding="utf8") as stream:
        return [
            {k: v if k == "unit" else _number(original(v)) for k, v in row.items()} for row in csv.DictReader(stream)
        ]


def _number(text: str) -> float | bool | str:
    if text in ("True", "False"):
        return text == "True"
    try:
        return float(text)
    except ValueError:
        return text


def write_report(folder: Path, page: Path, say: Callable[[str], None] = lambda text: None) -> Path:
    """Write the report of a calibration folder to `page`; return it.

    Raises
    ------
    InputError
        If the folder holds no fit.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    stages = [s for s in STAGES if (folder / s / "posterior.nc").exists()]
    if not stages:
        raise InputError(f"{folder} holds no calibration; run 'il2model calibrate all -o {folder}' first.")
    parts = []
    for stage in stages:
        say(f"drawing {stage}")
        Posterior.load(stage, folder)  # tables of a fit that cannot be read are no report
        with intact(f"A table of {folder / stage}", _AGAIN):
            parts.append(_stage(folder / stage, stage))
    with intact(f"A table of {folder}", _AGAIN):
        others = {
            "structures": {s: read_table(folder / f"structures-{s}.csv") for s in ("imodals", "mirocals")},
            "checks": _json(folder / "checks.json"),
            "sampler": _json(folder / "calibration_of_sampler.json"),
        }
    environment = Environment(loader=PackageLoader("il2model.report"), autoescape=select_autoescape())
    environment.filters["short"] = short
    with intact(f"A table of {folder}", _AGAIN):
        html = environment.get_template("calibration.html").render(
            stages=parts,
            version=__version__,
            ranks=_ranks(others["sampler"]),
            command=f"il2model report {folder.name}",
            hr=_hazard_ratios(others["checks"]),
            trial=TrialDesign.of(REFERENCE),
            **others,
        )
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, html)
    return page


def short(value: object) -> str:
    """Return a number with three digits, a text as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return "" if math.isnan(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def _json(path: Path) -> Row:
    return dict(json.loads(path.read_text(encoding="utf8"))) if path.exists() else {}


def _stage(home: Path, stage: str) -> Row:
    targets, parameters = read_table(home / "targets.csv"), read_table(home / "parameters.csv")
    trials = ", ".join(dict.fromkeys(str(r["trial"]) for r in targets))
    details = _json(home / "diagnostics.json")
    manifest = _json(home / "manifest.json")
    figures = []
    for (what, unit, log), rows in _groups(targets).items():
        axis = "hazard ratio" if log else {"1": "share of patients", "percent": "%"}.get(unit, unit)
        figure = forest(
            [_forest_row(r) for r in rows],
            title=f"{what}: published and predicted",
            axis=axis,
            log=log,
            zero=1.0 if log else None,
        )
        names = ", ".join(str(r["id"]) for r in rows)
        figures.append(
            {"data": embedded(figure), "alt": f"Published values with intervals beside prior and posterior: {names}."}
        )
    curves = details.get("profiles", {})
    if curves:
        figure = profiles(
            curves, details["profile_points"], title="Profiles of the log posterior, own prior taken out", fall=FALL
        )
        words = "; ".join(f"{r['id']}: {r['verdict']}" for r in parameters)
        figures.append({"data": embedded(figure), "alt": f"Profile of each parameter. {words}."})
    for row in targets:
        if row["log"] is True:
            for key in ("published", "posterior_median", "posterior_q025", "posterior_q975"):
                row[key] = math.exp(row[key])
    return {
        "id": stage,
        "title": f"{_WORDS[stage]}: {trials}",
        "targets": targets,
        "parameters": parameters,
        "figures": figures,
        "details": details,
        "manifest": json.dumps(manifest, indent=1),
        "effort": manifest.get("effort"),
        "timing": _json(home / "timing.json"),
        "informed": sum(v > 1 for v in details.get("singular_values", [])),
    }


def _groups(targets: list[Row]) -> Mapping[tuple[str, str, bool], list[Row]]:
    """Group targets that share an axis: trial, unit, and whether it is logarithmic."""
    groups: dict[tuple[str, str, bool], list[Row]] = {}
    for row in targets:
        groups.setdefault((str(row["trial"]), row["unit"], bool(row["log"])), []).append(row)
    return groups


def _forest_row(row: Row) -> ForestRow:
    scale = math.exp if row["log"] is True else float
    se = row["se"] if isinstance(row["se"], float) and not math.isnan(row["se"]) else float("nan")
    value = row["published"]
    reach = (value - 1.96 * se, value + 1.96 * se)
    if row["form"] == "lognormal":
        reach = (value * math.exp(-1.96 * se), value * math.exp(1.96 * se))
    return {
        "label": str(row["id"]).replace("_", " ") + (" (check)" if row["use"] == "check" else ""),
        "prior": (scale(row["prior_q025"]), scale(row["prior_q975"])),
        "posterior": (scale(row["posterior_q025"]), scale(row["posterior_median"]), scale(row["posterior_q975"])),
        "published": (scale(reach[0]) if se == se else se, scale(value), scale(reach[1]) if se == se else se),
        "check": row["use"] == "check",
    }


def _hazard_ratios(checks: Row) -> Row | None:
    """Return the figure of replicates of trial size against the published results."""
    rows = [r for r in checks.get("replicates", []) if r["id"].startswith("hr_") and r["id"] != "hr_interaction"]
    if not rows:
        return None
    drawn: list[ForestRow] = [
        {
            "label": f"{r['id'][3:]}, {r['version']}",
            "posterior": (float(r["q025"]), float(r["median"]), float(r["q975"])),
            "published": (float("nan"), float(r["published"]), float("nan")),
        }
        for r in rows
    ]
    figure = forest(drawn, title="Trials of the published size: hazard ratios", axis="hazard ratio", log=True, zero=1.0)
    published = {r["id"]: r["published"] for r in rows}
    alt = "Replicate intervals of the hazard ratios beside the published values."
    return {"data": embedded(figure), "alt": alt, "published": published}


def _ranks(sampler: Row) -> list[Row]:
    """Return a figure of rank histograms per stage."""
    from scipy.stats import binom

    figures = []
    for stage, found in sampler.items():
        n = found["replicates"]
        law = binom(n, 1 / 8)
        figure = histograms(
            found["histograms"],
            title=f"{_WORDS[stage]}: rank of the truth in {n} synthetic trials, {RANKED} draws",
            expected=n / 8,
            band=(float(law.ppf(0.025)), float(law.ppf(0.975))),
        )
        alt = f"Rank histograms of {len(found['histograms'])} coordinates; smallest corrected p {found['p_all']:.2f}."
        figures.append({"data": embedded(figure), "alt": alt, "stage": stage, **found})
    return figures
