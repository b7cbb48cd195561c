"""The demo: the arms of two trials, one typical patient each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from .._version import __version__
from ..api import simulate
from ..endpoints.kinds import Course
from ..endpoints.panels import DISEASE, FIRST_DAYS, IMMUNE
from ..endpoints.registry import ENDPOINTS
from ..parameters import load_parameters
from ..plotting.figure import figure_bytes
from ..plotting.panels import Curve, Line, panels
from ..simulation.solution import Solution
from ..solver.kernel import builtin_kernel
from ..spreadsheet import csv_text
from ..store import BlockStore
from ..trials.trial import Trial
from .embed import embedded

#: The trials that are shown.
TRIALS = ("imodals", "mirocals")
#: Columns of the page's table: name, endpoint, the day it is read at (None: the end), and how it is printed.
_COLUMNS = (
    ("dip", "treg_dip", 2.0, "{:+.0f} %"),
    ("treg", "treg_points", 7.0, "{:+.2f} points"),
    ("ccl2", "ccl2_change", 7.0, "{:+.0f} %"),
    ("alsfrs", "alsfrs_r_end", None, "{:.1f}"),
    ("survival", "survival_end", None, "{:.3f}"),
)
#: Stem, trial, observables, days that are shown (all by default) and title of each figure.
_FIGURES: tuple[tuple[str, str, tuple[str, ...], tuple[float, float] | None, str], ...] = (
    (
        "first-week",
        "imodals",
        FIRST_DAYS,
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


def _curves(arms: Mapping[str, Solution], ids: tuple[str, ...]) -> list[Curve]:
    curves: list[Curve] = []
    for id in ids:
        lines: list[Line] = [{"label": label, "time": s.time, "value": s.values(id)[0]} for label, s in arms.items()]
        item = next(iter(arms.values())).items[id]
        curves.append({"id": id, "name": item.name, "unit": item.unit, "lines": lines})
    return curves


def summary_rows(arms: Mapping[str, Mapping[str, Solution]]) -> list[dict[str, str]]:
    """Return the numbers of the page's table, computed from the runs."""
    rows = []
    for trial, by_label in arms.items():
        for label, s in by_label.items():
            row = {"arm": f"{trial.upper()}, {label}", "end": f"{s.time[-1]:g}"}
            for column, name, day, text in _COLUMNS:
                e = ENDPOINTS[name]
                assert isinstance(e, Course)
                row[column] = _printed(text, float(e.read(s.time, s.values(e.observable), day)[0]))
            rows.append(row)
    return rows


def _printed(text: str, value: float) -> str:
    """Return a number as the table shows it; what rounds to zero has no sign."""
    shown = text.format(value)
    return shown[1:] if float(shown.split()[0]) == 0 and shown[0] in "+-" else shown


def write_demo(folder: Path, progress: Callable[[str], None] = lambda text: None, *, overwrite: bool = False) -> Path:
    """Write data (NetCDF, CSV), figures (PNG) and a page (HTML) to `folder`; return the page.

    Parameters
    ----------
    folder : path
        Made if missing; a demo of this model is replaced, what another run left there is not.
    progress : callable
        Gets a sentence before each part.
    overwrite : bool
        What the package wrote into the folder is removed first; other files stay.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    model, parameters = builtin_kernel().blueprint.fingerprint, load_parameters().fingerprint()
    key = {"verb": "demo", "model": model, "parameters": parameters}
    store = BlockStore(folder, key, overwrite=overwrite)
    arms: dict[str, dict[str, Solution]] = {}
    trials = {name: Trial.load(name) for name in TRIALS}
    for trial, published in trials.items():
        progress(f"simulating {published.name}")
        arms[trial] = run_trial_arms(published)
        for label, solution in arms[trial].items():
            stem = f"{trial}-{label.replace(' ', '').lower()}"
            store.write(f"{stem}.nc", bytes(solution.to_xarray().to_netcdf(engine="scipy")))
            table = csv_text(solution.to_dataframe([*IMMUNE, *DISEASE]), digits="%.8g")
            store.write(f"{stem}.csv", table)
    some = list(arms[TRIALS[-1]].values())[-1]
    note = "one typical patient per arm, not a cohort" + ("" if some.calibrated else "; uncalibrated parameters")
    figures = []
    for stem, trial, ids, zoom, title in _FIGURES:
        progress(f"drawing {stem}")
        plan = list(trials[trial].arms.values())[-1]
        title = title.format(trial=trials[trial].name, cycles=plan.cycles)
        doses = [d.time for d in plan.given]
        figure = panels(_curves(arms[trial], ids), doses=doses, title=title, note=note, zoom=zoom)
        store.write(f"{stem}.png", figure_bytes(figure, dpi=150))
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
    store.write(page.name, html)
    store.write("manifest.json", dict(some.manifest))
    progress(f"wrote {len(list(folder.iterdir()))} files to {folder}")
    return page
