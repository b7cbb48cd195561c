"""A figure that needs no global state and shows itself in a notebook."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Drawing(Figure):
    """A matplotlib figure outside pyplot: nothing to close, safe in threads."""

    def __init__(self, *, figsize: tuple[float, float], layout: Literal["constrained"] | None = None) -> None:
        super().__init__(figsize=figsize, layout=layout)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=100)
        return stream.getvalue()


def single(width: float, height: float) -> tuple[Drawing, Axes]:
    """Return a figure of one panel, inches."""
    figure = Drawing(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()
