"""Draws as chains: what every sampler hands on, and how long their memory is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..solver.problem import Floats


@dataclass(frozen=True)
class Chains:
    """What a sampler kept: z (ensemble, step, walker, coordinate) and the log likelihoods.

    Draws of importance sampling, resampled, are ensembles of one walker.
    """

    z: Floats
    log_likelihood: Floats
    acceptance: Floats
    pointwise: Mapping[str, Floats] = field(default_factory=dict)
    autocorrelation_time: float = 1.0


def autocorrelation(z: Floats) -> float:
    """Return the longest integrated autocorrelation time of chains (ensemble, step, walker, coordinate), in steps."""
    from emcee.autocorr import integrated_time

    moving = np.ptp(z, axis=(0, 1, 2)) > 0
    if z.shape[1] < 2 or not moving.any():
        return float(z.shape[1])
    with np.errstate(invalid="ignore"):  # of a walker that never moved
        found = np.mean([integrated_time(one[..., moving], quiet=True, tol=0) for one in z], axis=0)
    return float(np.max(np.nan_to_num(found, nan=float(z.shape[1]))))
