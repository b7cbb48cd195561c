"""Figures of sensitivity indices: bars with intervals, heat maps against time, Morris' plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .panels import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


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
    from .figure import Drawing

    order = np.argsort(-np.abs(np.nan_to_num(values)))[:most]
    figure = Drawing(figsize=(8.2, 0.34 * len(order) + 1.4), layout="constrained")
    ax = figure.subplots()
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
        ax.axvspan(-floor, floor, color="#BBBBBB", alpha=0.4, linewidth=0, label="noise floor")
    ax.axvline(0, color="#444444", linewidth=0.8)
    ax.set_yticks(y, [names[k].replace("_", " ") for k in order], fontsize=8)
    ax.set_xlabel(axis)
    ax.set_title(title, fontsize=10, loc="left")
    if second is not None or floor is not None:
        ax.legend(fontsize=8, frameon=False)
    ax.grid(axis="x", alpha=0.25, linewidth=0.5)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return figure


def against_time(
    names: Sequence[str], times: Floats, values: Floats, variance: Floats, *, title: str, axis: str, most: int = 12
) -> Figure:
    """Draw a heat map (parameter, time) with the variance of the output below; masked times stay grey."""
    from .figure import Drawing

    order = np.argsort(-np.nan_to_num(np.nanmax(np.abs(np.nan_to_num(values)), axis=1)))[:most]
    figure = Drawing(figsize=(8.6, 0.3 * len(order) + 2.8), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(len(order) * 0.3 + 0.5, 1.2))
    top.set_facecolor("#DDDDDD")
    edges = np.concatenate([[times[0] - (times[1] - times[0]) / 2], (times[1:] + times[:-1]) / 2,
                            [times[-1] + (times[-1] - times[-2]) / 2]])  # fmt: skip
    image = top.pcolormesh(
        edges, np.arange(len(order) + 1), np.ma.masked_invalid(values[order[::-1]]), vmin=0, vmax=1, cmap="viridis"
    )
    labels = [names[k].replace("_", " ") for k in order[::-1]]
    top.set_yticks(np.arange(len(order)) + 0.5, labels, fontsize=8)
    figure.colorbar(image, ax=top, label=axis)
    top.set_title(title, fontsize=10, loc="left")
    bottom.plot(times, np.sqrt(np.maximum(variance, 0)), color=COLOURS[1])
    bottom.set_ylabel("SD", fontsize=8)
    bottom.set_xlabel("time since first dose [day]")
    bottom.grid(alpha=0.25, linewidth=0.5)
    return figure


def plane(names: Sequence[str], mu: Floats, sigma: Floats, *, title: str, unit: str) -> Figure:
    """Draw Morris' plane: mean absolute effect against the spread of effects."""
    from .figure import Drawing

    figure = Drawing(figsize=(7.4, 4.8), layout="constrained")
    ax = figure.subplots()
    ax.plot(mu, sigma, "o", color=COLOURS[1], markersize=5)
    limit = float(np.nanmax(np.append(mu, 1e-12)))
    ax.plot([0, limit], [0, limit], ":", color="#888888", linewidth=0.9, label="sigma = mu*")
    for k in np.argsort(-mu)[:10]:
        ax.annotate(
            names[k].replace("_", " "), (mu[k], sigma[k]), fontsize=7, xytext=(4, 3), textcoords="offset points"
        )
    ax.set_xlabel(f"mean absolute elementary effect [{unit}]")
    ax.set_ylabel(f"SD of the effects [{unit}]")
    ax.set_title(title, fontsize=10, loc="left")
    ax.legend(fontsize=8, frameon=False)
    ax.grid(alpha=0.25, linewidth=0.5)
    return figure


def convergence(names: Sequence[str], sizes: Sequence[int], values: Floats, half: Floats, *, title: str) -> Figure:
    """Draw the largest total indices, (size, parameter), against the base sample."""
    from .figure import Drawing

    figure = Drawing(figsize=(8.2, 3.6), layout="constrained")
    ax = figure.subplots()
    for i, k in enumerate(np.argsort(-np.nan_to_num(values[-1]))[:6]):
        shift = 1 + 0.02 * (i - 3)
        ax.errorbar(
            np.array(sizes) * shift, values[:, k], half[:, k], fmt="o-", markersize=3, linewidth=1.1, capsize=2,
            color=COLOURS[i % 6], label=names[k].replace("_", " "),
        )  # fmt: skip
    ax.set_xscale("log", base=2)
    ax.set_xticks(list(sizes), [str(s) for s in sizes])
    ax.set_xlabel("base sample N")
    ax.set_ylabel("total index")
    ax.set_title(title, fontsize=10, loc="left")
    ax.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.grid(alpha=0.25, linewidth=0.5)
    return figure
