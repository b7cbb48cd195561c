"""Averages over structures: by their evidence, and by stacking; the table of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InputError, unknown_name
from ..solver.problem import Floats
from ..units import to_float
from .evidence import Evidence
from .problem import Problem, Structure
from .psis import normalised
from .tables import Row

#: Published numbers that stacking needs: fewer tell no mixture from its best part.
POINTS = 4
_ROUNDS, _NOTHING, _CLOSE = 5000, 1e-9, 0.01


def prior_weights(structures: Sequence[Structure]) -> Floats:
    """Return the prior weight of each structure: every family has the same, its members share it."""
    families = [s.family or s.name for s in structures]
    return np.array([1 / families.count(f) for f in families]) / len(set(families))


def floored(weights: Floats, names: Sequence[str], floor: Mapping[str, float]) -> Floats:
    """Raise the weights of some structures together to a floor.

    Parameters
    ----------
    weights : (structure,)
        They add up to one.
    names : sequence of str
    floor : {'name+name': share}
        Least weight of these structures together; what is missing is taken from all others in proportion, and given
        to them in proportion.

    Raises
    ------
    InputError, UnknownNameError
        If a structure stands in two floors, or the floors leave nothing for the others.
    """
    found, taken = np.array(weights, dtype=float), np.zeros(len(names), dtype=bool)
    for together, share in floor.items():
        mine = np.isin(names, members := [name.strip() for name in together.split("+")])
        for name in members:
            if name not in names:
                raise unknown_name("structure with a floor", name, names)
        least = to_float(share, "1", what=f"the floor of {together}")
        if not 0 < least < 1 or (taken & mine).any():
            raise InputError(f"The floor of {together} is {share}; it must be a share of its own between 0 and 1.")
        taken |= mine
        total = float(found[mine].sum())
        if total == 0.0:
            raise InputError(f"{together} has no weight to raise: its evidence is not known.")
        if total < least:
            found[mine] *= least / total
            found[~mine] *= (1 - least) / (1 - total)
    for together, share in floor.items():  # a later floor took from an earlier one
        mine = np.isin(names, [name.strip() for name in together.split("+")])
        if found[mine].sum() < float(share) - _CLOSE:
            raise InputError(f"The floors together leave {together} less than {share}; ask for less.")
    return found


def evidence_weights(found: Sequence[Evidence]) -> Floats:
    """Return posterior weights (structure,): prior weight x evidence; NaN where the evidence is not told."""
    logs = np.array([e.drawn.evidence[0] if e.told else -np.inf for e in found])
    weights = normalised(logs + np.log(prior_weights([e.structure for e in found])))
    return np.where([e.told for e in found], weights, np.nan)


def stacking_weights(log_density: Floats) -> Floats:
    """Return the weights whose mixture foretells left-out numbers best (Yao and others 2018).

    Parameters
    ----------
    log_density : (point, structure)
        Of each published number when it is left out.

    Returns
    -------
    (structure,)
        They add up to one. Copies of a structure share what one would have.
    """
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights = np.full(density.shape[1], 1 / density.shape[1])
    for _ in range(_ROUNDS):  # expectation maximisation: the score is concave, and every step raises it
        weights = weights * (density / (density @ weights)[:, None]).mean(axis=0)
    weights[weights < _NOTHING] = 0.0
    return np.asarray(weights / weights.sum())


def structure_rows(problem: Problem, found: Sequence[Evidence]) -> list[Row]:
    """Return a table: ln evidence by two methods, weights, and predictions (median, 90 %).

    `ln_evidence` is empty where fewer than a hundred effective draws carry it. `weight` is the posterior
    weight by evidence, `stacking` that of the mixture which foretells left-out numbers best; it is empty where a
    stage has fewer than four numbers to leave out. The last rows average over the structures by either.
    """
    shares = prior_weights([e.structure for e in found])
    weights = evidence_weights(found)
    points = list(found[0].left_out)
    stacked = np.full(len(found), np.nan)
    if len(points) >= POINTS:
        stacked = stacking_weights(np.array([[e.left_out[p][0] for e in found] for p in points]))
    ids = [t.id for t in problem.targets.of(problem.stage) if t.form != "multinomial"]
    rows = [
        _row(e, found[0], prior, weight, stack) | _summary(problem, ids, e.predicted, np.ones(_length(e)))
        for e, prior, weight, stack in zip(found, shares, weights, stacked, strict=True)
    ]
    meanings = {"average": "all of them, weighted by evidence", "stacked": "all of them, weighted by stacking"}
    for name, by in zip(meanings, (weights, stacked), strict=True):
        if np.isfinite(by).any():
            whole = {i: np.concatenate([e.predicted[i] for e in found]) for i in ids}
            each = np.concatenate([np.full(_length(e), p / _length(e)) for e, p in zip(found, by, strict=True)])
            head: Row = {
                "structure": name,
                "meaning": meanings[name],
                "weight" if name == "average" else "stacking": 1.0,
            }
            rows.append(head | _summary(problem, ids, whole, np.nan_to_num(each)))
    return rows


def _row(e: Evidence, default: Evidence, prior: float, weight: float, stack: float) -> Row:
    worst = max((k for _, k in e.left_out.values()), default=np.nan)
    row: Row = {
        "structure": e.structure.name,
        "meaning": e.structure.meaning,
        "prior_weight": float(prior),
        "ln_evidence": e.drawn.evidence[0] if e.told else "",
        "error": e.drawn.evidence[1] if e.told else "",
        "against_default": e.drawn.evidence[0] - default.drawn.evidence[0] if e.told and default.told else "",
        "ln_evidence_bridge": e.bridge.log if e.told else "",
        "error_bridge": e.bridge.error if e.told else "",
        "weight": float(weight) if np.isfinite(weight) else "",
        "stacking": float(stack) if np.isfinite(stack) else "",
        "elpd_left_out": float(sum(value for value, _ in e.left_out.values())),
        "largest_k_left_out": float(worst),
        "effective_draws": e.drawn.effective_draws,
        "pareto_k": e.drawn.pareto_k,
        "evaluations": e.drawn.evaluations,
        "converged": e.drawn.converged,
        "failed": int((~np.isfinite(e.drawn.log_likelihood)).sum()),
    }
    return row


def _length(e: Evidence) -> int:
    return len(next(iter(e.predicted.values())))


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
