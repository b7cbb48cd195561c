"""The page of a trial: tables, figure and how it was made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .. import sums
from .._version import __version__
from ..plotting.figure import figure_bytes
from ..spreadsheet import csv_text
from ..trials.result import TrialResult
from .calibration import short
from .embed import embedded


def write_trial(result: TrialResult, folder: Path) -> Path:
    """Write page, figure, summary (CSV), replicates (NetCDF) and manifest to `folder`; return the page."""
    import xarray as xr
    from jinja2 import Environment, PackageLoader, select_autoescape

    folder.mkdir(parents=True, exist_ok=True)
    frame = result.summary()
    table = frame.drop(columns=[c for c in ("sentence", "mean") if c in frame])
    sums.write(folder / "summary.csv", csv_text(table).encode())
    data = xr.Dataset(
        {
            "value": (("replicate", "name"), result.table),
            "without_effect": (("replicate", "name"), result.null),
            "kaplan_meier": (("replicate", "arm", "day"), result.curves),
        },
        coords={"day": result.days},
        attrs={"names": json.dumps(result.names), "arms": json.dumps([a.name for a in result.design.arms])},
    )
    sums.write(folder / "replicates.nc", bytes(data.to_netcdf(engine="scipy")))
    figure = result.plot()
    sums.write(folder / "trial.png", figure_bytes(figure, dpi=140))
    environment = Environment(loader=PackageLoader("il2model.report"), autoescape=select_autoescape())
    environment.filters["short"] = short
    power, error = result.power()
    markers = []
    for id, unit in (("treg_percent", "points"), ("plasma_ccl2", "%"), ("csf_pnfh", "%"), ("plasma_nfl", "%")):
        for visit in result.design.visits[1:]:
            cells = []
            for arm in result.design.arms:
                name = f"{id}[{arm.name}]@{visit.day:.12g}"
                if name in result.names:
                    cells.append(np.nanquantile(result[name], (0.5, 0.025, 0.975)).tolist())
            if cells:
                markers.append({"id": id, "unit": unit, "day": visit.day, "cells": cells})
    html = environment.get_template("trial.html").render(
        name=result.design.name,
        rows=frame.reset_index().to_dict("records"),
        version=__version__,
        sentences=[s for s in frame["sentence"] if isinstance(s, str)] if "sentence" in frame else [],
        replicates=len(result.table),
        patients=result.design.patients,
        arms=[a.name for a in result.design.arms],
        power=power,
        error=error,
        type_one=result.type_one_error(),
        baseline=result.baseline().reset_index().to_dict("records"),
        figure=embedded(figure),
        markers=markers,
        notes=result.notes,
        manifest=json.dumps(dict(result.manifest), indent=1),
    )
    sums.write(folder / "manifest.json", (json.dumps(dict(result.manifest), indent=1) + "\n").encode())
    return sums.write(folder / "index.html", html.encode(errors="replace"))
