"""Cox regression with Efron's ties, fast enough for thousands of replicates.

Columns are centred and scaled inside, and Newton steps are limited, so that a
covariate of 20,000 pg/mL does no harm. Source: Therneau and Grambsch, Modeling
Survival Data (2000), section 3.3. Checked against statsmodels in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Beyond this many standard deviations a coefficient is running off to infinity.
_RUNAWAY = 20.0


@dataclass(frozen=True)
class CoxFit:
    """Coefficients (ln hazard ratio per unit), their covariance and the log partial likelihood.

    All are NaN where the likelihood has no finite maximum: no death at all, or no
    death in one arm.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float

    @property
    def standard_errors(self) -> Floats:
        """Standard error of each coefficient."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def _nothing(columns: int) -> CoxFit:
    return CoxFit(np.full(columns, np.nan), np.full((columns, columns), np.nan), np.nan)


def cox(time: Floats, event: NDArray[np.bool_], covariates: Floats) -> CoxFit:
    """Fit a Cox model.

    Parameters
    ----------
    time : (subject,)
        Time of death or censoring; ties are handled as Efron did.
    event : (subject,)
        True where the subject died at `time`.
    covariates : (subject, column) or (subject,)

    Returns
    -------
    CoxFit
        NaN where no finite estimate exists.
    """
    Z = np.asarray(covariates, dtype=float)
    Z = Z[:, None] if Z.ndim == 1 else Z
    event = np.asarray(event, dtype=bool)
    sd = Z.std(axis=0)
    if not event.any() or not (sd > 0).all():
        return _nothing(Z.shape[1])
    order = np.argsort(-np.asarray(time), kind="stable")
    t, died, X = np.asarray(time)[order], event[order], ((Z - Z.mean(axis=0)) / sd)[order]
    last = np.flatnonzero(np.append(np.diff(t) != 0, True))  # end of each group of equal times
    group = np.repeat(np.arange(len(last)), np.diff(np.append(-1, last)))[died]
    dead = X[died]
    starts = np.flatnonzero(np.append(True, np.diff(group) != 0))  # deaths are in order of groups
    ties = np.diff(np.append(starts, len(group)))
    which = np.repeat(np.arange(len(starts)), ties)
    share = (np.arange(len(group)) - starts[which]) / ties[which]  # Efron: 0, 1/d, ..., (d-1)/d
    risk = last[group[starts]][which]

    def evaluate(beta: Floats) -> tuple[float, Floats, Floats]:
        eta = X @ beta
        top = eta.max()
        e = np.exp(eta - top)
        eX = e[:, None] * X
        eXX = eX[:, :, None] * X[:, None, :]
        sums = [np.cumsum(a, axis=0)[risk] for a in (e, eX, eXX)]
        tied = [np.add.reduceat(a[died], starts, axis=0)[which] for a in (e, eX, eXX)]
        s0 = sums[0] - share * tied[0]
        s1 = sums[1] - share[:, None] * tied[1]
        s2 = sums[2] - share[:, None, None] * tied[2]
        mean = s1 / s0[:, None]
        score = dead.sum(axis=0) - mean.sum(axis=0)
        information = (s2 / s0[:, None, None] - mean[:, :, None] * mean[:, None, :]).sum(axis=0)
        return float(eta[died].sum() - (np.log(s0) + top).sum()), score, information

    beta = np.zeros(Z.shape[1])
    value, score, information = evaluate(beta)
    for _ in range(60):
        try:
            move = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return _nothing(Z.shape[1])
        move /= max(1.0, np.abs(move).max())
        beta = beta + move
        if np.abs(beta).max() > _RUNAWAY:
            return _nothing(Z.shape[1])
        value, score, information = evaluate(beta)
        if np.abs(move).max() < 1e-10:
            break
    else:
        return _nothing(Z.shape[1])
    try:
        covariance = np.linalg.inv(information) / np.outer(sd, sd)
    except np.linalg.LinAlgError:  # columns that say the same
        return _nothing(Z.shape[1])
    if (np.diag(covariance) * sd**2 > 1e4).any():  # flat: the estimate is at infinity
        return _nothing(Z.shape[1])
    return CoxFit(beta / sd, covariance, value)
