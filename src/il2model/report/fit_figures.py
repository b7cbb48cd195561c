"""Figures of the calibration page, each with its words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..calibration.diagnostics import FALL
from ..calibration.self_test import RANKED
from ..plotting.forest import ForestRow, forest, histograms, profiles
from ..plotting.posteriors import densities, influence_map, pairs, rank_curves
from .embed import embedded
from .fits import Fit, Row, forest_row, groups, name_of, wants_log

#: Draws of a scatter.
_SHOWN = 500


def observed(targets: list[Row]) -> list[Row]:
    """Return figures of published numbers beside predictions, one per trial, unit and kind."""
    figures = []
    for (what, unit, spread), rows in groups(targets).items():
        drawn, ratio = [forest_row(r) for r in rows], unit == "hazard ratio"
        kind = "standard deviations, " if spread else ""
        log = ratio or wants_log(drawn)
        axis = f"{kind}{unit}{' (logarithmic)' if log else ''}"
        figure = forest(
            drawn, title=f"{what}: published and predicted", axis=axis, log=log, zero=1.0 if ratio else None
        )
        names = ", ".join(str(r["id"]) for r in rows)
        alt = f"Published values with intervals beside prior and posterior, {axis}: {names}."
        figures.append({"data": embedded(figure, 150), "alt": alt})
    return figures


def judged(fit: Fit, other: Fit | None) -> list[Row]:
    """Return figures of what the data say of the parameters."""
    labels = ("posterior", "second fit") if other is not None else ("posterior", "")
    words = "; ".join(f"{r['name']}: {r['verdict'] or 'no verdict'}" for r in fit.parameters)
    figure = densities(fit.densities(other), labels=labels)
    found = [
        {
            "data": embedded(figure, 150),
            "alt": f"Prior and posterior density of each parameter. {words}.",
            "caption": "Gray: prior. Axis: 2.5 % point, median and 97.5 % point of the prior.",
        }
    ]
    if confounded := fit.confounded():
        places = np.linspace(0, len(fit.posterior) - 1, min(_SHOWN, len(fit.posterior))).astype(int)
        draws = fit.posterior.table(places)
        drawn = [(name_of(a), draws[a], name_of(b), draws[b], r) for a, b, r in confounded]
        alt = "Draws of pairs that the data do not tell apart: " + "; ".join(f"{a} and {b}" for a, b, _ in confounded)
        caption = "Pairs that are confounded: the data fix a combination of both, not each."
        found.append({"data": embedded(pairs(drawn), 150), "alt": f"{alt}.", "caption": caption})
    if fit.influence:
        found.append(_informing(fit))
    if curves := fit.details.get("profiles", {}):
        figure = profiles(
            {name_of(i): c for i, c in curves.items()},
            fit.details["profile_points"],
            title="Profiles of the log posterior, own prior taken out",
            fall=FALL,
        )
        verdicts = "; ".join(f"{r['id']}: {r['verdict']}" for r in fit.parameters)
        caption = "Profiles: a parameter whose curve falls below the dotted line on both sides is identifiable."
        found.append(
            {"data": embedded(figure, 150), "alt": f"Profile of each parameter. {verdicts}.", "caption": caption}
        )
    return found


def _informing(fit: Fit) -> Row:
    """Return the map of which published numbers inform which parameters."""
    numbers = list(dict.fromkeys(str(r["number"]) for r in fit.influence))
    ids = [str(r["id"]) for r in fit.parameters]
    clear = {
        (str(r["number"]), str(r["coordinate"])): float(r["sensitivity"])
        for r in fit.influence
        if r["sensitivity"] > 3 * r["error"]
    }
    table = np.array([[clear.get((n, i), np.nan) for i in ids] for n in numbers])
    figure = influence_map(table, [n.replace("_", " ") for n in numbers], [name_of(i) for i in ids])
    caption = "What informs what: how far a little more weight on a published number moves or narrows a parameter."
    return {
        "data": embedded(figure, 150),
        "alt": "Sensitivity of each parameter to the weight of each published number; the table names the largest.",
        "caption": caption,
    }


def hazard_ratios(checks: Row) -> Row | None:
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
    return {"data": embedded(figure, 150), "alt": alt, "published": published}


def ranks(sampler: Row, words: Mapping[str, str]) -> list[Row]:
    """Return a figure of the ranks of the truth per stage: curves, or histograms of an older examination."""
    from scipy.stats import binom

    figures = []
    for stage, found in sampler.items():
        n, names = found["replicates"], found["histograms"]
        if "ranks" in found:
            curves = {name_of(i): r for i, r in found["ranks"].items()}
            figure = rank_curves(curves, RANKED, np.array(found["band"]))
            kind = f"Curves of {len(names)} coordinates; {len(found['outside'])} leave the band"
        else:
            law = binom(n, 1 / 8)
            figure = histograms(
                names,
                title=f"{words[stage]}: rank of the truth in {n} synthetic trials, {RANKED} draws",
                expected=n / 8,
                band=(float(law.ppf(0.025)), float(law.ppf(0.975))),
            )
            kind = f"Rank histograms of {len(names)} coordinates"
        alt = f"{kind}; smallest corrected p {found['p_all']:.2f}."
        figures.append({"data": embedded(figure, 150), "alt": alt, "stage": stage, "title": words[stage], **found})
    return figures
