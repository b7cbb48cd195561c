"""Figures inside a page."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def embedded(figure: Figure, dpi: int = 110) -> str:
    """Return a figure as base64 PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return base64.b64encode(stream.getvalue()).decode()
