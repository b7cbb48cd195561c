"""Stage mirocals: IL-2 against placebo on death, by the expected Cox model of the virtual trial.

The IL-2 half does not depend on the ALS half, and glia depend on the patient only
through the share s of damage that inflammation drives and the sensitivity q to
suppression. So the full model is run on a small grid of (s, q); the damage integral
and M1 of every patient are interpolated between its nodes, and function and hazard
then follow from the model's own observables. `full_cohort` runs every patient
instead and is the check of this short cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..dosing.regimen import Regimen
from ..population.patients import Weighted
from ..simulation.run import run
from ..solver.problem import Floats, SolverOptions
from ..statistics import expected_cox, expected_log_hazard_ratio
from ..streams import fixed_seed
from .progression import CUTS, FOLLOW_UP, als_patients, candidates, cumulative
from .simulator import Simulator
from .targets import Target

#: Estimated in this stage (draws of imodals and of progression enter through one coordinate each).
PARAMETERS = (
    "inflammatory_damage_max", "pnfh_half", "pnfh_exponent", "hazard_inflammation", "effector_damage",
    "suppression_half", "suppression_exponent", "microglia_calming_rate", "microglia_activation_rate",
    "ccl2_recruitment", "debris_activation", "csf_ccl2_inflammatory_share",
)  # fmt: skip
STEP = 8.0
#: Loss rate of the patients of the grid, 1/day: slow, so that the damage integral can be read off their units.
_SLOW = 1e-3
#: Nodes of ln q lie within so many standard deviations.
_REACH = 3.2


@dataclass(frozen=True)
class Arms:
    """Both arms of one parameter set: survival (patient, time) of the same weighted patients."""

    times: Floats
    placebo: Floats
    treated: Floats
    weight: Floats
    pnfh: Floats


@dataclass(frozen=True)
class Trait:
    """What the response of a patient is tied to: an alternative structure changes one of these.

    `response` is 'pnfh' or 'rate'; `direct` says whether the path from inflammation
    to death carries the patient's share (`True`) or acts on all alike; `pnfh_cap` cuts
    the tail of CSF pNFH; `follow_up` and `hazard_factor` move the zero of the 640 days.
    """

    response: str = "pnfh"
    direct_carries_share: bool = True
    pnfh_cap: float | None = None
    follow_up: float = FOLLOW_UP
    hazard_factor: float = 1.0


def _lagrange(nodes: Floats, x: Floats) -> Floats:
    """Return (point, node) weights of the polynomial through the nodes."""
    weights = np.ones((len(x), len(nodes)))
    for k, node in enumerate(nodes):
        for other in np.delete(nodes, k):
            weights[:, k] *= (x - other) / (node - other)
    return weights


def _chebyshev(n: int) -> Floats:
    return np.asarray(-np.cos(np.pi * np.arange(n) / (n - 1)) if n > 1 else np.zeros(1))


def arms(
    simulator: Simulator,
    table: Mapping[str, Floats],
    regimen: Regimen | None = None,
    trait: Trait | None = None,
) -> list[Arms | None]:
    """Return both arms of every parameter set; None where the run of a set failed."""
    trait = trait or Trait()
    if trait.hazard_factor != 1.0:
        base = table.get("hazard_reference", np.array([simulator.parameters["hazard_reference"]]))
        table = {**table, "hazard_reference": base * trait.hazard_factor}
    regimen = regimen or Regimen.named("mirocals")
    names, size = simulator.names, simulator.size
    times = np.unique(np.append(np.arange(0, trait.follow_up, STEP), trait.follow_up))
    typical = simulator.rows(table)
    record = simulator.parameters.record("suppression_sensitivity")
    assert record.spread is not None
    width = record.spread["sd"]
    s_nodes = np.clip(0.5 + 0.5 * _chebyshev(size.shares), 1e-9, 1 - 1e-9)
    q_nodes = _REACH * width * _chebyshev(size.sensitivities)
    grid = np.array([(s, q) for s in s_nodes for q in q_nodes])
    at = {i: names.index(i) for i in ("csf_pnfh_untreated", "suppression_sensitivity", "motor_unit_loss_rate")}
    rows = np.repeat(typical, len(grid), axis=0)
    half, exponent = (typical[:, names.index(i)] for i in ("pnfh_half", "pnfh_exponent"))
    odds = (1 - grid[:, 0]) / grid[:, 0]
    rows[:, at["csf_pnfh_untreated"]] = (half[:, None] * odds ** (1 / exponent[:, None])).ravel()
    rows[:, at["suppression_sensitivity"]] = np.tile(np.exp(grid[:, 1]), len(typical))
    rows[:, at["motor_unit_loss_rate"]] = _SLOW
    damage, m1 = _grid_course(simulator, regimen.until(trait.follow_up), rows, times)
    damage, m1 = (x.reshape(len(typical), len(grid), -1) for x in (damage, m1))
    found: list[Arms | None] = []
    people = candidates(simulator, table)
    for k in range(len(typical)):
        c = people[k % len(people)]
        if trait.pnfh_cap is not None:
            c = _capped(c, trait.pnfh_cap, at["csf_pnfh_untreated"])
        if not (np.isfinite(damage[k]).all() and np.isfinite(m1[k]).all()):
            found.append(None)
            continue
        found.append(_patients(simulator, c, typical[k], damage[k], m1[k], s_nodes, q_nodes, times, trait))
    return found


def _grid_course(simulator: Simulator, regimen: Regimen, rows: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Return the integral of damage and M1, (row, time), from the full model."""
    k = simulator.kernel
    result = run(
        k, [regimen], np.zeros(len(rows), np.int64), rows, times, float(times[-1]),
        options=SolverOptions(rtol=simulator.size.rtol), precision="float32", batch=True,
    )  # fmt: skip
    left = result.states[:, :, k.index("motor_units")]
    return -np.log(left / left[:, :1]) / _SLOW, result.states[:, :, k.index("microglia_inflammatory")]


def _capped(c: Weighted, cap: float, column: int) -> Weighted:
    rows = c.rows.copy()
    rows[:, column] = np.minimum(rows[:, column], cap)
    return Weighted(rows, c.weight, rows[:, column])


def _patients(
    simulator: Simulator,
    c: Weighted,
    typical: Floats,
    damage: Floats,
    m1: Floats,
    s_nodes: Floats,
    q_nodes: Floats,
    times: Floats,
    trait: Trait,
) -> Arms:
    """Interpolate between the nodes, then apply the model's own hazard."""
    k, names = simulator.kernel, simulator.names
    column = names.index
    # what belongs to the ALS patient comes from the candidates, the rest from the set's typical patient
    rows = np.tile(typical, (len(c.rows), 1))
    for i in als_patients(simulator).columns:
        rows[:, i] = c.rows[:, i]
    rate = rows[:, column("motor_unit_loss_rate")]
    half, exponent = typical[column("pnfh_half")], typical[column("pnfh_exponent")]
    ratio = c.pnfh / half
    if trait.response == "rate":
        # the same curve, at the same quantile: pNFH at which a patient of this rate stands
        middle = np.exp(c.weight @ np.log(rate))
        scale = np.sqrt(c.weight @ (np.log(c.pnfh) - c.weight @ np.log(c.pnfh)) ** 2) / np.sqrt(
            c.weight @ (np.log(rate / middle)) ** 2
        )
        ratio = np.exp(c.weight @ np.log(c.pnfh)) * (rate / middle) ** scale / half
    share = 1 / (1 + ratio**exponent)
    weights_s = _lagrange(s_nodes, share)
    weights_q = _lagrange(q_nodes, np.log(rows[:, column("suppression_sensitivity")]))
    weights = (weights_s[:, :, None] * weights_q[:, None, :]).reshape(len(rows), -1)
    integral, inflamed = weights @ damage, weights @ m1

    shown = rows.copy()
    odds = (1 - share) / share if trait.direct_carries_share else np.full(len(rows), 1e-9)
    shown[:, column("csf_pnfh_untreated")] = half * np.maximum(odds, 1e-300) ** (1 / exponent)
    constants = k.constants(shown)
    base = k.baseline(shown, constants)
    hazards = []
    # damage moves a patient along his untreated course: at a loss rate of one, the clock is rate x integral
    clock = shown.copy()
    clock[:, column("motor_unit_loss_rate")] = 1.0
    for course, glia in ((np.broadcast_to(times, integral.shape), np.ones_like(inflamed)), (integral, inflamed)):
        states = k.untreated(clock, constants, rate[:, None] * course, base)
        states[:, :, k.index("microglia_inflammatory")] = glia
        hazards.append(hazard_of(simulator, states, shown, constants))
    survival = [np.exp(-cumulative(h, times)) for h in hazards]
    return Arms(times, survival[0], survival[1], c.weight, c.pnfh)


def hazard_of(simulator: Simulator, states: Floats, rows: Floats, constants: Floats) -> Floats:
    """Return the model's hazard (patient, time) of given states."""
    bp = simulator.kernel.blueprint
    position = [o.id for o in bp.observables].index("hazard")
    inputs = np.array(bp.input_defaults)
    return simulator.kernel.observables(states, inputs, rows[:, None], constants[:, None])[..., position]


def full_cohort(simulator: Simulator, table: Mapping[str, Floats], *, il2_spread: bool, rtol: float = 1e-6) -> Arms:
    """Return both arms of one parameter set with every candidate simulated by the full model.

    With `il2_spread` patients also differ in Treg share, clearance and division.
    """
    from ..population.patients import Patients
    from ..uncertainty.coordinates import sobol_points
    from .simulator import IL2_SPREAD

    k, names = simulator.kernel, simulator.names
    c = candidates(simulator, table)[0]
    rows = c.rows.copy()
    if il2_spread:
        patients = Patients(k, simulator.parameters, IL2_SPREAD)
        drawn = patients.rows(sobol_points(len(rows), patients.width, fixed_seed("patients_of_an_arm")), table)[0]
        for i in patients.columns:
            rows[:, i] = drawn[:, i]
    times = np.arange(0, FOLLOW_UP + 1, STEP)
    curves = []
    for name in ("placebo", "mirocals"):
        result = run(
            k, [Regimen.named(name)], np.zeros(len(rows), np.int64), rows, times, FOLLOW_UP,
            options=SolverOptions(rtol=rtol), batch=True,
        )  # fmt: skip
        curves.append(np.exp(-result.states[:, :, k.index("cumulative_hazard")]))
    return Arms(times, curves[0], curves[1], c.weight, rows[:, names.index("csf_pnfh_untreated")])


def analyses(a: Arms, *, interaction: bool = True) -> dict[str, float]:
    """Return the expected results of the trial's own analyses, by endpoint."""
    low = (a.pnfh >= CUTS[0]) & (a.pnfh <= CUTS[1])
    high = a.pnfh > CUTS[1]
    found = {
        "ln_hr_all": expected_log_hazard_ratio(a.placebo, a.treated, a.weight),
        "ln_hr_low": expected_log_hazard_ratio(a.placebo[low], a.treated[low], a.weight[low]),
        "ln_hr_high": expected_log_hazard_ratio(a.placebo[high], a.treated[high], a.weight[high]),
        "dead": 1 - float(a.weight @ a.placebo[:, -1]),
        "dead_treated": 1 - float(a.weight @ a.treated[:, -1]),
    }
    if interaction:
        arm = np.repeat([0.0, 1.0], len(a.pnfh))
        pnfh = np.tile(a.pnfh, 2) / 1000
        b = expected_cox(np.r_[a.placebo, a.treated], np.tile(a.weight / 2, 2), np.c_[arm, pnfh, arm * pnfh])
        found |= {"ln_hr_main": float(b[0]), "ln_hr_interaction": float(b[2])}
    return found


def predict(
    simulator: Simulator,
    table: Mapping[str, Floats],
    targets: tuple[Target, ...],
    trait: Trait | None = None,
) -> dict[str, Floats]:
    """Return predictions (set,) by target, and `dead_placebo`."""
    both = arms(simulator, table, trait=trait)
    wanted = {t.endpoint for t in targets}
    interaction = bool(wanted & {"ln_hr_main", "ln_hr_interaction"})
    some = [analyses(a, interaction=interaction) if a is not None else {} for a in both]
    found = {t.id: np.array([x.get(t.endpoint, np.nan) for x in some]) for t in targets}
    found["dead_placebo"] = np.array([x.get("dead", np.nan) for x in some])
    return found
