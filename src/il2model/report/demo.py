"""The demo: the arms of two trials, one typical patient each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..api import simulate
from ..plotting import panels
from ..simulation.solution import Solution
from ..trials.trial import Trial
from .embed import embedded

#: The trials that are shown.
TRIALS = ("imodals", "mirocals")
IMMUNE = ("il2_plasma", "treg_count", "treg_percent", "treg_cd25", "nk_count", "eosinophil_count")
DISEASE = ("plasma_ccl2", "csf_ccl2", "csf_pnfh", "plasma_nfl", "alsfrs_r", "survival")
#: Stem, trial, observables, days that are shown (all by default) and title of each figure.
_FIGURES: tuple[tuple[str, str, tuple[str, ...], tuple[float, float] | None, str], ...] = (
    (
        "first-week",
        "imodals",
        ("treg_count", "treg_percent", "il2_plasma", "plasma_ccl2"),
        (0.0, 14.0),
        "The first two weeks: blood Treg dip after each injection and then rise; plasma CCL2 falls",
    ),
    ("imodals-immune", "imodals", IMMUNE, None, "{trial}, {cycles} cycles: immune cells"),
    ("imodals-disease", "imodals", DISEASE, None, "{trial}, {cycles} cycles: inflammation, neurofilament, function"),
    ("mirocals-immune", "mirocals", IMMUNE, None, "{trial}, {cycles} cycles: immune cells"),
    ("mirocals-disease", "mirocals", DISEASE, None, "{trial}, {cycles} cycles: inflammation, neurofilament, survival"),
)


def run_trial_arms(trial: Trial) -> dict[str, Solution]:
    """Simulate the arms of a trial for the typical patient, until treatment and follow-up end."""
    until = max(plan.length for plan in trial.arms.values() if plan.given)
    grid = np.unique(np.concatenate([np.arange(0, min(until, 30.0), 1 / 24), np.arange(0, until + 0.1, 0.25)]))
    return {name: simulate(plan, until=until, save=grid) for name, plan in trial.arms.items()}


def _curves(arms: Mapping[str, Solution], ids: tuple[str, ...]) -> list[dict[str, Any]]:
    curves = []
    for id in ids:
        lines = [{"label": label, "time": s.time, "value": s.values(id)[0]} for label, s in arms.items()]
        item = next(iter(arms.values())).items[id]
        curves.append({"id": id, "name": item.name, "unit": item.unit, "lines": lines})
    return curves


def summary_rows(arms: Mapping[str, Mapping[str, Solution]]) -> list[dict[str, str]]:
    """Return the numbers of the page's table, computed from the runs."""

    def at(solution: Solution, id: str, day: float) -> float:
        return float(solution.values(id)[0][int(np.argmin(np.abs(solution.time - day)))])

    def change(value: float, digits: int) -> str:
        text = f"{value:+.{digits}f}"
        return text[1:] if float(text) == 0 else text

    rows = []
    for trial, by_label in arms.items():
        for label, s in by_label.items():
            end = float(s.time[-1])
            points = at(s, "treg_percent", 7.0) - at(s, "treg_percent", 0.0)
            ccl2 = 100 * (at(s, "plasma_ccl2", 7.0) / at(s, "plasma_ccl2", 0.0) - 1)
            dip = 100 * (float(np.min(s.values("treg_count")[0][s.time <= 2])) / at(s, "treg_count", 0.0) - 1)
            rows.append(
                {
                    "arm": f"{trial.upper()}, {label}",
                    "dip": f"{change(dip, 0)} %",
                    "treg": f"{change(points, 2)} points",
                    "ccl2": f"{change(ccl2, 0)} %",
                    "end": f"{end:g}",
                    "alsfrs": f"{at(s, 'alsfrs_r', end):.1f}",
                    "survival": f"{at(s, 'survival', end):.3f}",
                }
            )
    return rows


def write_demo(folder: Path, progress: Callable[[str], None] = lambda text: None) -> Path:
    """Write data (NetCDF, CSV), figures (PNG) and a page (HTML) to `folder`; return the page.

    Parameters
    ----------
    folder : path
        Made if missing; files of the same name are replaced.
    progress : callable
        Gets a sentence before each part.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    folder.mkdir(parents=True, exist_ok=True)
    arms: dict[str, dict[str, Solution]] = {}
    trials = {name: Trial.load(name) for name in TRIALS}
    for trial, published in trials.items():
        progress(f"simulating {published.name}")
        arms[trial] = run_trial_arms(published)
        for label, solution in arms[trial].items():
            stem = f"{trial}-{label.replace(' ', '').lower()}"
            solution.to_xarray().to_netcdf(folder / f"{stem}.nc", engine="scipy")
            solution.to_dataframe([*IMMUNE, *DISEASE]).to_csv(folder / f"{stem}.csv", float_format="%.8g")
    some = list(arms[TRIALS[-1]].values())[-1]
    note = "one typical patient per arm, not a cohort" + ("" if some.calibrated else "; uncalibrated parameters")
    figures = []
    for stem, trial, ids, zoom, title in _FIGURES:
        progress(f"drawing {stem}")
        plan = list(trials[trial].arms.values())[-1]
        title = title.format(trial=trials[trial].name, cycles=plan.cycles)
        doses = [d.time for d in plan.given]
        figure = panels(_curves(arms[trial], ids), doses=doses, title=title, note=note, zoom=zoom)
        figure.savefig(folder / f"{stem}.png", dpi=150)
        names = ", ".join(arms[trial][next(iter(arms[trial]))].items[i].name for i in ids)
        figures.append({"title": title, "file": stem, "data": embedded(figure), "alt": f"{title}. Panels: {names}."})
    page = folder / "index.html"
    environment = Environment(loader=PackageLoader("il2model.report"), autoescape=select_autoescape())
    html = environment.get_template("demo.html").render(
        figures=figures,
        rows=summary_rows(arms),
        calibrated=some.calibrated,
        version=__version__,
        trials=[t.name for t in trials.values()],
        regimens=[(t.name, label, str(plan)) for t in trials.values() for label, plan in t.arms.items()],
        manifest=json.dumps(dict(some.manifest), indent=1),
    )
    page.write_text(html, encoding="utf8")
    (folder / "manifest.json").write_text(json.dumps(dict(some.manifest), indent=1) + "\n", encoding="utf8")
    progress(f"wrote {len(list(folder.iterdir()))} files to {folder}")
    return page
