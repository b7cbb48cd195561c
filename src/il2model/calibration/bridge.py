"""A second estimate of the evidence: bridge sampling between draws of the posterior and a law (Meng & Wong 1996).

The draws of the posterior come from chains that start at draws of importance sampling and move on by the likelihood
alone, so that the two estimates do not share their weights. The error is that of Fruehwirth-Schnatter (2004), with the
autocorrelation of the chains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..runs import RunOptions, one_thread, worked
from ..solver.problem import Floats
from ..store import Block, BlockStore
from ..streams import stream
from .chains import Chains
from .importance import densities
from .law import Law, fit_law, log_prior
from .problem import Posed
from .psis import log_mean
from .sampler import Cloud, Start, State, advance
from .sampling import ImportanceOptions, Pose, SamplerOptions, on_posed
from .weighted import Weighted

#: Two ensembles of short chains.
CHAINS = SamplerOptions(ensembles=2, walkers=40, burn=0, steps=24, thin=1)
_ROUNDS, _CLOSE = 1000, 1e-10
#: Variance that is added on every coordinate where too few draws are there for a covariance.
_SPAN = 0.05


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """ln evidence, its standard error, and the draws of the posterior it rests on."""

    log: float
    error: float
    draws: int


def bridge(log_posterior: Floats, log_law: Floats, posterior_at_law: Floats, law_at_law: Floats) -> Bridge:
    """Return the evidence from two sets of draws.

    Parameters
    ----------
    log_posterior, log_law : (step, walker)
        Log likelihood x prior, and log density of the law, at draws of the posterior.
    posterior_at_law, law_at_law : (draw,)
        The same at independent draws of the law.
    """
    over, under = log_posterior - log_law, posterior_at_law - law_at_law
    m, n = over.size, under.size
    a, b = np.log(m / (m + n)), np.log(n / (m + n))
    value = log_mean(under)[0]
    for _ in range(_ROUNDS):
        above = under - np.logaddexp(a + under, b + value)
        below = -np.logaddexp(a + over, b + value)
        new = log_mean(above)[0] - log_mean(below.ravel())[0]
        moved, value = abs(new - value), new
        if moved < _CLOSE:
            break
    above = np.exp(under - np.logaddexp(a + under, b + value))
    below = np.exp(-np.logaddexp(a + over, b + value))
    variance = above.var() / above.mean() ** 2 / n + below.var() / below.mean() ** 2 / _worth(below)
    return Bridge(log=float(value), error=float(np.sqrt(variance)), draws=m)


def _worth(values: Floats) -> float:
    """Return the effective size of (step, walker); where they all are alike, as many as there are."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz as az

        found = float(az.ess(np.ascontiguousarray(values.T), method="mean"))
    return found if np.isfinite(found) else float(values.size)


def bridged(
    pose: Pose, folder: Path | None, key: dict[str, object], drawn: Weighted, seed: int, run: RunOptions
) -> Bridge:
    """Move draws of importance sampling on by chains, and bridge from them to the law of the last round."""
    d = drawn.z.shape[1]
    options = replace(CHAINS, walkers=max(CHAINS.walkers, 2 * d + 2), seed=seed)
    store = BlockStore(folder, key)
    with one_thread():
        points = drawn.z[drawn.equal(options.walkers * options.ensembles, seed)]
        mean, covariance = drawn.moments
        if drawn.effective_draws < 2 * d:  # so few span no volume
            covariance = covariance + _SPAN * np.eye(d)
        clouds = [Cloud(points[k :: options.ensembles], mean, covariance) for k in range(options.ensembles)]
        states: dict[int, State] = {k: b.arrays for k in range(len(clouds)) if (b := store.get(f"chain-{k}"))}
        missing = [k for k in range(len(clouds)) if k not in states]
        task = partial(on_posed, pose, partial(_chain, options=options))
        with worked(task, [(k, clouds[k]) for k in missing], run, kind="processes") as found:
            for k, state in zip(missing, found, strict=True):
                states[k] = state
                store.put(f"chain-{k}", state)
        z = np.concatenate([states[k]["z"] for k in sorted(states)], axis=1)
        value = np.concatenate([states[k]["log_likelihood"] for k in sorted(states)], axis=1)
        return _joined(z, value, drawn.law, drawn.z, drawn.log_likelihood)


def _chain(problem: Posed, item: tuple[int, Start], options: SamplerOptions) -> State:
    number, start = item
    return advance(problem, number, options, start, None, options.steps)


def bridged_chains(
    pose: Pose, folder: Path | None, key: dict[str, object], chains: Chains, options: ImportanceOptions, run: RunOptions
) -> Bridge:
    """Bridge from the later half of long chains to a law that was fitted to their earlier half."""
    half = chains.z.shape[1] // 2
    d = chains.z.shape[-1]
    with one_thread():
        early = chains.z[:, :half].reshape(-1, d)
        law = fit_law(early, np.full(len(early), 1 / len(early)), 1, stream(options.seed, "proposal", 0, 1))
        store = BlockStore(folder, key)
        if (block := store.get("law")) is None:
            z = law.draw(options.draws, stream(options.seed, "proposal", 0, 0))
            parts = [z[k : k + options.block] for k in range(0, len(z), options.block)]
            with worked(partial(on_posed, pose, densities), parts, run, kind="processes") as found:
                value = np.concatenate([f["log_likelihood"] for f in found])
            block = Block(arrays={"z": z, "log_likelihood": value})
            store.put("law", block.arrays)
        late = chains.z[:, half:].transpose(1, 0, 2, 3).reshape(chains.z.shape[1] - half, -1, d)
        values = chains.log_likelihood[:, half:].transpose(1, 0, 2).reshape(late.shape[:2])
        return _joined(late, values, law, block["z"], block["log_likelihood"])


def _joined(z: Floats, value: Floats, law: Law, drawn: Floats, value_of_drawn: Floats) -> Bridge:
    flat = z.reshape(-1, z.shape[-1])
    return bridge(
        value + log_prior(flat).reshape(value.shape),
        law.log_density(flat).reshape(value.shape),
        value_of_drawn + log_prior(drawn),
        law.log_density(drawn),
    )
