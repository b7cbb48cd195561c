"""What climbing, sampling and profiles share: their options, the log posterior, and a problem posed once a process."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np

from ..errors import InputError
from ..solver.problem import Floats
from .problem import Posed
from .simulator import Size

T = TypeVar("T")
R = TypeVar("R")

#: Builds the problem, in a worker process too: a picklable callable without arguments.
Pose = Callable[[], Posed]


@dataclass(frozen=True)
class SamplerOptions:
    """How long and from which seed.

    Parameters
    ----------
    ensembles : int
        Independent ensembles; at least 4 for a split R-hat.
    walkers, burn, steps : int
        Walkers an ensemble; steps thrown away, and kept.
    thin : int
        Every so many steps one is kept.
    seed : int
    starts : int
        Starting points of the optimiser.
    checkpoint : int
        Steps between checkpoints.
    """

    ensembles: int = 4
    walkers: int = 48
    burn: int = 200
    steps: int = 1000
    thin: int = 4
    seed: int = 1
    starts: int = 4
    checkpoint: int = 20

    def __post_init__(self) -> None:
        if self.ensembles < 1 or self.walkers < 4 or self.walkers % 2 or self.steps < 1 or self.burn < 0:
            raise InputError("A run needs an ensemble, an even number of at least 4 walkers, and a step.")


def log_posterior(problem: Posed, z: Floats) -> Floats:
    """Return ln likelihood + ln prior of points (point, coordinate), up to the prior's constant."""
    value = problem.log_likelihood(z)
    return np.asarray(np.where(np.isnan(value), -np.inf, value) - 0.5 * (z**2).sum(axis=-1))


def posed(pose: Pose) -> Posed:
    """Return the problem; a process keeps the last ones for its next tasks."""
    try:
        key = pickle.dumps(pose)
    except Exception:  # a function without a name cannot be told from another
        return pose()
    return _posed(key)


@lru_cache(maxsize=2)
def _posed(key: bytes) -> Posed:
    pose: Pose = pickle.loads(key)
    return pose()


def on_posed(pose: Pose, function: Callable[[Posed, T], R], item: T) -> R:
    """Return function(problem, item), in any process."""
    return function(posed(pose), item)


@dataclass(frozen=True)
class Effort:
    """How much work a fit is given, per stage."""

    name: str
    size: Size
    options: Mapping[str, SamplerOptions]
    profiles: bool


FULL = Effort(
    "full",
    Size(),
    {
        "pk": SamplerOptions(walkers=32, burn=100, steps=600, thin=2),
        "imodals": SamplerOptions(walkers=48, burn=200, steps=1800, thin=6),
        "progression": SamplerOptions(walkers=40, burn=100, steps=500, thin=2),
        "mirocals": SamplerOptions(walkers=40, burn=30, steps=200, thin=1),
    },
    profiles=True,
)
QUICK = Effort(
    "quick",
    Size(patients=128, shares=2, sensitivities=2, rtol=3e-4),
    {
        "pk": SamplerOptions(walkers=16, burn=50, steps=200, thin=2, starts=1),
        "imodals": SamplerOptions(walkers=44, burn=60, steps=120, thin=2, starts=1),
        "progression": SamplerOptions(walkers=28, burn=50, steps=100, thin=2, starts=1),
        "mirocals": SamplerOptions(walkers=30, burn=15, steps=45, thin=1, starts=1),
    },
    profiles=False,
)
EFFORTS = {"full": FULL, "quick": QUICK}
