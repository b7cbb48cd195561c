"""Calibration to published trial summaries: targets, likelihood, sampling, stored fits."""

from .fit import calibrate
from .targets import load_targets

__all__ = ["calibrate", "load_targets"]
