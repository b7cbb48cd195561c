"""One replicate of a trial: patients drawn, randomised, followed and measured, then analysed as the trial was.

What does not depend on how patients are drawn (when they die, on which day it is seen)
is shared with the replicates of the calibration, which draw by weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..endpoints.assays import MEASURED, measure
from ..solver.problem import Floats, Ints
from ..statistics import log_rank
from .analysis import (
    Bools,
    TrialData,
    cafs,
    marker_changes,
    responders,
    slope_difference,
    survival_analyses,
)
from .design import TrialDesign
from .pool import Pool

HAYBITTLE = 3.2905  # |z| of p = 0.001
#: Markers whose mean change is collected at every visit, and the sign whose share of replicates is.
_MARKERS = ("treg_percent", "plasma_ccl2", "csf_pnfh", "plasma_nfl")
_SIGNS = {"treg_percent": ("treg_up", 1), "plasma_ccl2": ("ccl2_down", -1)}


def draw_trial(pool: Pool, design: TrialDesign, rng: np.random.Generator) -> TrialData:
    """Return one random trial: patients of the pool with replacement, randomised, followed, measured."""
    n, count = design.patients, len(pool)
    who = rng.integers(count, size=n)
    arm = _randomise(design, pool.covariates["csf_pnfh"][who], rng)
    death = death_times(pool.hazard[arm, who], pool.times, rng.exponential(size=n))
    end = np.full(n, design.follow_up)
    if design.dropout > 0:
        end = np.minimum(end, rng.exponential(-365.25 / np.log1p(-design.dropout), size=n))
    time, died = seen(death, end)
    visits, measured = _measure(pool, design, who, arm, np.minimum(death, end), rng)
    return TrialData(arm, time, died, {k: v[who] for k, v in pool.covariates.items()}, visits, measured)


def death_times(hazard: Floats, times: Floats, target: Floats) -> Floats:
    """Return when each cumulative hazard (patient, time) reaches its target (patient,); inf beyond the end."""
    k = (hazard < target[:, None]).sum(axis=1)
    inside = (k > 0) & (k < len(times))
    row, at = np.flatnonzero(inside), k[inside]
    h0, h1 = hazard[row, at - 1], hazard[row, at]
    t0, t1 = times[at - 1], times[at]
    death = np.where(k == 0, 0.0, np.inf)
    death[row] = t0 + (t1 - t0) * (target[row] - h0) / np.where(h1 > h0, h1 - h0, 1.0)
    return np.asarray(death)


def seen(death: Floats, end: Floats | float) -> tuple[Floats, Bools]:
    """Return day of death or last contact, and whether it was a death.

    Deaths fall on whole days; a death on the last day is an event, who is alive then is censored.
    """
    return np.asarray(np.ceil(np.maximum(np.minimum(death, end), 1e-9))), np.asarray(death <= end)


def _randomise(design: TrialDesign, pnfh: Floats, rng: np.random.Generator) -> Ints:
    plan = np.repeat(np.arange(len(design.arms)), [a.size for a in design.arms])
    if design.stratify is None:
        return rng.permutation(plan)
    # strata one after the other through permuted blocks of the whole plan's proportions
    order = np.lexsort((rng.random(len(pnfh)), np.digitize(pnfh, design.cuts)))
    arm = np.empty(len(plan), np.int64)
    width = 2 * len(design.arms)
    shares = np.array([a.size for a in design.arms]) / len(plan)
    left = np.array([a.size for a in design.arms])
    for first in range(0, len(plan), width):
        block = order[first : first + width]
        want = np.minimum(np.floor(shares * len(block)).astype(int), left)
        while want.sum() < len(block):
            want[np.argmax(left - want)] += 1
        left = left - want
        arm[block] = rng.permutation(np.repeat(np.arange(len(left)), want))
    return arm


def _measure(
    pool: Pool, design: TrialDesign, who: Ints, arm: Ints, seen_until: Floats, rng: np.random.Generator
) -> tuple[Floats, dict[str, Floats]]:
    """Return days of the visits and what the assays read; NaN where the patient was gone."""
    planned = np.array([v.day for v in design.visits])
    windows = np.array([v.window for v in design.visits])
    days = planned + windows * rng.uniform(-1, 1, size=(len(who), len(planned)))
    days = np.clip(days, 0.0, design.follow_up)
    gone = planned[None, :] > seen_until[:, None]
    measured = {}
    for id in MEASURED:
        truth = pool.markers[id][arm, who]
        value = measure(truth, design.assays.get(id, ("sd", 0.0)), rng.standard_normal(truth.shape))
        measured[id] = np.where(gone, np.nan, value)
    return np.where(gone, np.nan, days), measured


def analyse(data: TrialData, design: TrialDesign) -> dict[str, float]:
    """Return everything that is collected of one replicate, by name (a suffix per treated arm beyond the first)."""
    results: dict[str, float] = {}
    names = [a.name for a in design.arms]
    for k, name in enumerate(names):
        mine = data.arm == k
        results[f"dead[{name}]"] = float((data.died & mine).sum() / mine.sum())
        results[f"deaths[{name}]"] = float((data.died & mine).sum())
    results["dead[all]"] = float(data.died.mean())
    for k, name in enumerate(names[1:], start=1):
        tag = "" if k == 1 else f"[{name}]"
        results |= {f"{key}{tag}": value for key, value in _against_control(data, design, k).items()}
    if len(design.visits) > 1:
        results |= _marker_results(data, design, names)
    return results


def _against_control(data: TrialData, design: TrialDesign, arm: int) -> dict[str, float]:
    """Return what is tested of one arm."""
    results = survival_analyses(data, arm, design.cuts)
    results["stopped_at"] = _look(data, design, arm)
    if len(design.visits) > 1:
        difference, p = slope_difference(data, arm)
        z, p_joint = cafs(data, arm)
        results |= {"slope_difference": difference, "slope_p": p, "cafs_z": z, "cafs_p": p_joint}
    return results


def _marker_results(data: TrialData, design: TrialDesign, names: list[str]) -> dict[str, float]:
    """Return shares of responders, and how markers changed at each visit, by arm."""
    results = {f"responders[{name}]": float(share) for name, share in zip(names, responders(data), strict=True)}
    treated_until = max((a.regimen.last_time for a in design.arms if a.regimen.doses), default=0.0)
    under = [v for v, visit in enumerate(design.visits) if v > 0 and visit.day <= treated_until]
    for id in _MARKERS:
        change = marker_changes(data, id)
        if id in _SIGNS and under:
            word, sign = _SIGNS[id]
            results |= {f"{word}[{n}]": float((sign * change[k, under] > 0).all()) for k, n in enumerate(names)}
        for k, name in enumerate(names):
            for v, visit in enumerate(design.visits[1:], start=1):
                results[f"{id}[{name}]@{visit.day:.12g}"] = float(change[k, v])
    return results


def _look(data: TrialData, design: TrialDesign, arm: int) -> float:
    """Return the day of the interim look that stops the trial for efficacy; NaN if none does."""
    rows: NDArray[np.bool_] = (data.arm == 0) | (data.arm == arm)
    for day in design.looks:
        time = np.minimum(data.time[rows], day)
        died = data.died[rows] & (data.time[rows] <= day)
        z, _ = log_rank(time, died, data.arm[rows] == arm, raise_on_failure=False)
        if z < -HAYBITTLE:
            return float(day)
    return float("nan")
