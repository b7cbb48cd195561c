"""Does the calibration find what it should? Simulation-based calibration, and recovery of known parameters.

Talts and others 2018: parameters from the prior, published-like summaries from the
likelihood's own law, the posterior by the same sampler; the rank of the truth among
the draws is then even. The cohort is reduced, which changes the model but not what is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from ..runs import Executor, Progress, RunOptions, worked
from ..solver.problem import Floats
from ..streams import fixed_seed, stream
from .likelihood import log_likelihood
from .optimum import Optimum, optimize
from .predictive import synthetic
from .problem import Posed, Problem
from .sampler import advance
from .sampling import SamplerOptions
from .simulator import Size
from .targets import Targets

#: The reduced cohort.
SMALL = Size(patients=48, shares=2, sensitivities=2, rtol=1e-3)
#: Draws that the truth is ranked among.
RANKED = 63
OPTIONS: Mapping[str, SamplerOptions] = {
    "pk": SamplerOptions(ensembles=1, walkers=16, burn=20, steps=50, thin=5),
    "imodals": SamplerOptions(ensembles=1, walkers=44, burn=20, steps=24, thin=6),
    "progression": SamplerOptions(ensembles=1, walkers=28, burn=15, steps=24, thin=6),
    "mirocals": SamplerOptions(ensembles=1, walkers=30, burn=10, steps=20, thin=5),
}


@lru_cache(maxsize=4)
def _bank(stage: str, results: str | None, size: Size, n: int = 2000) -> tuple[Floats, dict[str, Floats]]:
    """Return n points of the prior and their predictions."""
    problem = Problem.pose(stage, size=size, results=results)
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
def emulator(stage: str, results: str | None, size: Size) -> tuple[Emulated, dict[str, float]]:
    """Fit the emulator of a stage; return it with the share of variance that it explains, by target."""
    problem = Problem.pose(stage, size=size, results=results)
    z, bank = _bank(stage, results, size)
    good = np.all([np.isfinite(v.reshape(len(z), -1)).all(axis=1) for v in bank.values()], axis=0)
    x = _features(z[good])
    weights: dict[str, Floats] = {}
    explained: dict[str, float] = {}
    for id, values in bank.items():
        y = values[good]
        weights[id] = np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=float)
        explained[id] = float(1 - ((y - x @ weights[id]) ** 2).sum() / ((y - y.mean(axis=0)) ** 2).sum())
    return Emulated(problem, problem.targets, weights), explained


def _rank_of(
    truth: Floats, problem: Posed, options: SamplerOptions, start: Optimum | Floats, rng: np.random.Generator
) -> Floats:
    """Sample a problem in this process; return the rank of the truth per coordinate among `RANKED` draws."""
    z = advance(problem, 0, options, start, None, options.burn + options.steps)["z"].reshape(-1, truth.shape[1])
    keep = z[rng.choice(len(z), RANKED, replace=False)]
    return np.asarray((keep < truth).sum(axis=0), float)


def _emulated_rank(stage: str, results: str | None, seed: int, size: Size, number: int) -> Floats:
    """Return the ranks of one synthetic trial, with the emulator in place of the model."""
    rng = stream(seed, "synthetic_trial", number)
    whole, _ = emulator(stage, results, size)
    truth = rng.standard_normal((1, len(whole.coordinates)))
    again = replace(whole, targets=synthetic(whole.problem, whole.predict(truth), rng))
    options = SamplerOptions(ensembles=1, walkers=48, burn=300, steps=400, thin=20, seed=int(rng.integers(2**31)))
    return _rank_of(truth, again, options, optimize(again, replace(options, starts=2)), rng)


def _rank(stage: str, results: str | None, seed: int, size: Size, number: int) -> Floats:
    """Return the ranks of one synthetic trial of the reduced cohort."""
    rng = stream(seed, "synthetic_trial", number)
    problem = Problem.pose(stage, size=size, results=results)
    while True:
        truth = rng.standard_normal((1, len(problem.coordinates)))
        predicted = problem.predict(problem.table(truth))
        if all(np.isfinite(v).all() for v in predicted.values()):
            break
    again = replace(problem, targets=synthetic(problem, predicted, rng))
    options = replace(OPTIONS[stage], seed=int(rng.integers(2**31)))
    # start where a bank of prior points does well with these numbers; the burn-in does the rest
    points, bank = _bank(stage, results, size)
    value = log_likelihood(again.fitted, again.targets, bank)
    weights = np.exp(value - value.max())
    chosen = points[rng.choice(len(points), options.walkers, p=weights / weights.sum())]
    start = np.sqrt(1 - 0.2**2) * chosen + 0.2 * rng.standard_normal(chosen.shape)
    return _rank_of(truth, again, options, start, rng)


def calibration_of_sampler(
    stage: str,
    n: int = 200,
    *,
    results: str | Path | None = None,
    seed: int = 11,
    workers: int | None = None,
    size: Size = SMALL,
    emulate: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> dict[str, object]:
    """Rank the truth among the sampler's draws in n synthetic trials.

    `emulate` puts a quadratic emulator of the reduced cohort in place of the model, both
    in making the trials and in fitting them: minutes instead of an hour.

    Returns
    -------
    dict
        coordinates; histograms of the ranks in 8 bins; p per coordinate of the chi-square test
        of even ranks; p_all, the smallest of these corrected for their number; and
        the share of variance that the emulator explains, by target.
    """
    from scipy.stats import chisquare

    task = partial(_emulated_rank if emulate else _rank, stage, None if results is None else str(results), seed, size)
    ranks = []
    run = RunOptions(workers=workers, executor=executor, progress=progress)
    with worked(task, range(n), run, kind="processes") as found:
        for rank in found:
            ranks.append(rank)
            run.tell(len(ranks), n)
    table = np.array(ranks)
    names = Problem.pose(stage, size=size, results=results).coordinates
    bins = (table * 8 // (RANKED + 1)).astype(int)
    histograms = {name: np.bincount(bins[:, k], minlength=8) for k, name in enumerate(names)}
    p = {name: float(chisquare(counts).pvalue) for name, counts in histograms.items()}
    return {
        "stage": stage,
        "replicates": n,
        "emulated": emulate,
        "explained": emulator(stage, None if results is None else str(results), size)[1] if emulate else {},
        "coordinates": names,
        "histograms": {name: counts.tolist() for name, counts in histograms.items()},
        "p": p,
        "p_all": float(min(1.0, min(p.values()) * len(p))),
    }
