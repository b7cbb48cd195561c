"""Forest plots, rank histograms and profiles draw the numbers they are given."""

import numpy as np

from il2model.plotting.forest import forest, histograms, profiles

ROWS = [
    {"label": "all", "prior": (0.4, 2.0), "posterior": (0.6, 0.8, 1.1), "published": (0.55, 0.81, 1.2)},
    {"label": "low", "posterior": (0.5, 0.7, 0.9), "published": (np.nan, 0.52, np.nan), "check": True},
]


def drawn(ax, name):
    """Ends of the lines of a name, from the top row down."""
    return [line.get_xdata().tolist() for line in ax.get_lines() if line.get_label() == name]


def test_a_forest_shows_intervals_medians_and_published_values():
    figure = forest(ROWS, title="Hazard ratios", axis="hazard ratio", log=True, zero=1.0)
    (ax,) = figure.axes
    assert drawn(ax, "prior, 95 %") == [[0.4, 2.0]]
    assert drawn(ax, "model, 95 %") == [[0.6, 1.1], [0.5, 0.9]]
    assert drawn(ax, "published, 95 %") == [[0.55, 1.2]], "no interval where none was published"
    assert drawn(ax, "published") == [[0.81]] and drawn(ax, "check, not fitted") == [[0.52]]
    medians = [line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() == "o"]
    assert medians == [0.8, 0.7]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["low", "all"]
    assert ax.get_xlabel() == "hazard ratio" and ax.get_xscale() == "log"
    low, high = ax.get_xlim()
    assert low < 0.5 and high > 1.2
    assert sorted(t.get_text() for t in figure.legends[0].get_texts()) == sorted(
        ["prior, 95 %", "model, 95 %", "published, 95 %", "published", "check, not fitted"]
    )


def test_a_check_is_hollow():
    (ax,) = forest(ROWS, title="", axis="").axes
    faces = {x.get_label(): x.get_markerfacecolor() for x in ax.get_lines() if x.get_marker() == "D"}
    assert faces["check, not fitted"] == "white" != faces["published"]


def test_rank_histograms_show_counts_and_the_band_of_even_ones():
    counts = {"il2_clearance": [3, 5, 2], "treg_loss_rate": [1, 1, 8]}
    figure = histograms(counts, title="ranks", expected=10 / 3, band=(1.0, 6.0))
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title() for ax in shown] == ["il2 clearance", "treg loss rate"]
    for ax, expected in zip(shown, counts.values(), strict=True):
        band, *bars = ax.patches
        assert [bar.get_height() for bar in bars] == expected
        assert (band.get_y(), band.get_y() + band.get_height()) == (1.0, 6.0)


def test_profiles_lie_below_their_top_and_miss_what_failed():
    figure = profiles({"il2_clearance": [-12.0, -10.0, None, -11.0]}, [-1, 0, 1, 2], title="profiles", fall=1.92)
    ax = next(a for a in figure.axes if a.get_visible())
    curve, fall = ax.get_lines()
    np.testing.assert_array_equal(curve.get_ydata(), [-2.0, 0.0, np.nan, -1.0])
    assert set(fall.get_ydata()) == {-1.92}
    assert "prior standard deviations" in figure.get_supxlabel()
