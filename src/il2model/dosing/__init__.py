"""Doses and regimens, in the words of NONMEM."""

from .regimen import Dose, Regimen

__all__ = ["Dose", "Regimen"]
