"""What replicates are drawn over: expected survival by stratum, and the hazard ratio against CSF pNFH."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from ..solver.problem import Floats
from ..statistics import expected_log_hazard_ratio, kaplan_meier
from .analysis import TrialData
from .design import TrialDesign
from .pool import Pool

#: Bins of CSF pNFH, with equal numbers of patients.
BINS = 8


def observed_survival(data: TrialData, design: TrialDesign, days: Floats) -> Floats:
    """Return Kaplan-Meier estimates of a replicate, (arm, day)."""
    arms = (data.arm == k for k in range(len(design.arms)))
    return np.array([kaplan_meier(data.time[a], data.died[a]).at(days) for a in arms])


def expected_survival(pool: Pool, design: TrialDesign, days: Floats) -> Mapping[str, Floats]:
    """Return expected survival (arm, day) overall and by stratum of CSF pNFH; NaN in an empty stratum."""
    pnfh, (low, high) = pool.covariates["csf_pnfh"], design.cuts
    groups = {
        "all": np.full(len(pool), True),
        f"< {low:g}": pnfh < low,
        f"{low:g} to {high:g}": (pnfh >= low) & (pnfh <= high),
        f"> {high:g}": pnfh > high,
    }
    survival = pool.survival()
    curves = {}
    for name, mask in groups.items():
        if mask.any():
            mean = survival[:, mask].mean(axis=1)
            curves[name] = np.array([np.interp(days, pool.times, m) for m in mean])
        else:
            curves[name] = np.full((len(design.arms), len(days)), np.nan)
    return curves


def ratio_by_marker(pool: Pool) -> Floats:
    """Return CSF pNFH (median), expected hazard ratio and patients of equal bins, (3, bin)."""
    pnfh = pool.covariates["csf_pnfh"]
    survival = pool.survival()
    edges = np.quantile(pnfh, np.linspace(0, 1, BINS + 1))
    bins = np.full((3, BINS), np.nan)
    for k in range(BINS):
        mask = (pnfh >= edges[k]) & ((pnfh < edges[k + 1]) | (k == BINS - 1))
        if mask.sum() >= 2:
            alike = np.ones(int(mask.sum()))
            ln = expected_log_hazard_ratio(survival[0][mask], survival[1][mask], alike, raise_on_failure=False)
            bins[:, k] = np.median(pnfh[mask]), np.exp(ln), mask.sum()
    return bins


def mean_of_draws(curves: Sequence[Floats]) -> Floats:
    """Average curves over draws; NaN where no draw has patients."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(curves, axis=0))
