"""Figures of indices draw the numbers they are given, largest first, with intervals, units and footnotes."""

import numpy as np
import pytest

from il2model.plotting import indices as draw

NAMES = ["il2_clearance", "treg_loss_rate", "signal_threshold"]
VALUES, HALF = np.array([0.1, -0.6, 0.3]), np.array([0.02, 0.05, 0.04])


def rows(ax):
    """Labels of the rows by height."""
    return {round(float(y), 6): t.get_text() for y, t in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}


def test_bars_are_the_values_with_intervals_the_largest_on_top():
    (ax,) = draw.bars(NAMES, VALUES, HALF, title="peak [%]", axis="share", floor=0.08).axes
    at = rows(ax)
    bars = {at[round(p.get_y() + p.get_height() / 2, 6)]: p.get_width() for p in ax.containers[1]}
    assert bars == {"il2 clearance": 0.1, "treg loss rate": -0.6, "signal threshold": 0.3}
    assert list(at.values()) == ["treg loss rate", "signal threshold", "il2 clearance"]
    assert max(at) == next(y for y, name in at.items() if name == "treg loss rate")
    reach = [np.ptp(s[:, 0]) / 2 for s in ax.containers[0].lines[2][0].get_segments()]
    np.testing.assert_allclose(reach, HALF[[1, 2, 0]], rtol=1e-12)
    assert ax.get_xlabel() == "share" and ax.get_title(loc="left") == "peak [%]"
    assert "noise floor" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_only_the_largest_bars_are_drawn_and_a_missing_value_comes_last():
    (ax,) = draw.bars(NAMES, np.array([np.nan, 0.2, 0.3]), None, title="", axis="", most=2).axes
    assert sorted(rows(ax).values()) == ["signal threshold", "treg loss rate"]


def test_a_second_index_stands_beside_the_first():
    second = ("total", np.array([0.2, 0.7, 0.4]), None)
    (ax,) = draw.bars(NAMES, VALUES, None, title="", axis="", second=second, first_label="first").axes
    first, other = ax.containers
    assert [p.get_width() for p in first] == [-0.6, 0.3, 0.1]
    assert [p.get_width() for p in other] == [0.7, 0.4, 0.2]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["first", "total"]


def test_a_heat_map_leaves_masked_times_empty_and_shows_the_spread_below():
    values = np.array([[0.1, np.nan, 0.2], [0.9, np.nan, 0.7]])
    figure = draw.against_time(
        NAMES[:2], np.array([1.0, 2.0, 8.0]), values, np.array([4.0, 0.0, 9.0]), title="t", axis="S", unit="percent"
    )
    top, bottom, *_ = figure.axes
    (mesh,) = top.collections
    shown = np.ma.masked_invalid(mesh.get_array()).reshape(2, 3)
    assert shown.mask.tolist() == [[False, True, False]] * 2
    assert shown.compressed().tolist() == [0.1, 0.2, 0.9, 0.7]
    assert [t.get_text() for t in top.get_yticklabels()] == ["il2 clearance", "treg loss rate"]
    assert bottom.get_lines()[0].get_ydata().tolist() == [2.0, 0.0, 3.0]
    assert bottom.get_ylabel() == "SD [%]" and "[day]" in bottom.get_xlabel()


def test_cycles_stand_side_by_side_on_their_own_days():
    times = np.array([0.0, 7.0, 28.0, 35.0])
    figure = draw.against_time(NAMES[:2], times, np.ones((2, 4)), np.ones(4), title="", axis="S", starts=[0.0, 28.0])
    assert [ax.get_title() for ax in figure.axes[:2]] == ["cycle 1", "cycle 2"]
    days = [ax.get_lines()[0].get_xdata().tolist() for ax in figure.axes[2:4]]
    assert days == [[8.0, 29.0], [8.0]], "what is read at a dose is before it: the last of the cycle before"
    assert {ax.get_xlabel() for ax in figure.axes[2:4]} == {"day of the cycle"}


def test_a_tornado_shows_both_ends_in_the_unit():
    (ax,) = draw.swings(NAMES, -VALUES, 2 * VALUES, title="", unit="percent").axes
    low, high = ax.containers
    assert [p.get_width() for p in low] == [0.6, -0.3, -0.1]
    assert [p.get_width() for p in high] == [-1.2, 0.6, 0.2]
    assert ax.get_xlabel() == "change from the median [percentage points]", "a change of 2 % could be relative"


def test_studies_beside_each_other_keep_their_names_and_intervals():
    (ax,) = draw.beside(NAMES, [("prior", VALUES, HALF), ("posterior", VALUES / 2, None)], title="", axis="delta").axes
    first, second = ax.containers
    assert first.lines[0].get_xdata().tolist() == [-0.6, 0.3, 0.1]
    assert second.lines[0].get_xdata().tolist() == [-0.3, 0.15, 0.05]
    assert first.has_xerr and not second.has_xerr
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["prior", "posterior"]


def test_scatters_show_the_points_and_means_of_slices_with_units():
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 2)), rng.random(40)
    axes = draw.scatters(NAMES[:2], x, y, title="", axis="%", units=["L/day", "1"]).axes
    assert [ax.get_xlabel() for ax in axes[:2]] == ["il2 clearance [L/day]", "treg loss rate"]
    points, means = axes[1].get_lines()
    np.testing.assert_array_equal(points.get_xydata(), np.column_stack([x[:, 1], y]))
    assert np.mean(means.get_ydata()) == pytest.approx(y.mean())
    assert axes[0].get_ylabel() == "%" and not axes[2].get_visible()


def test_morris_plane_names_its_points_and_units():
    mu, sigma = np.array([1.0, 3.0, 2.0]), np.array([0.5, 0.1, 0.2])
    (ax,) = draw.plane(NAMES, mu, sigma, title="", unit="cell/uL").axes
    assert ax.get_lines()[0].get_xydata().tolist() == np.column_stack([mu, sigma]).tolist()
    assert {t.get_text(): t.xy for t in ax.texts} == {
        n.replace("_", " "): (m, s) for n, m, s in zip(NAMES, mu, sigma, strict=True)
    }
    assert "[cells/µL]" in ax.get_xlabel() and "[cells/µL]" in ax.get_ylabel()


def test_convergence_and_failures_draw_what_they_are_given():
    (ax,) = draw.convergence(NAMES, [64, 128], np.array([VALUES, VALUES * 1.1]), np.array([HALF, HALF]), title="").axes
    lines = {c.get_label(): c.lines[0].get_ydata().tolist() for c in ax.containers}
    assert lines["il2 clearance"] == [0.1, pytest.approx(0.11)]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["64", "128"]
    good, bad = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.9, 0.8]])
    (ax,) = draw.failures(NAMES[:2], good, bad, title="").axes
    assert {x.get_label(): x.get_xydata().tolist() for x in ax.get_lines()} == {
        "ran": good.tolist(),
        "failed": bad.tolist(),
    }
    assert ax.get_xlabel() == "quantile of il2 clearance"


def test_a_footnote_stands_below_and_stays_inside():
    figure = draw.bars(NAMES, VALUES, HALF, title="", axis="share")
    text = "3 of 40 rows failed and are in no index; " * 8
    draw.footnote(figure, text)
    figure.canvas.draw()
    assert figure.get_supxlabel() == text
    (words,) = [t for t in figure.texts if t.get_text() == text]
    box = words.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
