"""Survival statistics of a trial: Cox with ties, its expectation, Kaplan-Meier, log-rank."""

from .cox import CoxFit, cox
from .expected import expected_cox, expected_log_hazard_ratio
from .survival import KaplanMeier, kaplan_meier, log_rank

__all__ = ["CoxFit", "KaplanMeier", "cox", "expected_cox", "expected_log_hazard_ratio", "kaplan_meier", "log_rank"]
