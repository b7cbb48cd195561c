"""The evidence of every structure of a stage, by importance sampling and by a bridge, and draws of its posterior.

The default is sampled from the prior on; the others start at its draws, where their coordinates are its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..parameters import ParameterSet
from ..runs import Executor, Progress, RunOptions, crew, log, one_thread
from ..solver.problem import Floats
from ..streams import stream
from .bridge import Bridge, bridged
from .importance import explore
from .problem import Problem, Structure
from .psis import left_out
from .sampled import LEAST, part
from .sampling import ImportanceOptions
from .simulator import Size
from .structures import BY_STAGE, Given, pose
from .summary import predictions
from .weighted import Weighted

#: Draws of a structure's posterior whose predictions are kept.
_SHOWN = 400
#: Of a structure: its ln evidence is known to 0.045.
OF_EVIDENCE = ImportanceOptions(effective=500.0)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of a structure.

    Parameters
    ----------
    structure : Structure
    drawn : Weighted
        Its last round.
    bridge : Bridge
        The second estimate of its evidence.
    predicted : {target: (draw,)}
        Of equally weighted draws, checks too.
    left_out : {target or joint law: (log density, Pareto k)}
        Of each published number when it is left out.
    """

    structure: Structure
    drawn: Weighted
    bridge: Bridge
    predicted: Mapping[str, Floats]
    left_out: Mapping[str, tuple[float, float]]

    @property
    def told(self) -> bool:
        """Whether enough effective draws carry the evidence."""
        return self.drawn.effective_draws >= LEAST


def evidence(
    structure: Structure,
    stage: str,
    options: ImportanceOptions,
    run: RunOptions,
    *,
    size: Size | None = None,
    results: str | None = None,
    targets: Given = None,
    parameters: ParameterSet | None = None,
    default: Evidence | None = None,
) -> Evidence:
    """Sample a structure, starting at draws of the default where there are some."""
    build = partial(pose, stage, size=size or Size(), results=results, targets=targets, parameters=parameters)
    theirs, build = (None if default is None else build(default.structure)), partial(build, structure)
    problem = build()
    start = None
    if default is not None and theirs is not None and default.drawn.rounds > 1:
        start = _moved(default, theirs, problem, options.seed)
    home = None if run.folder is None else Path(run.folder) / structure.name
    label = f"{stage}, {structure.name}"
    drawn = explore(
        build, None if home is None else home / "rounds", options, part(run, 0, 70), start=start, label=label
    )
    key = {"verb": "bridge", "stage": stage, "structure": structure.name, "seed": options.seed}
    second = bridged(build, None if home is None else home / "bridge", key, drawn, options.seed, run)
    with one_thread():
        table = problem.table(drawn.z[drawn.equal(_SHOWN, options.seed)])
        return Evidence(
            structure=structure,
            drawn=drawn,
            bridge=second,
            predicted=predictions(problem, table),
            left_out={id: left_out(drawn.log_weight, x) for id, x in drawn.pointwise.items()},
        )


def _moved(default: Evidence, theirs: Problem, problem: Problem, seed: int) -> Floats:
    """Return draws of the default on the coordinates of another structure; new coordinates from the prior."""
    z = default.drawn.z[default.drawn.equal(2000, seed)]
    known = {name: z[:, k] for k, name in enumerate(theirs.coordinates)}
    fresh = stream(seed, "prior_point").standard_normal((len(z), len(problem.coordinates)))
    return np.column_stack([known.get(name, fresh[:, k]) for k, name in enumerate(problem.coordinates)])


def compare(
    stage: str,
    folder: str | Path | None = None,
    *,
    results: str | Path | None = None,
    size: Size | None = None,
    targets: Given = None,
    parameters: ParameterSet | None = None,
    structures: Sequence[Structure] | None = None,
    options: ImportanceOptions | None = None,
    seed: int = 1,
    resume: bool = True,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[Evidence]:
    """Return the evidence of every structure of a stage, the default first.

    Parameters
    ----------
    stage : {'imodals', 'mirocals'}
    folder : path, optional
        Where the rounds of each structure are kept; a run that was stopped goes on from them.
    results : path, optional
        The fits of the earlier stages; those that ship by default.
    size : Size, optional
    targets, parameters
        As in `calibrate`.
    structures : sequence of Structure, optional
        Those of the stage by default; the first lends its draws to the others.
    options : ImportanceOptions, optional
        By default so many draws that ln evidence is known to 0.045.
    seed : int
    resume, workers, executor, progress
        As in `calibrate`.
    """
    run = RunOptions(folder=folder, resume=resume, workers=workers, executor=executor, progress=progress)
    chosen = BY_STAGE[stage] if structures is None else tuple(structures)
    given = replace(options or OF_EVIDENCE, seed=seed)
    found: list[Evidence] = []
    with crew(run) as crewed:
        for k, structure in enumerate(chosen):
            mine = part(crewed, 100 * k // len(chosen), 100 * (k + 1) // len(chosen))
            place = None if results is None else str(results)
            default = found[0] if found else None
            found.append(
                evidence(
                    *(structure, stage, given, mine),
                    size=size,
                    results=place,
                    targets=targets,
                    parameters=parameters,
                    default=default,
                )
            )
            _say(stage, found[-1])
            mine.tell(100, 100)
    return found


def _say(stage: str, e: Evidence) -> None:
    name, worth = f"{stage}, {e.structure.name}", e.drawn.effective_draws
    if not e.told:
        log.warning("%s: no evidence: %.0f effective draws carry none; %.0f are needed", name, worth, LEAST)
        return
    text = "%s: ln evidence %.2f +- %.2f, by a bridge %.2f +- %.2f (%.0f effective draws, Pareto k %.2f%s)"
    doubt = "" if e.drawn.converged else ", NOT CONVERGED"
    log.info(text, name, *e.drawn.evidence, e.bridge.log, e.bridge.error, worth, e.drawn.pareto_k, doubt)
