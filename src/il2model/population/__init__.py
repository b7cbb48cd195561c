"""Virtual patients."""

from .cohort import Cohort

__all__ = ["Cohort"]
