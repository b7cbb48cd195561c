"""Run a stage from its targets to a stored fit."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..endpoints import STAGES
from ..errors import InputError
from ..manifest import manifest, versions
from ..solver.problem import Floats
from ..store import digest, write_atomic
from ..streams import stream
from ..trials.trial import Trial
from ..uncertainty.coordinates import Coordinates
from ..uncertainty.posterior import Posterior
from .diagnostics import PROFILE, convergence, informed_directions, jacobian, profiles, verdict
from .problem import Problem, Structure
from .sampler import Chains, Optimum, SamplerOptions, optimize, sample
from .simulator import Size
from .targets import Source, load_targets

Say = Callable[[str], None]
#: Draws kept of each ensemble.
KEPT = 400
QUANTILES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)


@dataclass(frozen=True)
class Effort:
    """How much work a fit is given, per stage."""

    name: str
    size: Size
    options: Mapping[str, SamplerOptions]
    profiles: bool


FULL = Effort(
    "full",
    Size(),
    {
        "pk": SamplerOptions(walkers=32, burn=100, steps=600, thin=2),
        "imodals": SamplerOptions(walkers=48, burn=200, steps=1800, thin=6),
        "progression": SamplerOptions(walkers=40, burn=100, steps=500, thin=2),
        "mirocals": SamplerOptions(walkers=40, burn=30, steps=200, thin=1),
    },
    profiles=True,
)
QUICK = Effort(
    "quick",
    Size(patients=128, shares=2, sensitivities=2, rtol=3e-4),
    {
        "pk": SamplerOptions(walkers=16, burn=50, steps=200, thin=2, starts=1),
        "imodals": SamplerOptions(walkers=44, burn=60, steps=120, thin=2, starts=1),
        "progression": SamplerOptions(walkers=28, burn=50, steps=100, thin=2, starts=1),
        "mirocals": SamplerOptions(walkers=30, burn=15, steps=45, thin=1, starts=1),
    },
    profiles=False,
)
EFFORTS = {"full": FULL, "quick": QUICK}


def fit_stage(
    stage: str,
    folder: Path,
    effort: Effort,
    *,
    seed: int = 1,
    resume: bool = False,
    workers: int | None = None,
    targets: Source | Iterable[Source] | None = None,
    say: Say = lambda text: None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Posterior:
    """Optimise, sample, judge and store one stage in `folder/stage`; the earlier ones must lie in `folder`.

    Raises
    ------
    InputError
        If an earlier stage is missing, the folder holds another run, or a target is malformed.
    """
    home = folder / stage
    if (home / "posterior.nc").exists() and not resume:
        raise InputError(f"{home} holds a fit already; give another folder, or --resume to keep it.")
    pose = partial(Problem.pose, stage, size=effort.size, targets=targets, results=str(folder))
    problem = pose()
    if (home / "posterior.nc").exists():
        stored = Posterior.load(stage, folder)
        if stored.manifest.get("design_hash") != design_hash(problem):
            raise InputError(f"{home} holds a fit of another model or other targets; give another folder.")
        say(f"{stage}: the stored fit is kept")
        return stored
    home.mkdir(parents=True, exist_ok=True)
    options = replace(effort.options[stage], seed=seed)
    say(f"{stage}: {len(problem.fitted)} targets, {len(problem.coordinates)} coordinates; "
        f"{100 * problem.refused_share:.1f} % of the prior refused")  # fmt: skip
    start = time.perf_counter()
    optimum = _optimum(problem, options, home, resume, say)
    seen = [0] * options.ensembles

    def report(ensemble: int, done: int, total: int) -> None:
        if done > seen[ensemble]:
            seen[ensemble] = done
            progress(stage, sum(seen), total * options.ensembles)

    chains = sample(pose, home / "chains", options, optimum=optimum, resume=resume, workers=workers, progress=report)
    posterior = summarise(problem, chains, effort, options)
    curves = profiles(pose, optimum.z, workers or os.cpu_count() or 1, lambda text: say(f"{stage}: {text}")) \
        if effort.profiles else {}  # fmt: skip
    _write(problem, posterior, chains, optimum, curves, options, home, say)
    _timing(home, time.perf_counter() - start)
    return posterior


def _timing(home: Path, seconds: float) -> None:
    """Write what the fit cost; apart from the results, which depend on the seed alone."""
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cost = {"wall_seconds": round(seconds, 1), "peak_memory_of_a_process_MB": round(peak * unit / 1e6, 1)}
    (home / "timing.json").write_text(json.dumps(cost, indent=1) + "\n")


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
        problem.simulator.kernel.blueprint.fingerprint, repr(_numbers(problem)),
        repr(problem.simulator.size), repr(published), repr(changed), repr(problem.coordinates),
        *(repr((j.members, j.correlation.tolist(), j.given, j.given_correlation)) for j in joints),
        *(repr(problem.map.priors[i]) for i in problem.map.ids),
        *(sha256(e.values.tobytes()).hexdigest() for e in problem.earlier),
        *(repr((a, doses)) for a, doses in arms.items() if a not in shipped or doses != shipped[a].doses),
    ]  # fmt: skip
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


def _optimum(problem: Problem, options: SamplerOptions, home: Path, resume: bool, say: Say) -> Optimum:
    path = home / "optimum.npz"
    if resume and path.exists():
        with np.load(path) as f:
            if str(f["design"]) == design_hash(problem):
                return Optimum(f["z"], float(f["log_posterior"]), f["covariance"], f["starts"], int(f["evaluations"]))
    optimum = optimize(problem, options, lambda text: say(f"{problem.stage}: {text}"))
    write_atomic(path, lambda stream: np.savez(stream, design=design_hash(problem), **asdict(optimum)))
    return optimum


def summarise(problem: Problem, chains: Chains, effort: Effort, options: SamplerOptions) -> Posterior:
    """Thin the chains to what is stored, and add independent prior draws of what no stage samples.

    Only the last stage adds them: so that its draws name every number that is not fixed.
    """
    ensembles, steps, walkers, d = chains.z.shape
    flat = chains.z.reshape(ensembles, steps * walkers, d)
    keep = np.linspace(0, steps * walkers - 1, min(KEPT, steps * walkers)).astype(int)
    z, value = flat[:, keep], chains.log_likelihood.reshape(ensembles, -1)[:, keep]
    table = problem.table(z.reshape(-1, d))
    value = value - 0.5 * (z**2).sum(axis=-1)
    prior_only: tuple[str, ...] = ()
    if problem.stage == STAGES[-1]:
        table, prior_only = with_prior_only(problem, table, options.seed)
    ids = tuple(table)
    units = tuple(
        problem.targets.nuisances[i].unit if i in problem.targets.nuisances
        else problem.simulator.parameters.record(i).unit
        for i in ids
    )  # fmt: skip
    values = np.stack([table[i] for i in ids], axis=-1).reshape(ensembles, len(keep), -1)
    record = manifest(
        model_hash=problem.simulator.kernel.blueprint.fingerprint,
        parameter_hash=problem.simulator.parameters.fingerprint(),
        parameter_set="prior",
        calibrated=False,
        details={
            "stage": problem.stage, "effort": effort.name, "seed": options.seed, "size": asdict(effort.size),
            "sampler": asdict(options), "design_hash": design_hash(problem), "structure": problem.structure.name,
        },
    )  # fmt: skip
    # the file must be the same for the same seed: no command line in it
    record |= {
        "command": f"il2model calibrate {problem.stage}",
        "versions": versions("numpy", "scipy", "emcee", "arviz"),
    }
    return Posterior(problem.stage, ids, units, values, z, problem.coordinates, value, prior_only, record)


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
    a half-normal; over the draws of this posterior, so that later stages count.
    """
    found: dict[str, float] = {}
    parameters = problem.simulator.parameters
    table = {i: posterior.flat[:, k] for k, i in enumerate(posterior.ids)}
    for id, draws in table.items():
        prior = problem.targets.nuisances[id].prior if id in problem.targets.nuisances else parameters.record(id).prior
        assert prior is not None
        if prior.kind == "lognormal" and (draws > 0).all():
            found[id] = float(np.exp(np.mean(np.log(draws))))
        elif prior.kind in ("beta", "logitnormal"):
            from scipy.special import expit, logit

            found[id] = float(expit(np.mean(logit(np.clip(draws, 1e-9, 1 - 1e-9)))))
        elif prior.kind == "halfnormal":
            found[id] = float(np.median(draws))
        else:
            found[id] = float(np.mean(draws))
    return found


def predictions(problem: Problem, draws: Mapping[str, Floats], block: int = 64) -> dict[str, Floats]:
    """Return predictions of every target, fitted or not, for many draws."""
    n = len(next(iter(draws.values())))
    parts = [problem.predict({i: v[k : k + block] for i, v in draws.items()}, checks=True) for k in range(0, n, block)]
    return {id: np.concatenate([p[id] for p in parts]) for id in parts[0]}


def _write(
    problem: Problem,
    posterior: Posterior,
    chains: Chains,
    optimum: Optimum,
    curves: Mapping[str, Floats],
    options: SamplerOptions,
    home: Path,
    say: Say,
) -> None:
    """Write estimate, covariance, targets against predictions, diagnostics, manifest; the posterior last."""
    stage = problem.stage
    d = len(problem.coordinates)
    ensembles, steps, walkers, _ = chains.z.shape
    sampled = problem.table(chains.z.reshape(-1, d))
    rows: list[dict[str, Any]] = []
    ids = [*problem.map.ids, *problem.nuisances]
    prior = problem.table(_prior_points(problem, 2000, options.seed))
    best = problem.table(optimum.z[None])
    matrix, names = jacobian(problem, optimum.z)
    offset = len(problem.earlier)
    for k, id in enumerate(ids):
        values = sampled[id].reshape(ensembles, steps, walkers)
        judged = convergence(values)
        z = chains.z[..., offset + k]
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
    write_table(home / "parameters.csv", rows)
    pick = posterior.pick(min(len(posterior), 400), options.seed)
    drawn = predictions(problem, posterior.table(pick))
    before = predictions(problem, problem.table(_prior_points(problem, 200, options.seed)))
    at_best = problem.predict(best, checks=True)
    write_table(home / "targets.csv", target_rows(problem, drawn, before, at_best))
    z = posterior.z.reshape(-1, d)
    np.savetxt(
        home / "covariance.csv", np.cov(z.T).reshape(d, d), delimiter=",", header=",".join(problem.coordinates),
        comments="", fmt="%.6g",
    )  # fmt: skip
    (home / "estimate.json").write_text(
        json.dumps({"point": point_estimate(posterior, problem), "optimum": {i: float(v[0]) for i, v in best.items()},
                    "log_posterior_at_optimum": optimum.log_posterior, "starts": optimum.starts.tolist()}, indent=1)
        + "\n"
    )  # fmt: skip
    worst = {
        "rhat": float(np.nanmax([r["rhat"] for r in rows])),
        "ess_bulk": float(np.nanmin([r["ess_bulk"] for r in rows])),
        "ess_tail": float(np.nanmin([r["ess_tail"] for r in rows])),
    }
    details = {
        "worst": worst, "converged": all(r["converged"] for r in rows), "acceptance": chains.acceptance.tolist(),
        "singular_values": informed_directions(matrix).tolist(), "targets_of_jacobian": names,
        "refused_share_of_prior": problem.refused_share, "draws": steps * walkers * ensembles,
        "profile_points": list(PROFILE),
        "profiles": {i: [float(v) if np.isfinite(v) else None for v in c] for i, c in curves.items()},
    }  # fmt: skip
    (home / "diagnostics.json").write_text(json.dumps(details, indent=1) + "\n")
    (home / "manifest.json").write_text(json.dumps(dict(posterior.manifest), indent=1) + "\n")
    posterior.save(home / "posterior.nc")
    say(f"{stage}: worst R-hat {worst['rhat']:.4f}, smallest ESS {min(worst['ess_bulk'], worst['ess_tail']):.0f}; "
        f"{(informed_directions(matrix) > 1).sum()} directions informed by the data")  # fmt: skip


def _prior_points(problem: Problem, n: int, seed: int) -> Floats:
    rng = stream(seed, "prior_point")
    return rng.standard_normal((n, len(problem.coordinates)))


def target_rows(
    problem: Problem, drawn: Mapping[str, Floats], before: Mapping[str, Floats], best: Mapping[str, Floats]
) -> list[dict[str, Any]]:
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
                    "id": id, "trial": t.trial, "endpoint": t.endpoint, "arm": " ".join(t.arms),
                    "day": "" if t.day is None else t.day, "unit": t.unit, "log": t.log, "form": t.form,
                    "published": estimate, "se": t.se, "weight": t.weight, "n": t.n or "", "use": t.use,
                    "status": t.status, "spread_status": t.spread_status, "source": t.source,
                    "optimum": float(top[0]), "posterior_median": float(np.nanmedian(after)),
                    "posterior_q025": float(low), "posterior_q975": float(high),
                    "prior_q025": float(np.nanquantile(prior, 0.025)),
                    "prior_q975": float(np.nanquantile(prior, 0.975)),
                    "distance_in_se": _distance(t, estimate, float(np.nanmedian(after))),
                }
            )  # fmt: skip
    return rows


def _distance(t: Any, estimate: float, predicted: float) -> float | str:
    if t.form == "lognormal":
        return float(np.log(predicted / estimate) / t.se)
    if t.form in ("normal", "binomial"):
        return float((predicted - estimate) / t.se)
    return ""


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows to a CSV file; a column that a row lacks stays empty."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    with path.open("w", newline="", encoding="utf8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


def calibrate(
    stages: str | tuple[str, ...] = "all",
    output: str | Path = "results/calibration",
    *,
    quick: bool = False,
    seed: int = 1,
    resume: bool = False,
    workers: int | None = None,
    targets: Source | Iterable[Source] | None = None,
    say: Say = lambda text: None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> dict[str, Posterior]:
    """Calibrate the model to the published summaries.

    Parameters
    ----------
    stages : {'all', 'pk', 'imodals', 'progression', 'mirocals'} or several of them
        A stage needs the earlier ones in the same folder.
    output : path
        A folder per stage: posterior.nc, parameters.csv, targets.csv, estimate.json,
        diagnostics.json, covariance.csv, manifest.json.
    quick : bool
        A coarse version in minutes; the committed fits are the full one.
    seed : int
    resume : bool
        Keep the stages that are done and go on from the checkpoints.
    workers : int, optional
        Processes; the draws do not depend on it.
    targets : path, name, Trial, or several of them, optional
        A folder of trial files of your own, a file, or the name of a trial; the trials that ship by default.
        `[*Trial.names(), "mine.toml"]` adds one to them.
    say, progress : callables
        `say(sentence)`; `progress(stage, done, total)` in steps of the sampler.

    Raises
    ------
    InputError, UnknownNameError, SimulationError
    """
    from ..errors import unknown_name

    wanted = STAGES if stages == "all" else (stages,) if isinstance(stages, str) else tuple(stages)
    for stage in wanted:
        if stage not in STAGES:
            raise unknown_name("stage", stage, (*STAGES, "all"))
    folder = Path(output)
    chosen = targets if targets is None or isinstance(targets, str | Path | Trial) else tuple(targets)
    return {
        stage: fit_stage(
            stage, folder, EFFORTS["quick" if quick else "full"], seed=seed, resume=resume, workers=workers,
            targets=chosen, say=say, progress=progress,
        )
        for stage in STAGES
        if stage in wanted
    }  # fmt: skip
