"""What a trial reports, computed on one trial's data.

The Cox and log-rank paths are ours (`statistics`, tested against statsmodels); the
mixed model of ALSFRS-R is that of statsmodels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..solver.problem import Floats
from ..statistics import cox, log_rank
from ..trial_files import reference_cuts

if TYPE_CHECKING:
    import pandas as pd

Bools = NDArray[np.bool_]
MONTH = 30.4375


@dataclass(frozen=True)
class TrialData:
    """One trial: a row per patient.

    Parameters
    ----------
    arm : (patient,)
        Number of the arm, 0 is the control.
    time, died : (patient,)
        Day of death or last contact, and whether it was a death.
    covariates : {name: (patient,)}
    visits : (patient, visit)
        Days on which visits took place.
    measured : {observable: (patient, visit)}
        With assay error; NaN after death or loss.
    """

    arm: NDArray[np.int64]
    time: Floats
    died: Bools
    covariates: Mapping[str, Floats]
    visits: Floats
    measured: Mapping[str, Floats]

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row per patient: arm, time, died and covariates."""
        import pandas as pd

        return pd.DataFrame({"arm": self.arm, "time": self.time, "died": self.died, **self.covariates})


def hazard_ratios(data: TrialData, arm: int = 1, cuts: tuple[float, float] | None = None) -> dict[str, float]:
    """Return unadjusted ln HR of an arm against the control: all, low_pnfh, high_pnfh, and se_all; NaN without one."""
    first, second = cuts or reference_cuts()
    time, died, treated, pnfh = _compared(data, arm)
    whole = cox(time, died, treated, raise_on_failure=False)
    results = {"all": float(whole.coefficients[0]), "se_all": float(whole.standard_errors[0])}
    strata = (("low_pnfh", (pnfh >= first) & (pnfh <= second)), ("high_pnfh", pnfh > second))
    for name, part in strata:
        some = part.any()
        results[name] = _log_ratio(time[part], died[part], treated[part]) if some else float("nan")
    return results


def _log_ratio(time: Floats, died: Bools, covariates: Floats) -> float:
    """Return the coefficient of the first covariate; NaN without an estimate."""
    return float(cox(time, died, covariates, raise_on_failure=False).coefficients[0])


def interaction_model(data: TrialData, arm: int = 1) -> tuple[float, float, float]:
    """Fit the Cox model of arm, CSF pNFH and their product.

    Returns
    -------
    (main, slope, error)
        ln HR at CSF pNFH 0; ln of the ratio of HRs per 1,000 pg/mL and its standard error.
    """
    time, died, treated, pnfh = _compared(data, arm)
    x = pnfh / 1000
    fit = cox(time, died, np.c_[treated, x, treated * x], raise_on_failure=False)
    return float(fit.coefficients[0]), float(fit.coefficients[2]), float(fit.standard_errors[2])


def _compared(data: TrialData, arm: int) -> tuple[Floats, Bools, Floats, Floats]:
    """Return time, died, treated (0 or 1) and CSF pNFH of an arm and the control."""
    rows = (data.arm == 0) | (data.arm == arm)
    treated = (data.arm[rows] == arm).astype(float)
    return data.time[rows], data.died[rows], treated, data.covariates["csf_pnfh"][rows]


def survival_analyses(data: TrialData, arm: int = 1, cuts: tuple[float, float] | None = None) -> dict[str, float]:
    """Return ln HR of an arm against the control and p of the log-rank test.

    Parameters
    ----------
    cuts : (low, high), optional
        Cut-offs of CSF pNFH (pg/mL), both in the low stratum; those of the reference trial by default.

    Returns
    -------
    dict
        all, low_pnfh, high_pnfh: unadjusted ln HR; adjusted_main and interaction (per
        pg/mL): Cox model with treatment, CSF pNFH and their product, interaction_p its
        Wald p and pnfh_at_hr_1 where it crosses 1 (pg/mL); ratio_high_low (ln);
        adjusted_all: with CSF pNFH, ALSFRS-R and age; se_all; log_rank_z and log_rank_p.
        NaN where no estimate exists.
    """
    from scipy.special import ndtr

    results = hazard_ratios(data, arm, cuts)
    main, slope, error = interaction_model(data, arm)
    results |= {"adjusted_main": main, "interaction": slope / 1000}
    results["interaction_p"] = float(2 * ndtr(-abs(slope) / error)) if error > 0 else float("nan")
    results["ratio_high_low"] = results["high_pnfh"] - results["low_pnfh"]
    results["pnfh_at_hr_1"] = -1000 * main / slope if main * slope < 0 else float("nan")
    time, died, treated, pnfh = _compared(data, arm)
    rows = (data.arm == 0) | (data.arm == arm)
    others = np.c_[treated, pnfh / 1000, data.covariates["alsfrs_r"][rows], data.covariates["age"][rows]]
    results["adjusted_all"] = _log_ratio(time, died, others)
    z, p = log_rank_test(data, arm)
    return results | {"log_rank_z": z, "log_rank_p": p}


def log_rank_test(data: TrialData, arm: int = 1) -> tuple[float, float]:
    """Return z of the log-rank test, below 0 where the arm does better than the control, and p."""
    rows = (data.arm == 0) | (data.arm == arm)
    return log_rank(data.time[rows], data.died[rows], data.arm[rows] == arm, raise_on_failure=False)


def slopes(data: TrialData, observable: str = "alsfrs_r") -> Floats:
    """Return each patient's least-squares slope per month; NaN with fewer than two visits."""
    t = data.visits / MONTH
    y = data.measured[observable]
    seen = np.isfinite(y)
    n = seen.sum(axis=1)
    with np.errstate(all="ignore"):
        mt = np.where(seen, t, 0).sum(axis=1) / n
        my = np.where(seen, y, 0).sum(axis=1) / n
        dt = np.where(seen, t - mt[:, None], 0)
        slope = (dt * np.where(seen, y - my[:, None], 0)).sum(axis=1) / (dt**2).sum(axis=1)
    return np.asarray(np.where(n >= 2, slope, np.nan))


def slope_difference(data: TrialData, arm: int = 1, observable: str = "alsfrs_r") -> tuple[float, float]:
    """Return the difference of mean slopes (arm minus control) per month, and p of Welch's test."""
    from scipy.stats import ttest_ind

    all_slopes = slopes(data, observable)
    a, b = (x[np.isfinite(x)] for x in (all_slopes[data.arm == arm], all_slopes[data.arm == 0]))
    if min(len(a), len(b)) < 2:
        return float("nan"), float("nan")
    return float(a.mean() - b.mean()), float(ttest_ind(a, b, equal_var=False).pvalue)


def mixed_model(data: TrialData, observable: str = "alsfrs_r") -> pd.DataFrame:
    """Fit a linear mixed model (random intercept and slope) by statsmodels.

    Returns
    -------
    DataFrame
        Estimate, standard error and p of intercept, time (months) and each arm's time.

    Raises
    ------
    InputError
        If statsmodels is not installed.
    """
    import warnings

    import pandas as pd

    try:
        import statsmodels.formula.api as smf
    except ImportError:
        raise InputError("The mixed model needs the package statsmodels: pip install 'il2model[mixed]'.") from None
    y = data.measured[observable]
    who, visit = np.nonzero(np.isfinite(y))
    frame = pd.DataFrame(
        {"y": y[who, visit], "month": data.visits[who, visit] / MONTH, "arm": data.arm[who], "patient": who}
    )
    arms = [f"slope_{k}" for k in range(1, int(data.arm.max()) + 1)]
    for k, name in enumerate(arms, start=1):
        frame[name] = frame["month"] * (frame["arm"] == k)
    formula = "y ~ month + " + " + ".join(arms)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = smf.mixedlm(formula, frame, groups=frame["patient"], re_formula="~month").fit(reml=True)
    names = ["Intercept", "month", *arms]
    return pd.DataFrame(
        {"estimate": fit.fe_params[names], "se": fit.bse_fe[names], "p": fit.pvalues[names]}, index=names
    )


def cafs(data: TrialData, arm: int = 1, observable: str = "alsfrs_r") -> tuple[float, float]:
    """Compare function and survival jointly by rank (CAFS).

    Each pair of patients is compared: who outlived the other wins; if both lived, or
    the follow-up of one ended before, the smaller loss of function at the last
    visit both reached wins. Source: Berry and others 2013.

    Returns
    -------
    (z, p)
        z above 0 where the arm does better, by the rank-sum test of the scores.
    """
    from scipy.special import ndtr

    rows = np.flatnonzero((data.arm == 0) | (data.arm == arm))
    time, died = data.time[rows], data.died[rows]
    y = data.measured[observable][rows]
    change = y - y[:, :1]
    last = np.where(np.isfinite(y), np.arange(y.shape[1]), -1).max(axis=1)
    # i beats j: j died, and i was alive and seen at that time
    beats = died[None, :] & ((time[:, None] > time[None, :]) | ((time[:, None] == time[None, :]) & ~died[:, None]))
    score = beats.astype(int) - beats.T.astype(int)
    open_pairs = score == 0
    shared = np.minimum(last[:, None], last[None, :])
    usable = open_pairs & (shared > 0)
    i, j = np.nonzero(usable)
    at = shared[i, j]
    score[i, j] = np.sign(np.nan_to_num(change[i, at] - change[j, at])).astype(int)
    total = score.sum(axis=1).astype(float)
    treated = data.arm[rows] == arm
    n1, n = int(treated.sum()), len(rows)
    variance = n1 * (n - n1) / (n * (n - 1)) * (total**2).sum()
    if n1 == 0 or n1 == n or variance <= 0:
        return float("nan"), float("nan")
    z = float(total[treated].sum() / np.sqrt(variance))  # the scores of a trial sum to zero
    return z, float(2 * ndtr(-abs(z)))


def marker_changes(data: TrialData, observable: str) -> Floats:
    """Return the mean change from the first visit, (arm, visit): points of Treg %, % of baseline of the others."""
    y = data.measured[observable]
    change = y - y[:, :1] if observable in ("treg_percent", "alsfrs_r", "svc") else 100 * (y / y[:, :1] - 1)
    arms = range(int(data.arm.max()) + 1)
    with np.errstate(all="ignore"):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.stack([np.nanmean(change[data.arm == k], axis=0) for k in arms])


def responders(data: TrialData, observable: str = "treg_percent", visit: int = 1, points: float = 2.0) -> Floats:
    """Return the share of each arm whose Treg % rose by at least so many points at a visit (of those seen)."""
    y = data.measured[observable]
    change = y[:, visit] - y[:, 0]
    seen = np.isfinite(change)
    arms = range(int(data.arm.max()) + 1)
    return np.array(
        [
            float((change[seen & (data.arm == k)] >= points).mean()) if (seen & (data.arm == k)).any() else np.nan
            for k in arms
        ]
    )


#: How each test of the registry is computed on the data of one trial: its statistic and p.
COMPUTED: Mapping[str, Callable[[TrialData], tuple[float, float]]] = {
    "log_rank": log_rank_test,
    "cafs": cafs,
    "slope": slope_difference,
}
