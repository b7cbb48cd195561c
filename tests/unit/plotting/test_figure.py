"""A drawing shows itself and leaves no global state."""

import sys

from il2model.plotting.figure import Drawing


def test_a_drawing_shows_itself_as_png_outside_pyplot():
    figure = Drawing(figsize=(2, 1))
    picture = figure._repr_png_()
    assert picture.startswith(b"\x89PNG") and picture == figure._repr_png_()
    width, height = (int.from_bytes(picture[k : k + 4], "big") for k in (16, 20))
    assert (width, height) == (200, 100)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
