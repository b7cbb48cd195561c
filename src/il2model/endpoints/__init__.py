"""What is read off a course: one registry of endpoints, the reductions they are made of, and the assays."""

from .registry import CONTRASTS, ENDPOINTS, LIMITS, OUTPUTS, endpoint, limits, objectives, outputs
from .reported import STAGES

__all__ = [
    "CONTRASTS",
    "ENDPOINTS",
    "LIMITS",
    "OUTPUTS",
    "STAGES",
    "endpoint",
    "limits",
    "objectives",
    "outputs",
]
