"""Run a stage from its targets to a stored fit."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from .. import sums
from ..endpoints import STAGES
from ..errors import InputError, unknown_name
from ..manifest import peak_memory
from ..parameters import Distribution, ParameterSet
from ..runs import Executor, Progress, RunOptions, crew, log, one_thread
from ..solver.problem import Floats
from ..store import remove_results
from ..streams import checked_seed
from ..uncertainty.posterior import Posterior
from ..uncertainty.posterior_file import PRIOR
from ..units import to_whole
from .choices import Choices
from .diagnostics import profiles
from .joint import stagewise_draws
from .problem import Problem, Structure, design_hash
from .sampled import Sampled, Task, by_emcee, by_importance, part
from .sampling import EFFORTS, Effort, Sampler
from .simulator import Size
from .stored import FILES, check_new, done, kept
from .structures import recalibrated
from .summary import point_estimate, predictions, prior_points, summarise
from .tables import diagnosed, parameter_rows, target_rows, write_table
from .target import JOINT
from .targets import Source, is_source, several


def calibrate(
    stages: str | tuple[str, ...] = "all",
    folder: str | Path = "results/calibration",
    *,
    quick: bool = False,
    seed: int = 1,
    targets: Source | Iterable[Source] | None = None,
    parameters: ParameterSet | None = None,
    fix: Mapping[str, float | str] | None = None,
    only: Sequence[str] | None = None,
    prior: Mapping[str, str | Distribution] | None = None,
    structure: str | Structure | None = None,
    sampler: Sampler = "importance",
    size: int | Size | None = None,
    joint: bool = False,
    resume: bool = True,
    overwrite: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> dict[str, Posterior]:
    """Calibrate the model to the published summaries.

    Parameters
    ----------
    stages : {'all', 'pk', 'imodals', 'progression', 'mirocals'} or several of them
        A stage needs the earlier ones in the same folder.
    folder : path
        A folder per stage: posterior.nc, parameters.csv, targets.csv, estimate.json,
        diagnostics.json, covariance.csv, manifest.json. Stages that are done are kept, and
        a run that was stopped goes on from its checkpoints.
    quick : bool
        A coarse version for tests: small cohorts, fewer effective draws, no profiles.
    seed : int
    targets : path, name, Trial, or several of them, optional
        A folder of trial files of your own, a file, or the name of a trial; the trials that ship by default.
        `[*Trial.names(), "mine.toml"]` adds one to them. A data frame with a row per target, or the tables of a
        trial file as a mapping, work as well.
    parameters : ParameterSet, optional
        Values of what is not estimated, and the priors; the start values by default.
    fix : {parameter: value}, optional
        Held at the value instead of being estimated; a text may carry its unit.
    only : sequence of str, optional
        Estimate these parameters; every other keeps its value.
    prior : {parameter: law}, optional
        Such as "lognormal(0.3 L/min, 0.2)": another prior, 95 % of it within the bounds of the record. A parameter
        that no stage estimates is estimated too.
    structure : str or Structure, optional
        A structural alternative by its name.
    sampler : {'importance', 'emcee'}
        Adaptive importance sampling, which also gives the evidence; or chains, an independent check that
        takes many times as long.
    size : int or Size, optional
        Virtual patients of the likelihood of the cohort stages.
    joint : bool
        Besides, fit all parameters to all targets as one problem, by importance sampling from the draws of the
        stages: its draws are not picked from those of an earlier stage. Without profiles.
    resume : bool
        False refuses a folder that holds one of the stages, or checkpoints of it.
    overwrite : bool
        What the package wrote into the folder is removed, and the run begins anew; other files stay.
    workers : int, optional
        Processes; all processors by default.
    executor : optional
        Anything with `submit(f, *args)`, such as a Dask client: draws, climbs, chains and profiles run there. Its
        machines must see `folder`: a stage reads the fits of the earlier ones.
    progress : callable, optional
        `progress(done, total)` over all stages together, in steps of the chains or parts of the work. What
        else happens goes to the log `il2model`: effective draws and Pareto k of each round, and whether a stage
        has not converged, which `diagnostics.json` and the manifest say too.

    Returns
    -------
    {stage: Posterior}
        The draws do not depend on workers or executor.

    Raises
    ------
    InputError, UnknownNameError, SimulationError
    """
    run = RunOptions(
        folder=folder, resume=resume, overwrite=overwrite, workers=workers, executor=executor, progress=progress
    )
    order = _order(stages, sampler, joint)
    effort, home = _sized(EFFORTS["quick" if quick else "full"], size), Path(folder)
    sizes = {s: _size(s, effort, sampler) for s in order}
    chosen = targets if targets is None or is_source(targets) else tuple(several(targets))
    own = [s for s in order if s != JOINT] or list(STAGES)
    choices = Choices.of(own, parameters, fix=fix, only=only, prior=prior, structure=structure)
    if joint and choices.structure.trait.follow_up is not None:
        raise InputError(f"The joint fit has no structure {choices.structure.name!r}; fit its stage alone.")
    if not (resume or overwrite):
        check_new(home, order)
    fits: dict[str, Posterior] = {}
    with crew(run) as crewed:
        for stage in order:
            before = sum(sizes[s] for s in fits)

            def tell(done: int, total: int, before: int = before, stage: str = stage) -> None:
                run.tell(before + sizes[stage] * done // max(total, 1), sum(sizes.values()))

            mine = replace(crewed, progress=tell)
            alternative = choices.structure_of(stage, first=stage == own[0])
            fits[stage] = fit_stage(
                stage,
                home,
                effort,
                seed=seed,
                targets=chosen,
                structure=alternative,
                parameters=parameters,
                sampler=sampler,
                run=mine,
            )
            tell(sizes[stage], sizes[stage])
    return fits


#: Points that the climb to the optimum starts from, after importance sampling.
_STARTS = 2
#: What importance sampling of each stage takes, in thousandths of all.
_SHARES = {"pk": 30, "imodals": 330, "progression": 210, "mirocals": 430, JOINT: 1000}


def _size(stage: str, effort: Effort, sampler: Sampler) -> int:
    """Return how much work a stage is: steps of its chains, or its share."""
    options = effort.options.get(stage)
    if sampler == "importance" or options is None:
        return _SHARES[stage]
    return options.ensembles * (options.burn + options.steps)


def _order(stages: str | tuple[str, ...], sampler: Sampler, joint: bool) -> list[str]:
    """Return what is fitted, in order."""
    wanted = STAGES if stages == "all" else (stages,) if isinstance(stages, str) else tuple(stages)
    for stage in wanted:
        if stage not in STAGES:
            raise unknown_name("stage", stage, (*STAGES, "all"))
    if sampler not in get_args(Sampler):
        raise unknown_name("sampler", sampler, get_args(Sampler))
    if joint and sampler != "importance":
        raise InputError(f"The joint fit is sampled by importance, not by {sampler}; leave one of the two out.")
    return [stage for stage in (*STAGES, JOINT) if stage in wanted or (joint and stage == JOINT)]


def _sized(effort: Effort, size: int | Size | None) -> Effort:
    if size is None:
        return effort
    patients = size if isinstance(size, Size) else replace(effort.size, patients=to_whole(size, "size", 8, 65536))
    return replace(effort, size=patients)


def fit_stage(
    stage: str,
    folder: Path,
    effort: Effort,
    *,
    seed: int = 1,
    targets: Source | Iterable[Source] | None = None,
    structure: Structure | None = None,
    parameters: ParameterSet | None = None,
    sampler: Sampler = "importance",
    run: RunOptions | None = None,
) -> Posterior:
    """Sample, optimise, judge and store one stage in `folder/stage`; the earlier ones must lie in `folder`.

    Raises
    ------
    InputError
        If an earlier stage is missing, the folder holds another run, or a target is malformed.
    """
    run = run if run is not None else RunOptions()
    home = folder / stage
    if not (run.resume or run.overwrite):
        check_new(folder, (stage,))
    if structure is not None and structure.trait.follow_up is not None:
        structure = recalibrated(stage, structure, effort.size, str(folder))
    given = partial(Problem.pose, stage, size=effort.size, structure=structure, parameters=parameters)
    pose = partial(given, targets=targets, results=str(folder))
    problem = pose()
    if not problem.fitted:
        raise InputError(
            f"No target of the stage {stage!r} is fitted: none of the given trials has one with use = fit."
        )
    design = design_hash(problem)
    if run.overwrite:
        remove_results(home, *FILES)
    if done(home):
        return kept(stage, folder, design, sampler, seed)
    seed = checked_seed(seed)
    share, n = 100 * problem.refused_share, len(problem.coordinates)
    log.info("%s: %d targets, %d coordinates; %.1f %% of the prior refused", stage, len(problem.fitted), n, share)
    start = time.perf_counter()
    with crew(run) as crewed:
        key: dict[str, object] = {"stage": stage, "design": design, "seed": seed, "sampler": sampler}
        task = Task(pose=pose, home=home, key=key, run=crewed, label=stage)
        importance = replace(effort.importance, seed=seed)
        if sampler == "importance":
            sampled = by_importance(task, importance, 1 if stage == JOINT else _STARTS, _start(problem, folder, seed))
        else:
            sampled = by_emcee(task, replace(effort.options[stage], seed=seed), importance)
        curves: Mapping[str, Floats] = {}
        if effort.profiles and stage != JOINT:
            optimum, named = sampled.optimum, {"verb": "profiles"} | key
            told = part(crewed, 72, 92) if sampler == "importance" else replace(crewed, progress=None)
            curves = profiles(pose, optimum.z, optimum.covariance, home / "profiles", named, told)
        with one_thread():
            posterior = _write(problem, sampled, curves, effort, home)
    # what the fit cost lies apart from the results, which depend on the seed alone
    cost = {"wall_seconds": round(time.perf_counter() - start, 1)}
    if (peak := peak_memory(children=True)) is not None:
        cost["peak_memory_of_a_process_MB"] = round(peak * 2**20 / 1e6, 1)
    sums.write_json(home / "timing.json", cost)
    return posterior


def _start(problem: Problem, folder: Path, seed: int) -> Floats | None:
    """Return draws to start from: those of the stages, for the joint problem."""
    return stagewise_draws(problem, folder, seed) if problem.stage == JOINT else None


def _write(problem: Problem, sampled: Sampled, curves: Mapping[str, Floats], effort: Effort, home: Path) -> Posterior:
    """Write estimate, covariance, targets against predictions, diagnostics, manifest; the posterior last."""
    chains, optimum, seed = sampled.chains, sampled.optimum, sampled.options.seed
    posterior = summarise(problem, chains, effort, sampled.options)
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
    posterior = replace(posterior, manifest={**posterior.manifest, "converged": judged["converged"]}, beside=told)
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
