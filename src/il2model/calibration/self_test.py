"""Does the calibration find what it should? Simulation-based calibration, and recovery of known parameters.

Talts and others 2018: parameters from the prior, published-like summaries from the
likelihood's own law, the posterior by the same sampler; the rank of the truth among
the draws is then even. The model itself is tested where one bank of prior points carries the posteriors
(pk, mirocals); elsewhere an emulator of a reduced cohort stands for it, which changes the model but not what is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..runs import Executor, Progress, RunOptions, one_thread, worked
from ..solver.problem import Floats
from ..streams import fixed_seed, stream
from .importance import explore
from .likelihood import log_likelihood
from .predictive import synthetic
from .problem import Posed, Problem
from .psis import effective_draws, pareto_k, resampled
from .sampling import ImportanceOptions
from .simulator import Size
from .targets import Targets

#: The reduced cohort.
SMALL = Size(patients=48, shares=2, sensitivities=2, rtol=1e-3)
#: Draws that the truth is ranked among.
RANKED = 63
#: Stages whose posteriors a bank of prior points carries: the model itself is tested.
BY_BANK = ("pk", "mirocals")
#: Points of a bank, and of a block of it.
_BANK = 2400
_BLOCK = 96
#: A bank carries a trial with so many effective draws, and a Pareto k below this.
_WORTH, _CARRIED = 2.0 * RANKED, 0.7
#: How a trial is sampled.
_OPTIONS = ImportanceOptions(first=768, draws=768, largest=6144, effective=300)


@dataclass(frozen=True)
class Trial:
    """A synthetic trial: ranks of the truth (coordinate,), and whether it had to be sampled."""

    ranks: NDArray[np.int64]
    effective_draws: float
    pareto_k: float
    sampled: bool


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


def _rank(truth: Floats, problem: Posed, rng: np.random.Generator) -> Trial:
    """Sample a problem in this process; return the rank of the truth per coordinate among `RANKED` draws."""
    options = replace(_OPTIONS, seed=int(rng.integers(2**31)))
    with ThreadPoolExecutor(1) as here:
        drawn = explore(lambda: problem, None, options, RunOptions(executor=here))
    keep = drawn.z[drawn.equal(RANKED, int(rng.integers(2**31)))]
    return Trial((keep < truth).sum(axis=0), drawn.effective_draws, drawn.pareto_k, sampled=True)


def _emulated(stage: str, results: str | None, seed: int, size: Size, number: int) -> Trial:
    """Return what became of one synthetic trial, with the emulator in place of the model."""
    rng = stream(seed, "synthetic_trial", number)
    whole, _ = emulator(stage, results, size)
    truth = rng.standard_normal((1, len(whole.coordinates)))
    return _rank(truth, replace(whole, targets=synthetic(whole.problem, whole.predict(truth), rng)), rng)


@lru_cache(maxsize=2)
def _posed(stage: str, results: str | None, size: Size) -> Problem:
    return Problem.pose(stage, size=size, results=results)


def _predicted(stage: str, results: str | None, size: Size, z: Floats) -> dict[str, Floats]:
    problem = _posed(stage, results, size)
    return problem.predict(problem.table(z))


def _of_model(
    stage: str, results: str | None, seed: int, size: Size, n: int, bank: int, run: RunOptions
) -> list[Trial]:
    """Return what became of n synthetic trials of the model itself.

    One bank of points of the prior is evaluated once and weighted for every trial; where its weights do not carry a
    posterior, that trial is sampled.
    """
    problem = _posed(stage, results, size)
    z = stream(seed, "synthetic_trial", 0).standard_normal((bank + n, len(problem.coordinates)))
    blocks = [z[k : k + _BLOCK] for k in range(0, len(z), _BLOCK)]
    parts: list[dict[str, Floats]] = []
    with worked(partial(_predicted, stage, results, size), blocks, run, kind="processes") as found:
        for part in found:
            parts.append(part)
            run.tell(len(parts), len(blocks) + n)
    predicted = {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}
    among = {id: x[:bank] for id, x in predicted.items()}
    runs = np.all([np.isfinite(x.reshape(len(z), -1)).all(axis=1) for x in predicted.values()], axis=0)
    trials: list[Trial] = []
    for k in range(n):
        if not runs[bank + k]:  # no trial that the model cannot run, as no point of the prior that it cannot
            continue
        rng = stream(seed, "synthetic_trial", 1 + k)
        again = replace(problem, targets=synthetic(problem, predicted, rng, bank + k))
        trials.append(_by_bank(again, z[:bank], among, z[bank + k : bank + k + 1], rng))
        run.tell(len(blocks) + k + 1, len(blocks) + n)
    return trials


def _by_bank(
    problem: Problem, z: Floats, predicted: Mapping[str, Floats], truth: Floats, rng: np.random.Generator
) -> Trial:
    log_weight = log_likelihood(problem.fitted, problem.targets, predicted)
    worth, k = effective_draws(log_weight), pareto_k(log_weight)
    if worth < _WORTH or k > _CARRIED:
        return _rank(truth, problem, rng)
    keep = z[resampled(log_weight, RANKED, rng)]
    return Trial((keep < truth).sum(axis=0), worth, k, sampled=False)


def rank_band(n: int, level: float = 0.95, seed: int = 1) -> Floats:
    """Return the half width (`RANKED` + 1,) of a band around even ranks that holds a whole curve of n ranks.

    Its width follows the standard error at each place, and its size is that which a share `level` of simulated curves
    stays within (as Sailynoja, Burkner and Vehtari 2022).
    """
    places = (np.arange(RANKED + 1) + 1) / (RANKED + 1)
    error = np.sqrt(places * (1 - places) / n)[:-1]
    counts = stream(seed, "synthetic_trial", 0).multinomial(n, np.full(RANKED + 1, 1 / (RANKED + 1)), size=4000)
    away = np.abs(counts.cumsum(axis=1) / n - places)[:, :-1] / error
    return np.append(np.quantile(away.max(axis=1), level) * error, 0.0)


def calibration_of_sampler(
    stage: str,
    n: int = 200,
    *,
    results: str | Path | None = None,
    seed: int = 11,
    workers: int | None = None,
    size: Size | None = None,
    bank: int | None = None,
    emulate: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> dict[str, object]:
    """Rank the truth among the draws of n synthetic trials.

    Parameters
    ----------
    stage : {'pk', 'imodals', 'progression', 'mirocals'}
    n : int
        Synthetic trials.
    results : path, optional
        The fits of the earlier stages.
    size : Size, optional
        Of the cohort: of a fit for the model itself, reduced for the emulator.
    bank : int, optional
        Points of the prior that are weighted for every trial; a trial that they do not carry is sampled.
    emulate : bool
        A quadratic emulator of the reduced cohort in place of the model, both in making the trials and in
        fitting them: for stages whose posterior no bank carries and whose trials take too long to sample.
    seed, workers, executor, progress
        As in `calibrate`.

    Returns
    -------
    dict
        coordinates; ranks and their histograms in 8 bins; band, the half width of a band that holds a
        whole curve of even ranks, and outside, the coordinates whose curve leaves it; p per coordinate of the
        chi-square test of even ranks; p_all, the smallest of these corrected for their number; sampled, how
        many trials the bank did not carry; the share of variance that the emulator explains, by target.
    """
    from scipy.stats import chisquare

    place = None if results is None else str(results)
    run = RunOptions(workers=workers, executor=executor, progress=progress)
    reduced = size or SMALL
    if emulate:
        trials = []
        with worked(partial(_emulated, stage, place, seed, reduced), range(n), run, kind="processes") as found:
            for trial in found:
                trials.append(trial)
                run.tell(len(trials), n)
    else:
        with one_thread():
            trials = _of_model(stage, place, seed, size or Size(), n, bank or _BANK, run)
    table = np.array([t.ranks for t in trials])
    names = Problem.pose(stage, size=reduced, results=results).coordinates
    histograms = {name: np.bincount(table[:, k] * 8 // (RANKED + 1), minlength=8) for k, name in enumerate(names)}
    p = {name: float(chisquare(counts).pvalue) for name, counts in histograms.items()}
    band, places = rank_band(len(trials)), np.arange(RANKED + 1)
    curves = (table[:, :, None] <= places).mean(axis=0) - (places + 1) / (RANKED + 1)
    outside = [name for name, curve in zip(names, curves, strict=True) if (np.abs(curve) > band + 1e-12).any()]
    return {
        "stage": stage,
        "replicates": len(trials),
        "emulated": emulate,
        "explained": emulator(stage, place, reduced)[1] if emulate else {},
        "sampled": sum(t.sampled for t in trials),
        "smallest_effective_draws": min(t.effective_draws for t in trials),
        "largest_pareto_k": max(t.pareto_k for t in trials),
        "coordinates": list(names),
        "ranks": {name: table[:, k].tolist() for k, name in enumerate(names)},
        "band": band.tolist(),
        "outside": outside,
        "histograms": {name: counts.tolist() for name, counts in histograms.items()},
        "p": p,
        "p_all": float(min(1.0, min(p.values()) * len(p))),
    }
