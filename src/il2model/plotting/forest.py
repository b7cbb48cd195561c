"""Forest plots: intervals in rows, with the published value beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Required, TypedDict

import numpy as np

from .figure import Drawing, legible, single
from .panels import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: How far above its row a prior is drawn.
_PRIOR = 0.22
#: Marks of a logarithmic axis within a factor of ten.
_FINE = (1, 1.5, 2, 3, 5, 7)


class ForestRow(TypedDict, total=False):
    """A row: label, and any of prior (low, high), posterior (low, median, high) and published (low, value, high).

    `check` marks what was not fitted.
    """

    label: Required[str]
    prior: tuple[float, float]
    posterior: tuple[float, float, float]
    published: tuple[float, float, float]
    check: bool


def forest(
    rows: Sequence[ForestRow],
    *,
    title: str,
    axis: str,
    log: bool = False,
    zero: float | None = None,
    thin: str = "prior, 95 %",
) -> Figure:
    """Draw a row per quantity: prior interval (thin), posterior interval and median, published value and its interval.

    Parameters
    ----------
    rows : sequence of ForestRow
        See `ForestRow`.
    title, axis : str
    log : bool
        Logarithmic axis.
    zero : float, optional
        A line of no effect.
    thin : str
        What the thin line is.
    """
    figure, ax = single(5.2, 0.36 * len(rows) + 1.5)
    for k, row in enumerate(rows):
        y = len(rows) - 1 - k
        if "prior" in row:
            ax.plot(row["prior"], [y + _PRIOR] * 2, color=COLOURS[0], linewidth=1, alpha=0.6, label=thin)
        if "posterior" in row:
            low, middle, high = row["posterior"]
            ax.plot([low, high], [y] * 2, color=COLOURS[1], linewidth=3, solid_capstyle="butt", label="model, 95 %")
            ax.plot([middle], [y], "o", color=COLOURS[1], markersize=5)
        if "published" in row:
            low, value, high = row["published"]
            if np.isfinite(low):
                ax.plot([low, high], [y - 0.22] * 2, color=COLOURS[2], linewidth=1.4, label="published, 95 %")
            face = "white" if row.get("check") else COLOURS[2]
            mark = "check, not fitted" if row.get("check") else "published"
            ax.plot([value], [y - 0.22], "D", color=COLOURS[2], markerfacecolor=face, markersize=5, label=mark)
    names = ["\n".join(textwrap.wrap(legible(str(r["label"]), 60), 30)) for r in reversed(rows)]
    ax.set_yticks(range(len(rows)), names, fontsize=7.5)
    ax.tick_params(axis="x", labelsize=7.5)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    # the axis shows model and data; a wider prior is cut, and an arrow says so
    shown = [x for r in rows for x in (*r.get("posterior", ()), *r.get("published", ())) if np.isfinite(x)]
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    if log:
        ax.set_xscale("log")
        ax.set_xlim(low / 1.25, high * 1.25)
        from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter

        wide = high / low > 20
        ticks = [m * 10.0**e for e in range(-6, 9) for m in ((1,) if high / low > 300 else (1, 3) if wide else _FINE)]
        ax.xaxis.set_major_locator(FixedLocator([t for t in ticks if low / 1.25 <= t <= high * 1.25]))
        ax.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        margin = 0.15 * (high - low or 1.0)
        ax.set_xlim(low - margin, high + margin)
    _mark_cut(ax, rows)
    if zero is not None:
        ax.axvline(zero, color="#888888", linewidth=0.8, zorder=0)
    ax.set_xlabel(textwrap.fill(axis, 64), fontsize=8)
    figure.suptitle(title, fontsize=9.5)
    ax.grid(axis="x", alpha=0.25, linewidth=0.5)
    handles, labels = ax.get_legend_handles_labels()
    seen = dict(zip(labels, handles, strict=True))
    figure.legend(seen.values(), seen.keys(), fontsize=7.5, frameon=False, loc="outside lower center", ncols=2)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _mark_cut(ax: Axes, rows: Sequence[ForestRow]) -> None:
    """Put an arrow where a prior goes beyond the axis."""
    left, right = ax.get_xlim()
    for k, row in enumerate(rows):
        low, high = row.get("prior", (np.nan, np.nan))
        for end, cut, mark in ((left, low < left, "<"), (right, high > right, ">")):
            if cut:
                y = len(rows) - 1 - k + _PRIOR
                ax.plot([end], [y], mark, color=COLOURS[0], markersize=4, alpha=0.8, clip_on=False)


def _small(
    names: Sequence[str], columns: int, height: float, title: str, *, sharex: bool = False, sharey: bool = False
) -> tuple[Drawing, list[Axes]]:
    """Return a small panel per name."""
    rows = -(-len(names) // columns)
    figure = Drawing(figsize=(5.2, height * rows + 0.7), layout="constrained")
    axes: list[Axes] = list(figure.subplots(rows, columns, sharex=sharex, sharey=sharey, squeeze=False).flat)
    for ax, name in zip(axes, names, strict=False):
        ax.set_title("\n".join(textwrap.wrap(legible(name.replace("_", " "), 66), 27)), fontsize=6.5)
        ax.tick_params(labelsize=6)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    figure.suptitle(title, fontsize=10)
    return figure, axes


def histograms(
    tables: Mapping[str, Sequence[int]], *, title: str, expected: float, band: tuple[float, float]
) -> Figure:
    """Draw rank histograms, one small panel each; the band is where even ranks stay in 95 of 100 bins."""
    figure, axes = _small(list(tables), 3, 0.95, title, sharey=True)
    for ax, counts in zip(axes, tables.values(), strict=False):
        ax.axhspan(*band, color=COLOURS[1], alpha=0.15, linewidth=0)
        ax.axhline(expected, color=COLOURS[1], linewidth=0.7)
        ax.bar(range(len(counts)), counts, width=0.9, color=COLOURS[0])
        ax.set_xticks([])
    return figure


def profiles(curves: Mapping[str, Sequence[float]], points: Sequence[float], *, title: str, fall: float) -> Figure:
    """Draw log profiles against prior standard deviations; the dotted line lies `fall` below the top."""
    figure, axes = _small(list(curves), 3, 1.1, title, sharex=True)
    for ax, values in zip(axes, curves.values(), strict=False):
        y = np.array([np.nan if v is None else v for v in values], dtype=float)
        y = y - np.nanmax(y)
        ax.plot(points, y, "-", color=COLOURS[1], linewidth=1.3)
        ax.axhline(-fall, color="#888888", linewidth=0.8, linestyle=":")
        ax.set_ylim(-6, 0.4)
        ax.grid(alpha=0.2, linewidth=0.5)
    figure.supxlabel("prior standard deviations from the prior's middle", fontsize=8)
    return figure
