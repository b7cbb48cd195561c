"""Stage progression: untreated patients on riluzole, from screening to day 640."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..population.patients import MONTH, Patients, Weighted, weighted_patients
from ..solver.problem import Floats
from ..statistics import expected_log_hazard_ratio
from ..uncertainty.coordinates import sobol_points
from .simulator import IL2_SPREAD, PATIENT_SEED, Simulator
from .targets import Target

#: Estimated in this stage.
PARAMETERS = (
    "motor_unit_loss_rate", "spread_loss_rate", "respiratory_ratio", "csf_pnfh_untreated", "spread_pnfh",
    "correlation_pnfh_loss_rate", "svc_before_disease", "spread_svc", "function_half", "respiration_half",
    "hazard_reference", "hazard_per_point", "hazard_per_percent",
)  # fmt: skip
#: Cuts of CSF pNFH in MIROCALS, pg/mL.
CUTS = (750.0, 3700.0)
#: SVC falls by so many % for each point of ALSFRS-R (Andrews 2018 over PRO-ACT slopes).
SVC_PER_POINT = 2.7
STEP = 20.0
YEAR = 365.0
FOLLOW_UP = 640.0


def als_patients(simulator: Simulator) -> Patients:
    """Return the door to patients that differ in the ALS half alone."""
    parameters = simulator.parameters
    names = [p.id for p in simulator.kernel.blueprint.parameters]
    varied = tuple(i for i in names if parameters.record(i).spread is not None and i not in IL2_SPREAD)
    return Patients(simulator.kernel, parameters, varied)


def candidates(simulator: Simulator, table: Mapping[str, Floats]) -> list[Weighted]:
    """Return the quasi-random candidates of every parameter set, with their weights."""
    patients = als_patients(simulator)
    return weighted_patients(patients, sobol_points(simulator.size.patients, patients.width, PATIENT_SEED), table)


def cumulative(hazard: Floats, times: Floats) -> Floats:
    """Return the integral of a hazard (..., time), from 0 on (trapezoids)."""
    steps = (hazard[..., 1:] + hazard[..., :-1]) / 2 * np.diff(times)
    return np.concatenate([np.zeros((*hazard.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)


def predict(simulator: Simulator, table: Mapping[str, Floats], targets: tuple[Target, ...]) -> dict[str, Floats]:
    """Return predictions (set,) by target; (set, class) for the strata."""
    days = np.unique(np.concatenate([np.arange(0, FOLLOW_UP + 1, STEP), [YEAR]]))
    year = int(np.searchsorted(days, YEAR))
    patients = als_patients(simulator)
    value = {i: table[i] if i in table else np.array([simulator.parameters[i]]) for i in PARAMETERS}
    joint = value["hazard_per_point"] + SVC_PER_POINT * value["hazard_per_percent"]
    found: dict[str, list[Floats | float]] = {t.id: [] for t in targets}
    for number, c in enumerate(candidates(simulator, table)):
        seen = patients.natural_course(c.rows, days)
        survival = np.exp(-cumulative(seen["hazard"], days))
        slope = {i: (seen[i][:, year] - seen[i][:, 0]) / YEAR * MONTH for i in ("alsfrs_r", "svc", "motor_units")}
        high = c.pnfh > CUTS[1]
        for t in targets:
            found[t.id].append(_endpoint(t, c, seen, slope, survival, days, high, float(joint[number % len(joint)])))
    return {id: np.array(values) for id, values in found.items()}


def _endpoint(
    t: Target,
    c: Weighted,
    seen: Mapping[str, Floats],
    slope: Mapping[str, Floats],
    survival: Floats,
    days: Floats,
    high: NDArray[np.bool_],
    joint: float,
) -> Floats | float:
    """Return one endpoint of one parameter set."""
    w = c.weight

    def mean(x: Floats) -> float:
        return float(w @ x)

    def sd(x: Floats) -> float:
        return float(np.sqrt(w @ (x - w @ x) ** 2))

    match t.endpoint:
        case "alsfrs_r_entry":
            return weighted_median(seen["alsfrs_r"][:, 0], w)
        case "alsfrs_r_slope":
            return mean(slope["alsfrs_r"])
        case "alsfrs_r_slope_sd":
            return sd(slope["alsfrs_r"])
        case "svc_entry":
            return mean(seen["svc"][:, 0])
        case "svc_entry_sd":
            return sd(seen["svc"][:, 0])
        case "svc_slope":
            return mean(slope["svc"])
        case "motor_unit_slope":
            return 100 * mean(slope["motor_units"] / seen["motor_units"][:, 0])
        case "pnfh_strata":
            return np.array([w[c.pnfh < CUTS[0]].sum(), w[(c.pnfh >= CUTS[0]) & ~high].sum(), w[high].sum()])
        case "dead":
            assert t.day is not None
            return 1 - mean(np.array([np.interp(t.day, days, s) for s in survival]))
        case "ln_hr_high_pnfh_untreated":
            return expected_log_hazard_ratio(survival[~high], survival[high], w[~high], w[high])
        case _:
            return joint


def weighted_median(x: Floats, w: Floats) -> float:
    """Return the weighted median, interpolated, so that it moves smoothly with the weights."""
    order = np.argsort(x, kind="stable")
    share = np.cumsum(w[order]) - w[order] / 2
    return float(np.interp(0.5, share / w.sum(), x[order]))
