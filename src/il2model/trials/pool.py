"""Virtual patients under every arm: simulated once, then drawn from for as many replicates as wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..dosing.regimen import Regimen
from ..endpoints.assays import MEASURED
from ..errors import InputError, SimulationError, warn_incomplete
from ..parameters import ParameterSet, load_parameters
from ..population.cohort import Cohort
from ..runs import RunOptions
from ..simulation.cohort import Task, solve_cohort
from ..solver.problem import Floats, Ints, SolverOptions
from ..streams import keyed_uniforms
from .arm import PROCESSES, Arm
from .design import TrialDesign

#: Days between the points of a survival curve.
STEP = 8.0
#: Patterns of missed doses an arm draws from.
PATTERNS = 8
#: Candidates drawn for one that an enrichment keeps, at most.
_TRIES = 60
Say = Callable[[int, int], None]


@dataclass(frozen=True)
class Pool:
    """The same patients under each arm of a design.

    Parameters
    ----------
    times : (time,)
        Days.
    hazard : (arm, patient, time)
        Cumulative hazard.
    markers : {observable: (arm, patient, visit)}
    covariates : {name: (patient,)}
    refused : int
        Patients whose run failed; they are not in the pool.
    """

    times: Floats
    hazard: Floats
    markers: Mapping[str, Floats]
    covariates: Mapping[str, Floats]
    refused: int

    def __len__(self) -> int:
        return int(self.hazard.shape[1])

    def survival(self) -> Floats:
        """Return (arm, patient, time) probabilities of being alive."""
        return np.asarray(np.exp(-self.hazard))

    def without_effect(self) -> Pool:
        """Return the pool with every arm as the control."""
        same = np.broadcast_to(self.hazard[:1], self.hazard.shape)
        markers = {k: np.broadcast_to(v[:1], v.shape) for k, v in self.markers.items()}
        return Pool(self.times, np.asarray(same), {k: np.asarray(v) for k, v in markers.items()}, self.covariates, 0)

    def with_hazard_ratio(self, ratio: float) -> Pool:
        """Return the pool with the hazard of the control times `ratio` in every other arm."""
        hazard = np.array(np.broadcast_to(self.hazard[:1], self.hazard.shape))
        hazard[1:] *= ratio
        return Pool(self.times, hazard, self.without_effect().markers, self.covariates, 0)


def enriched_cohort(n: int, seed: int, design: TrialDesign, parameters: ParameterSet | None = None) -> Cohort:
    """Return n subjects whom the design takes in.

    Raises
    ------
    InputError
        If hardly anybody has a CSF pNFH within the cut-offs.
    """
    if design.enrich is None:
        return Cohort.sample(n, seed, design.cohort, parameters=parameters, population=design.population)
    low, high = design.enrich
    rows: list[Cohort] = []
    found = first = 0
    while found < n:
        some = Cohort.sample(n, seed, design.cohort, parameters=parameters, first=first, population=design.population)
        inside = (some["csf_pnfh_untreated"] >= low) & (some["csf_pnfh_untreated"] <= high)
        rows.append(some.only(inside))
        found += int(inside.sum())
        first += n
        if first >= _TRIES * n and found < n:
            raise InputError(
                f"Only {found} of {first} candidates have a CSF pNFH of {low:g} to {high:g} pg/mL; the cut-offs lie "
                "outside the population."
            )
    return Cohort.join(rows).part(0, n)


def build_pool(
    design: TrialDesign,
    n: int = 1000,
    *,
    seed: int = 0,
    parameters: ParameterSet | None = None,
    rtol: float = 1e-4,
    workers: int | None = None,
    progress: Say | None = None,
) -> Pool:
    """Simulate n patients under every arm.

    Parameters
    ----------
    design : TrialDesign
    n : int
        Patients of the pool; replicates draw from them with replacement.
    seed : int
    parameters : ParameterSet, optional
    rtol : float
    workers : int, optional
        The pool does not depend on it.
    progress : callable, optional
        `progress(done, total)` in patients times arms.

    Raises
    ------
    InputError
        If the design leaves nobody.
    SimulationError
        If every run fails.
    """
    values = parameters if parameters is not None else load_parameters()
    cohort = enriched_cohort(n, seed, design, values)
    visits = np.array([v.day for v in design.visits])
    grid = np.unique(np.concatenate([np.arange(0, design.follow_up, STEP), [design.follow_up], visits]))
    hazards: list[Floats] = []
    markers: list[dict[str, Floats]] = []
    bad = np.zeros(n, bool)
    done: dict[str, int] = {}
    for note in design.notes:
        warn_incomplete(note)
    for k, arm in enumerate(design.arms):

        def report(part: int, total: int, k: int = k) -> None:
            if progress is not None:
                progress(k * n + part, len(design.arms) * n)

        key = repr((arm.regimen, arm.adherence, arm.agent))
        if key in done:  # arms of one treatment share their runs
            hazards.append(hazards[done[key]])
            markers.append(markers[done[key]])
            continue
        done[key] = k
        found = _simulate_arm(arm, cohort, grid, design.follow_up, seed, rtol, workers, report)
        hazard = found["cumulative_hazard"]
        bad |= ~np.isfinite(hazard).all(axis=1)
        hazards.append(hazard)
        at = np.searchsorted(grid, visits)
        markers.append({i: found[i][:, at] for i in MEASURED})
    good = ~bad
    if not good.any():
        raise SimulationError("Every virtual patient of the trial failed.")
    covariates = {
        "csf_pnfh": cohort["csf_pnfh_untreated"],
        "age": cohort["age"],
        "male": cohort["male"],
        "bulbar": cohort["bulbar"],
        "alsfrs_r": cohort.baseline["alsfrs_r"],
        "svc": cohort.baseline["svc"],
        "plasma_nfl": cohort["plasma_nfl_untreated"],
        "months_since_onset": (cohort["onset_to_screening"] + cohort["run_in"]) / 30.4375,
    }
    return Pool(
        grid,
        np.stack(hazards)[:, good],
        {i: np.stack([m[i] for m in markers])[:, good] for i in MEASURED},
        {k: np.asarray(v)[good] for k, v in covariates.items()},
        int(bad.sum()),
    )


def _simulate_arm(
    arm: Arm, cohort: Cohort, grid: Floats, until: float, seed: int, rtol: float, workers: int | None, progress: Say
) -> dict[str, Floats]:
    """Return {observable: (patient, time)} of one arm; each pattern of missed doses is a regimen."""
    plan = arm.regimen.until(until)
    if arm.agent is not None:
        cohort = _with_agent(cohort, arm)
    ids = [*MEASURED, "cumulative_hazard"]
    patterns, which = _patterns(plan, arm.adherence, len(cohort), seed)
    task = Task(
        kernel=cohort.kernel,
        plans=patterns,
        save=grid,
        until=until,
        ids=ids,
        options=SolverOptions(rtol=rtol),
        holds=cohort.holds,
    )
    how = RunOptions(workers=workers, progress=progress)
    return dict(solve_cohort(task, cohort.rows, which, how).values)


def _patterns(plan: Regimen, adherence: float, n: int, seed: int) -> tuple[list[Regimen], Ints]:
    """Return regimens with doses missed at random, and the one of each patient."""
    if adherence >= 1 or not plan.doses:
        return [plan], np.zeros(n, np.int64)
    u = keyed_uniforms(seed, "missed_doses", None, 0, PATTERNS, len(plan.doses))
    plans = [plan.skip([int(i) for i in np.flatnonzero(row > adherence)]) for row in u]
    return plans, (keyed_uniforms(seed, "missed_pattern", None, 0, n, 1)[:, 0] * PATTERNS).astype(np.int64)


def _with_agent(cohort: Cohort, arm: Arm) -> Cohort:
    """Multiply a process from day 0; what came before day 0 stays as it was."""
    assert arm.agent is not None
    process, factor = arm.agent.process, arm.agent.factor
    changes = {process: cohort[process] * factor}
    past = cohort.kernel.blueprint.past.get(process, ())
    if past and factor == 0:
        raise InputError(f"An agent cannot stop {PROCESSES[process]} altogether; give a factor above 0.")
    # what came before day 0 is rate x time: where the rate changes, the time makes up for it
    changes |= {i: cohort[i] / factor for i in past}
    return cohort.changed(changes)
