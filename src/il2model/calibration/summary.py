"""What a fit says: its stored draws, a point estimate, and predictions of every target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from ..endpoints import STAGES
from ..manifest import manifest, versions
from ..parameters import Distribution
from ..solver.problem import Floats
from ..streams import stream
from ..uncertainty.coordinates import Coordinates
from ..uncertainty.posterior import Posterior
from .chains import Chains
from .mixture import design_of, told_of
from .problem import Problem
from .sampling import Effort, ImportanceOptions, Sampler, SamplerOptions
from .target import JOINT

#: Draws kept of each ensemble.
KEPT = 400


def summarise(
    problem: Problem, chains: Chains, effort: Effort, options: SamplerOptions | ImportanceOptions
) -> Posterior:
    """Thin the chains to what is stored, and add independent prior draws of what no stage samples.

    Only the last stage adds them: so that its draws name every number that is not fixed.
    """
    ensembles, steps, walkers, d = chains.z.shape
    flat = chains.z.reshape(ensembles, steps * walkers, d)
    keep = np.linspace(0, steps * walkers - 1, min(KEPT, steps * walkers)).astype(int)
    z, value = flat[:, keep], chains.log_likelihood.reshape(ensembles, -1)[:, keep]
    table = problem.table(z.reshape(-1, d))
    terms = {id: x.reshape(ensembles, -1)[:, keep] for id, x in chains.pointwise.items()}
    value = value - 0.5 * (z**2).sum(axis=-1)
    prior_only: tuple[str, ...] = ()
    if problem.stage in (STAGES[-1], JOINT):
        table, prior_only = with_prior_only(problem, table, options.seed)
    ids = tuple(table)
    units = tuple(
        problem.targets.nuisances[i].unit
        if i in problem.targets.nuisances
        else problem.simulator.parameters.record(i).unit
        for i in ids
    )
    values = np.stack([table[i] for i in ids], axis=-1).reshape(ensembles, len(keep), -1)
    names, structures = told_of(problem, z.reshape(-1, d))
    record = manifest(
        model_hash=problem.simulator.kernel.blueprint.fingerprint,
        parameter_hash=problem.simulator.parameters.fingerprint(),
        parameter_set="prior",
        calibrated=False,
        details={
            "stage": problem.stage,
            "effort": effort.name,
            "seed": options.seed,
            "size": asdict(effort.size),
            "sampler": {"method": method_of(options)} | asdict(options),
            "design_hash": design_of(problem),
            "data_hash": problem.targets.data_hash(problem.stage),
            "structure": problem.structure.name,
        },
    )
    # the file must be the same for the same seed: no command line in it
    record |= {
        "command": f"il2model calibrate {problem.stage}",
        "versions": versions("numpy", "scipy", "emcee", "arviz"),
    }
    return Posterior(
        fit=problem.stage,
        ids=ids,
        units=units,
        values=values,
        z=z,
        coordinates=problem.coordinates,
        log_posterior=value,
        prior_only=prior_only,
        manifest=record,
        pointwise=terms,
        structure=names.reshape(value.shape) if structures else names.reshape(0, 0),
        structures=structures,
    )


def method_of(options: SamplerOptions | ImportanceOptions) -> Sampler:
    """Return the name of the method that options belong to."""
    return "emcee" if isinstance(options, SamplerOptions) else "importance"


def distinct_earlier_draws(problem: Problem, z: Floats) -> dict[str, int]:
    """Return how many different draws of each earlier stage stand behind draws (draw, coordinate), by stage."""
    return {
        earlier.fit: len(np.unique(earlier.flat[earlier.at(z[:, k])], axis=0))
        for k, earlier in enumerate(problem.earlier)
    }


def with_prior_only(
    problem: Problem, table: Mapping[str, Floats], seed: int
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """Add draws of every number that has a prior and no stage samples: the data do not inform it."""
    parameters = problem.simulator.parameters
    whole = Coordinates.of(problem.simulator.kernel, parameters)
    rest = tuple(i for i in whole.ids if i not in table)
    if not rest:
        return dict(table), ()
    n = len(next(iter(table.values())))
    rng = stream(seed, "prior_only")
    some = Coordinates.of(problem.simulator.kernel, parameters, ids=rest)
    return {**table, **some.values(rng.random((n, len(rest))), table)}, rest


def point_estimate(posterior: Posterior, problem: Problem) -> dict[str, float]:
    """Return one set: the posterior mean of each number on the scale of its prior.

    The mean of the logarithm for a lognormal prior, of the logit for a share, the median for
    a half-normal; over the draws of this posterior, so that later stages count. Of an average over structures,
    over the draws of the structure with the largest weight: a mean of several is none of them.
    """
    mine = np.ones(len(posterior), bool)
    if posterior.structures:
        mine = posterior.structure.reshape(-1) == posterior.leading
    return {i: _middle(_prior(problem, i), posterior.flat[mine, k]) for k, i in enumerate(posterior.ids)}


def _prior(problem: Problem, id: str) -> Distribution | None:
    """Return the prior of a number; none of what a structure holds."""
    if id in problem.targets.nuisances:
        return problem.targets.nuisances[id].prior
    return problem.map.priors.get(id) or problem.simulator.parameters.record(id).prior


def _middle(prior: Distribution | None, draws: Floats) -> float:
    if prior is None or np.ptp(draws) == 0:
        return float(np.median(draws))
    if prior.kind == "lognormal" and (draws > 0).all():
        return float(np.exp(np.mean(np.log(draws))))
    if prior.kind in ("beta", "logitnormal"):
        from scipy.special import expit, logit

        return float(expit(np.mean(logit(np.clip(draws, 1e-9, 1 - 1e-9)))))
    return float(np.median(draws) if prior.kind == "halfnormal" else np.mean(draws))


def predictions(problem: Problem, draws: Mapping[str, Floats], block: int = 64) -> dict[str, Floats]:
    """Return predictions of every target, fitted or not, for many draws."""
    n = len(next(iter(draws.values())))
    parts = [problem.predict({i: v[k : k + block] for i, v in draws.items()}, checks=True) for k in range(0, n, block)]
    return {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}


def prior_points(problem: Problem, n: int, seed: int) -> Floats:
    """Return n points of the prior, (point, coordinate)."""
    rng = stream(seed, "prior_point")
    return rng.standard_normal((n, len(problem.coordinates)))
