"""Figures of a plan: power by cut-off and size, regimens and their effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..endpoints.registry import TESTS
from ..plotting.panels import COLOURS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def power_figure(table: pd.DataFrame, title: str, label: str) -> Figure:
    """Draw a heat map of power per endpoint, from the table of a power study."""
    from ..plotting.figure import Drawing

    endpoints = list(dict.fromkeys(table["endpoint"]))
    figure = Drawing(figsize=(4.6 * len(endpoints) + 1.2, 3.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(endpoints), sharey=True))
    image = None
    for ax, endpoint in zip(axes, endpoints, strict=True):
        part = table[table["endpoint"] == endpoint]
        grid = part.pivot_table(index=["low", "high"], columns="per_arm", values="power", sort=False)
        image = ax.imshow(grid.to_numpy(), vmin=0, vmax=1, cmap="viridis", aspect="auto")
        ax.set_xticks(range(grid.shape[1]), [str(c) for c in grid.columns])
        labels = ["everybody" if high == np.inf else f"{low:g} to {high:g}" for low, high in grid.index]
        ax.set_yticks(range(grid.shape[0]), labels)
        ax.set_xlabel("patients per arm")
        ax.set_title(TESTS[endpoint].meaning, fontsize=10, loc="left")
        for (i, j), value in np.ndenumerate(grid.to_numpy()):
            ax.text(j, i, f"{100 * value:.0f}", ha="center", va="center", color="white" if value < 0.6 else "black")
    axes[0].set_ylabel("CSF pNFH [pg/mL]")
    if image is not None:
        figure.colorbar(image, ax=list(axes), label=label)
    figure.suptitle(title, fontsize=11)
    return figure


def search_figure(table: pd.DataFrame, objective: str, notes: Sequence[str]) -> Figure:
    """Draw the objective against injections a year, from the table of a search."""
    from ..plotting.figure import Drawing

    figure = Drawing(figsize=(8.0, 4.6), layout="constrained")
    ax = figure.subplots()
    t, y = table, objective
    for allowed, colour, label in ((False, "#BBBBBB", "beyond a limit"), (True, COLOURS[0], "tried")):
        part = t[t["allowed"] == allowed]
        ax.plot(part["injections_per_year"], part[y], ".", color=colour, label=label, markersize=5)
    best = t[t["non_dominated"]]
    ax.plot(
        best["injections_per_year"],
        best[y],
        "o-",
        color=COLOURS[1],
        label="not dominated among those tried",
        markersize=5,
    )
    if "low" in best:
        ax.vlines(best["injections_per_year"], best["low"], best["high"], color=COLOURS[1], alpha=0.5)
    for _, row in best.iterrows():
        text = f"{row['amount']:g} MIU x {row['days']:g} / {row['every']:g} d"
        ax.annotate(
            text, (row["injections_per_year"], row[y]), fontsize=6.5, xytext=(4, -8), textcoords="offset points"
        )
    ax.axhline(0, color="#888888", linewidth=0.8)
    ax.set_xlabel("injections a year")
    ax.set_ylabel(y.replace("_", " "))
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.legend(frameon=False, fontsize=8)
    title = "Regimens and their effect (bars: 5 to 95 % over posterior draws)"
    ax.set_title("\n".join((title, *notes)), fontsize=10, loc="left")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return figure
