"""Structural alternatives: one change at a time from the default, judged by their evidence.

Evidence is the mean of the likelihood over the prior, by importance sampling: from
the prior where the data say little (MIROCALS), else from a mixture of the prior
and a t law around the optimum. Its standard error comes from the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..runs import RunOptions, log, ordered
from ..solver.problem import Floats
from ..streams import stream
from ..trial_files import reference, reference_follow_up
from .likelihood import joint_moments, log_likelihood
from .mirocals import Trait
from .optimum import optimize
from .problem import Problem, Structure
from .sampling import SamplerOptions
from .simulator import Size
from .tables import Row

#: Of the IL-2 half, judged by the studies of Treg.
_NO_TACHYPHYLAXIS = {"tachyphylaxis_strength": 0.0}
_NICHE = {"treg_niche_limit": ("uniform", {"low": 0.0, "high": 1.0})}
IL2_STRUCTURES: tuple[Structure, ...] = (
    Structure(),
    Structure(name="hill_one", meaning="Hill exponent of the signal 1", fix={"signal_hill": 1.0}),
    Structure(name="no_tachyphylaxis", meaning="growth limited by IL-2 depletion alone", fix=_NO_TACHYPHYLAXIS),
    Structure(name="niche", meaning="a niche limit instead of tachyphylaxis", fix=_NO_TACHYPHYLAXIS, free=_NICHE),
    Structure(name="niche_too", meaning="a niche limit besides tachyphylaxis", free=_NICHE),
)
#: Days of follow-up of the trial, and of its run-in: the middle of what it asked for.
FOLLOW_UP = reference_follow_up()
RUN_IN = sum(reference().numbers("run_in", reference().rows("eligibility")["run_in"], "day")) / 2
_NO_HARM, _NO_DIRECT_PATH = {"effector_damage": 0.0}, {"hazard_inflammation": 0.0}
#: Of the treatment effect, judged by the trial.
ALS_STRUCTURES: tuple[Structure, ...] = (
    Structure(),
    Structure(name="no_harm", meaning="no harm by effector cells", fix=_NO_HARM),
    Structure(name="no_direct_path", meaning="no path from inflammation to death beside function", fix=_NO_DIRECT_PATH),
    Structure(name="damage_only", meaning="neither of both", fix=_NO_HARM | _NO_DIRECT_PATH),
    Structure(
        name="direct_path_for_all",
        meaning="the direct path does not carry the patient's share",
        trait=Trait(direct_carries_share=False),
    ),
    Structure(
        name="tied_to_rate",
        meaning="response tied to progression rate instead of CSF pNFH",
        trait=Trait(response="rate"),
    ),
    Structure(
        name="cd25_weighted", meaning="suppression weighted by CD25 per Treg", fix={"suppression_cd25_weight": 1.0}
    ),
    *(
        Structure(name=f"pnfh_cap_{cap:.0f}", meaning=f"CSF pNFH capped at {cap:,.0f} pg/mL", trait=Trait(pnfh_cap=cap))
        for cap in (8000.0, 6000.0)
    ),
    Structure(
        name="zero_at_run_in",
        meaning=f"the {FOLLOW_UP:g} days count from the start of the run-in: {FOLLOW_UP - RUN_IN:g} days of treatment",
        trait=Trait(follow_up=FOLLOW_UP - RUN_IN),
    ),
)
BY_STAGE: Mapping[str, tuple[Structure, ...]] = {"imodals": IL2_STRUCTURES, "mirocals": ALS_STRUCTURES}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """ln evidence of a structure, its standard error, and weighted draws of its posterior."""

    structure: Structure
    log_evidence: float
    error: float
    effective_draws: float
    draws: int
    failed: int
    predicted: Mapping[str, Floats]
    weights: Floats


def evidence(problem: Problem, n: int, seed: int = 1, block: int = 64) -> Evidence:
    """Estimate the evidence of a posed problem with n importance draws."""
    from scipy.special import logsumexp, ndtri
    from scipy.stats import multivariate_t

    from ..uncertainty.coordinates import sobol_points

    d, first = len(problem.coordinates), problem.steps
    z = ndtri(np.clip(sobol_points(n, d, seed), 1e-9, 1 - 1e-9))
    log_ratio = np.zeros(n)
    if problem.stage != "mirocals":
        best = optimize(problem, SamplerOptions(starts=4, seed=seed))
        law = multivariate_t(best.z[first:], 1.3 * best.covariance[first:, first:], df=6, seed=seed)
        near = stream(seed, "importance").random(n) < 0.8
        z[near, first:] = law.rvs(int(near.sum()))
        smooth = z[:, first:]
        prior = -0.5 * (smooth**2).sum(axis=1) - 0.5 * (d - first) * np.log(2 * np.pi)
        log_ratio = prior - np.logaddexp(np.log(0.8) + law.logpdf(smooth), np.log(0.2) + prior)
    parts = [problem.predict(problem.table(z[k : k + block]), checks=True) for k in range(0, n, block)]
    predicted = {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}
    value = log_likelihood(problem.fitted, problem.targets, predicted) + log_ratio
    failed = int((~np.isfinite(value)).sum())
    total = float(logsumexp(value) - np.log(n))
    weights = np.exp(value - logsumexp(value))
    size = float(1 / (weights**2).sum())
    error = float(np.sqrt(max(1 / size - 1 / n, 0.0)))
    return Evidence(
        structure=problem.structure,
        log_evidence=total,
        error=error,
        effective_draws=size,
        draws=n,
        failed=failed,
        predicted=predicted,
        weights=weights,
    )


def yardsticks(problem: Problem, predicted: Mapping[str, Floats]) -> dict[str, float]:
    """Return the log predictive score of two yardsticks for the joint hazard ratios of MIROCALS.

    'no effect' sets every ln HR to 0 (it still knows the deaths on placebo);
    'saturated' puts every ln HR where it was observed: no model can score higher.
    """
    from scipy.special import logsumexp

    joint = problem.targets.joints["mirocals"]
    none = {m: np.zeros_like(predicted["dead_placebo"]) for m in joint.members}
    none["dead_placebo"] = predicted["dead_placebo"]
    value = log_likelihood(problem.fitted, problem.targets, none)
    _, covariance = joint_moments(joint, problem.targets, none)
    sign, logdet = np.linalg.slogdet(2 * np.pi * covariance)
    assert sign > 0
    return {"no effect": float(logsumexp(value) - np.log(len(value))), "saturated": float(-0.5 * logdet)}


def _pose(stage: str, structure: Structure, size: Size, results: str | None) -> Problem:
    if structure.trait.follow_up is not None:
        structure = _recalibrated(stage, structure, size, results)
    return Problem.pose(stage, size=size, structure=structure, results=results)


def _recalibrated(stage: str, structure: Structure, size: Size, results: str | None) -> Structure:
    """Scale the hazard so that as many die on placebo in the shorter follow-up as before in the longer."""
    from scipy.optimize import brentq

    from .mirocals import arms

    base = Problem.pose(stage, size=size, results=results)
    table = base.table(np.zeros((1, len(base.coordinates))))

    def dead(factor: float, days: float | None) -> float:
        found = arms(base.simulator, table, trait=replace(structure.trait, follow_up=days, hazard_factor=factor))[0]
        assert found is not None
        return 1 - float(found.weight @ found.placebo[:, -1])

    wanted = dead(1.0, None)
    factor = brentq(lambda f: dead(f, structure.trait.follow_up) - wanted, 0.8, 3.0, xtol=1e-3)
    return replace(structure, trait=replace(structure.trait, hazard_factor=float(factor)))


def _one(stage: str, structure: Structure, size: Size, results: str | None, n: int, seed: int) -> Evidence:
    return evidence(_pose(stage, structure, size, results), n, seed)


def compare(
    stage: str,
    *,
    n: int = 1024,
    size: Size | None = None,
    results: str | Path | None = None,
    seed: int = 1,
    workers: int = 2,
) -> list[Evidence]:
    """Return the evidence of every structure of a stage, the default first."""
    folder = None if results is None else str(results)
    task = partial(_one, stage, size=size or Size(), results=folder, n=n, seed=seed)
    judged = []
    for e in ordered(task, BY_STAGE[stage], RunOptions(workers=workers), kind="processes"):
        judged.append(e)
        text = f"{stage}, {e.structure.name}: ln evidence {e.log_evidence:.2f} +- {e.error:.2f}"
        log.info("%s (%.0f effective draws of %d, %d failed)", text, e.effective_draws, e.draws, e.failed)
    return judged


def structure_rows(problem: Problem, found: list[Evidence]) -> list[Row]:
    """Return a table: ln evidence, difference to the default, weight, and predictions (median, 90 %).

    The last row averages over the structures by their evidence.
    """
    logs = np.array([e.log_evidence for e in found])
    share = np.exp(logs - logs.max())
    share /= share.sum()
    ids = [t.id for t in problem.targets.of(problem.stage) if t.form != "multinomial"]
    rows = []
    for e, p in zip(found, share, strict=True):
        row: Row = {
            "structure": e.structure.name,
            "meaning": e.structure.meaning,
            "ln_evidence": e.log_evidence,
            "error": e.error,
            "against_default": e.log_evidence - logs[0],
            "weight": float(p),
            "effective_draws": e.effective_draws,
            "failed": e.failed,
        }
        rows.append(row | _summary(problem, ids, e.predicted, e.weights))
    whole = {i: np.concatenate([e.predicted[i] for e in found]) for i in ids}
    weights = np.concatenate([p * e.weights for e, p in zip(found, share, strict=True)])
    average: Row = {"structure": "average", "meaning": "all of them, weighted by evidence", "weight": 1.0}
    rows.append(average | _summary(problem, ids, whole, weights))
    return rows


def _summary(problem: Problem, ids: list[str], predicted: Mapping[str, Floats], weights: Floats) -> Row:
    found: Row = {}
    for i in ids:
        x = predicted[i]
        good = np.isfinite(x)
        order = np.argsort(x[good])
        share = np.cumsum(weights[good][order])
        q05, q50, q95 = np.interp((0.05, 0.5, 0.95), share / share[-1], x[good][order])
        scale = np.exp if problem.targets.targets[i].log else float
        found |= {f"{i}": float(scale(q50)), f"{i}_q05": float(scale(q05)), f"{i}_q95": float(scale(q95))}
    return found
