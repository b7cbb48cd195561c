"""The sensitivity report: one HTML file of one study or of several."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .._version import __version__
from ..sensitivity.results import StudyResult
from ..solver.problem import Floats
from ..store import write_atomic
from . import study_figures as figures
from .calibration import short
from .study_figures import Section, label, looked_at, order


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
        parts=[_part(result, beside) for result, beside in parts],
        version=__version__,
        inputs=records,
        calibrated=first.values.calibrated,
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, html)
    return page


def _part(result: StudyResult, beside: Mapping[str, StudyResult]) -> dict[str, object]:
    study = result.study
    name, values, half = result.main()
    leading = looked_at(result)
    return {
        "study": study.describe(),
        "method": study.how.sentence,
        "notes": result.notes,
        "index": name,
        "sections": [s for s in _sections(result, beside, leading) if s[1] or s[2]],
        "summary": _summary(result, name, values, half, leading),
        "rows": _rows(result, values, half, leading),
        "labels": [label(result, k) for k in leading],
        "failed": len(result.reasons),
        "reasons": list(dict.fromkeys(result.reasons.values()))[:5],
        "groups": _groups(result, leading) if "interactions" in result.indices else [],
        "cost": result.manifest["cost"],
        "command": result.manifest["reproduce"],
        "manifest": json.dumps(dict(result.manifest), indent=1),
    }


def _sections(result: StudyResult, beside: Mapping[str, StudyResult], leading: list[int]) -> list[Section]:
    """Return title, text and figures of each section; those without text and figures are left out."""
    study, look = result.study, result.study.how.look
    bars = [figures.bars(result, k) for k in leading]
    found: list[Section] = []
    if look.plane is not None:
        found.append(("Screening", "", [*(figures.plane(result, k) for k in leading), *bars]))
    else:
        found.append(("What matters", "", bars))
    found.append(("Against time", "", figures.against_time(result)))
    found.append(("Second order", *figures.second_order(result, leading)))
    if look.points and study.ranges == "prior":
        found.append(("How outputs follow the leading parameters", "", [figures.scatter(result, k) for k in leading]))
    found.append(("One at a time", "", figures.tornado(beside["tornado"]) if "tornado" in beside else []))
    found.append(("Prior against posterior", *figures.prior_and_posterior(beside)))
    if study.how.nested and study.n >= 64:
        found.append(("Convergence", *figures.convergence(result, beside, leading)))
    found.append(("Where the failed rows lie", *figures.failures(result)))
    return found


def _summary(result: StudyResult, name: str, values: Floats, half: Floats | None, leading: list[int]) -> list[str]:
    """Return a sentence per output: what decides it, and how sure that is."""
    found = []
    for k in leading:
        if result.masked[k]:
            found.append(f"{label(result, k)}: no variance.")
            continue
        top = ", ".join(
            f"{result.study.inputs[i]} {values[i, k]:.2g}" + ("" if half is None else f" ± {half[i, k]:.1g}")
            for i in order(values, k)[:3]
        )
        found.append(f"{label(result, k)}: {top}.")
    return found


def _groups(result: StudyResult, leading: list[int]) -> list[dict[str, object]]:
    """Return the sum of first-order indices by mechanism, and what no single parameter explains."""
    rows: list[dict[str, object]] = [
        {"group": name, "cells": [float(result.indices["S1"][list(columns)].sum(axis=0)[k]) for k in leading]}
        for name, columns in result.study.groups.items()
    ]
    rows.append({"group": "interactions", "cells": [float(result.indices["interactions"][k]) for k in leading]})
    return rows


def _rows(result: StudyResult, values: Floats, half: Floats | None, leading: list[int]) -> list[dict[str, object]]:
    return [
        {"id": id, "cells": [(float(values[i, k]), None if half is None else float(half[i, k])) for k in leading]}
        for i, id in enumerate(result.study.inputs)
    ]
