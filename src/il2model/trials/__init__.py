"""Trials: published ones as data, virtual ones by design, patients and analysis."""

from .design import Agent, Arm, TrialDesign, Visit
from .result import TrialResult
from .run import run_trial

__all__ = ["Agent", "Arm", "TrialDesign", "TrialResult", "Visit", "run_trial"]
