"""Posterior densities of many numbers, in small panels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .figure import Drawing
from .panels import COLOURS

_COLUMNS = 4


def marginals(
    draws: Mapping[str, NDArray[np.float64]],
    *,
    units: Mapping[str, str],
    priors: Mapping[str, tuple[float, float]],
    title: str,
) -> Figure:
    """Draw a histogram of each number's draws; the central 95 % of its prior is a gray bar below.

    The axis shows the posterior; a wider prior is cut, and the arrow at its end says so.
    """
    rows = -(-len(draws) // _COLUMNS)
    figure = Drawing(figsize=(10.5, 1.55 * rows + 0.7), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for ax, (id, x) in zip(axes, draws.items(), strict=False):
        low, high = (float(v) for v in np.quantile(x, (0.001, 0.999)))
        margin = 0.25 * ((high - low) or abs(high) or 1.0)
        left, right = low - margin, high + margin
        counts, _, _ = ax.hist(x, bins=30, range=(low, high) if low < high else None, color=COLOURS[1], alpha=0.85)
        depth = 0.16 * max(float(counts.max()), 1.0)
        if id in priors:
            a, b = priors[id]
            ax.barh(-depth / 2, min(b, right) - max(a, left), depth / 2, max(a, left), color="#9a9a9a")
            for end, cut, mark in ((left, a < left, "<"), (right, b > right, ">")):
                if cut:
                    ax.plot([end], [-depth / 2], mark, color="#666666", markersize=4, clip_on=False)
        ax.set_xlim(left, right)
        ax.set_ylim(-depth, None)
        ax.set_yticks([])
        ax.locator_params(axis="x", nbins=4)
        ax.tick_params(labelsize=6)
        unit = "" if units[id] == "1" else f" [{units[id]}]"
        ax.set_title(f"{id.replace('_', ' ')}{unit}", fontsize=6.5)
        ax.spines[["top", "right", "left"]].set_visible(False)
    for ax in figure.axes[len(draws) :]:
        ax.set_visible(False)
    figure.suptitle(f"{title}; gray: 95 % of the prior", fontsize=10)
    return figure
