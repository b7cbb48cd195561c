"""Global sensitivity analysis: studies that last, with intervals and honest gaps."""

from .study import SensitivityStudy

__all__ = ["SensitivityStudy"]
