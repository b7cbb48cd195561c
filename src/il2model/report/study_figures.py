"""Figures of the sensitivity report, each of one result or of several; each says who is missing from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..plotting import UNIT_WORDS
from ..plotting import indices as draw
from ..plotting.panels import label as axis_label
from ..sensitivity.outputs import cycle_starts
from ..sensitivity.results import StudyResult
from ..solver.problem import Floats
from .calibration import short
from .embed import embedded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A picture as text, and what it shows in words.
Embedded = dict[str, str]
Section = tuple[str, str, list[Embedded]]
#: Pairs of parameters shown with their second-order index.
PAIRS = 12
#: Parameters of a scatter plot.
SCATTERS = 6


def looked_at(result: StudyResult) -> list[int]:
    """Return the columns shown one by one: endpoints, and of each series the time of the largest variance."""
    found = [k for k, c in enumerate(result.study.columns) if c.series is None]
    for series in dict.fromkeys(c.series for c in result.study.columns if c.series):
        columns = [k for k, c in enumerate(result.study.columns) if c.series == series]
        found.append(max(columns, key=lambda k: result.variance[k]))
    return found


def label(result: StudyResult, k: int) -> str:
    """Return the meaning and the unit of an output."""
    c = result.study.columns[k]
    return axis_label(c.meaning[0].upper() + c.meaning[1:], c.unit)


def order(values: Floats, k: int) -> list[int]:
    """Return the parameters by the size of their index for an output, the largest first."""
    return [int(i) for i in np.argsort(-np.abs(np.nan_to_num(values[:, k])))]


def _embedded(figure: Figure, alt: str, *results: StudyResult) -> Embedded:
    """Embed a figure, with lines below for those who are missing from its numbers, and for what was not studied."""
    missing = dict.fromkeys(r.gaps for r in results if r.gaps)
    if notes := " ".join((*missing, *dict.fromkeys(note for r in results for note in r.study.notes))):
        draw.footnote(figure, notes)
        alt = f"{alt} {notes}"
    return {"data": embedded(figure), "alt": alt}


def bars(result: StudyResult, k: int) -> Embedded:
    """Draw the leading indices of an output, with an index beside and the noise floor where there are."""
    found, how = result.indices, result.study.how
    names, column = list(result.study.inputs), result.study.columns[k]
    _, values, half = result.main()
    axis = axis_label(how.look.axis, column.unit if how.look.in_units else "1")
    second, first_label = None, ""
    if how.look.beside is not None:
        other, words, first_label = how.look.beside
        other_half = found.get(f"{other}_half")
        second = (words, found[other][:, k], None if other_half is None else other_half[:, k])
    figure = draw.bars(
        names,
        values[:, k],
        None if half is None else half[:, k],
        title=label(result, k),
        axis=axis,
        second=second,
        first_label=first_label,
        floor=float(found["noise"][k]) if "noise" in found else None,
    )
    alt = f"{label(result, k)}: indices by parameter; the largest is {names[order(values, k)[0]]}."
    return _embedded(figure, alt, result)


def plane(result: StudyResult, k: int) -> Embedded:
    """Draw the two indices of a screening method against each other."""
    column, pair = result.study.columns[k], result.study.how.look.plane
    assert pair is not None
    figure = draw.plane(
        list(result.study.inputs),
        result.indices[pair[0]][:, k],
        result.indices[pair[1]][:, k],
        title=f"Screening: {column.meaning}",
        unit=column.unit,
    )
    alt = f"Morris plane of {column.meaning}: mean absolute effect against the spread of effects."
    return _embedded(figure, alt, result)


def against_time(result: StudyResult) -> list[Embedded]:
    """Draw the leading index against time, of each series with at least three times."""
    found = []
    study = result.study
    name, values, _ = result.main()
    starts = cycle_starts(study.plan)
    for series in dict.fromkeys(c.series for c in study.columns if c.series):
        columns = [k for k, c in enumerate(study.columns) if c.series == series]
        if len(columns) < 3:
            continue
        first = study.columns[columns[0]]
        times = np.array([study.columns[k].time for k in columns], float)
        shown, axis = np.abs(values[:, columns]), name
        if study.how.look.relative:
            with np.errstate(all="ignore"):
                shown = shown / np.nanmax(shown, axis=0, keepdims=True)
            axis = f"{name}, share of the largest"
        meaning = first.meaning.rsplit(", day", 1)[0]
        figure = draw.against_time(
            list(study.inputs),
            times,
            shown,
            result.variance[columns],
            title=f"{meaning}: {name} against time",
            axis=axis,
            unit=first.unit,
            starts=[s for s in starts if s < times[-1]],
        )
        alt = f"Heat map of {name} of {meaning} against time, with its SD below."
        found.append(_embedded(figure, alt, result))
    return found


def second_order(result: StudyResult, leading: list[int]) -> tuple[str, list[Embedded]]:
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
            none.append(label(result, k))
            continue
        figure = draw.bars(
            [f"{names[i]} × {names[j]}" for _, _, i, j in pairs],
            np.array([p[0] for p in pairs]),
            np.array([p[1] for p in pairs]),
            title=label(result, k),
            axis="second order, share of the variance",
        )
        alt = f"Second-order indices of {label(result, k)} that stand above the noise floor."
        found.append(_embedded(figure, alt, result))
    text = "Pairs whose interval lies above zero and whose index lies above the noise floor."
    return text + (f" None for {'; '.join(none)}." if none else ""), found


def scatter(result: StudyResult, k: int) -> Embedded:
    """Draw an output against the parameters that lead, at points that are independent of each other."""
    study = result.study
    some = order(result.main()[1], k)[:SCATTERS]
    names = [study.inputs[i] for i in some]
    rows = np.arange(0, len(study.design), study.how.stride(len(study.inputs), study.second_order))
    rows = rows[np.isfinite(result.Y[rows]).all(axis=1)]
    table = study.table(study.design[rows])
    unit = study.columns[k].unit
    figure = draw.scatters(
        names,
        np.column_stack([table[i] for i in names]),
        result.Y[rows, k],
        title=label(result, k),
        axis=UNIT_WORDS.get(unit, unit),
        units=[study.values.record(i).unit for i in names],
    )
    return _embedded(figure, f"{label(result, k)} against {', '.join(names)}.", result)


def tornado(result: StudyResult) -> list[Embedded]:
    """Draw what each parameter alone does to each output."""
    found = []
    for k, c in enumerate(result.study.columns):
        figure = draw.swings(
            list(result.study.inputs),
            result.indices["low"][:, k],
            result.indices["high"][:, k],
            title=f"{label(result, k)}; {short(float(result.Y[0, k]))} at the medians",
            unit=c.unit,
        )
        found.append(_embedded(figure, f"Tornado of {label(result, k)}.", result))
    return found


def prior_and_posterior(beside: Mapping[str, StudyResult]) -> tuple[str, list[Embedded]]:
    """Draw the moment-independent index under the prior and under the posterior."""
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
            list(prior.study.inputs),
            sets,
            axis="delta (moment-independent)",
            title=f"{label(prior, k)}\nSD {short(sd[0])} under the prior, {short(sd[1])} under the posterior",
        )
        alt = f"Delta of {label(prior, k)} under the prior and under the posterior."
        found.append(_embedded(figure, alt, prior, posterior))
    return (
        f"The same index from given data, {prior.study.n} draws each: what decided the output before the trials, and "
        "what does now. Draws of the posterior are correlated: a parameter may show an index because it goes with "
        "another. "
        "The bias of delta with few draws lifts all parameters alike.",
        found,
    )


def nested(result: StudyResult) -> tuple[list[int], Floats, Floats]:
    """Return base samples N/8 to N, with leading indices and half-widths, (size, parameter, output)."""
    study = result.study
    how, stride = study.how, study.how.stride(len(study.inputs), study.second_order)
    sizes = [study.n >> k for k in (3, 2, 1, 0) if study.n >> k >= 8]
    good = np.asarray(np.isfinite(result.Y).all(axis=1))
    Y = np.where(good[:, None], result.Y, np.nanmean(result.Y, axis=0))[:, looked_at(result)]
    found = [
        how.estimate(
            study.cube, study.design[: n * stride], Y[: n * stride], study.seed, second_order=study.second_order
        )
        for n in sizes
    ]
    name = how.leading
    return sizes, np.array([f[name] for f in found]), np.array([f[f"{name}_half"] for f in found])


def convergence(
    result: StudyResult, beside: Mapping[str, StudyResult], leading: list[int]
) -> tuple[str, list[Embedded]]:
    """Draw total indices against the base sample, then independent scrambles beside each other."""
    sizes, total, half = nested(result)
    names = list(result.study.inputs)
    found = []
    for k, column in enumerate(leading):
        if result.masked[column]:
            continue
        figure = draw.convergence(names, sizes, total[:, :, k], half[:, :, k], title=label(result, column))
        alt = f"Largest total indices of {label(result, column)} against the base sample."
        found.append(_embedded(figure, alt, result))
    others = [r for name, r in beside.items() if name.startswith("scramble")]
    text = "Total indices of the first N/8, N/4, N/2 and N base points."
    if result.reasons:
        text += " Here alone, a failed row counts as the mean of the others."
    if not others:
        return text, found
    n = others[0].study.n
    at = sizes.index(n)
    for k, column in enumerate(leading):
        sets = [(f"seed {result.study.seed}", total[at, :, k], half[at, :, k])]
        sets += [(f"seed {r.study.seed}", r.indices["ST"][:, column], r.indices["ST_half"][:, column]) for r in others]
        title = f"{label(result, column)}: independent scrambles, N = {n}"
        figure = draw.beside(names, sets, axis="total index", title=title)
        alt = f"Total indices of {label(result, column)} from independent scrambles."
        found.append(_embedded(figure, alt, result, *others))
    text += (
        f" Then {1 + len(others)} independent scrambles of N = {n}: bootstrap intervals on scrambled points are "
        "wider than the error; the distance between scrambles is the honest check."
    )
    return text, found


def failures(result: StudyResult) -> tuple[str, list[Embedded]]:
    """Map failed rows over the two parameters along which they stand apart most."""
    bad = np.asarray(np.isin(np.arange(len(result.Y)), list(result.reasons)))
    if not bad.any() or bad.all() or result.study.ranges != "prior" or len(result.study.inputs) < 2:
        return "", []
    X = result.study.design
    apart = (X[bad].mean(axis=0) - X[~bad].mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12)
    ranked = np.argsort(-np.abs(apart))
    names = result.study.inputs
    text = "Distance of failed from other rows, in SDs of the design: "
    text += ", ".join(f"{names[k]} {apart[k]:+.2f}" for k in ranked[:6]) + "."
    two = ranked[:2]
    figure = draw.failures([names[k] for k in two], X[~bad][:, two], X[bad][:, two], title="Failed rows")
    return text, [_embedded(figure, f"Map of failed rows over {names[two[0]]} and {names[two[1]]}.", result)]
