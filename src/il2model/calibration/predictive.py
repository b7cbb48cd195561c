"""What a fit predicts of the published numbers: replicates by the likelihood's own law, percentiles, an omnibus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ..errors import InputError
from ..solver.problem import Floats
from ..streams import stream
from ..uncertainty.posterior import Posterior
from .likelihood import LAWS, joint_moments, pointwise
from .mixing import fitted_problem
from .problem import Problem
from .simulator import Size
from .tables import Row
from .target import Target
from .targets import Source, Targets

#: Two log posteriors of a stored draw are alike up to this share.
_ALIKE = 1e-4


def stored_problem(
    posterior: Posterior, folder: str | Path | None = None, targets: Source | list[Source] | None = None
) -> Problem:
    """Return the problem that a stored fit solved.

    Raises
    ------
    InputError
        If the log posterior of its draws is another today: other targets, another model or other earlier fits.
    """
    size = posterior.manifest.get("size")
    of_fit = Size(**size) if isinstance(size, Mapping) else None
    problem = fitted_problem(posterior, folder, targets, of_fit)
    other = f"The fit {posterior.fit} is of another model or of other targets; give the targets that it was fitted to."
    if problem.coordinates != posterior.coordinates:
        raise InputError(other)
    z, value = flat(posterior)[:8], posterior.log_posterior.ravel()[:8]
    if not np.allclose(problem.log_likelihood(z) - 0.5 * (z**2).sum(axis=1), value, rtol=_ALIKE, atol=_ALIKE):
        raise InputError(other)
    return problem


def flat(posterior: Posterior) -> Floats:
    """Return the draws of a fit on its coordinates, (draw, coordinate)."""
    return posterior.z.reshape(-1, posterior.z.shape[-1])


def synthetic(problem: Problem, predicted: Mapping[str, Floats], rng: np.random.Generator, row: int = 0) -> Targets:
    """Return the targets with estimates drawn from the likelihood's law around one row of predictions.

    A bound stays as it is, and so does a check that has no standard error.
    """
    new = dict(problem.targets.targets)
    joints = problem.targets.joints_of(problem.fitted)
    together = {m for joint in joints for m in joint.members}
    for t in problem.targets.of(problem.stage):
        if t.id in predicted and t.id not in together and _scatters(t):
            new[t.id] = LAWS[t.form].draw(t, np.asarray(predicted[t.id])[row], rng)
    for joint in joints:
        one = {id: x[row : row + 1] for id, x in predicted.items()}
        mean, covariance = joint_moments(joint, problem.targets, one)
        drawn = rng.multivariate_normal(mean[0], covariance)
        for id, value in zip(joint.members, drawn, strict=True):
            new[id] = replace(new[id], estimate=float(value))
    return replace(problem.targets, targets=MappingProxyType(new))


def _scatters(t: Target) -> bool:
    return t.form in ("sd", "binomial", "multinomial") or bool(np.isfinite(t.se) and t.se > 0)


def replicates(problem: Problem, predicted: Mapping[str, Floats], rng: np.random.Generator) -> list[Targets]:
    """Return targets as each draw would have published them."""
    count = len(next(iter(predicted.values())))
    return [synthetic(problem, predicted, rng, row) for row in range(count)]


def numbers(t: Target) -> dict[str, float]:
    """Return what a target says, by name: its estimate, or the share of each of its classes."""
    if t.form != "multinomial":
        return {t.id: t.estimate}
    return {f"{t.id} {k + 1}": c / sum(t.counts) for k, c in enumerate(t.counts)}


def percentile_rows(t: Target, drawn: list[Target], weight: Floats | None = None) -> list[Row]:
    """Return a row per number of a target: published, what weighted draws would publish, and the percentile.

    The percentile is the share of replicates below the published number, and half of those at it: near 0 or 1
    is a surprise. A bound has none.
    """
    weight = np.full(len(drawn), 1 / len(drawn)) if weight is None else weight
    each = [numbers(d) for d in drawn]
    scale = np.exp if t.log else float
    rows: list[Row] = []
    for name, published in numbers(t).items():
        x = np.array([e[name] for e in each])
        good = np.isfinite(x)
        share = weight[good] / weight[good].sum()
        order = np.argsort(x[good])
        low, middle, high = np.interp((0.025, 0.5, 0.975), np.cumsum(share[order]), x[good][order])
        at = np.abs(x[good] - published) <= 1e-9
        below = float(share @ ((x[good] < published - 1e-9) + 0.5 * at))
        rows.append(
            {
                "target": name,
                "trial": t.trial,
                "unit": t.unit,
                "use": t.use,
                "published": float(scale(published)),
                "median": float(scale(middle)),
                "q025": float(scale(low)),
                "q975": float(scale(high)),
                "percentile": "" if t.form in ("at least", "at most") else below,
            }
        )
    return rows


def predictive_check(problem: Problem, z: Floats, seed: int = 3) -> dict[str, object]:
    """Compare the published numbers with what draws of the posterior would have published.

    Parameters
    ----------
    problem : Problem
    z : (draw, coordinate)
        Draws that count alike.
    seed : int

    Returns
    -------
    dict
        targets: a row per number with its percentile; omnibus: the share of replicates that lie as far from
        their own prediction as the published numbers do, by -2 ln likelihood (Gelman, Meng and Stern 1996).
    """
    predicted = predict(problem, z)
    good = np.all([np.isfinite(x.reshape(len(z), -1)).all(axis=1) for x in predicted.values()], axis=0)
    predicted = {id: x[good] for id, x in predicted.items()}
    drawn = replicates(problem, predicted, stream(seed, "predicted_trial"))
    rows = [
        row for t in problem.targets.of(problem.stage) for row in percentile_rows(t, [d.targets[t.id] for d in drawn])
    ]
    seen = np.sum(list(pointwise(problem.fitted, problem.targets, predicted).values()), axis=0)
    again = np.array([_one(problem, targets, predicted, row) for row, targets in enumerate(drawn)])
    return {"stage": problem.stage, "draws": len(drawn), "targets": rows, "omnibus": float((again <= seen).mean())}


def _one(problem: Problem, targets: Targets, predicted: Mapping[str, Floats], row: int) -> float:
    one = {id: x[row : row + 1] for id, x in predicted.items()}
    fitted = tuple(targets.targets[t.id] for t in problem.fitted)
    return float(np.sum([x[0] for x in pointwise(fitted, targets, one).values()]))


def predict(problem: Problem, z: Floats, block: int = 96) -> dict[str, Floats]:
    """Return predictions of all targets of a stage, checks too, at points (point, coordinate)."""
    parts = [problem.predict(problem.table(z[k : k + block]), checks=True) for k in range(0, len(z), block)]
    return {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}
