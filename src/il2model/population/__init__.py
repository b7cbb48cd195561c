"""Populations of parameters and subjects."""

from .coordinates import Coordinates, sobol_points

__all__ = ["Coordinates", "sobol_points"]
