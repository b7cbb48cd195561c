"""Figures of a trial: survival overall and by stratum, hazard ratio against CSF pNFH."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..plotting.panels import COLOURS, STYLES
from .design import TrialDesign
from .published import published
from .replicates import Replicates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: CSF pNFH that is drawn, pg/mL.
_SPAN = (300.0, 10_000.0)


def trial_figure(result: Replicates) -> Figure:
    """Draw four panels: replicates of Kaplan-Meier curves, two strata, hazard ratio against pNFH."""
    from ..plotting.figure import Drawing, legible

    figure = Drawing(figsize=(10.5, 8.0), layout="constrained")
    axes = figure.subplots(2, 2)
    _overall(axes[0, 0], result)
    names = list(result.strata)
    for ax, name in zip((axes[0, 1], axes[1, 0]), names[2:4], strict=False):
        _stratum(ax, result, name)
    _ratio(axes[1, 1], result)
    for ax in axes.flat:
        ax.grid(alpha=0.25, linewidth=0.5)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    state = ", calibrated parameters" if result.manifest.get("calibrated") else ""
    title = f"{legible(result.design.name)}: {len(result.table)} replicates{state}"
    figure.suptitle("\n".join((title, *result.notes)), fontsize=11, wrap=True)
    return figure


def _labels(result: Replicates) -> list[str]:
    from ..plotting.figure import legible

    return [legible(a.name) for a in result.design.arms]


def _overall(ax: Axes, result: Replicates) -> None:
    for k, name in enumerate(_labels(result)):
        low, middle, high = np.quantile(result.curves[:, k], (0.025, 0.5, 0.975), axis=0)
        ax.fill_between(result.days, low, high, color=COLOURS[k], alpha=0.15, linewidth=0, step="post")
        ax.step(result.days, middle, STYLES[k], where="post", color=COLOURS[k], label=name, linewidth=1.4)
    ax.set_ylim(0, 1.02)
    ax.set_title("Kaplan-Meier: median and 95 % of the replicates", fontsize=10, loc="left")
    ax.set_ylabel("alive")
    ax.set_xlabel("days from randomisation")
    arms = result.design.arms
    ax.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 0.06 * len(arms)))
    marks = np.linspace(0, result.days[-1], 5)
    for k, (arm, label) in enumerate(zip(arms, _labels(result), strict=True)):
        expected = np.interp(marks, result.days, result.strata["all"][k])
        text = "   ".join(f"{arm.size * s:.0f}" for s in expected)
        ax.text(
            1.0,
            0.02 + 0.06 * (len(arms) - 1 - k),
            f"expected at risk, {label.strip()}: {text}",
            transform=ax.transAxes,
            fontsize=7,
            color=COLOURS[k],
            va="bottom",
            ha="right",
        )


def _stratum(ax: Axes, result: Replicates, name: str) -> None:
    for k, label in enumerate(_labels(result)):
        ax.plot(result.days, result.strata[name][k], STYLES[k], color=COLOURS[k], label=label, linewidth=1.4)
    ax.set_ylim(0, 1.02)
    ax.set_title(f"Expected survival, CSF pNFH {name} pg/mL", fontsize=10, loc="left")
    ax.set_ylabel("alive")
    ax.set_xlabel("days from randomisation")
    ax.legend(frameon=False, fontsize=8, loc="lower left")


def _ratio(ax: Axes, result: Replicates) -> None:
    x, ratio, _ = result.hr_curve
    ax.semilogx(x, ratio, "o-", color=COLOURS[1], label="model, expected in eighths of the patients")
    _published_ratios(ax, result.design)
    ax.axhline(1.0, color="#888888", linewidth=0.8)
    ax.set_yscale("log")
    from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter

    ax.yaxis.set_major_locator(FixedLocator([0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0]))
    ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(0.25, 3.5)
    ax.xaxis.set_major_locator(FixedLocator([_SPAN[0], result.design.cuts[0], 1500, result.design.cuts[1], _SPAN[1]]))
    ax.xaxis.set_major_formatter(FormatStrFormatter("%d"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("CSF pNFH [pg/mL]")
    ax.set_ylabel("hazard ratio")
    ax.set_title("Hazard ratio against CSF pNFH", fontsize=10, loc="left")
    ax.legend(frameon=False, fontsize=7, loc="upper left")


def _published_ratios(ax: Axes, design: TrialDesign) -> None:
    """Draw what the design's trial published of the hazard ratio against CSF pNFH, where it did."""
    main, slope = published(design, "adjusted_main"), published(design, "interaction")
    if main is not None and slope is not None:
        grid = np.geomspace(*_SPAN, 60)
        ax.plot(grid, main[0] * slope[0] ** grid, "--", color=COLOURS[2], label="published Cox model")
    words: str | None = "published strata, 95 %"
    for name, left, right in (("low_pnfh", *design.cuts), ("high_pnfh", design.cuts[1], _SPAN[1])):
        known = published(design, name)
        if known is not None:
            centre = np.sqrt(left * right)
            ax.plot([left, right], [known[0]] * 2, color=COLOURS[3], linewidth=1.4, label=words)
            ax.plot([centre, centre], known[1:], color=COLOURS[3], linewidth=1.0)
            words = None
