"""Figures of sensitivity indices: bars with intervals, heat maps against time, Morris' plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .figure import Drawing, single
from .panels import COLOURS, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


def _finish(
    ax: Axes,
    y: Floats,
    names: Sequence[str],
    order: NDArray[np.int64],
    *,
    title: str,
    axis: str,
    legend: bool = True,
) -> None:
    """Label the rows of a horizontal chart and take away what is not needed."""
    ax.set_yticks(y, [names[k].replace("_", " ") for k in order], fontsize=8)
    ax.set_xlabel(axis)
    ax.set_title(title, fontsize=10, loc="left")
    if legend:
        ax.legend(fontsize=8, frameon=False)
    ax.grid(axis="x", alpha=0.25, linewidth=0.5)
    ax.spines[["top", "right"]].set_visible(False)


def footnote(figure: Figure, text: str) -> None:
    """Write a line below a figure: who is missing from its numbers."""
    figure.supxlabel(text, fontsize=7, x=0.01, ha="left", wrap=True)


def _difference(unit: str) -> str:
    """Return the unit of a difference: of two percentages it is no percentage of anything."""
    return "percentage points" if unit == "percent" else unit


def bars(
    names: Sequence[str],
    values: Floats,
    half: Floats | None,
    *,
    title: str,
    axis: str,
    second: tuple[str, Floats, Floats | None] | None = None,
    first_label: str = "",
    floor: float | None = None,
    most: int = 15,
) -> Figure:
    """Draw the largest indices as bars with 95 % intervals; a second index beside, a noise floor as a band."""
    order = np.argsort(-np.abs(np.nan_to_num(values)))[:most]
    figure, ax = single(8.2, 0.34 * len(order) + 1.4)
    y = np.arange(len(order), dtype=float)[::-1]
    width = 0.38 if second else 0.7
    shift = width / 2 if second else 0.0

    def draw(v: Floats, h: Floats | None, at: Floats, colour: str, label: str) -> None:
        error = None if h is None else np.nan_to_num(h[order])
        ax.barh(at, v[order], width, xerr=error, color=colour, label=label, error_kw={"linewidth": 0.9, "capsize": 2})

    draw(values, half, np.asarray(y + shift), COLOURS[1], first_label)
    if second is not None:
        draw(second[1], second[2], np.asarray(y - shift), COLOURS[2], second[0])
    if floor is not None and np.isfinite(floor):
        ax.axvspan(-floor, floor, color="#E4E4E4", linewidth=0, zorder=0, label="noise floor")
    ax.axvline(0, color="#444444", linewidth=0.8)
    _finish(ax, y, names, order, title=title, axis=axis, legend=second is not None or floor is not None)
    return figure


def against_time(
    names: Sequence[str],
    times: Floats,
    values: Floats,
    variance: Floats,
    *,
    title: str,
    axis: str,
    unit: str = "1",
    starts: Sequence[float] = (),
    most: int = 12,
) -> Figure:
    """Draw a heat map (parameter, time) with the SD of the output below; masked times stay grey.

    Parameters
    ----------
    starts : sequence of float
        First days of treatment cycles; with two to four of them there is a column a
        cycle, and the axis is the day of the cycle (day 1: the first dose).
    """
    order = np.argsort(-np.nan_to_num(np.nanmax(np.abs(np.nan_to_num(values)), axis=1)))[:most]
    by_cycle = 2 <= len(starts) <= 4
    parts = [(s, np.searchsorted(times, s, "right")) for s in starts] if by_cycle else [(0.0, 0)]
    edges = [first for _, first in parts[1:]] + [len(times)]
    figure = Drawing(figsize=(8.6, 0.3 * len(order) + 3.0), layout="constrained")
    axes = figure.subplots(
        2, len(parts), squeeze=False, sharex="col", sharey="row", height_ratios=(len(order) * 0.3 + 0.5, 1.2)
    )
    labels = [names[k].replace("_", " ") for k in order[::-1]]
    for k, ((start, first), last) in enumerate(zip(parts, edges, strict=True)):
        t = times[first:last] - start + (1 if by_cycle else 0)
        top, bottom = axes[:, k]
        top.set_facecolor("#DDDDDD")
        bounds = np.concatenate([[t[0] - 0.5], (t[1:] + t[:-1]) / 2, [t[-1] + 0.5]])
        image = top.pcolormesh(
            bounds,
            np.arange(len(order) + 1),
            np.ma.masked_invalid(values[order[::-1], first:last]),
            vmin=0,
            vmax=1,
            cmap="viridis",
        )
        top.set_yticks(np.arange(len(order)) + 0.5, labels, fontsize=8)
        if by_cycle:
            top.set_title(f"cycle {k + 1}", fontsize=9)
        bottom.plot(t, np.sqrt(np.maximum(variance[first:last], 0)), color=COLOURS[1])
        bottom.set_xlabel("day of the cycle" if by_cycle else "time since first dose [day]", fontsize=9)
        bottom.grid(alpha=0.25, linewidth=0.5)
    axes[1, 0].set_ylabel(label("SD", unit), fontsize=8)
    figure.colorbar(image, ax=axes[0], label=axis)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def swings(names: Sequence[str], low: Floats, high: Floats, *, title: str, unit: str, most: int = 12) -> Figure:
    """Draw a tornado: change of the output with one parameter at its 10 and at its 90 % quantile."""
    order = np.argsort(-np.maximum(np.abs(np.nan_to_num(low)), np.abs(np.nan_to_num(high))))[:most]
    figure, ax = single(8.2, 0.32 * len(order) + 1.4)
    y = np.arange(len(order), dtype=float)[::-1]
    ax.barh(y + 0.19, low[order], 0.38, color=COLOURS[5], label="at its 10 % quantile")
    ax.barh(y - 0.19, high[order], 0.38, color=COLOURS[2], label="at its 90 % quantile")
    ax.axvline(0, color="#444444", linewidth=0.8)
    _finish(ax, y, names, order, title=title, axis=label("change from the median", _difference(unit)))
    return figure


def beside(
    names: Sequence[str],
    sets: Sequence[tuple[str, Floats, Floats | None]],
    *,
    title: str,
    axis: str,
    most: int = 12,
) -> Figure:
    """Draw the same index of several studies as dots with intervals, one row a parameter."""
    largest = np.max([np.nan_to_num(np.abs(v)) for _, v, _ in sets], axis=0)
    order = np.argsort(-largest)[:most]
    figure, ax = single(8.2, 0.32 * len(order) + 1.5)
    y = np.arange(len(order), dtype=float)[::-1]
    for k, (name, values, half) in enumerate(sets):
        ax.errorbar(
            values[order],
            y - 0.2 * (k - (len(sets) - 1) / 2),
            xerr=None if half is None else half[order],
            fmt="osD^v"[k % 5],
            markersize=4.5,
            linewidth=0,
            elinewidth=1.1,
            capsize=2,
            color=COLOURS[(k + 1) % 6],
            label=name,
        )
    _finish(ax, y, names, order, title=title, axis=axis)
    return figure


def scatters(names: Sequence[str], x: Floats, y: Floats, *, title: str, axis: str, units: Sequence[str]) -> Figure:
    """Draw an output against some parameters, (row, parameter), with the mean in ten slices of equal count."""
    from matplotlib.ticker import LogFormatter, LogLocator, NullLocator

    d = x.shape[1]
    figure = Drawing(figsize=(8.6, 2.7 * -(-d // 3) + 0.4), layout="constrained")
    axes = figure.subplots(-(-d // 3), 3, sharey=True, squeeze=False).ravel()
    shown = slice(None, None, max(1, len(x) // 1500))
    for k in range(d):
        ax = axes[k]
        ax.plot(x[shown, k], y[shown], ".", markersize=2.2, color=COLOURS[5], alpha=0.5, rasterized=True)
        slices = np.array_split(np.argsort(x[:, k]), 10)
        ax.plot([x[p, k].mean() for p in slices], [y[p].mean() for p in slices], "o-", color=COLOURS[2], markersize=3.5)
        if x[:, k].min() > 0 and np.quantile(x[:, k], 0.98) > 8 * np.quantile(x[:, k], 0.02):
            ax.set_xscale("log")
            wide = x[:, k].max() > 100 * x[:, k].min()
            ax.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5), numticks=6))
            ax.xaxis.set_major_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(np.inf, np.inf)))
            ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlabel(label(names[k].replace("_", " "), units[k]), fontsize=8)
        ax.tick_params(labelsize=7)
        ax.grid(alpha=0.25, linewidth=0.5)
    for ax in axes[d:]:
        ax.set_visible(False)
    for ax in axes[::3]:
        ax.set_ylabel(axis, fontsize=8)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def failures(names: Sequence[str], good: Floats, bad: Floats, *, title: str) -> Figure:
    """Map failed rows over two parameters, (row, 2), on the quantiles of their priors."""
    figure, ax = single(5.6, 4.6)
    ax.plot(*good[:: max(1, len(good) // 2000)].T, ".", markersize=3, color="#BBBBBB", label="ran")
    ax.plot(*bad[:: max(1, len(bad) // 2000)].T, "x", markersize=5, color=COLOURS[2], label="failed")
    ax.set_xlabel(f"quantile of {names[0].replace('_', ' ')}")
    ax.set_ylabel(f"quantile of {names[1].replace('_', ' ')}")
    ax.set_title(title, fontsize=10, loc="left")
    ax.legend(fontsize=8, frameon=True, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def plane(names: Sequence[str], mu: Floats, sigma: Floats, *, title: str, unit: str) -> Figure:
    """Draw Morris' plane: mean absolute effect against the spread of effects."""
    figure, ax = single(7.4, 4.8)
    ax.plot(mu, sigma, "o", color=COLOURS[1], markersize=5)
    limit = float(np.nanmax(np.append(mu, 1e-12)))
    ax.plot([0, limit], [0, limit], ":", color="#888888", linewidth=0.9, label="sigma = mu*")
    for k in np.argsort(-mu)[:10]:
        ax.annotate(
            names[k].replace("_", " "), (mu[k], sigma[k]), fontsize=7, xytext=(4, 3), textcoords="offset points"
        )
    ax.set_xlabel(label("mean absolute elementary effect", _difference(unit)))
    ax.set_ylabel(label("SD of the effects", _difference(unit)))
    ax.set_title(title, fontsize=10, loc="left")
    ax.legend(fontsize=8, frameon=False)
    ax.grid(alpha=0.25, linewidth=0.5)
    return figure


def convergence(names: Sequence[str], sizes: Sequence[int], values: Floats, half: Floats, *, title: str) -> Figure:
    """Draw the largest total indices, (size, parameter), against the base sample."""
    figure, ax = single(8.2, 3.6)
    for i, k in enumerate(np.argsort(-np.nan_to_num(values[-1]))[:6]):
        shift = 1 + 0.02 * (i - 3)
        ax.errorbar(
            np.array(sizes) * shift,
            values[:, k],
            half[:, k],
            fmt="o-",
            markersize=3,
            linewidth=1.1,
            capsize=2,
            color=COLOURS[i % 6],
            label=names[k].replace("_", " "),
        )
    ax.set_xscale("log", base=2)
    ax.set_xticks(list(sizes), [str(s) for s in sizes])
    ax.set_xlabel("base sample N")
    ax.set_ylabel("total index")
    ax.set_title(title, fontsize=10, loc="left")
    ax.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.grid(alpha=0.25, linewidth=0.5)
    return figure
