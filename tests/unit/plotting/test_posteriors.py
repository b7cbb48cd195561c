"""Figures of posteriors show the draws and the prior that they are given."""

import numpy as np

from il2model.plotting.posteriors import densities, influence_map, pairs, rank_curves

RNG = np.random.default_rng(1)


def row(name, **more):
    return {"name": name, "unit": "pM", "z": RNG.standard_normal(400), "prior": (1.0, 2.0, 4.0), **more}


def test_a_density_stands_on_the_scale_of_its_prior():
    figure = densities([row("Kd", verdict="identifiable"), row("rate", other=np.full(50, 2.0))], labels=("a", "b"))
    first, second, third = figure.axes
    assert first.get_title() == "Kd [pM]" and first.get_xlabel() == "identifiable" and not third.get_visible()
    assert [t.get_text() for t in first.get_xticklabels()] == ["1", "2", "4"]
    assert len(second.patches) == 2 and len(first.patches) == 1  # a second fit is drawn where there is one
    counts = second.patches[1].get_data().values
    assert counts.argmax() == 26 and (counts > 0).sum() == 1


def test_a_unit_stands_below_a_long_name_and_is_not_cut():
    figure = densities([row("change of a share common to the three arms of a trial that has a long name")])
    assert figure.axes[0].get_title().endswith(" … [pM]")
    wide = densities([{**row("a name of twenty-four let"), "unit": "percentage points"}])
    assert wide.axes[0].get_title().splitlines()[-1] == "[percentage points]"


def test_pairs_and_the_map_are_named():
    x = RNG.standard_normal(20)
    ax, _ = pairs([("one", x, "two", -x, -1.0)]).axes
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("one", "two", "correlation -1.00")
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), -x)
    table = np.array([[0.1, np.nan], [0.4, 0.2]])
    ax = influence_map(table, ["n1", "n2"], ["p1", "p2"]).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["n1", "n2"]
    np.testing.assert_array_equal(ax.images[0].get_array().filled(np.nan), table)


def test_a_curve_outside_the_band_is_named():
    even = np.arange(64)
    figure = rank_curves({"good": even, "bad": np.zeros(64)}, 63, np.full(64, 0.2))
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["even ranks, 95 of 100 curves", "bad"]
