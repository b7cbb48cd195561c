"""What a fit is a fit of: a hash of its likelihood."""

from __future__ import annotations

from ..store import digest
from .problem import Problem, Structure
from .targets import load_targets


def design_hash(problem: Problem) -> str:
    """Return a hash of the likelihood: model, start values, targets and their arms, sizes, earlier draws.

    Arms count where they are not those of the trials that ship.
    """
    changed = {k: v for k, v in vars(problem.structure).items() if v != getattr(Structure(), k)}
    published = [{k: v for k, v in vars(t).items() if k not in ("note", "source", "file")} for t in problem.fitted]
    joints = [problem.targets.joints[j] for j in sorted({t.joint for t in problem.fitted if t.joint})]
    shipped = load_targets().arms
    arms = {a: problem.simulator.arms[a].doses for t in problem.fitted for a in t.arms}
    parts = [
        problem.simulator.kernel.blueprint.fingerprint,
        repr(_numbers(problem)),
        repr(problem.simulator.size),
        repr(published),
        repr(changed),
        repr(problem.coordinates),
        *(repr((j.members, j.correlation.tolist(), j.given, j.given_correlation)) for j in joints),
        *(repr(problem.map.priors[i]) for i in problem.map.ids),
        *(digest(e.values.tobytes(), digits=64) for e in problem.earlier),
        *(repr((a, doses)) for a, doses in arms.items() if a not in shipped or doses != shipped[a].doses),
    ]
    return digest(*parts)


def _numbers(problem: Problem) -> list[tuple[str, float, str, str]]:
    """Return every start value and spread that the likelihood can use; labels of patients are none of them."""
    parameters = problem.simulator.parameters
    known = {p.id for p in problem.simulator.kernel.blueprint.parameters}
    used = [
        (i, parameters[i], r.unit, r.spread_text)
        for i, r in parameters.records.items()
        if i in known or not r.fixed or i.startswith(("correlation_", "inclusion_"))
    ]
    return sorted(used)
