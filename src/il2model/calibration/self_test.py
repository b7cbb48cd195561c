"""Does the calibration find what it should? Simulation-based calibration, and recovery of known parameters.

Talts and others 2018: parameters from the prior, published-like summaries from the
likelihood's own law, the posterior by the same sampler; the rank of the truth among
the draws is then even, of its coordinates and of its log likelihood, which sees what no coordinate does (Modrak and
others 2023). The model itself is tested where one bank of prior points carries the posteriors
(pk, mirocals); elsewhere an emulator of a reduced cohort stands for it, which changes the model but not what is tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import SimulationError
from ..runs import Executor, Progress, RunOptions, one_thread, worked
from ..solver.problem import Floats
from ..streams import stream
from .emulator import SMALL, Asked, emulator
from .importance import explore
from .likelihood import log_likelihood
from .predictive import synthetic
from .problem import Posed
from .psis import effective_draws, flattened, pareto_k, resampled
from .sampling import ImportanceOptions
from .simulator import Size

#: Draws that the truth is ranked among.
RANKED = 63
#: Stages whose posteriors a bank of prior points carries: the model itself is tested.
BY_BANK = ("pk", "mirocals")
#: What is ranked beside the coordinates.
VALUE = "log_likelihood"
#: Points of a bank, and of a block of it.
_BANK = 4800
_BLOCK = 96
#: A bank carries a trial with so many effective draws, and a Pareto k below this.
_WORTH, _CARRIED = 2.0 * RANKED, 0.7
#: How a trial is sampled. It has not converged after so many rounds: the truth lies where the prior hardly goes.
_OPTIONS = ImportanceOptions(first=768, draws=768, largest=3072, effective=300, rounds=6)
#: Effective draws of the bank, at a power of the likelihood, that such a trial starts from.
_NEAR = 100.0


@dataclass(frozen=True)
class Trial:
    """A synthetic trial: ranks of the truth (coordinate and log likelihood,), and how it came by its draws.

    `sampled` where the bank did not carry it, `converged` where what it was sampled by did.
    """

    ranks: NDArray[np.int64]
    effective_draws: float
    pareto_k: float
    sampled: bool
    converged: bool = True


def _ranks(truth: Floats, its_value: float, z: Floats, values: Floats) -> NDArray[np.int64]:
    return np.append((z < truth).sum(axis=0), (values < its_value).sum())


def _sampled(
    truth: Floats, problem: Posed, rng: np.random.Generator, options: ImportanceOptions, start: Floats | None = None
) -> Trial:
    """Sample a problem in this process; return the ranks of the truth among `RANKED` draws."""
    options = replace(options, seed=int(rng.integers(2**31)))
    with ThreadPoolExecutor(1) as here:
        drawn = explore(lambda: problem, None, options, RunOptions(executor=here), start=start)
    keep = drawn.equal(RANKED, int(rng.integers(2**31)))
    ranks = _ranks(truth, float(problem.log_likelihood(truth)[0]), drawn.z[keep], drawn.log_likelihood[keep])
    return Trial(ranks, drawn.effective_draws, drawn.pareto_k, sampled=True, converged=drawn.converged)


def _emulated(asked: Asked, seed: int, number: int) -> Trial:
    """Return what became of one synthetic trial, with the emulator in place of the model."""
    rng = stream(seed, "synthetic_trial", number)
    whole, _ = emulator(asked)
    truth = rng.standard_normal((1, len(whole.coordinates)))
    again = replace(whole, targets=synthetic(whole.problem, whole.predict(truth), rng))
    return _sampled(truth, again, rng, _OPTIONS)


def _predicted(asked: Asked, z: Floats) -> dict[str, Floats]:
    problem = asked.pose()
    return problem.predict(problem.table(z))


@dataclass(frozen=True)
class _Hard:
    """A trial that the bank does not carry: its truth, what the model predicts of it, and where to start."""

    number: int
    truth: Floats
    predicted: dict[str, Floats]
    start: Floats


def _refitted(asked: Asked, seed: int, options: ImportanceOptions, hard: _Hard) -> Trial:
    """Sample a trial that the bank does not carry."""
    problem, rng = asked.pose(), stream(seed, "synthetic_trial", hard.number)
    again = replace(problem, targets=synthetic(problem, hard.predicted, rng))
    return _sampled(hard.truth, again, rng, options, hard.start)


def _of_model(asked: Asked, seed: int, n: int, bank: int, run: RunOptions) -> tuple[list[Trial], int]:
    """Return what became of n synthetic trials of the model itself, and how many truths it cannot run.

    One bank of points of the prior is evaluated once and weighted for every trial; where its weights do not carry a
    posterior, that trial is sampled, starting where they point to.
    """
    problem = asked.pose()
    z = stream(seed, "synthetic_trial", 0).standard_normal((bank + n, len(problem.coordinates)))
    blocks = [z[k : k + _BLOCK] for k in range(0, len(z), _BLOCK)]
    parts: list[dict[str, Floats]] = []
    with worked(partial(_predicted, asked), blocks, run, kind="processes") as found:
        for part in found:
            parts.append(part)
            run.tell(len(parts), len(blocks) + n)
    predicted = {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}
    among = {id: x[:bank] for id, x in predicted.items()}
    # no trial that the model cannot run, as no point of the prior that it cannot
    runs = np.all([np.isfinite(x.reshape(len(z), -1)).all(axis=1) for x in predicted.values()], axis=0)[bank:]
    trials: list[Trial] = []
    hard: list[_Hard] = []
    for k in np.flatnonzero(runs) + bank:
        one, truth = {id: x[k : k + 1] for id, x in predicted.items()}, z[k : k + 1]
        rng = stream(seed, "synthetic_trial", 1 + int(k) - bank)
        again = replace(problem, targets=synthetic(problem, one, rng))
        log_weight = log_likelihood(again.fitted, again.targets, among)
        worth, shape = effective_draws(log_weight), pareto_k(log_weight)
        if worth < _WORTH or shape > _CARRIED:
            near = rng.choice(bank, 1000, p=flattened(log_weight, _NEAR)[0])
            hard.append(_Hard(1 + int(k) - bank, truth, one, z[near]))
            continue
        keep = resampled(log_weight, RANKED, rng)
        value = float(log_likelihood(again.fitted, again.targets, one)[0])
        trials.append(Trial(_ranks(truth, value, z[keep], log_weight[keep]), worth, shape, sampled=False))
    run.tell(len(blocks) + n - len(hard), len(blocks) + n)
    with worked(partial(_refitted, asked, seed, _OPTIONS), hard, run, kind="processes") as refitted:
        for number, trial in enumerate(refitted, 1):
            trials.append(trial)
            run.tell(len(blocks) + n - len(hard) + number, len(blocks) + n)
    return trials, int((~runs).sum())


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
    targets: Sequence[str | Path] | None = None,
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
    targets : sequence of path or name, optional
        The trials; those that ship by default.
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
        coordinates; ranks, of these and of the log likelihood, and their histograms in 8 bins; band, the half width
        of a band that holds a whole curve of even ranks, and outside, what leaves it; p of the chi-square test of even
        ranks, of each; p_all, the smallest of these corrected for their number; sampled, how many trials the bank did
        not carry, and not_converged, how many of them the sampler did not either: they are not ranked; not_run,
        truths that the model cannot run; the share of variance that the emulator explains, by target.
    """
    run = RunOptions(workers=workers, executor=executor, progress=progress)
    place, chosen = None if results is None else str(results), None if targets is None else tuple(targets)
    asked = Asked(stage, place, size or (SMALL if emulate else Size()), chosen)
    not_run = 0
    if emulate:
        trials = []
        with worked(partial(_emulated, asked, seed), range(n), run, kind="processes") as found:
            for trial in found:
                trials.append(trial)
                run.tell(len(trials), n)
    else:
        with one_thread():
            trials, not_run = _of_model(asked, seed, n, bank or _BANK, run)
    coordinates = asked.pose().coordinates
    return {
        "stage": stage,
        "emulated": emulate,
        "explained": emulator(asked)[1] if emulate else {},
        "coordinates": list(coordinates),
        "sampled": sum(t.sampled for t in trials),
        "not_converged": sum(not t.converged for t in trials),
        "not_run": not_run,
        **_judged([t for t in trials if t.converged], (*coordinates, VALUE)),
    }


def _judged(trials: list[Trial], names: tuple[str, ...]) -> dict[str, object]:
    """Return the ranks of trials and how even they are, by what was ranked."""
    from scipy.stats import chisquare

    if not trials:
        raise SimulationError("No synthetic trial converged; there is no rank to look at.")
    table, places = np.array([t.ranks for t in trials]), np.arange(RANKED + 1)
    histograms = {name: np.bincount(table[:, k] * 8 // (RANKED + 1), minlength=8) for k, name in enumerate(names)}
    p = {name: float(chisquare(counts).pvalue) for name, counts in histograms.items()}
    band = rank_band(len(trials))
    curves = (table[:, :, None] <= places).mean(axis=0) - (places + 1) / (RANKED + 1)
    outside = [name for name, curve in zip(names, curves, strict=True) if (np.abs(curve) > band + 1e-12).any()]
    return {
        "replicates": len(trials),
        "smallest_effective_draws": min(t.effective_draws for t in trials),
        "largest_pareto_k": max(t.pareto_k for t in trials),
        "ranks": {name: table[:, k].tolist() for k, name in enumerate(names)},
        "band": band.tolist(),
        "outside": outside,
        "histograms": {name: counts.tolist() for name, counts in histograms.items()},
        "p": p,
        "p_all": float(min(1.0, min(p.values()) * len(p))),
    }
