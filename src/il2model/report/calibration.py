"""The calibration report: one HTML file that needs no network."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import sums
from .._version import __version__
from ..calibration.sampled import LEAST
from ..endpoints import STAGES
from ..endpoints.words import meaning_of
from ..errors import InputError, intact
from ..store import write_atomic
from ..trial_files import REFERENCE
from ..trials.design import TrialDesign
from ..uncertainty.comparison import evidence_difference, told
from .fit_figures import hazard_ratios, judged, observed, ranks
from .fits import Fit, Row, axis_of, name_of, read_json, read_table

#: The way out of a damaged table.
_AGAIN = "run il2model calibrate again, which writes it"
#: What each stage is about; the trials are those of its targets.
_WORDS = {
    "pk": "Pharmacokinetics",
    "imodals": "Treg and receptors",
    "progression": "Natural course",
    "mirocals": "Effect of IL-2 on death",
}
#: Tables that a page hands on.
_TABLES = ("parameters.csv", "targets.csv", "covariance.csv")
_WHOLE = (
    *("leave-one-out.csv", "foretold.csv", "influence.csv", "structures-imodals.csv", "structures-mirocals.csv"),
    *("trials-out.csv", "trials-foretold.csv", "trials-coverage.csv", "schedules.csv", "daily.csv"),
)


def write_report(folder: Path | Sequence[Path], page: Path, say: Callable[[str], None] = lambda text: None) -> Path:
    """Write the report of a calibration, or of two side by side, to `page`; return it.

    Parameters
    ----------
    folder : path or two of them
        What `calibrate` wrote. The page is about the first; the second is drawn beside it.
    page : path
    say : callable
        Told what is drawn.

    Raises
    ------
    InputError
        If a folder holds no fit, there are more than two, or they share no stage.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    folders = [folder] if isinstance(folder, Path) else list(folder)
    if len(folders) > 2:
        raise InputError(f"{len(folders)} calibrations cannot share a page; give one, or two to see side by side.")
    stages = [_stages(f) for f in folders]
    shared = [s for s in stages[0] if s in stages[-1]]
    if not shared:
        raise InputError(f"{folders[0]} and {folders[1]} share no stage; they hold {stages[0]} and {stages[1]}.")
    first, parts = folders[0], []
    for stage in shared if len(folders) == 2 else stages[0]:
        say(f"drawing {stage}")
        for f in folders:
            sums.check(f / stage)
            Fit(f, stage).posterior  # noqa: B018  tables of a fit that cannot be read are no report
        with intact(f"A table of {first / stage}", _AGAIN):
            parts.append(_stage(Fit(first, stage), Fit(folders[1], stage) if len(folders) == 2 else None))
    with intact(f"A table of {first}", _AGAIN):
        others = {
            "structures": {s: _told(read_table(first / f"structures-{s}.csv")) for s in ("imodals", "mirocals")},
            "checks": read_json(first / "checks.json"),
            "sampler": read_json(first / "calibration_of_sampler.json"),
        }
    environment = Environment(loader=PackageLoader("il2model.report"), autoescape=select_autoescape())
    environment.filters["short"] = short
    with intact(f"A table of {first}", _AGAIN):
        html = environment.get_template("calibration.html").render(
            stages=parts,
            version=__version__,
            ranks=ranks(others["sampler"], _WORDS),
            command=f"il2model report {' '.join(f.name for f in folders)}",
            names=_labels(folders),
            hr=hazard_ratios(others["checks"]),
            trial=TrialDesign.of(REFERENCE),
            downloads_of_all=_downloads(first, _WHOLE, ""),
            least=int(LEAST),
            **others,
        )
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, html)
    return page


def _stages(folder: Path) -> list[str]:
    stages = [s for s in STAGES if (folder / s / "posterior.nc").exists()]
    if not stages:
        raise InputError(f"{folder} holds no calibration; run 'il2model calibrate all -o {folder}' first.")
    return stages


def _labels(folders: Sequence[Path]) -> list[str]:
    names = [f.name or str(f) for f in folders]
    return [str(f) for f in folders] if len(set(names)) < len(names) else names


def short(value: object) -> str:
    """Return a number with three digits, a text as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return "" if math.isnan(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)


def _stage(fit: Fit, other: Fit | None) -> Row:
    targets = fit.targets
    trials = ", ".join(dict.fromkeys(str(r["trial"]) for r in targets))
    manifest = read_json(fit.home / "manifest.json")
    shares = {str(r["target"]): r["percentile"] for r in fit.predictive.get("targets", [])}
    rows = []
    for row in targets:
        shown = dict(row)
        if row["log"] is True:
            for key in ("published", "posterior_median", "posterior_q025", "posterior_q975"):
                shown[key] = math.exp(row[key])
        alone = fit.foretold.get(("target", str(row["id"])), {}).get("percentile", "")
        extra = {"meaning": meaning_of(str(row["endpoint"])), "axis": axis_of(row), "alone": alone}
        rows.append(shown | extra | {"percentile": shares.get(str(row["id"]), "")})
    return {
        "id": fit.stage,
        "title": f"{_WORDS[fit.stage]}: {trials}",
        "sentence": fit.sentence(),
        "averaged": [{"name": name, **of} for name, of in fit.posterior.structures.items()],
        "fitted": fit.fitted,
        "coordinates": len(fit.posterior.coordinates),
        "targets": rows,
        "parameters": fit.parameters,
        "observed": observed(targets),
        "judged": judged(fit, other),
        "details": fit.details,
        "evidence": _evidence(fit.details),
        "left_out": fit.left_out,
        "omnibus": fit.predictive.get("omnibus"),
        "pairs": [(name_of(a), name_of(b), r) for a, b, r in fit.confounded()],
        "side": _side_by_side(fit, other) if other is not None else [],
        "evidences": told(evidence_difference(fit.posterior, other.posterior)) if other is not None else "",
        "other_converged": other is None or bool(other.details.get("converged")),
        "manifest": json.dumps(manifest, indent=1),
        "effort": manifest.get("effort"),
        "timing": read_json(fit.home / "timing.json"),
        "informed": sum(v > 1 for v in fit.details.get("singular_values", [])),
        "downloads": _downloads(fit.home, _TABLES, f"{fit.stage}-"),
    }


def _evidence(details: Row) -> Row | None:
    """Return ln evidence with its error and, where there is one, the bridge's; None where nothing carries it."""
    found = details.get("evidence")
    worth = details.get("effective_draws", math.inf)
    if not found or found.get("log") is None or worth < LEAST:
        return None
    return dict(found)


def _told(rows: list[Row]) -> list[Row]:
    """Return structures without an evidence that too few effective draws carry, nor what follows from it."""
    gone = dict.fromkeys(("ln_evidence", "error", "against_default", "weight"), "–")
    worth = {str(r["structure"]): r.get("effective_draws", "") for r in rows}
    few = {s for s, w in worth.items() if isinstance(w, float) and w < LEAST}
    out = []
    for row in rows:
        new = dict(row)
        if row["structure"] in few:
            new |= gone
        if few and "default" in few:
            new["against_default"] = "–" if isinstance(row.get("against_default"), float) else ""
        if few and isinstance(row.get("weight"), float):
            new["weight"] = "–"  # a share of a sum that is not known
        out.append(new)
    return out


def _side_by_side(fit: Fit, other: Fit) -> list[Row]:
    """Return the parameters of two fits, with their distance in posterior SD of the first on the prior's scale."""
    theirs = {str(r["id"]): r for r in other.parameters}
    rows: list[Row] = []
    for r in fit.parameters:
        id = str(r["id"])
        if id in theirs:
            apart = (other.z[id].mean() - fit.z[id].mean()) / fit.z[id].std()
            same = r["unit"] == theirs[id]["unit"]
            rows.append({"name": r["name"], "id": id, "unit": r["unit"], "a": r, "b": theirs[id]})
            rows[-1] |= {"apart": float(apart) if same else "", "narrower": float(other.z[id].std() / fit.z[id].std())}
    return rows


def _downloads(home: Path, names: Sequence[str], prefix: str) -> list[Row]:
    """Return tables as links that hold them."""
    return [
        {"name": f"{prefix}{name}", "data": base64.b64encode((home / name).read_bytes()).decode()}
        for name in names
        if (home / name).exists()
    ]
