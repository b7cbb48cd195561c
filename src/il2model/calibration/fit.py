"""Run a stage from its targets to a stored fit."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .. import sums
from ..endpoints import STAGES
from ..errors import InputError
from ..manifest import peak_memory
from ..parameters import Distribution, ParameterSet
from ..runs import Executor, Progress, RunOptions, crew, log, one_thread
from ..solver.problem import Floats
from ..store import remove_results
from ..streams import checked_seed
from ..uncertainty.posterior import Posterior
from .choices import Choices
from .diagnostics import profiles
from .joint import stagewise_draws
from .mixing import Question, by_average
from .mixture import design_of
from .plan import check_together, order_of, size_of, sized, structure_for
from .problem import Problem, Structure
from .sampled import Sampled, Task, by_emcee, by_importance, part
from .sampling import EFFORTS, Effort, ImportanceOptions, Sampler
from .simulator import Size
from .stored import FILES, check_new, done, kept
from .target import JOINT
from .targets import Source, is_source, several
from .written import write_fit


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
    floor: Mapping[str, float] | None = None,
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
        A structural alternative by its name, or 'average': draws of all structures of the stage imodals by posterior
        weight (evidence times prior weight; near-copies share one). So by default, unless `only` is given.
    floor : {'name+name': share}, optional
        Least weight of some structures together in an average, such as {"crowding+exhaustion": 0.08}. None by
        default; the fit says the weights without it, and the prior weights that it amounts to.
    sampler : {'importance', 'emcee'}
        Adaptive importance sampling, which also gives the evidence; or chains, an independent check that
        takes many times as long.
    size : int or Size, optional
        Virtual patients of the likelihood.
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
    order = order_of(stages, sampler, joint)
    effort, home = sized(EFFORTS["quick" if quick else "full"], size), Path(folder)
    sizes = {s: size_of(s, effort, sampler) for s in order}
    chosen = targets if targets is None or is_source(targets) else tuple(several(targets))
    own = [s for s in order if s != JOINT] or list(STAGES)
    wanted = structure_for(sampler, structure)
    choices = Choices.of(own, parameters, fix=fix, only=only, prior=prior, structure=wanted)
    structures = {s: choices.structures_of(s, first=s == own[0]) for s in order}
    check_together(structures, joint=joint, floor=floor)
    if not (resume or overwrite):
        check_new(home, order)
    fits: dict[str, Posterior] = {}
    with crew(run) as crewed:
        for stage in order:
            before = sum(sizes[s] for s in fits)

            def tell(done: int, total: int, before: int = before, stage: str = stage) -> None:
                run.tell(before + sizes[stage] * done // max(total, 1), sum(sizes.values()))

            mine = replace(crewed, progress=tell)
            fits[stage] = fit_stage(
                stage,
                home,
                effort,
                seed=seed,
                targets=chosen,
                structure=structures[stage],
                floor=floor,
                parameters=parameters,
                sampler=sampler,
                run=mine,
            )
            tell(sizes[stage], sizes[stage])
    return fits


#: Points that the climb to the optimum starts from, after importance sampling.
_STARTS = 2


def fit_stage(
    stage: str,
    folder: Path,
    effort: Effort,
    *,
    seed: int = 1,
    targets: Source | Iterable[Source] | None = None,
    structure: Structure | Sequence[Structure] | None = None,
    floor: Mapping[str, float] | None = None,
    parameters: ParameterSet | None = None,
    sampler: Sampler = "importance",
    run: RunOptions | None = None,
) -> Posterior:
    """Sample, optimise, judge and store one stage in `folder/stage`; the earlier ones must lie in `folder`.

    The draws of several structures are averaged.

    Raises
    ------
    InputError
        If an earlier stage is missing, the folder holds another run, or a target is malformed.
    """
    run = run if run is not None else RunOptions()
    home = folder / stage
    if not (run.resume or run.overwrite):
        check_new(folder, (stage,))
    alternatives = (structure,) if isinstance(structure, Structure) else tuple(structure or (Structure(),))
    asked = Question(
        stage=stage,
        structures=alternatives,
        size=effort.size,
        results=str(folder),
        targets=targets,
        parameters=parameters,
        floor=floor,
    )
    pose = asked.problem if len(alternatives) > 1 else asked.part(alternatives[0])
    problem = pose()
    if not problem.fitted:
        raise InputError(f"No target of the stage {stage!r} is fitted: no given trial has one with use = fit.")
    design = design_of(problem)
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
        average = by_average(asked, task, importance, _STARTS) if len(alternatives) > 1 else None
        sampled = average.sampled if average is not None else _alone(problem, task, folder, effort, importance)
        problem = problem if average is None else average.problem
        curves: Mapping[str, Floats] = {}
        if effort.profiles and stage != JOINT:
            leading, optimum = (pose, sampled.optimum) if average is None else average.leading
            begin = 72 if average is None else 92
            rest = part(crewed, begin, 98) if sampler == "importance" else replace(crewed, progress=None)
            named = {"verb": "profiles"} | key
            curves = profiles(leading, optimum.z, optimum.covariance, home / "profiles", named, rest)
        with one_thread():
            told = {} if average is None else average.told
            posterior = write_fit(problem, sampled, curves, effort, home, told, floor or {})
    sums.write_json(home / "timing.json", _cost(start))
    return posterior


def _cost(start: float) -> dict[str, float]:
    """Return what a fit took: apart from its results, which depend on the seed alone."""
    cost = {"wall_seconds": round(time.perf_counter() - start, 1)}
    if (peak := peak_memory(children=True)) is not None:
        cost["peak_memory_of_a_process_MB"] = round(peak * 2**20 / 1e6, 1)
    return cost


def _alone(problem: Problem, task: Task, folder: Path, effort: Effort, importance: ImportanceOptions) -> Sampled:
    """Sample one structure by the method that is asked for."""
    stage = problem.stage
    if task.key["sampler"] == "emcee":
        return by_emcee(task, replace(effort.options[stage], seed=importance.seed), importance)
    return by_importance(task, importance, 1 if stage == JOINT else _STARTS, _start(problem, folder, importance.seed))


def _start(problem: Problem, folder: Path, seed: int) -> Floats | None:
    """Return draws to start from: those of the stages, for the joint problem."""
    return stagewise_draws(problem, folder, seed) if problem.stage == JOINT else None
