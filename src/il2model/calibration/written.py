"""What a fit leaves in its folder: tables, diagnostics, manifest and posterior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import sums
from ..runs import log
from ..solver.problem import Floats
from ..uncertainty.posterior import Posterior
from ..uncertainty.posterior_file import PRIOR
from .problem import Problem
from .sampled import Sampled
from .sampling import Effort
from .summary import point_estimate, predictions, prior_points, summarise
from .tables import diagnosed, parameter_rows, target_rows, write_table


def write_fit(
    problem: Problem,
    sampled: Sampled,
    curves: Mapping[str, Floats],
    effort: Effort,
    home: Path,
    structures: Mapping[str, Mapping[str, str | float]],
    floor: Mapping[str, float],
) -> Posterior:
    """Write estimate, covariance, targets against predictions, diagnostics, manifest; the posterior last."""
    chains, optimum, seed = sampled.chains, sampled.optimum, sampled.options.seed
    posterior = summarise(problem, chains, effort, sampled.options)
    if structures:
        posterior = replace(posterior, structures=structures, manifest={**posterior.manifest, "floor": dict(floor)})
    d = len(problem.coordinates)
    best = problem.table(optimum.z[None])
    rows = parameter_rows(problem, posterior, chains, best, curves, sampled.options)
    judged = diagnosed(problem, chains, optimum.z, curves, rows, sampled.options.each)
    judged |= dict(sampled.said)
    judged["converged"] = bool(judged["converged"] and judged["accepted"])
    if not judged["converged"]:
        log.warning("%s: NOT CONVERGED; see %s", problem.stage, home / "diagnostics.json")
    told = {id: known for e in problem.earlier for id, known in e.beside.items()}
    told |= {str(r["id"]): {k: r[k] for k in ("verdict", *PRIOR)} for r in rows}
    said = {"converged": judged["converged"], "evidence": judged["evidence"]}
    posterior = replace(posterior, manifest={**posterior.manifest, **said}, beside=told)
    write_table(home / "parameters.csv", rows)
    pick = posterior.pick(min(len(posterior), 400), seed)
    drawn = predictions(problem, posterior.table(pick))
    before = predictions(problem, problem.table(prior_points(problem, 200, seed)))
    at_best = problem.predict(best, checks=True)
    write_table(home / "targets.csv", target_rows(problem, drawn, before, at_best))
    covariance = np.cov(posterior.z.reshape(-1, d).T).reshape(d, d)
    header = ",".join(problem.coordinates)
    rows_of = [",".join(f"{v:.6g}" for v in row) for row in covariance]
    sums.write(home / "covariance.csv", "\n".join([header, *rows_of, ""]).encode())
    sums.write_json(
        home / "estimate.json",
        {
            "point": point_estimate(posterior, problem),
            **({"structure_of_point": posterior.leading} if posterior.structures else {}),
            "optimum": {i: float(v[0]) for i, v in best.items()},
            "log_posterior_at_optimum": optimum.log_posterior,
            "starts": optimum.starts.tolist(),
        },
    )
    sums.write_json(home / "diagnostics.json", judged)
    sums.write_json(home / "manifest.json", dict(posterior.manifest))
    posterior.save(home / "posterior.nc")
    sums.know(home / "posterior.nc")
    return posterior
