"""Figures of a plan: power by cut-off and size, regimens and their effect."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..endpoints.registry import CONTRASTS, TESTS
from ..plotting.panels import COLOURS
from ..plotting.panels import label as axis_label

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
        grid, error = (
            100 * part.pivot_table(index=["low", "high"], columns="per_arm", values=v, sort=False)
            for v in ("power", "standard_error")
        )
        image = ax.imshow(grid.to_numpy(), vmin=0, vmax=100, cmap="viridis", aspect="auto")
        ax.set_xticks(range(grid.shape[1]), [str(c) for c in grid.columns])
        labels = ["everybody" if high == np.inf else f"{low:g} to {high:g}" for low, high in grid.index]
        ax.set_yticks(range(grid.shape[0]), labels)
        ax.set_xlabel("patients per arm")
        ax.set_title(TESTS[endpoint].meaning, fontsize=10, loc="left")
        for (i, j), value in np.ndenumerate(grid.to_numpy()):
            text = f"{value:.0f} ± {error.iloc[i, j]:.0f}"
            ax.text(j, i, text, ha="center", va="center", color="white" if value < 60 else "black")
    axes[0].set_ylabel("CSF pNFH [pg/mL]")
    if image is not None:
        figure.colorbar(image, ax=list(axes), label=f"{label} [%], ± standard error")
    figure.suptitle(title, fontsize=11, wrap=True)
    return figure


def search_figure(table: pd.DataFrame, objective: str, notes: Sequence[str], draws: int) -> Figure:
    """Draw the objective against injections a year, from the table of a search; what is too close stays unnamed."""
    from ..plotting.figure import Drawing

    figure = Drawing(figsize=(8.0, 4.6), layout="constrained")
    ax = figure.subplots()
    t, y = table, objective
    for allowed, colour, word in ((False, "#BBBBBB", "beyond a limit"), (True, COLOURS[0], "tried")):
        part = t[t["allowed"] == allowed]
        if len(part):
            ax.plot(part["injections_per_year"], part[y], ".", color=colour, label=word, markersize=5)
    best = t[t["non_dominated"]]
    ax.plot(
        best["injections_per_year"],
        best[y],
        "o-",
        color=COLOURS[1],
        label="not dominated among those tried",
        markersize=5,
    )
    beyond = best[~best["studied"]]
    if len(beyond):
        ax.plot(
            beyond["injections_per_year"],
            beyond[y],
            "o",
            color="white",
            markeredgecolor=COLOURS[1],
            label="of these beyond what was studied",
            markersize=5,
            zorder=3,
        )
    if "low" in best:
        ax.vlines(best["injections_per_year"], best["low"], best["high"], color=COLOURS[1], alpha=0.5)
    last, apart = -np.inf, 0.04 * float(t["injections_per_year"].max())
    for _, row in best.sort_values("injections_per_year").iterrows():
        place = float(row["injections_per_year"])
        if place - last < apart:
            continue
        text, last = f"{row['amount']:g} MIU x {row['days']:g} / {row['every']:g} d", place
        ax.annotate(
            text,
            (place, row[y]),
            fontsize=6.5,
            rotation=-25,
            va="top",
            xytext=(3, -3),
            textcoords="offset points",
            rotation_mode="anchor",
        )
    ax.axhline(0, color="#888888", linewidth=0.8)
    ax.set_xlabel("injections a year")
    ax.set_ylabel(textwrap.fill(axis_label(CONTRASTS[y].meaning, CONTRASTS[y].unit), 44))
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.legend(frameon=False, fontsize=8)
    title = "Regimens and their effect" + (f" (bars: 5 to 95 % over {draws} posterior draws)" if draws else "")
    ax.set_title("\n".join((title, *notes)), fontsize=10, loc="left", wrap=True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return figure
