"""Structural alternatives: one change at a time from the default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from ..parameters import ParameterSet
from ..trial_files import reference, reference_follow_up
from .likelihood import joint_moments, log_likelihood
from .mirocals import Trait
from .problem import Problem, Structure
from .simulator import Size
from .summary import predictions, prior_points
from .targets import Source

#: Trials, as `calibrate` takes them.
Given: TypeAlias = Source | Iterable[Source] | None

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
        Structure(
            name=f"pnfh_cap_{cap:.0f}",
            meaning=f"CSF pNFH capped at {cap:,.0f} pg/mL",
            trait=Trait(pnfh_cap=cap),
            family="pnfh_cap",
        )
        for cap in (8000.0, 6000.0)
    ),
    Structure(
        name="zero_at_run_in",
        meaning=f"the {FOLLOW_UP:g} days count from the start of the run-in: {FOLLOW_UP - RUN_IN:g} days of treatment",
        trait=Trait(follow_up=FOLLOW_UP - RUN_IN),
    ),
)
BY_STAGE: Mapping[str, tuple[Structure, ...]] = {"imodals": IL2_STRUCTURES, "mirocals": ALS_STRUCTURES}
#: Stages whose draws are an average over their structures.
AVERAGED: tuple[str, ...] = ("imodals",)


def yardsticks(problem: Problem, n: int = 512, seed: int = 1) -> dict[str, float]:
    """Return the log predictive score of two yardsticks for the joint hazard ratios of MIROCALS.

    'no effect' sets every ln HR to 0 (it still knows the deaths on placebo, at n points of the prior);
    'saturated' puts every ln HR where it was observed: no model can score higher.
    """
    from scipy.special import logsumexp

    joint = problem.targets.joints["mirocals"]
    predicted = predictions(problem, problem.table(prior_points(problem, n, seed)))
    none = {m: np.zeros_like(predicted["dead_placebo"]) for m in joint.members}
    none["dead_placebo"] = predicted["dead_placebo"]
    value = log_likelihood(problem.fitted, problem.targets, none)
    _, covariance = joint_moments(joint, problem.targets, none)
    sign, logdet = np.linalg.slogdet(2 * np.pi * covariance)
    assert sign > 0
    return {"no effect": float(logsumexp(value) - np.log(len(value))), "saturated": float(-0.5 * logdet)}


def pose(
    stage: str,
    structure: Structure,
    size: Size | None,
    results: str | None,
    targets: Given = None,
    parameters: ParameterSet | None = None,
) -> Problem:
    """Return the problem of a structure; a shorter follow-up comes with a hazard that kills as many."""
    if structure.trait.follow_up is not None:
        structure = recalibrated(stage, structure, size, results)
    return Problem.pose(stage, size=size, structure=structure, results=results, targets=targets, parameters=parameters)


def recalibrated(stage: str, structure: Structure, size: Size | None, results: str | None) -> Structure:
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
