"""Virtual trials: design, patients, analysis, replay of MIROCALS."""

from .design import Agent, Arm, TrialDesign, Visit
from .run import TrialResult, run_trial

__all__ = ["Agent", "Arm", "TrialDesign", "TrialResult", "Visit", "run_trial"]
