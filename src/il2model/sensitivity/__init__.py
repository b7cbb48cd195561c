"""Global sensitivity analysis: studies that last, with intervals and honest gaps; any method on any function."""

from .analysis import Analysis, analyze
from .method import Method
from .methods import METHODS, register
from .results import StudyResult
from .run import run_study, run_to_width
from .study import SensitivityStudy

__all__ = [
    "METHODS",
    "Analysis",
    "Method",
    "SensitivityStudy",
    "StudyResult",
    "analyze",
    "register",
    "run_study",
    "run_to_width",
]
