"""What climbing, sampling and profiles share: their options, the log posterior, and a problem posed once a process."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np

from ..errors import InputError
from ..runs import one_thread
from ..solver.problem import Floats
from ..streams import checked_seed, fixed_seed, stream
from .problem import Posed
from .simulator import Size

T = TypeVar("T")
R = TypeVar("R")

#: Builds the problem, in a worker process too: a picklable callable without arguments.
Pose = Callable[[], Posed]


#: Draws that every estimated number must be worth: to judge it by chains (Vehtari and others 2021), and for its tails.
EACH = 400.0


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
    longest : int
        The kept steps are made up to so many times as many, until they are 50 autocorrelation times.
    """

    ensembles: int = 4
    walkers: int = 48
    burn: int = 200
    steps: int = 1000
    thin: int = 4
    seed: int = 1
    starts: int = 4
    checkpoint: int = 20
    longest: int = 1

    @property
    def each(self) -> float:
        """Effective draws demanded of the bulk and the tails of every estimated number."""
        return EACH

    def __post_init__(self) -> None:
        if self.ensembles < 1 or self.walkers < 4 or self.walkers % 2 or self.steps < 1 or self.burn < 0:
            raise InputError("A run needs an ensemble, an even number of at least 4 walkers, and a step.")


@dataclass(frozen=True, kw_only=True)
class ImportanceOptions:
    """How much, and when it is enough.

    Parameters
    ----------
    first, draws : int
        Draws of the first round, which is from the prior, and of a round on the way.
    largest : int
        Draws of the largest round: the last ones are as large as what they ask for.
    effective : float
        Effective draws demanded of the last round.
    pareto_k : float
        Pareto k that the last round must stay below.
    each : float
        Effective draws demanded of the bulk and of both tails (5 and 95 %) of every coordinate, of the last round's
        draws that count alike; 0 asks for none.
    rounds : int
        At most so many; a fit that has not passed by then has not converged.
    components : int
        At most so many t laws in a mixture.
    block : int
        Points that are evaluated together.
    seed : int
    """

    first: int = 1536
    draws: int = 1152
    largest: int = 15360
    effective: float = 800.0
    pareto_k: float = 0.5
    each: float = 0.0
    rounds: int = 24
    components: int = 3
    block: int = 96
    seed: int = 1

    @property
    def expected(self) -> int:
        """Evaluations of a run as they mostly are."""
        return 12 * self.draws

    def __post_init__(self) -> None:
        checked_seed(self.seed)
        if min(self.first, self.draws, self.rounds, self.components, self.block) < 1 or self.largest < self.draws:
            raise InputError("A run needs a round, a draw in it, a component of its law, and a point in a block.")


#: The options of either method.
Options = SamplerOptions | ImportanceOptions


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
    """Return function(problem, item), in any process, on one thread."""
    with one_thread():
        return function(posed(pose), item)


def fingerprint(problem: Posed) -> dict[str, object]:
    """Return what names a problem to a store: its coordinates, and a few likelihoods that stand for model and data."""
    probe = stream(fixed_seed("probe"), "probe").standard_normal((2, len(problem.coordinates))) * 0.1
    return {
        "coordinates": list(problem.coordinates),
        "likelihood": [f"{v:.6g}" for v in problem.log_likelihood(probe)],
    }


@dataclass(frozen=True)
class Effort:
    """How much work a fit is given: the chains of each stage, and importance sampling of any."""

    name: str
    size: Size
    options: Mapping[str, SamplerOptions]
    profiles: bool
    importance: ImportanceOptions = field(default_factory=lambda: ImportanceOptions(each=EACH))


FULL = Effort(
    "full",
    Size(),
    {
        "pk": SamplerOptions(walkers=32, burn=100, steps=600, thin=2, longest=10),
        "imodals": SamplerOptions(walkers=48, burn=200, steps=1800, thin=6, longest=10),
        "progression": SamplerOptions(walkers=40, burn=100, steps=500, thin=2, longest=10),
        "mirocals": SamplerOptions(walkers=40, burn=30, steps=200, thin=1, longest=10),
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
    importance=ImportanceOptions(first=768, draws=768, largest=6144, effective=300, each=150, rounds=16),
)
#: The methods of sampling.
Sampler = Literal["importance", "emcee"]
EFFORTS = {"full": FULL, "quick": QUICK}
