"""What data did to parameters: densities on the scale of the prior, pairs, a map of what informs what, rank curves."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from .figure import Drawing, legible
from .panels import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
#: Width of a figure that is read on a phone, inches.
WIDTH = 5.2
#: The 2.5 and 97.5 % points of a standard normal law.
_EDGE = 1.96


class Density(TypedDict):
    """Draws of one number on the scale on which its prior is a standard normal law, and what its prior says there.

    `prior` is its 2.5 % point, median and 97.5 % point in `unit`; `other` are draws of a second fit.
    """

    name: str
    unit: str
    z: Floats
    prior: tuple[float, float, float]
    verdict: NotRequired[str]
    other: NotRequired[Floats]


def _panels(names: Sequence[str], columns: int, height: float, units: Sequence[str] = ()) -> tuple[Drawing, list[Axes]]:
    """Return a panel per name; its unit stands below the name, and is never cut."""
    rows = -(-len(names) // columns)
    figure = Drawing(figsize=(WIDTH, height * rows + 0.55), layout="constrained")
    axes: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax, name, unit in zip(axes, names, units or [""] * len(names), strict=False):
        lines = textwrap.wrap(legible(name, 66), 27)
        if unit not in ("", "1"):
            short = len(lines[-1]) + len(unit) < 24
            lines = [*lines[:-1], f"{lines[-1]} [{unit}]"] if short else [*lines, f"[{unit}]"]
        ax.set_title("\n".join(lines), fontsize=7)
        ax.tick_params(labelsize=6.5)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    return figure, axes


def densities(rows: Sequence[Density], *, labels: tuple[str, str] = ("posterior", "")) -> Figure:
    """Draw prior (gray) and posterior of each number; the axis is marked at the 95 % interval of its prior."""
    figure, axes = _panels([r["name"] for r in rows], 3, 1.3, [r["unit"] for r in rows])
    x, edges = np.linspace(-3.3, 3.3, 200), np.linspace(-3.3, 3.3, 34)
    for ax, row in zip(axes, rows, strict=False):
        ax.fill_between(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color="#bbbbbb", linewidth=0, label="prior")
        for z, colour, label in zip((row["z"], row.get("other")), COLOURS[1:], labels, strict=False):
            if z is not None:
                counts, _ = np.histogram(z, edges, density=True)
                ax.stairs(counts, edges, color=colour, linewidth=1.3, label=label)
        ax.set_xticks([-_EDGE, 0, _EDGE], [f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.3g}" for v in row["prior"]])
        ax.set_yticks([])
        ax.set_xlim(-3.3, 3.3)
        ax.spines[["top", "left", "right"]].set_visible(False)
        if row.get("verdict"):
            ax.set_xlabel(row["verdict"], fontsize=6.5, color=COLOURS[3 if row["verdict"] == "identifiable" else 0])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def pairs(drawn: Sequence[tuple[str, Floats, str, Floats, float]]) -> Figure:
    """Draw pairs of numbers that the data do not tell apart: (name, draws, name, draws, correlation of their ranks)."""
    figure, axes = _panels([f"correlation {r:.2f}" for *_, r in drawn], 2, 2.1)
    for ax, (name, x, other, y, _) in zip(axes, drawn, strict=False):
        ax.plot(x, y, ".", markersize=2, color=COLOURS[1], alpha=0.6)
        ax.set_xlabel("\n".join(textwrap.wrap(legible(name, 70), 36)), fontsize=7)
        ax.set_ylabel("\n".join(textwrap.wrap(legible(other, 70), 30)), fontsize=7)
    return figure


def influence_map(table: Floats, numbers: Sequence[str], parameters: Sequence[str]) -> Figure:
    """Draw how much each published number (row) informs each parameter (column); NaN is left white."""
    figure = Drawing(figsize=(WIDTH, 0.19 * len(numbers) + 2.3), layout="constrained")
    ax = figure.subplots()
    top = float(np.nanmax(table)) if np.isfinite(table).any() else 1.0
    image = ax.imshow(table, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    ax.set_xticks(range(len(parameters)), [legible(p, 34) for p in parameters], rotation=90, fontsize=6.5)
    ax.set_yticks(range(len(numbers)), [legible(n, 34) for n in numbers], fontsize=6.5)
    bar = figure.colorbar(image, ax=ax, fraction=0.04)
    bar.set_label("sensitivity, posterior SD", fontsize=7)
    bar.ax.tick_params(labelsize=6.5)
    return figure


def rank_curves(ranks: Mapping[str, Sequence[float]], ranked: int, band: Floats) -> Figure:
    """Draw the empirical distribution of ranks less an even one, a line per coordinate.

    Parameters
    ----------
    ranks : {coordinate: ranks among `ranked` draws}
    band : (ranked + 1,)
        Half width of the band that holds a whole curve of even ranks in 95 of 100.
    """
    figure = Drawing(figsize=(WIDTH, 2.8), layout="constrained")
    ax = figure.subplots()
    places = np.arange(ranked + 1)
    even = (places + 1) / (ranked + 1)
    ax.fill_between(even, -band, band, color="#dddddd", linewidth=0, label="even ranks, 95 of 100 curves")
    for name, found in ranks.items():
        curve = (np.asarray(found)[:, None] <= places).mean(axis=0) - even
        outside = bool((np.abs(curve) > band).any())
        colour = COLOURS[2] if outside else COLOURS[1]
        ax.plot(even, curve, color=colour, linewidth=1, alpha=0.8, label=legible(name) if outside else None)
    ax.set_xlabel("rank of the truth among the draws, as a share", fontsize=8)
    ax.set_ylabel("share of trials, less an even one", fontsize=8)
    ax.tick_params(labelsize=7)
    ax.legend(fontsize=7, frameon=False)
    return figure
