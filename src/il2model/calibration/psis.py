"""Importance weights: how many draws they are worth, how heavy their tail is, and equally weighted draws of them."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ..solver.problem import Floats


def normalised(log_weight: Floats) -> Floats:
    """Return weights (draw,) that add up to one; a draw that cannot be run has none."""
    from scipy.special import logsumexp

    total = logsumexp(log_weight)
    return np.exp(log_weight - total) if np.isfinite(total) else np.zeros(len(log_weight))


def effective_draws(log_weight: Floats) -> float:
    """Return the number of equally weighted draws that weighted ones are worth (Kong 1992)."""
    squares = (normalised(log_weight) ** 2).sum()
    return float(1 / squares) if squares > 0 else 0.0


def worth(weight: Floats, values: Floats, squares: Floats) -> Floats:
    """Return the number of independent draws that know the means of values (draw, quantity) as well, (quantity,).

    Parameters
    ----------
    weight : (draw,)
        They add up to one.
    values : (draw, quantity)
    squares : (draw,)
        Squares of the weights; or weight x target / law, which gives what one draw of that law is worth.
    """
    away = (values - weight @ values) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((weight @ away) / (squares @ away))


def worth_of_each(weight: Floats, values: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """Return `worth` for the bulk of each quantity, and for the worse of its tails beyond 5 and 95 %, (quantity,).

    The effective sizes of Vehtari and others (2021), of ranks turned into normal scores and of the share
    beyond a quantile, with weights in the place of autocorrelations.
    """
    from scipy.special import ndtri

    used = weight > 0
    weight, values, squares = weight[used], values[used], squares[used]
    order = np.argsort(values, axis=0, kind="stable")
    sorted_weight = weight[order]
    share = np.empty(values.shape)
    np.put_along_axis(share, order, np.cumsum(sorted_weight, axis=0) - sorted_weight / 2, axis=0)
    bulk = worth(weight, ndtri(np.clip(share, 1e-15, 1 - 1e-15)), squares)
    low, high = (worth(weight, np.asarray(side, dtype=float), squares) for side in (share <= 0.05, share >= 0.95))
    return bulk, np.fmin(low, high)


def pareto_k(log_weight: Floats) -> float:
    """Return the shape of the tail of the weights: below 0.5 their variance is finite (Vehtari and others 2024)."""
    return smoothed(log_weight)[1]


def smoothed(log_weight: Floats) -> tuple[Floats, float]:
    """Return log weights whose tail follows a Pareto law, that add up to one, and its k."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an announced version, and of a tail that is too short
        from arviz import psislw

        runs = np.isfinite(log_weight)
        value = np.where(runs, log_weight, np.min(log_weight, where=runs, initial=0.0) - 1e3)
        found, k = psislw(value)
        return np.asarray(found), float(k)


def left_out(log_weight: Floats, term: Floats) -> tuple[float, float]:
    """Return the expected log density of a published number when it is left out, and the Pareto k of that.

    Parameters
    ----------
    log_weight : (draw,)
        Of draws of the posterior; zeros where they count alike.
    term : (draw,)
        Log density of the number.
    """
    from scipy.special import logsumexp

    term = np.where(np.isfinite(term), term, -np.inf)
    runs = np.isfinite(term)
    found, k = smoothed(np.where(runs, log_weight - np.where(runs, term, 0.0), -np.inf))
    return float(logsumexp(found[runs] + term[runs])), k


def flattened(log_weight: Floats, wanted: float) -> tuple[Floats, bool]:
    """Return weights, and whether they had to be flattened: too few effective draws spoil a law that is fitted to them.

    A power of the weights leads from the draws as they came to the target.
    """
    if effective_draws(log_weight) >= wanted:
        return normalised(log_weight), False
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if effective_draws(middle * log_weight) > wanted else (low, middle)
    return normalised(low * log_weight if low > 0 else log_weight), True


def log_mean(log_weight: Floats) -> tuple[float, float]:
    """Return the logarithm of the mean weight, and its standard error."""
    from scipy.special import logsumexp

    n, worth = len(log_weight), effective_draws(log_weight)
    if worth == 0:
        return float("-inf"), float("inf")
    return float(logsumexp(log_weight) - np.log(n)), float(np.sqrt(max(1 / worth - 1 / n, 0.0)))


def resampled(log_weight: Floats, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return n draws that count alike, by stratified resampling: copies of one stand side by side (Kitagawa 1996)."""
    places = (np.arange(n) + rng.random(n)) / n
    total = np.cumsum(normalised(log_weight))
    return np.asarray(np.minimum(np.searchsorted(total, places * total[-1], side="right"), len(total) - 1))
