"""Stage progression: untreated patients on riluzole, from screening to the end of the trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np

from ..endpoints.kinds import Seen
from ..endpoints.reported import YEAR
from ..population.patients import Patients, Weighted, weighted_patients
from ..solver.problem import Floats
from ..uncertainty.coordinates import sobol_points
from .needs import check_cohort, summary
from .simulator import IL2_SPREAD, PATIENT_SEED, Simulator
from .targets import Target

#: Estimated in this stage.
PARAMETERS = (
    *("motor_unit_loss_rate", "spread_loss_rate", "respiratory_ratio", "csf_pnfh_untreated", "spread_pnfh"),
    *("correlation_pnfh_loss_rate", "svc_before_disease", "spread_svc", "function_half", "respiration_half"),
    *("hazard_reference", "hazard_per_point", "hazard_per_percent"),
)
STEP = 20.0
#: Sets whose candidates are made together: so many stay in the cache of a processor.
SETS = 16


def als_patients(simulator: Simulator) -> Patients:
    """Return the door to patients that differ in the ALS half alone."""
    parameters = simulator.parameters
    names = simulator.kernel.blueprint.parameters.ids
    varied = tuple(i for i in names if parameters.record(i).spread is not None and i not in IL2_SPREAD)
    return Patients(simulator.kernel, parameters, varied, compiled=True)


@cache
def _uniforms(patients: int, width: int) -> Floats:
    points = sobol_points(patients, width, PATIENT_SEED)
    points.flags.writeable = False
    return points


def candidates(simulator: Simulator, table: Mapping[str, Floats]) -> Iterator[Weighted]:
    """Yield the quasi-random candidates of every parameter set, with their weights; a few sets are made at a time."""
    patients = als_patients(simulator)
    uniforms, sets = _uniforms(simulator.size.patients, patients.width), max(map(len, table.values()), default=1)
    for k in range(0, sets, SETS):
        some = {i: v if len(v) == 1 else v[k : k + SETS] for i, v in table.items()}
        yield from weighted_patients(patients, uniforms, some)


def cumulative(hazard: Floats, times: Floats) -> Floats:
    """Return the integral of a hazard (patient, time), from 0 on (trapezoids); by day in memory."""
    daily = np.ascontiguousarray(hazard.T)
    steps = (daily[1:] + daily[:-1]) * (np.diff(times) / 2)[:, None]
    total = np.zeros(daily.shape)
    for k, step in enumerate(steps):
        np.add(total[k], step, out=total[k + 1])
    return total.T


def predict(simulator: Simulator, table: Mapping[str, Floats], targets: tuple[Target, ...]) -> dict[str, Floats]:
    """Return predictions (set,) by target; (set, class) for the strata. Slopes are of all: deaths are not taken out."""
    days = np.unique(np.concatenate([np.arange(0, simulator.follow_up + 1, STEP), [YEAR]]))
    # survival follows from the hazard
    read = {i for t in targets for i in summary(t).observables}
    ids = sorted(read - {"survival"} | ({"hazard"} if "survival" in read else set()))
    patients, sets = als_patients(simulator), max(map(len, table.values()), default=1)
    value = {i: np.broadcast_to(table.get(i, simulator.parameters[i]), sets) for i in PARAMETERS}
    found: dict[str, list[Floats | float]] = {t.id: [] for t in targets}
    for k, c in enumerate(candidates(simulator, table)):
        if len(c.rows) == 0:  # nobody meets the criteria
            for t in targets:
                found[t.id].append(np.full(len(t.counts) if t.form == "multinomial" else (), np.nan))
            continue
        course = patients.natural_course(c.rows, days, ids)
        if "survival" in read:
            course["survival"] = np.exp(-cumulative(course["hazard"], days))
        numbers = {i: float(v[k]) for i, v in value.items()}
        seen = Seen(times=days, arms=(course,), weight=c.weight, pnfh=c.pnfh, cuts=simulator.cuts, numbers=numbers)
        for t in targets:
            found[t.id].append(summary(t).of(seen, t.day))
    return {id: np.array(values) for id, values in found.items()}


def check(simulator: Simulator, targets: tuple[Target, ...]) -> None:
    """Refuse targets that untreated patients cannot answer.

    Raises
    ------
    InputError
    """
    check_cohort(targets, simulator.kernel.blueprint.observables.ids, simulator.follow_up)
