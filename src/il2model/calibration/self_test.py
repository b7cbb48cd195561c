"""Does the calibration find what it should? Simulation-based calibration, and recovery of known parameters.

Talts and others 2018: parameters from the prior, published-like summaries from the
likelihood's own law, the posterior by the same sampler; the rank of the truth among
the draws is then even. The cohort is reduced, which changes the model but not what is tested.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np

from ..kernels.problem import Floats
from .likelihood import joint_moments, log_likelihood
from .problem import Problem
from .sampler import SamplerOptions, run_ensemble
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


def synthetic(problem: Problem, predicted: Mapping[str, Floats], rng: np.random.Generator) -> Targets:
    """Return the targets with estimates drawn from the likelihood's law around predictions of one set."""
    new = dict(problem.targets.targets)
    for t in problem.fitted:
        value = np.asarray(predicted[t.id])[0]
        if t.joint is not None:
            continue
        if t.form == "normal":
            new[t.id] = replace(t, estimate=float(value + t.weight * t.se * rng.standard_normal()))
        elif t.form == "lognormal":
            new[t.id] = replace(t, estimate=float(value * np.exp(t.weight * t.se * rng.standard_normal())))
        elif t.form == "sd":
            assert t.n is not None
            nu = (t.n - 1) / t.weight**2
            new[t.id] = replace(t, estimate=float(value * np.sqrt(rng.chisquare(nu) / nu)))
        elif t.form == "binomial":
            n = t.counts[1]
            k = int(rng.binomial(n, float(np.clip(value, 0, 1))))
            new[t.id] = replace(t, counts=(k, n), estimate=k / n)
        else:
            p = np.clip(value, 0, None)
            counts = rng.multinomial(sum(t.counts), p / p.sum())
            new[t.id] = replace(t, counts=tuple(int(c) for c in counts))
    for joint in {t.joint: problem.targets.joints[t.joint] for t in problem.fitted if t.joint}.values():
        mean, covariance = joint_moments(joint, problem.targets, predicted)
        drawn = rng.multivariate_normal(mean[0], covariance)
        for id, value in zip(joint.members, drawn, strict=True):
            new[id] = replace(new[id], estimate=float(value))
    return replace(problem.targets, targets=MappingProxyType(new))


@dataclass(frozen=True)
class _Again:
    """Builds the problem of one replicate: the stage with other numbers."""

    stage: str
    results: str | None
    targets: Targets
    size: Size

    def __call__(self) -> Problem:
        problem = Problem.pose(self.stage, size=self.size, results=self.results)
        return replace(problem, targets=self.targets)


@lru_cache(maxsize=4)
def _bank(stage: str, results: str | None, size: Size, n: int = 2000) -> tuple[Floats, dict[str, Floats]]:
    """Return n points of the prior and their predictions."""
    problem = Problem.pose(stage, size=size, results=results)
    z = np.random.default_rng(5).standard_normal((n, len(problem.coordinates)))
    parts = [problem.predict(problem.table(z[k : k + 50])) for k in range(0, n, 50)]
    return z, {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}


def _rank(stage: str, results: str | None, seed: int, size: Size, number: int) -> tuple[Floats, Floats]:
    """Return z of the truth, and its rank per coordinate among `RANKED` draws."""
    rng = np.random.default_rng([seed, number])
    problem = Problem.pose(stage, size=size, results=results)
    while True:
        truth = rng.standard_normal((1, len(problem.coordinates)))
        predicted = problem.predict(problem.table(truth))
        if all(np.isfinite(v).all() for v in predicted.values()):
            break
    targets = synthetic(problem, predicted, rng)
    pose = _Again(stage, results, targets, size)
    options = replace(OPTIONS[stage], seed=int(rng.integers(2**31)), checkpoint=10_000)
    # start where a bank of prior points does well with these numbers; the burn-in does the rest
    points, bank = _bank(stage, results, size)
    value = log_likelihood(problem.fitted, targets, bank)
    weights = np.exp(value - value.max())
    chosen = points[rng.choice(len(points), options.walkers, p=weights / weights.sum())]
    start = np.sqrt(1 - 0.2**2) * chosen + 0.2 * rng.standard_normal(chosen.shape)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "ensemble.npz"
        run_ensemble(pose, 0, str(file), options, start)
        with np.load(file) as data:
            z = data["z"].reshape(-1, len(problem.coordinates))
    keep = z[rng.choice(len(z), RANKED, replace=False)]
    return truth[0], np.asarray((keep < truth).sum(axis=0), float)


def calibration_of_sampler(
    stage: str,
    n: int = 200,
    *,
    results: str | Path | None = None,
    seed: int = 11,
    workers: int | None = None,
    size: Size = SMALL,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Rank the truth among the sampler's draws in n synthetic trials.

    Returns
    -------
    dict
        coordinates; ranks (replicate, coordinate) from 0 to `RANKED`; p per coordinate
        of the chi-square test of even ranks in 8 bins; and the smallest of these
        p, corrected for their number.
    """
    from scipy.stats import chisquare

    task = partial(_rank, stage, None if results is None else str(results), seed, size)
    ranks = []
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(workers or os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
        for k, (_, rank) in enumerate(pool.map(task, range(n))):
            ranks.append(rank)
            progress(k + 1, n)
    table = np.array(ranks)
    names = Problem.pose(stage, size=size, results=results).coordinates
    bins = (table * 8 // (RANKED + 1)).astype(int)
    p = [float(chisquare(np.bincount(bins[:, k], minlength=8)).pvalue) for k in range(len(names))]
    return {
        "stage": stage, "replicates": n, "coordinates": names, "histograms": {
            name: np.bincount(bins[:, k], minlength=8).tolist() for k, name in enumerate(names)
        }, "p": dict(zip(names, p, strict=True)), "p_all": float(min(1.0, min(p) * len(p))),
    }  # fmt: skip
