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


def pareto_k(log_weight: Floats) -> float:
    """Return the shape of the tail of the weights: below 0.5 their variance is finite (Vehtari and others 2024)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an announced version, and of a tail that is too short
        from arviz import psislw

        value = np.where(np.isfinite(log_weight), log_weight, np.max(log_weight, initial=0.0) - 1e6)
        return float(psislw(value)[1])


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
