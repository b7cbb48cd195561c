"""What an assay or a clinic reads."""

from .solution import Solution

__all__ = ["Solution"]
