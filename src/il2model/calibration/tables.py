"""Tables of a fit: parameters with their verdicts, and targets beside predictions."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from .. import sums
from ..runs import log
from ..solver.problem import Floats
from ..spreadsheet import text_cell
from ..uncertainty.posterior import Posterior
from .chains import Chains
from .diagnostics import PROFILE, convergence, informed_directions, jacobian, verdict
from .mixture import Mixture
from .problem import Problem
from .sampling import Options
from .summary import distinct_earlier_draws, prior_points
from .target import Target

#: A row of a table: a text, a number or a yes by column.
Row: TypeAlias = dict[str, str | float]
QUANTILES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)


def parameter_rows(
    problem: Problem,
    posterior: Posterior,
    chains: Chains,
    best: Mapping[str, Floats],
    curves: Mapping[str, Floats],
    options: Options,
) -> list[Row]:
    """Return a row per sampled number: optimum, quantiles, what the data did to its prior, convergence."""
    ensembles, steps, walkers, d = chains.z.shape
    sampled = problem.table(chains.z.reshape(-1, d))
    prior = problem.table(prior_points(problem, 2000, options.seed))
    offset = problem.steps
    rows: list[Row] = []
    for k, id in enumerate([*problem.map.ids, *problem.nuisances]):
        values = sampled[id].reshape(ensembles, steps, walkers)
        z = chains.z[..., offset + k]
        # what a structure holds is alike in all its draws, which are no copies
        judged = convergence(z if isinstance(problem, Mixture) else values, chains=walkers > 1, least=options.each)
        rows.append(
            {
                "id": id,
                "unit": posterior.units[posterior.ids.index(id)],
                "optimum": float(best[id][0]),
                **{f"q{1000 * q:03.0f}": float(np.quantile(values, q)) for q in QUANTILES},
                "prior_median": float(np.median(prior[id])),
                "prior_q025": float(np.quantile(prior[id], 0.025)),
                "prior_q975": float(np.quantile(prior[id], 0.975)),
                "shift": float(z.mean()),
                "contraction": float(1 - z.var()),
                "verdict": verdict(curves[id], np.array(PROFILE)) if id in curves else "",
                "rhat": judged.rhat,
                "ess_bulk": judged.ess_bulk,
                "ess_tail": judged.ess_tail,
                "converged": judged.good,
            }
        )
    return rows


def target_rows(
    problem: Problem, drawn: Mapping[str, Floats], before: Mapping[str, Floats], best: Mapping[str, Floats]
) -> list[Row]:
    """Return a row per target: published, used SE, posterior and prior prediction, and whether it is met."""
    rows = []
    for t in problem.targets.of(problem.stage):
        parts = [(t.id, t.estimate, drawn[t.id], before[t.id], best[t.id])]
        if t.form == "multinomial":
            whole = sum(t.counts)
            parts = [
                (f"{t.id} {k + 1}", c / whole, drawn[t.id][:, k], before[t.id][:, k], best[t.id][:, k])
                for k, c in enumerate(t.counts)
            ]
        for id, estimate, after, prior, top in parts:
            low, high = np.nanquantile(after, (0.025, 0.975))
            rows.append(
                {
                    "id": id,
                    "trial": t.trial,
                    "endpoint": t.endpoint,
                    "arm": " ".join(t.arms),
                    "day": "" if t.day is None else t.day,
                    "against": "" if t.against is None else t.against,
                    "unit": t.unit,
                    "log": t.log,
                    "form": t.form,
                    "published": estimate,
                    "se": t.se,
                    "weight": t.weight,
                    "n": t.n or "",
                    "use": t.use,
                    "status": t.status,
                    "spread_status": t.spread_status,
                    "source": t.source,
                    "optimum": float(top[0]),
                    "posterior_median": float(np.nanmedian(after)),
                    "posterior_q025": float(low),
                    "posterior_q975": float(high),
                    "prior_q025": float(np.nanquantile(prior, 0.025)),
                    "prior_q975": float(np.nanquantile(prior, 0.975)),
                    "distance_in_se": _distance(t, estimate, float(np.nanmedian(after))),
                }
            )
    return rows


def _distance(t: Target, estimate: float, predicted: float) -> float | str:
    if t.form == "lognormal":
        return float(np.log(predicted / estimate) / t.se)
    if t.form in ("normal", "binomial"):
        return float((predicted - estimate) / t.se)
    return ""


def diagnosed(
    problem: Problem, chains: Chains, z: Floats, curves: Mapping[str, Floats], rows: Sequence[Row], least: float
) -> dict[str, object]:
    """Return convergence and identifiability as plain data, and say the worst of it in the log.

    The coordinates that join the stage to earlier ones are judged as its parameters are.
    """
    matrix, names = jacobian(problem, z)
    informed = informed_directions(matrix)
    of_chains = chains.z.shape[2] > 1
    d = chains.z.shape[-1]
    distinct = distinct_earlier_draws(problem, chains.z.reshape(-1, d))
    joins = [convergence(chains.z[..., k], chains=of_chains, least=least) for k in range(problem.steps)]
    judged = [*rows, *(vars(j) | {"converged": j.good} for j in joins)]
    worst = {
        "rhat": float(np.nanmax([r["rhat"] for r in judged])),
        "ess_bulk": float(np.nanmin([r["ess_bulk"] for r in judged])),
        "ess_tail": float(np.nanmin([r["ess_tail"] for r in judged])),
    }
    log.info(
        "%s: worst R-hat %.4f, smallest ESS %.0f; %d directions informed by the data",
        problem.stage,
        worst["rhat"],
        min(worst["ess_bulk"], worst["ess_tail"]),
        (informed > 1).sum(),
    )
    return {
        "worst": worst,
        "demanded_ess": least,
        "converged": all(r["converged"] for r in judged),
        **({"acceptance": chains.acceptance.tolist()} if of_chains else {}),
        "joins": {
            name: {"rhat": j.rhat, "ess_bulk": j.ess_bulk, "ess_tail": j.ess_tail, "converged": j.good}
            for name, j in zip(problem.coordinates, joins, strict=False)
        },
        "distinct_earlier_draws": distinct,
        "singular_values": informed.tolist(),
        "targets_of_jacobian": names,
        "refused_share_of_prior": problem.refused_share,
        "draws": int(np.prod(chains.z.shape[:3])),
        "profile_points": list(PROFILE),
        "profiles": {i: [float(v) if np.isfinite(v) else None for v in c] for i, c in curves.items()},
    }


def write_table(path: Path, rows: list[Row]) -> None:
    """Write rows to a CSV file; a column that a row lacks stays empty."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else text_cell(v) for k, v in row.items()})
    sums.write(path, text.getvalue().encode())
