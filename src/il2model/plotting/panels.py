"""Time courses in panels, and doses as stems."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
#: Units as a reader expects them.
UNIT_WORDS: Mapping[str, str] = {
    "1": "",
    "percent": "%",
    "point": "points",
    "cell/uL": "cells/µL",
    "molecule/cell": "per cell",
    "1/day": "per day",
    "pg/mL": "pg/mL",
    "pM": "pM",
}

#: Distinguishable without colour vision (Okabe and Ito), dark enough on white.
COLOURS = ("#444444", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
STYLES = ("--", "-", "-", "-.", ":", "-")


class Line(TypedDict):
    """A course in a panel, (time,); `low` and `high` are a band around it."""

    label: str
    time: Floats
    value: Floats
    low: NotRequired[Floats | None]
    high: NotRequired[Floats | None]


class Curve(TypedDict):
    """A quantity with its courses."""

    id: str
    name: str
    unit: str
    lines: Sequence[Line]


def label(name: str, unit: str) -> str:
    """Return an axis label: name, then unit in brackets where there is one."""
    word = UNIT_WORDS.get(unit, unit)
    return f"{name} [{word}]" if word else name


def _wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width))


def panels(
    curves: Sequence[Curve],
    *,
    doses: Sequence[float] = (),
    title: str = "",
    note: str = "",
    columns: int = 2,
    zoom: tuple[float, float] | None = None,
) -> Figure:
    """Draw one panel per quantity.

    Parameters
    ----------
    curves : sequence of Curve
    doses : sequence of float
        Days of doses, marked along the lower edge.
    zoom : (from, to), optional
        Days to show.
    """
    from .figure import Drawing

    rows = -(-len(curves) // columns)
    figure = Drawing(figsize=(5.2 * columns, 2.5 * rows + 0.7), layout="constrained")
    axes: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for curve, ax in zip(curves, axes, strict=False):
        _panel(ax, curve, doses, zoom)
    for ax in axes[len(curves) :]:
        ax.set_visible(False)
    for ax in axes[max(0, len(curves) - columns) : len(curves)]:
        ax.set_xlabel("time since first dose [day]")
    if curves and len(curves[0]["lines"]) > 1:
        axes[0].legend(frameon=False, fontsize=8)
    if title or note:
        figure.suptitle(title, fontsize=11, wrap=True)
        figure.supxlabel(note, fontsize=8, color="#444444", wrap=True)
    return figure


def _panel(ax: Axes, curve: Curve, doses: Sequence[float], zoom: tuple[float, float] | None) -> None:
    from .figure import legible

    many = len(curve["lines"]) > 1
    for k, line in enumerate(curve["lines"]):
        colour, style = (COLOURS[k % 6], STYLES[k % 6]) if many else (COLOURS[1], "-")
        time, value = np.asarray(line["time"]), np.asarray(line["value"])
        inside = np.full(len(time), True) if zoom is None else (time >= zoom[0]) & (time <= zoom[1])
        if line.get("low") is not None:
            band = (np.asarray(line["low"])[inside], np.asarray(line["high"])[inside])
            ax.fill_between(time[inside], *band, color=colour, alpha=0.18, linewidth=0)
        ax.plot(time[inside], value[inside], style, color=colour, label=legible(line["label"]), linewidth=1.4)
    word = UNIT_WORDS.get(curve["unit"], curve["unit"])
    ax.set_title(_wrap(curve["name"], 48), fontsize=10, loc="left")
    ax.set_ylabel(word)
    if curve["id"] in ("survival", "motor_units"):
        ax.set_ylim(0, 1.02)
    if curve["id"] == "alsfrs_r":
        ax.set_ylim(0, 48)
    shown = [d for d in doses if zoom is None or zoom[0] <= d <= zoom[1]]
    if shown:
        edge = ax.get_xaxis_transform()
        ax.plot(shown, np.zeros(len(shown)), "|", color="#666666", markersize=5, transform=edge, clip_on=False)
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.spines[["top", "right"]].set_visible(False)


def draw_doses(
    times: Sequence[float], amounts: Sequence[float], durations: Sequence[float], *, title: str, unit: str
) -> Figure:
    """Draw doses: a stem per bolus, a bar per infusion."""
    from .figure import single

    figure, ax = single(8.0, 2.6)
    for t, a, d in zip(times, amounts, durations, strict=True):
        if d > 0:
            ax.fill_between([t, t + d], [0, 0], [a, a], color=COLOURS[1], alpha=0.5)
        else:
            ax.vlines(t, 0, a, color=COLOURS[1], linewidth=1.6)
            ax.plot([t], [a], "o", color=COLOURS[1], markersize=3)
    ax.set_ylim(0, 1.15 * max([*amounts, 1e-9]))
    ax.set_xlabel("time since first dose [day]")
    ax.set_ylabel(f"dose [{unit}]")
    ax.set_title(_wrap(title, 100), fontsize=9, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    return figure
