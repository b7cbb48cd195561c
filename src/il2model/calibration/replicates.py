"""Trials of the published size drawn from a virtual population, analysed as the trial was."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..solver.problem import Floats
from ..streams import stream
from ..trial_files import REFERENCE
from ..trials.analysis import TrialData, hazard_ratios, interaction_model
from ..trials.replicate import death_times, seen
from ..trials.trial import Trial
from .mirocals import NAMES, Arms, analyses


def replicate(a: Arms, rng: np.random.Generator, per_arm: int | None = None) -> dict[str, float]:
    """Return the published analyses of one random trial; NaN where an estimate does not exist.

    Patients are drawn by weight, the control arm first; what follows is as in every virtual trial.
    """
    per_arm = per_arm or min(Trial.load(REFERENCE).sizes.values())
    chosen = rng.choice(len(a.weight), 2 * per_arm, p=a.weight)
    arm = np.repeat([0, 1], per_arm)
    target = rng.exponential(size=2 * per_arm)
    hazard = -np.log(np.concatenate([a.placebo[chosen[:per_arm]], a.treated[chosen[per_arm:]]]))
    time, died = seen(death_times(hazard, a.times, target), float(a.times[-1]))
    return trial_analyses(TrialData(arm, time, died, {"csf_pnfh": a.pnfh[chosen]}, np.empty((len(arm), 0)), {}))


def trial_analyses(data: TrialData) -> dict[str, float]:
    """Return ln HR of all, low, high; main effect and interaction per 1,000 pg/mL; share dead by arm."""
    ratios = hazard_ratios(data)
    main, slope, _ = interaction_model(data)
    dead = [float(data.died[data.arm == k].mean()) for k in (0, 1)]
    return {
        "ln_hr_all": ratios["all"],
        "ln_hr_low": ratios["low_pnfh"],
        "ln_hr_high": ratios["high_pnfh"],
        "ln_hr_main": main,
        "ln_hr_interaction": slope,
        "dead": dead[0],
        "dead_treated": dead[1],
    }


def sampling_law(a: Arms, n: int, seed: int) -> dict[str, Mapping[str, float] | Floats | tuple[str, ...]]:
    """Return SD, bias against the infinite trial, and correlations of the analyses over n random trials."""
    rng = stream(seed, "predicted_trial")
    table = np.array([[r[name] for name in NAMES] for r in (replicate(a, rng) for _ in range(n))])
    expected = analyses(a)
    whole = table[np.isfinite(table).all(axis=1)]
    return {
        "names": NAMES,
        "sd": dict(zip(NAMES, np.nanstd(table, axis=0), strict=True)),
        "bias": {k: float(np.nanmean(table[:, i]) - expected[k]) for i, k in enumerate(NAMES)},
        "missing": {k: float(np.isnan(table[:, i]).mean()) for i, k in enumerate(NAMES)},
        "correlation": np.corrcoef(whole.T),
    }
