"""Figures inside a page."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def embedded(figure: Figure, dpi: int = 110) -> str:
    """Return a figure as base64 PNG."""
    from ..plotting.figure import figure_bytes

    return base64.b64encode(figure_bytes(figure, dpi=dpi)).decode()
