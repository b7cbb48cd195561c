"""The sensitivity report: one HTML file of a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..plotting import indices as draw
from ..sensitivity.indices import sobol_indices
from ..sensitivity.results import RESAMPLES, StudyResult
from ..sensitivity.study import METHODS
from .calibration import short
from .embed import embedded


def write_sensitivity(result: StudyResult, page: Path) -> Path:
    """Write the report of a study to `page`; return it."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    study = result.study
    name, values, half = result.main()
    figures = [_leading(result, k, name) for k, c in enumerate(study.columns) if c.series is None]
    if study.method == "morris":
        figures += [_plane(result, k) for k, c in enumerate(study.columns) if c.series is None]
    for series in dict.fromkeys(c.series for c in study.columns if c.series):
        columns = [k for k, c in enumerate(study.columns) if c.series == series]
        if len(columns) > 2:
            figures.append(_heat(result, series, columns, values, name))
        else:
            figures += [_leading(result, k, name) for k in columns]
    if study.method == "sobol" and study.n >= 64:
        figures.append(_convergence(result))
    records = study.values.records
    inputs = [
        {"id": i, "name": records[i].name, "unit": records[i].unit, "prior": str(records[i].prior),
         "mechanism": records[i].mechanism, "status": records[i].status} for i in study.inputs
    ]  # fmt: skip
    groups = _groups(result) if study.method == "sobol" else []
    environment = Environment(loader=PackageLoader("il2model.report"), autoescape=select_autoescape())
    environment.filters["short"] = short
    html = environment.get_template("sensitivity.html").render(
        study=study.describe(), method=METHODS[study.method][0], figures=figures, inputs=inputs, notes=result.notes,
        rows=_rows(result, name, values, half), index=name, version=__version__, failed=len(result.reasons),
        reasons=list(dict.fromkeys(result.reasons.values()))[:5], groups=groups, cost=result.manifest,
        calibrated=study.values.calibrated, manifest=json.dumps(dict(result.manifest), indent=1),
        failures=_failures(result),
    )  # fmt: skip
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(html, encoding="utf8")
    return page


def _label(result: StudyResult, k: int) -> str:
    c = result.study.columns[k]
    return (
        f"{c.meaning[0].upper()}{c.meaning[1:]} [{c.unit}]" if c.unit != "1" else c.meaning[0].upper() + c.meaning[1:]
    )


def _leading(result: StudyResult, k: int, name: str) -> dict[str, str]:
    found = result.indices
    names = list(result.study.inputs)
    second = None
    axis = {"mu_star": "mean absolute elementary effect", "prcc": "partial rank correlation"}.get(name, name)
    if name == "ST" and "S1" in found:
        s1_half = found.get("S1_half")
        second = ("first order", found["S1"][:, k], None if s1_half is None else s1_half[:, k])
        axis = "share of the variance"
    half = found.get(f"{name}_half")
    floor = float(found["noise"][k]) if "noise" in found else None
    figure = draw.bars(
        names, found[name][:, k], None if half is None else half[:, k], title=_label(result, k), axis=axis,
        second=second, first_label="total" if second else "", floor=floor,
    )  # fmt: skip
    top = names[int(np.nanargmax(np.abs(np.nan_to_num(found[name][:, k]))))]
    return {"data": embedded(figure), "alt": f"{_label(result, k)}: indices by parameter; the largest is {top}."}


def _plane(result: StudyResult, k: int) -> dict[str, str]:
    c = result.study.columns[k]
    figure = draw.plane(
        list(result.study.inputs), result.indices["mu_star"][:, k], result.indices["sigma"][:, k],
        title=f"Screening: {c.meaning}", unit=c.unit,
    )  # fmt: skip
    return {"data": embedded(figure), "alt": f"Morris plane of {c.meaning}."}


def _heat(result: StudyResult, series: str, columns: list[int], values: Any, name: str) -> dict[str, str]:
    times = np.array([result.study.columns[k].time for k in columns], float)
    shown = np.abs(values[:, columns])
    if name in ("mu_star", "dgsm"):
        shown = shown / np.nanmax(shown, axis=0, keepdims=True)
    figure = draw.against_time(
        list(result.study.inputs), times, shown, result.variance[columns],
        title=f"{result.study.columns[columns[0]].meaning.split(',')[0]}: {name} against time", axis=name,
    )  # fmt: skip
    return {"data": embedded(figure), "alt": f"Heat map of {name} of {series} against time, with its SD below."}


def nested(result: StudyResult) -> tuple[list[int], Any, Any]:
    """Return base samples N/8 to N, with total indices and half-widths, (size, parameter, output)."""
    study = result.study
    d = len(study.inputs)
    step = 2 * d + 2 if study.second_order else d + 2
    sizes = [study.n >> k for k in (3, 2, 1, 0) if study.n >> k >= 8]
    found = []
    good = np.asarray(np.isfinite(result.Y).all(axis=1))
    Y = np.where(good[:, None], result.Y, np.nanmean(result.Y, axis=0))
    for n in sizes:
        s = sobol_indices(Y[: n * step], d, second=study.second_order, resamples=RESAMPLES, seed=study.seed)
        found.append((s.total, s.total_half))
    return sizes, np.array([f[0] for f in found]), np.array([f[1] for f in found])


def _convergence(result: StudyResult) -> dict[str, str]:
    sizes, total, half = nested(result)
    k = int(np.nanargmax(result.variance * ~np.asarray(result.masked, bool) > 0))
    figure = draw.convergence(
        list(result.study.inputs),
        sizes,
        total[:, :, k],
        half[:, :, k],
        title=f"Convergence: {result.study.columns[k].name}",
    )
    return {"data": embedded(figure), "alt": "Largest total indices against the base sample, with intervals."}


def _groups(result: StudyResult) -> list[dict[str, Any]]:
    """Return the sum of first-order indices by mechanism, per output that is not a series."""
    rows = []
    for name, columns in result.study.groups.items():
        total = result.indices["S1"][list(columns)].sum(axis=0)
        rows.append(
            {"group": name, "cells": [float(total[k]) for k, c in enumerate(result.study.columns) if c.series is None]}
        )
    return rows if rows and rows[0]["cells"] else []


def _rows(result: StudyResult, name: str, values: Any, half: Any) -> list[dict[str, Any]]:
    rows = []
    for i, id in enumerate(result.study.inputs):
        cells = []
        for k, c in enumerate(result.study.columns):
            if c.series is None:
                cells.append((float(values[i, k]), None if half is None else float(half[i, k])))
        rows.append({"id": id, "cells": cells})
    return rows if rows and rows[0]["cells"] else []


def _failures(result: StudyResult) -> list[dict[str, Any]]:
    """Return where failed rows lie: parameters whose failed rows stand apart from the others."""
    bad = np.asarray(np.isin(np.arange(len(result.Y)), list(result.reasons)))
    if not bad.any() or bad.all():
        return []
    X = result.study.design
    apart = (X[bad].mean(axis=0) - X[~bad].mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12)
    order = np.argsort(-np.abs(apart))[:6]
    return [{"id": result.study.inputs[k], "apart": float(apart[k])} for k in order]
