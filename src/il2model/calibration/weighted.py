"""Weighted draws of a posterior: their evidence, their guard, and draws of them that count alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..solver.problem import Floats
from ..streams import stream
from .chains import Chains
from .law import Law, log_prior
from .psis import effective_draws, log_mean, normalised, pareto_k, resampled, worth_of_each

#: Chains that the draws are handed on as, and their length.
CHAINS, LENGTH = 4, 1200


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Draws of the last round with their weights, and what it took.

    Parameters
    ----------
    z : (draw, coordinate)
    log_likelihood : (draw,)
    pointwise : {id: (draw,)}
        Log density of each target.
    law : Law
        What they were drawn from.
    rounds, evaluations : int
    converged : bool
        Whether the round passed the guard.
    """

    z: Floats
    log_likelihood: Floats
    pointwise: Mapping[str, Floats]
    law: Law
    rounds: int
    evaluations: int
    converged: bool

    @cached_property
    def log_weight(self) -> Floats:
        """Log likelihood x prior / law, (draw,)."""
        return self.log_likelihood + log_prior(self.z) - self.law.log_density(self.z)

    @cached_property
    def weight(self) -> Floats:
        """Weights that add up to one, (draw,)."""
        return normalised(self.log_weight)

    @cached_property
    def effective_draws(self) -> float:
        """Equally weighted draws that these are worth."""
        return effective_draws(self.log_weight)

    @cached_property
    def pareto_k(self) -> float:
        """Shape of the tail of the weights."""
        return pareto_k(self.log_weight)

    @cached_property
    def evidence(self) -> tuple[float, float]:
        """The log evidence and its standard error."""
        return log_mean(self.log_weight)

    def equal(self, n: int, seed: int) -> NDArray[np.int64]:
        """Return the places of n draws that count alike, in order."""
        return resampled(self.log_weight, n, stream(seed, "resample"))

    def worth_of_each(self, seed: int) -> float:
        """Return what draws that count alike are worth for the coordinate and the tail that they know least."""
        counts = np.bincount(self.equal(CHAINS * LENGTH, seed), minlength=len(self.z)) / (CHAINS * LENGTH)
        return float(np.min(worth_of_each(counts, self.z, counts**2)))

    @property
    def moments(self) -> tuple[Floats, Floats]:
        """Mean and covariance of the posterior on the coordinates."""
        mean = self.weight @ self.z
        away = self.z - mean
        return mean, (self.weight[:, None] * away).T @ away

    def chains(self, seed: int) -> Chains:
        """Return draws that count alike, as chains (`CHAINS` of them, apart but for a shared draw at the edge)."""
        places = self.equal(CHAINS * LENGTH, seed)
        shape = (CHAINS, LENGTH, 1)
        terms = {id: x[places].reshape(shape) for id, x in self.pointwise.items()}
        return Chains(
            self.z[places].reshape(*shape, -1), self.log_likelihood[places].reshape(shape), np.ones(CHAINS), terms
        )
