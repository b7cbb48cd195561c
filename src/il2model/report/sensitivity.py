"""The sensitivity report: one HTML file of one study or of several."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..plotting import indices as draw
from ..sensitivity.indices import sobol_indices
from ..sensitivity.results import RESAMPLES, StudyResult
from ..sensitivity.study import METHODS, cycle_starts
from ..solver.problem import Floats
from .calibration import short
from .embed import embedded

Figure = dict[str, str]
#: Pairs of parameters shown with their second-order index.
PAIRS = 12
#: Parameters of a scatter plot.
SCATTERS = 6


def load_study(folder: Path) -> tuple[StudyResult, dict[str, StudyResult]]:
    """Return the finished study of a folder, and the finished companions in it by name.

    Raises
    ------
    InputError
        If there is no study, or one of them is not finished.
    """
    names = ["tornado", "prior", "posterior", *(f"scramble-{k}" for k in range(1, 9))]
    beside = {n: StudyResult.load(folder / n) for n in names if (folder / n / "manifest.json").exists()}
    return StudyResult.load(folder), beside


def write_sensitivity(
    studies: StudyResult | Sequence[tuple[StudyResult, Mapping[str, StudyResult]]], page: Path
) -> Path:
    """Write the report of one result, or of several with their companions, to `page`; return it."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    parts = [(studies, {})] if isinstance(studies, StudyResult) else list(studies)
    environment = Environment(loader=PackageLoader("il2model.report"), autoescape=select_autoescape())
    environment.filters["short"] = short
    first = parts[0][0].study
    ids = list(dict.fromkeys(i for result, _ in parts for i in result.study.inputs))
    records = [first.values.record(i) for i in ids]
    html = environment.get_template("sensitivity.html").render(
        parts=[_part(result, beside) for result, beside in parts], version=__version__,
        inputs=records, calibrated=first.values.calibrated,
    )  # fmt: skip
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(html, encoding="utf8")
    return page


def _part(result: StudyResult, beside: Mapping[str, StudyResult]) -> dict[str, Any]:
    study = result.study
    name, values, half = result.main()
    leading = _looked_at(result)
    sections: list[tuple[str, str, list[Figure]]] = []
    bars = [_leading(result, k, name) for k in leading]
    if study.method == "morris":
        sections.append(("Screening", "", [*(_plane(result, k) for k in leading), *bars]))
    else:
        sections.append(("What matters", "", bars))
    sections.append(("Against time", "", _against_time(result, name, values)))
    sections.append(("Second order", *_second_order(result, leading)))
    if study.method != "oat" and study.ranges == "prior":
        sections.append(("How outputs follow the leading parameters", "", [_scatter(result, k) for k in leading]))
    sections.append(("One at a time", "", _tornado(beside["tornado"]) if "tornado" in beside else []))
    sections.append(("Prior against posterior", *_prior_and_posterior(beside)))
    if study.method == "sobol" and study.n >= 64:
        sections.append(("Convergence", *_checks(result, beside, leading)))
    sections.append(("Where the failed rows lie", *_failures(result)))
    return {
        "study": study.describe(), "method": METHODS[study.method][0], "notes": result.notes, "index": name,
        "sections": [s for s in sections if s[1] or s[2]], "summary": _summary(result, name, values, half, leading),
        "rows": _rows(result, name, values, half, leading), "labels": [_label(result, k) for k in leading],
        "failed": len(result.reasons), "reasons": list(dict.fromkeys(result.reasons.values()))[:5],
        "groups": _groups(result, leading) if study.method == "sobol" else [],
        "cost": result.manifest["cost"], "command": result.manifest["reproduce"],
        "manifest": json.dumps(dict(result.manifest), indent=1),
    }  # fmt: skip


def _looked_at(result: StudyResult) -> list[int]:
    """Return the columns shown one by one: endpoints, and of each series the time of the largest variance."""
    found = [k for k, c in enumerate(result.study.columns) if c.series is None]
    for series in dict.fromkeys(c.series for c in result.study.columns if c.series):
        columns = [k for k, c in enumerate(result.study.columns) if c.series == series]
        found.append(max(columns, key=lambda k: result.variance[k]))
    return found


def _label(result: StudyResult, k: int) -> str:
    c = result.study.columns[k]
    text = c.meaning[0].upper() + c.meaning[1:]
    return f"{text} [{c.unit}]" if c.unit != "1" else text


def _order(values: Floats, k: int) -> list[int]:
    return [int(i) for i in np.argsort(-np.abs(np.nan_to_num(values[:, k])))]


def _summary(result: StudyResult, name: str, values: Floats, half: Floats | None, leading: list[int]) -> list[str]:
    """Return a sentence per output: what decides it, and how sure that is."""
    found = []
    for k in leading:
        if result.masked[k]:
            found.append(f"{_label(result, k)}: no variance.")
            continue
        top = ", ".join(
            f"{result.study.inputs[i]} {values[i, k]:.2g}" + ("" if half is None else f" ± {half[i, k]:.1g}")
            for i in _order(values, k)[:3]
        )
        found.append(f"{_label(result, k)}: {top}.")
    return found


def _figure(figure: Any, alt: str) -> Figure:
    return {"data": embedded(figure), "alt": alt}


def _leading(result: StudyResult, k: int, name: str) -> Figure:
    found = result.indices
    names = list(result.study.inputs)
    second = None
    axis = {"mu_star": "mean absolute elementary effect", "prcc": "partial rank correlation"}.get(name, name)
    if name == "mu_star" and result.study.columns[k].unit != "1":
        axis += f" [{result.study.columns[k].unit}]"
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
    return _figure(
        figure, f"{_label(result, k)}: indices by parameter; the largest is {names[_order(found[name], k)[0]]}."
    )


def _plane(result: StudyResult, k: int) -> Figure:
    c = result.study.columns[k]
    figure = draw.plane(
        list(result.study.inputs), result.indices["mu_star"][:, k], result.indices["sigma"][:, k],
        title=f"Screening: {c.meaning}", unit=c.unit,
    )  # fmt: skip
    return _figure(figure, f"Morris plane of {c.meaning}: mean absolute effect against the spread of effects.")


def _against_time(result: StudyResult, name: str, values: Floats) -> list[Figure]:
    found = []
    study = result.study
    starts = cycle_starts(study.plan)
    for series in dict.fromkeys(c.series for c in study.columns if c.series):
        columns = [k for k, c in enumerate(study.columns) if c.series == series]
        if len(columns) < 3:
            continue
        first = study.columns[columns[0]]
        times = np.array([study.columns[k].time for k in columns], float)
        shown = np.abs(values[:, columns])
        axis = name
        if name in ("mu_star", "dgsm", "swing"):
            with np.errstate(all="ignore"):
                shown = shown / np.nanmax(shown, axis=0, keepdims=True)
            axis = f"{name}, share of the largest"
        meaning = first.meaning.rsplit(", day", 1)[0]
        figure = draw.against_time(
            list(study.inputs), times, shown, result.variance[columns], title=f"{meaning}: {name} against time",
            axis=axis, unit=first.unit if first.unit != "1" else "",
            starts=[s for s in starts if s < times[-1]],
        )  # fmt: skip
        found.append(_figure(figure, f"Heat map of {name} of {meaning} against time, with its SD below."))
    return found


def _second_order(result: StudyResult, leading: list[int]) -> tuple[str, list[Figure]]:
    """Return pairs whose interval lies above zero and whose index lies above the noise floor."""
    if "S2" not in result.indices:
        return "", []
    s2, half, noise = result.indices["S2"], result.indices["S2_half"], result.indices["noise"]
    names = result.study.inputs
    found, none = [], []
    for k in leading:
        above = np.argwhere((s2[:, :, k] - half[:, :, k] > 0) & (s2[:, :, k] > noise[k]))
        pairs = sorted(((float(s2[i, j, k]), float(half[i, j, k]), i, j) for i, j in above), reverse=True)[:PAIRS]
        if not pairs:
            none.append(_label(result, k))
            continue
        figure = draw.bars(
            [f"{names[i]} × {names[j]}" for _, _, i, j in pairs], np.array([p[0] for p in pairs]),
            np.array([p[1] for p in pairs]), title=_label(result, k), axis="second order, share of the variance",
        )  # fmt: skip
        found.append(_figure(figure, f"Second-order indices of {_label(result, k)} that stand above the noise floor."))
    text = "Pairs whose interval lies above zero and whose index lies above the noise floor."
    return text + (f" None for {'; '.join(none)}." if none else ""), found


def _scatter(result: StudyResult, k: int) -> Figure:
    study = result.study
    _, values, _ = result.main()
    some = _order(values, k)[:SCATTERS]
    # points of the design that are independent of each other: the rows before a parameter is moved
    d = len(study.inputs)
    step = {"sobol": 2 * d + 2 if study.second_order else d + 2, "dgsm": d + 1}.get(study.method, 1)
    rows = np.arange(0, len(study.design), step)
    rows = rows[np.isfinite(result.Y[rows]).all(axis=1)]
    table = study.table(study.design[rows])
    figure = draw.scatters(
        [study.inputs[i] for i in some], np.column_stack([table[study.inputs[i]] for i in some]), result.Y[rows, k],
        title=_label(result, k), label=study.columns[k].unit if study.columns[k].unit != "1" else "",
        units=[study.values.record(study.inputs[i]).unit for i in some],
    )  # fmt: skip
    return _figure(figure, f"{_label(result, k)} against {', '.join(study.inputs[i] for i in some)}.")


def _tornado(result: StudyResult) -> list[Figure]:
    return [
        _figure(
            draw.swings(
                list(result.study.inputs), result.indices["low"][:, k], result.indices["high"][:, k],
                title=f"{_label(result, k)}; {short(float(result.Y[0, k]))} at the medians", unit=c.unit,
            ),
            f"Tornado of {_label(result, k)}.",
        )
        for k, c in enumerate(result.study.columns)
    ]  # fmt: skip


def _prior_and_posterior(beside: Mapping[str, StudyResult]) -> tuple[str, list[Figure]]:
    if "prior" not in beside or "posterior" not in beside:
        return "", []
    prior, posterior = beside["prior"], beside["posterior"]
    found = []
    for k in range(len(prior.study.columns)):
        sets = [
            (word, r.indices["delta"][:, k], r.indices["delta_half"][:, k])
            for word, r in (("prior", prior), ("posterior", posterior))
        ]
        sd = [float(np.sqrt(r.variance[k])) for r in (prior, posterior)]
        figure = draw.beside(
            list(prior.study.inputs), sets, axis="delta (moment-independent)",
            title=f"{_label(prior, k)}\nSD {short(sd[0])} under the prior, {short(sd[1])} under the posterior",
        )  # fmt: skip
        found.append(_figure(figure, f"Delta of {_label(prior, k)} under the prior and under the posterior."))
    return (
        f"The same index from given data, {prior.study.n} draws each: what decided the output before the trials, and "
        "what does now. Draws of the posterior are correlated: a parameter may show an index because it goes with "
        "another. "
        "The bias of delta with few draws lifts all parameters alike.",
        found,
    )


def nested(result: StudyResult) -> tuple[list[int], Any, Any]:
    """Return base samples N/8 to N, with total indices and half-widths, (size, parameter, output)."""
    study = result.study
    d = len(study.inputs)
    step = 2 * d + 2 if study.second_order else d + 2
    sizes = [study.n >> k for k in (3, 2, 1, 0) if study.n >> k >= 8]
    found = []
    columns = _looked_at(result)
    good = np.asarray(np.isfinite(result.Y).all(axis=1))
    Y = np.where(good[:, None], result.Y, np.nanmean(result.Y, axis=0))[:, columns]
    for n in sizes:
        s = sobol_indices(Y[: n * step], d, second=study.second_order, resamples=RESAMPLES, seed=study.seed)
        found.append((s.total, s.total_half))
    return sizes, np.array([f[0] for f in found]), np.array([f[1] for f in found])


def _checks(result: StudyResult, beside: Mapping[str, StudyResult], leading: list[int]) -> tuple[str, list[Figure]]:
    sizes, total, half = nested(result)
    found = []
    for k, column in enumerate(leading):
        if result.masked[column]:
            continue
        figure = draw.convergence(
            list(result.study.inputs), sizes, total[:, :, k], half[:, :, k], title=_label(result, column)
        )
        found.append(_figure(figure, f"Largest total indices of {_label(result, column)} against the base sample."))
    others = [r for name, r in beside.items() if name.startswith("scramble")]
    text = "Total indices of the first N/8, N/4, N/2 and N base points."
    if result.reasons:
        text += " Here alone, a failed row counts as the mean of the others."
    if others:
        n = others[0].study.n
        at = sizes.index(n)
        for k, column in enumerate(leading):
            sets = [(f"seed {result.study.seed}", total[at, :, k], half[at, :, k])]
            sets += [
                (f"seed {r.study.seed}", r.indices["ST"][:, column], r.indices["ST_half"][:, column]) for r in others
            ]
            figure = draw.beside(
                list(result.study.inputs), sets, axis="total index",
                title=f"{_label(result, column)}: independent scrambles, N = {n}",
            )  # fmt: skip
            found.append(_figure(figure, f"Total indices of {_label(result, column)} from independent scrambles."))
        text += (
            f" Then {1 + len(others)} independent scrambles of N = {n}: bootstrap intervals on scrambled points are "
            "wider than the error; the distance between scrambles is the honest check."
        )
    return text, found


def _groups(result: StudyResult, leading: list[int]) -> list[dict[str, Any]]:
    """Return the sum of first-order indices by mechanism, and what no single parameter explains."""
    rows = [
        {"group": name, "cells": [float(result.indices["S1"][list(columns)].sum(axis=0)[k]) for k in leading]}
        for name, columns in result.study.groups.items()
    ]
    rows.append({"group": "interactions", "cells": [float(result.indices["interactions"][k]) for k in leading]})
    return rows


def _rows(
    result: StudyResult, name: str, values: Floats, half: Floats | None, leading: list[int]
) -> list[dict[str, Any]]:
    return [
        {"id": id, "cells": [(float(values[i, k]), None if half is None else float(half[i, k])) for k in leading]}
        for i, id in enumerate(result.study.inputs)
    ]


def _failures(result: StudyResult) -> tuple[str, list[Figure]]:
    """Map failed rows over the two parameters along which they stand apart most."""
    bad = np.asarray(np.isin(np.arange(len(result.Y)), list(result.reasons)))
    if not bad.any() or bad.all() or result.study.ranges != "prior" or len(result.study.inputs) < 2:
        return "", []
    X = result.study.design
    apart = (X[bad].mean(axis=0) - X[~bad].mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12)
    order = np.argsort(-np.abs(apart))
    names = result.study.inputs
    text = "Distance of failed from other rows, in SDs of the design: "
    text += ", ".join(f"{names[k]} {apart[k]:+.2f}" for k in order[:6]) + "."
    two = order[:2]
    figure = draw.failures([names[k] for k in two], X[~bad][:, two], X[bad][:, two], title="Failed rows")
    return text, [_figure(figure, f"Map of failed rows over {names[two[0]]} and {names[two[1]]}.")]
