"""Adaptive importance sampling: from the prior to the posterior by tempered rounds, the last one unbiased.

Each round draws from a mixture of t laws that was fitted to all draws before it, weighted by the balance
heuristic over all laws used (deterministic mixture; Veach and Guibas 1995, Cornuet and others 2012) towards
likelihood^temper x prior. The temper rises as fast as the draws carry it. A round is the answer only by its own
weights, with a Pareto k below 0.5 and enough effective draws: the law of a round knows nothing of its draws, so that
the evidence is unbiased. Work is split in fixed blocks, and each round is a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from ..errors import SimulationError
from ..runs import RunOptions, crew, log, one_thread, worked
from ..solver.problem import Floats
from ..store import Block, BlockStore
from ..streams import stream
from .law import Law, best_law, fit_law, log_prior, log_sum
from .problem import Posed
from .psis import effective_draws, flattened
from .sampling import ImportanceOptions, Pose, fingerprint, on_posed
from .weighted import Weighted

#: Of the draws of a round, the share that the temper leaves effective.
_CARRIED = 0.25
#: The least step of the temper.
_LEAST = 0.003
#: How many more effective draws than demanded a last round is sized for.
_MARGIN = 1.8
#: Components of a mixture, whatever failed.
_COMPONENTS = 6
#: A last round of more than this share of the largest waits for a better law, for so many rounds.
_WORTHWHILE, _PATIENCE = 0.65, 3
#: Names of the terms of a log likelihood in a block.
_TERM = "term_"


def explore(
    pose: Pose,
    folder: Path | None,
    options: ImportanceOptions,
    run: RunOptions | None = None,
    *,
    start: Floats | None = None,
    label: str = "fit",
) -> Weighted:
    """Sample a posterior by importance.

    Parameters
    ----------
    pose : callable
        Builds the problem; called once in each process.
    folder : path or None
        Where the rounds are kept.
    options : ImportanceOptions
    run : RunOptions, optional
        Its workers, executor and progress (in evaluations).
    start : (draw, coordinate), optional
        Draws near the posterior, such as those of a similar problem; from the prior without them.
    label : str
        What the log calls it.

    Returns
    -------
    Weighted
        They do not depend on folder, workers or executor.

    Raises
    ------
    InputError
        If the folder holds another run.
    SimulationError
        If no draw of a round could be run.
    """
    run = run if run is not None else RunOptions()
    problem = pose()
    key: dict[str, object] = {"verb": "importance", "options": asdict(options)} | fingerprint(problem)
    if start is not None:
        key["start"] = [f"{v:.6g}" for v in (*start.mean(axis=0), *start.std(axis=0))]
    store = BlockStore(folder, key)
    rounds: list[_Round] = []
    with one_thread(), crew(run) as crewed:
        while not (rounds and rounds[-1].passes(options)) and len(rounds) < options.rounds:
            name = f"round-{len(rounds):02d}"
            if (block := store.get(name)) is None:
                plan = _planned(rounds, options) if rounds else _first(len(problem.coordinates), start, options)
                block = _evaluated(pose, plan, rounds, options, crewed)
                store.put(name, block.arrays)
            rounds.append(_Round(block, len(rounds)))
            if not np.isfinite(rounds[-1].drawn.log_likelihood).any():
                raise SimulationError(f"{label}: none of {len(block['z'])} draws could be run.")
            _say(label, rounds, options)
        best = rounds[-1] if rounds[-1].passes(options) else max(rounds, key=lambda r: r.drawn.effective_draws)
        return best.answer(rounds, options)


@dataclass(frozen=True)
class _Plan:
    """The next round: its law, the temper that it was fitted at, and its draws."""

    law: Law
    temper: float
    draws: int


@dataclass(frozen=True)
class _Round:
    """A round that was evaluated."""

    block: Block
    number: int

    @cached_property
    def temper(self) -> float:
        """Power of the likelihood that its law was fitted to."""
        return float(self.block["temper"])

    @cached_property
    def drawn(self) -> Weighted:
        """Its draws, by its own law."""
        arrays = self.block.arrays
        terms = {name.removeprefix(_TERM): x for name, x in arrays.items() if name.startswith(_TERM)}
        return Weighted(
            z=arrays["z"],
            log_likelihood=arrays["log_likelihood"],
            pointwise=terms,
            law=Law.stored(arrays),
            rounds=self.number + 1,
            evaluations=len(arrays["z"]),
            converged=False,
        )

    def passes(self, options: ImportanceOptions) -> bool:
        """Whether its own weights are good enough."""
        enough = self.drawn.effective_draws >= options.effective and self.drawn.pareto_k < options.pareto_k
        return enough and self.drawn.worth_of_each(options.seed) >= options.each

    def answer(self, rounds: Sequence[_Round], options: ImportanceOptions) -> Weighted:
        """Return its draws, with what all rounds took."""
        count = sum(r.drawn.evaluations for r in rounds)
        return replace(self.drawn, rounds=len(rounds), evaluations=count, converged=self.passes(options))


def _first(d: int, start: Floats | None, options: ImportanceOptions) -> _Plan:
    if start is None:
        return _Plan(Law.of_prior(d), 0.0, options.first)
    even = np.full(len(start), 1 / len(start))
    return _Plan(fit_law(start, even, 1, stream(options.seed, "proposal", 0, 1)), 1.0, options.draws)


def _planned(rounds: Sequence[_Round], options: ImportanceOptions) -> _Plan:
    """Fit the next law to all draws so far; it is as large as the guard needs, once the temper is one."""
    z = np.concatenate([r.drawn.z for r in rounds])
    value = np.concatenate([r.drawn.log_likelihood for r in rounds])
    counts = np.array([len(r.drawn.z) for r in rounds])
    laws = np.stack([r.drawn.law.log_density(z) for r in rounds])
    ratio = log_prior(z) - log_sum(laws.T + np.log(counts / counts.sum()))
    temper = _temper(value, ratio, rounds[-1].temper, _CARRIED * options.draws)
    weight, few = flattened(_tempered(value, temper) + ratio, _CARRIED * options.draws)
    weight = np.minimum(weight, weight.sum() / np.sqrt(len(weight)))  # no law follows one draw (Ionides 2008)
    weight /= weight.sum()
    failed = sum(r.temper >= 1 for r in rounds)
    rng = stream(options.seed, "proposal", len(rounds), 1)
    target = _tempered(value, temper) + log_prior(z)
    target = target - log_sum((_tempered(value, temper) + ratio)[None])[0] + np.log(len(z))
    law, worth, of_each = best_law(z, weight, target, min(options.components + failed, _COMPONENTS), rng)
    draws = options.draws
    if temper >= 1:
        wanted = _MARGIN * max(options.effective / worth, options.each / of_each)
        if few or (wanted > _WORTHWHILE * options.largest and failed < _PATIENCE):
            draws = 2 * options.draws
        else:
            before = max((len(r.drawn.z) for r in rounds if r.temper >= 1), default=draws)  # too few, or it had passed
            draws = min(max(before, math.ceil(wanted / options.block) * options.block), options.largest)
    return _Plan(law, temper, draws)


def _temper(value: Floats, ratio: Floats, before: float, wanted: float) -> float:
    """Return the highest power of the likelihood at which all draws are worth so many."""

    def worth(temper: float) -> float:
        return effective_draws(_tempered(value, temper) + ratio)

    if worth(1.0) >= wanted:
        return 1.0
    low, high = before, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if worth(middle) > wanted else (low, middle)
    return min(max(low, before + _LEAST), 1.0)


def _tempered(value: Floats, temper: float) -> Floats:
    return np.where(np.isfinite(value), temper * np.where(np.isfinite(value), value, 0.0), -np.inf)


def _evaluated(pose: Pose, plan: _Plan, rounds: Sequence[_Round], options: ImportanceOptions, run: RunOptions) -> Block:
    """Draw a round and evaluate it, block by block."""
    z = plan.law.draw(plan.draws, stream(options.seed, "proposal", len(rounds), 0))
    parts = [z[k : k + options.block] for k in range(0, len(z), options.block)]
    before = sum(r.drawn.evaluations for r in rounds)
    found: list[Mapping[str, Floats]] = []
    with worked(partial(on_posed, pose, densities), parts, run, kind="processes") as results:
        for result in results:
            found.append(result)
            done = before + len(found) * options.block
            run.tell(done, max(before + len(z), options.expected))
    arrays = {name: np.concatenate([f[name] for f in found]) for name in found[0]}
    return Block(arrays={"z": z, "temper": np.array(plan.temper), **arrays, **plan.law.arrays})


def densities(problem: Posed, z: Floats) -> dict[str, Floats]:
    """Return the log likelihood of points and, where the problem tells them, its terms."""
    terms: Mapping[str, Floats] = problem.pointwise(z) if hasattr(problem, "pointwise") else {}
    value = np.sum(list(terms.values()), axis=0) if terms else problem.log_likelihood(z)
    value = np.where(np.isfinite(value), value, -np.inf)
    return {"log_likelihood": value} | {f"{_TERM}{id}": x for id, x in terms.items()}


def _say(label: str, rounds: Sequence[_Round], options: ImportanceOptions) -> None:
    last = rounds[-1]
    worth, k, n = last.drawn.effective_draws, last.drawn.pareto_k, len(last.drawn.z)
    text = f"{label}: round {len(rounds)}, {worth:.0f} effective draws of {n}, Pareto k {k:.2f}"
    if last.passes(options):
        log.info("%s; ln evidence %.2f +- %.2f", text, *last.drawn.evidence)
    elif last.temper < 1:
        log.info("%s; likelihood to the power %.3f", text, last.temper)
    else:
        each, needed = (
            last.drawn.worth_of_each(options.seed),
            f"{options.effective:.0f} draws, {options.each:.0f} of each",
        )
        text = f"{text}, {each:.0f} effective draws of each number and its tails"
        needed = f"{needed}, and a k below {options.pareto_k:g} are needed"
        log.info("%s; %s: %s", text, needed, "another round" if len(rounds) < options.rounds else "not converged")
