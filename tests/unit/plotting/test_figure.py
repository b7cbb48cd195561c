"""A drawing shows itself and leaves no global state."""

import sys
import warnings

import pytest

from il2model.plotting.figure import Drawing, figure_bytes, legible, single


def test_a_drawing_shows_itself_as_png_outside_pyplot():
    figure = Drawing(figsize=(2, 1))
    picture = figure._repr_png_()
    assert picture.startswith(b"\x89PNG") and picture == figure._repr_png_()
    width, height = (int.from_bytes(picture[k : k + 4], "big") for k in (16, 20))
    assert (width, height) == (200, 100)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


ODD = [
    "$x_{1",
    "a$b$c",
    r"\frac{$}",
    "50 %",
    "two\nlines",
    "שלום",
    "😀",
    "x" * 10_000,
    "\x00\x1b[31m",
    "\udcff",
    "_hidden",
    "",
]


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_no_name_breaks_a_figure(name, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, ax = single(5, 3)
        ax.plot([1, 2], [1, 10], label=legible(name))
        ax.set_title(name)
        ax.set_yticks([1, 5], [legible(name), "b"])
        legend = ax.legend()
        whole = figure_bytes(figure, kind, dpi=50)
    assert len(whole) > 1000
    assert len(legend.get_texts()) == 1


def test_names_are_shown_as_they_are():
    """Also where TeX would make a formula of them."""
    figure, ax = single(5, 3)
    title = ax.set_title("$x$")
    with_dollars = figure_bytes(figure)
    assert title.get_parse_math() is False
    title.set_text("x")
    assert figure_bytes(figure) != with_dollars
    assert (legible("a\n b"), legible("x" * 50), legible("_x")) == ("a b", "x" * 39 + "…", " _x")


def test_powers_on_a_logarithmic_axis_are_powers():
    figure, ax = single(5, 3)
    ax.loglog([1, 1e6], [1, 1e6])
    figure_bytes(figure)
    assert all(t.get_parse_math() for t in ax.get_xticklabels())
    assert any("10^{" in t.get_text() for t in ax.get_xticklabels())
