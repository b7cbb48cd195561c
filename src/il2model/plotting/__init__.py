"""Figures of values: labels and arrays in, matplotlib figures out."""

from .panels import UNIT_WORDS, draw_doses, panels

__all__ = ["UNIT_WORDS", "draw_doses", "panels"]
