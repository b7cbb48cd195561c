"""Trials of the published size drawn from a virtual population, analysed as the trial was."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..solver.problem import Floats
from ..statistics import cox
from .mirocals import Arms, analyses
from .progression import CUTS

#: Patients an arm of MIROCALS.
ARM = 110
NAMES = ("ln_hr_all", "ln_hr_low", "ln_hr_high", "ln_hr_main", "ln_hr_interaction", "dead", "dead_treated")


def replicate(a: Arms, rng: np.random.Generator, per_arm: int = ARM) -> dict[str, float]:
    """Return the published analyses of one random trial; NaN where an estimate does not exist.

    Patients are drawn by weight; deaths fall on whole days, and who is alive at the
    end is censored there.
    """
    end = float(a.times[-1])
    chosen = rng.choice(len(a.weight), 2 * per_arm, p=a.weight)
    arm = np.repeat([0.0, 1.0], per_arm)
    target = -rng.exponential(size=2 * per_arm)  # ln of the survival at death
    time = np.empty(2 * per_arm)
    for k, (who, treated) in enumerate(zip(chosen, arm, strict=True)):
        curve = np.log((a.treated if treated else a.placebo)[who])
        time[k] = np.interp(-target[k], -curve, a.times, right=np.inf)
    died = time <= end
    time = np.ceil(np.minimum(time, end))
    return trial_analyses(time, died, arm, a.pnfh[chosen])


def trial_analyses(time: Floats, died: np.ndarray, arm: Floats, pnfh: Floats) -> dict[str, float]:
    """Return ln HR of all, low, high; main effect and interaction per 1,000 pg/mL; share dead by arm."""
    low, high = (pnfh >= CUTS[0]) & (pnfh <= CUTS[1]), pnfh > CUTS[1]
    x = pnfh / 1000
    both = cox(time, died, np.c_[arm, x, arm * x]).coefficients
    found = {
        name: float(cox(time[rows], died[rows], arm[rows]).coefficients[0]) if rows.any() else float("nan")
        for name, rows in (("ln_hr_all", np.full(len(arm), True)), ("ln_hr_low", low), ("ln_hr_high", high))
    }
    found |= {"ln_hr_main": float(both[0]), "ln_hr_interaction": float(both[2])}
    return found | {"dead": float(died[arm == 0].mean()), "dead_treated": float(died[arm == 1].mean())}


def sampling_law(a: Arms, n: int, seed: int) -> dict[str, Mapping[str, float] | Floats | tuple[str, ...]]:
    """Return SD, bias against the infinite trial, and correlations of the analyses over n random trials."""
    rng = np.random.default_rng(seed)
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
