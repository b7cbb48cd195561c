"""Regimens, events and runs."""

from ..kernels.problem import SolverOptions, Status
from .regimen import Dose, Regimen

__all__ = ["Dose", "Regimen", "SolverOptions", "Status"]
