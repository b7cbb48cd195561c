"""Trials: published ones as data, virtual ones by design, patients and analysis."""

from .arm import Agent, Arm, Visit
from .design import TrialDesign
from .result import TrialResult
from .run import run_trial

__all__ = ["Agent", "Arm", "TrialDesign", "TrialResult", "Visit", "run_trial"]
