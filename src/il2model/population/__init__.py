"""Populations of parameters and subjects."""

from .cohort import Cohort
from .coordinates import Coordinates, sobol_points

__all__ = ["Cohort", "Coordinates", "sobol_points"]
