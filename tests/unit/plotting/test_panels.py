"""Panels draw the values they are given, with units, bands, gaps and notes."""

import numpy as np
import pytest

from il2model.plotting import draw_doses, panels
from il2model.plotting.panels import label

TIME = np.array([0.0, 1.0, 2.0, 3.0])


def curve(id="treg_percent", unit="percent", **line):
    values = {"label": "2 MIU", "time": TIME, "value": np.array([6.0, 9.0, 12.0, 10.0])} | line
    return {"id": id, "name": "Treg among CD4 cells", "unit": unit, "lines": [values]}


def band(ax):
    """Vertices of the one band of a panel, by time: {time: (low, high)}."""
    (filled,) = ax.collections
    points = filled.get_paths()[0].vertices
    return {float(t): (points[points[:, 0] == t, 1].min(), points[points[:, 0] == t, 1].max()) for t in TIME}


def test_a_line_and_its_band_are_the_values_given():
    low, high = np.array([5.0, 8.0, 10.0, 9.0]), np.array([7.0, 11.0, 15.0, 12.0])
    (ax,) = panels([curve(low=low, high=high)], columns=1).axes
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xydata().T, [TIME, [6.0, 9.0, 12.0, 10.0]])
    assert band(ax) == {t: (a, b) for t, a, b in zip(TIME, low, high, strict=True)}
    assert ax.get_ylabel() == "%"
    assert ax.get_xlabel() == "time since first dose [day]"
    assert ax.get_title(loc="left") == "Treg among CD4 cells"


def test_what_is_not_there_stays_a_gap():
    value = np.array([6.0, np.nan, 12.0, 10.0])
    (ax,) = panels([curve(value=value, low=value - 1, high=value + 1)], columns=1).axes
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), value)
    assert all(np.isfinite(p.vertices).all() for p in ax.collections[0].get_paths())


@pytest.mark.parametrize(
    ("unit", "shown"), [("cell/uL", "cells/µL"), ("point", "points"), ("1", ""), ("1/day", "per day"), ("pM", "pM")]
)
def test_units_are_words_a_reader_expects(unit, shown):
    (ax,) = panels([curve(unit=unit)], columns=1).axes
    assert ax.get_ylabel() == shown
    assert label("change", unit) == (f"change [{shown}]" if shown else "change")


def test_title_and_note_stand_on_the_figure_inside_it():
    note = "40 patients: median, 5-95 %; 3 of 40 subjects left out; the first: " + "a long sentence " * 8
    figure = panels([curve(), curve("alsfrs_r", "point")], title="MIROCALS", note=note)
    assert figure.get_suptitle() == "MIROCALS"
    assert figure.get_supxlabel() == note
    figure.canvas.draw()
    (words,) = [t for t in figure.texts if "left out" in t.get_text()]
    box = words.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_doses_and_days_outside_the_zoom_are_not_shown():
    figure = panels([curve(), curve(), curve()], doses=[0.0, 1.0, 3.0], zoom=(0.5, 2.0))
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 3
    line, doses = shown[0].get_lines()
    assert line.get_xdata().tolist() == [1.0, 2.0]
    assert doses.get_xdata().tolist() == [1.0]


def test_several_lines_differ_in_style_and_are_named():
    two = curve()
    two["lines"].append(two["lines"][0] | {"label": "placebo", "value": np.full(4, 6.0)})
    (ax,) = panels([two], columns=1).axes
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["2 MIU", "placebo"]
    first, second = ax.get_lines()
    assert first.get_color() != second.get_color() and first.get_linestyle() != second.get_linestyle()


def test_scales_of_shares_and_scores_are_whole():
    for id, top in (("survival", 1.02), ("alsfrs_r", 48)):
        (ax,) = panels([curve(id, value=np.full(4, 0.5))], columns=1).axes
        assert ax.get_ylim() == (0, top)


def test_a_bolus_is_a_stem_and_an_infusion_a_bar():
    figure = draw_doses([0.0, 5.0], [2.0, 1.0], [0.0, 0.5], title="one of each", unit="MIU")
    (ax,) = figure.axes
    stem, bar = ax.collections
    assert stem.get_segments()[0].tolist() == [[0.0, 0.0], [0.0, 2.0]]
    corners = bar.get_paths()[0].vertices
    assert (corners[:, 0].min(), corners[:, 0].max(), corners[:, 1].max()) == (5.0, 5.5, 1.0)
    assert ax.get_ylabel() == "dose [MIU]" and ax.get_title(loc="left") == "one of each"
