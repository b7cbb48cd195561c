"""A figure that needs no global state and shows itself in a notebook."""

from __future__ import annotations

import io
import unicodedata
import warnings
from typing import TYPE_CHECKING, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.backend_bases import RendererBase

#: Characters of a line that is drawn.
_LONGEST = 400


class Drawing(Figure):
    """A matplotlib figure outside pyplot: nothing to close, safe in threads."""

    def __init__(self, *, figsize: tuple[float, float], layout: Literal["constrained"] | None = None) -> None:
        super().__init__(figsize=figsize, layout=layout)
        FigureCanvasAgg(self)

    def draw(self, renderer: RendererBase) -> None:
        """Draw text as it stands: names hold no formulas, and no characters that end a drawing."""
        numbers = {id(text) for ax in self.axes for axis in (ax.xaxis, ax.yaxis) for text in _of_matplotlib(axis)}
        for text in (t for t in self.findobj(Text) if id(t) not in numbers):
            assert isinstance(text, Text)
            text.set_parse_math(False)
            text.set_usetex(False)
            if (clean := _drawable(text.get_text())) != text.get_text():
                text.set_text(clean)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        return figure_bytes(self, dpi=100)


def figure_bytes(figure: Figure, kind: str = "png", *, dpi: int = 110) -> bytes:
    """Return a figure as the content of a PNG, SVG or PDF file."""
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=dpi)
    return stream.getvalue()


def legible(name: str, most: int = 40) -> str:
    """Return somebody's name for something as a figure shows it: one line, not too long."""
    line = " ".join(_drawable(name).split()) or "?"
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return f" {line}" if line.startswith("_") else line  # a legend leaves out what begins with _


def _drawable(text: str) -> str:
    """Return text without what no font has a place for: control characters but new lines, halves of pairs."""
    lines = ("".join(c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in x) for x in text.split("\n"))
    return "\n".join(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in lines)


def _of_matplotlib(axis: Axis) -> list[Text]:
    """Return the numbers of an axis, which may be formulas: 10 to the power of 3."""
    if isinstance(axis.get_major_formatter(), FuncFormatter | FixedFormatter):
        return []
    return [*axis.get_ticklabels(which="both"), axis.get_offset_text()]


def single(width: float, height: float) -> tuple[Drawing, Axes]:
    """Return a figure of one panel, inches."""
    figure = Drawing(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()
