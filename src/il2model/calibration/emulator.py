"""An emulator of a stage: a quadratic of its coordinates in place of the model, in microseconds a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..solver.problem import Floats
from ..streams import fixed_seed, stream
from .likelihood import log_likelihood
from .problem import Problem
from .simulator import Size
from .targets import Targets

#: The reduced cohort.
SMALL = Size(patients=48, shares=2, sensitivities=2, rtol=1e-3)


@dataclass(frozen=True)
class Asked:
    """Whose calibration is looked at: a stage, the fits of the earlier ones, the cohort, and the trials."""

    stage: str
    results: str | None
    size: Size
    targets: tuple[str | Path, ...] | None = None

    def pose(self) -> Problem:
        """Return its problem; a process keeps the last ones."""
        return _posed(self)


@lru_cache(maxsize=4)
def _posed(asked: Asked) -> Problem:
    return Problem.pose(asked.stage, size=asked.size, results=asked.results, targets=asked.targets)


@lru_cache(maxsize=4)
def _bank(asked: Asked, n: int = 2000) -> tuple[Floats, dict[str, Floats]]:
    """Return n points of the prior and their predictions."""
    problem = asked.pose()
    z = stream(fixed_seed("emulator_bank"), "emulator_bank").standard_normal((n, len(problem.coordinates)))
    parts = [problem.predict(problem.table(z[k : k + 50])) for k in range(0, n, 50)]
    return z, {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}


@dataclass(frozen=True)
class Emulated:
    """A stage whose predictions are a quadratic in z, fitted to a bank of runs of the reduced cohort.

    It stands for the model both in making synthetic trials and in their fit, so what is
    tested, likelihood and sampler, is tested exactly; runs cost microseconds.
    """

    problem: Problem
    targets: Targets
    weights: Mapping[str, Floats]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names, as those of the stage."""
        return self.problem.coordinates

    @property
    def steps(self) -> int:
        """None: the emulator is smooth in every coordinate."""
        return 0

    def predict(self, z: Floats) -> dict[str, Floats]:
        """Return predictions of points (point, coordinate)."""
        x = _features(z)
        found = {id: x @ w for id, w in self.weights.items()}
        # shares stay shares
        for id, values in found.items():
            if id not in self.targets.targets or self.targets.targets[id].form in ("binomial", "multinomial"):
                values = np.clip(values, 0.005, 0.995)
                found[id] = values / values.sum(axis=-1, keepdims=True) if values.ndim == 2 else values
            elif self.targets.targets[id].form in ("sd", "lognormal"):
                found[id] = np.maximum(values, 1e-3)
        return found

    def log_likelihood(self, z: Floats) -> Floats:
        """Return ln p(synthetic numbers | z)."""
        return log_likelihood(self.targets.of(self.problem.stage, "fit"), self.targets, self.predict(z))


def _features(z: Floats) -> Floats:
    d = z.shape[1]
    i, j = np.triu_indices(d)
    return np.concatenate([np.ones((len(z), 1)), z, z[:, i] * z[:, j]], axis=1)


@lru_cache(maxsize=4)
def emulator(asked: Asked) -> tuple[Emulated, dict[str, float]]:
    """Fit the emulator of a stage; return it with the share of variance that it explains, by target."""
    problem = asked.pose()
    z, bank = _bank(asked)
    good = np.all([np.isfinite(v.reshape(len(z), -1)).all(axis=1) for v in bank.values()], axis=0)
    x = _features(z[good])
    weights: dict[str, Floats] = {}
    explained: dict[str, float] = {}
    for id, values in bank.items():
        y = values[good]
        weights[id] = np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=float)
        explained[id] = float(1 - ((y - x @ weights[id]) ** 2).sum() / ((y - y.mean(axis=0)) ** 2).sum())
    return Emulated(problem, problem.targets, weights), explained
