"""Stage mirocals: IL-2 against placebo on death, by the expected Cox model of the virtual trial.

The IL-2 half does not depend on the ALS half, and glia depend on the patient only
through the share s of damage that inflammation drives and the sensitivity q to
suppression. So the full model is run on a small grid of (s, q); the damage integral
and M1 of every patient are interpolated between its nodes, and function and hazard
then follow from the model's own observables. `full_cohort` runs every patient
instead and is the check of this short cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..dosing.regimen import Regimen
from ..endpoints.kinds import Seen
from ..endpoints.reported import COHORT
from ..errors import unknown_name
from ..population.patients import Patients, Weighted
from ..solver.problem import Floats
from ..streams import fixed_seed
from ..trial_files import REFERENCE
from ..uncertainty.coordinates import sobol_points
from .needs import check_cohort, summary
from .progression import als_patients, candidates, cumulative
from .simulator import IL2_SPREAD, Simulator
from .targets import Target

#: Estimated in this stage (draws of imodals and of progression enter through one coordinate each).
PARAMETERS = (
    *("inflammatory_damage_max", "pnfh_half", "pnfh_exponent", "hazard_inflammation", "effector_damage"),
    *("suppression_half", "suppression_exponent", "microglia_calming_rate", "microglia_activation_rate"),
    *("ccl2_recruitment", "debris_activation", "csf_ccl2_inflammatory_share"),
)
#: What the trial published of both arms: the endpoints of its own analyses.
NAMES = ("ln_hr_all", "ln_hr_low", "ln_hr_high", "ln_hr_main", "ln_hr_interaction", "dead", "dead_treated")
STEP = 8.0
#: Loss rate of the patients of the grid, 1/day: slow, so that the damage integral can be read off their units.
_SLOW = 1e-3
#: Nodes of ln q lie within so many standard deviations.
_REACH = 3.2


@dataclass(frozen=True, kw_only=True)
class Arms:
    """Both arms of one parameter set: survival (patient, time) of the same weighted patients."""

    times: Floats
    placebo: Floats
    treated: Floats
    weight: Floats
    pnfh: Floats
    cuts: tuple[float, float]

    @cached_property
    def seen(self) -> Seen:
        """What endpoints are read off."""
        courses = ({"survival": self.placebo}, {"survival": self.treated})
        return Seen(times=self.times, arms=courses, weight=self.weight, pnfh=self.pnfh, cuts=self.cuts)


@dataclass(frozen=True)
class Trait:
    """What the response of a patient is tied to: an alternative structure changes one of these.

    `response` is 'pnfh' or 'rate'; `direct` says whether the path from inflammation
    to death carries the patient's share (`True`) or acts on all alike; `pnfh_cap` cuts
    the tail of CSF pNFH; `follow_up` (None: that of the trial) and `hazard_factor` move its zero.
    """

    response: str = "pnfh"
    direct_carries_share: bool = True
    pnfh_cap: float | None = None
    follow_up: float | None = None
    hazard_factor: float = 1.0

    def __post_init__(self) -> None:
        if self.response not in ("pnfh", "rate"):
            raise unknown_name("trait that the response is tied to", self.response, ("pnfh", "rate"))


@dataclass(frozen=True, kw_only=True)
class Response:
    """What the full model gives on nodes of share and ln sensitivity, (node, time): damage integral and M1."""

    times: Floats
    shares: Floats
    sensitivities: Floats
    damage: Floats
    inflamed: Floats

    def at(self, share: Floats, sensitivity: Floats) -> tuple[Floats, Floats]:
        """Return damage integral and M1 (patient, time) between the nodes."""
        s, q = _lagrange(self.shares, share), _lagrange(self.sensitivities, sensitivity)
        weights = (s[:, :, None] * q[:, None, :]).reshape(len(share), -1)
        return weights @ self.damage, weights @ self.inflamed


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
    """Return both arms of every parameter set; None where the run of a set failed or nobody meets the criteria."""
    trait = trait or Trait()
    if trait.hazard_factor != 1.0:
        base = table.get("hazard_reference", np.array([simulator.parameters["hazard_reference"]]))
        table = {**table, "hazard_reference": base * trait.hazard_factor}
    typical = simulator.rows(table)
    responses = _responses(simulator, regimen or Regimen.named(REFERENCE), typical, trait)
    return [
        None
        if response is None or len(people.rows) == 0
        else _patients(simulator, _capped(people, trait), one, response, trait)
        for people, one, response in zip(candidates(simulator, table), typical, responses, strict=True)
    ]


def _responses(simulator: Simulator, regimen: Regimen, typical: Floats, trait: Trait) -> list[Response | None]:
    """Run the full model on the nodes of every parameter set; None where a run failed."""
    at, size = simulator.at, simulator.size
    end = trait.follow_up or simulator.follow_up
    times = np.unique(np.append(np.arange(0, end, STEP), end))
    record = simulator.parameters.record("suppression_sensitivity")
    assert record.spread is not None
    shares = np.clip(0.5 + 0.5 * _chebyshev(size.shares), 1e-9, 1 - 1e-9)
    sensitivities = _REACH * record.spread["sd"] * _chebyshev(size.sensitivities)
    grid = np.array([(s, q) for s in shares for q in sensitivities])
    rows = np.repeat(typical, len(grid), axis=0)
    half, exponent = (typical[:, at(i)] for i in ("pnfh_half", "pnfh_exponent"))
    odds = (1 - grid[:, 0]) / grid[:, 0]
    rows[:, at("csf_pnfh_untreated")] = (half[:, None] * odds ** (1 / exponent[:, None])).ravel()
    rows[:, at("suppression_sensitivity")] = np.tile(np.exp(grid[:, 1]), len(typical))
    rows[:, at("motor_unit_loss_rate")] = _SLOW
    plan = regimen.until(end)
    seen = simulator.observe((plan,), rows, times, ("motor_units", "microglia_inflammatory"), "float32")[str(plan.name)]
    left = seen["motor_units"]
    damage = -np.log(left / left[:, :1]) / _SLOW
    both = (x.reshape(len(typical), len(grid), -1) for x in (damage, seen["microglia_inflammatory"]))
    return [
        Response(times=times, shares=shares, sensitivities=sensitivities, damage=d, inflamed=m)
        if np.isfinite(d).all() and np.isfinite(m).all()
        else None
        for d, m in zip(*both, strict=True)
    ]


def _capped(c: Weighted, trait: Trait) -> Weighted:
    """Cut the tail of CSF pNFH, where the structure does."""
    if trait.pnfh_cap is None:
        return c
    pnfh = np.minimum(c.pnfh, trait.pnfh_cap)
    return replace(c, pnfh=pnfh)


def _ratio(c: Weighted, rate: Floats, half: float, trait: Trait) -> Floats:
    """Return CSF pNFH over that of half response; tied to the rate: the pNFH at which a patient of it stands."""
    if trait.response == "pnfh":
        return np.asarray(c.pnfh / half)
    middle = np.exp(c.weight @ np.log(rate))
    scale = np.sqrt(c.weight @ (np.log(c.pnfh) - c.weight @ np.log(c.pnfh)) ** 2) / np.sqrt(
        c.weight @ (np.log(rate / middle)) ** 2
    )
    return np.asarray(np.exp(c.weight @ np.log(c.pnfh)) * (rate / middle) ** scale / half)


def _patients(simulator: Simulator, c: Weighted, typical: Floats, response: Response, trait: Trait) -> Arms:
    """Interpolate between the nodes, then apply the model's own hazard."""
    k, column, times = simulator.kernel, simulator.at, response.times
    # what belongs to the ALS patient comes from the candidates, the rest from the set's typical patient
    rows = np.tile(typical, (len(c.rows), 1))
    for i in als_patients(simulator).columns:
        rows[:, i] = c.rows[:, i]
    rows[:, column("csf_pnfh_untreated")] = c.pnfh
    rate = rows[:, column("motor_unit_loss_rate")]
    half, exponent = typical[column("pnfh_half")], typical[column("pnfh_exponent")]
    share = 1 / (1 + _ratio(c, rate, half, trait) ** exponent)
    integral, inflamed = response.at(share, np.log(rows[:, column("suppression_sensitivity")]))

    shown = rows.copy()
    odds = (1 - share) / share if trait.direct_carries_share else np.full(len(rows), 1e-9)
    shown[:, column("csf_pnfh_untreated")] = half * np.maximum(odds, 1e-300) ** (1 / exponent)
    # damage moves a patient along his untreated course: its integral takes the place of time
    treatments = ({"time": times}, {"time": integral, "microglia_inflammatory": inflamed})
    hazards = (k.course(("hazard",), shown, given)["hazard"] for given in treatments)
    placebo, treated = (np.exp(-cumulative(h, times)) for h in hazards)
    return Arms(times=times, placebo=placebo, treated=treated, weight=c.weight, pnfh=c.pnfh, cuts=simulator.cuts)


def full_cohort(simulator: Simulator, table: Mapping[str, Floats], *, il2_spread: bool, rtol: float = 1e-6) -> Arms:
    """Return both arms of one parameter set with every candidate simulated by the full model.

    With `il2_spread` patients also differ in Treg share, clearance and division.
    """
    c = next(candidates(simulator, table))
    rows = c.rows.copy()
    if il2_spread:
        patients = Patients(simulator.kernel, simulator.parameters, IL2_SPREAD)
        drawn = patients.rows(sobol_points(len(rows), patients.width, fixed_seed("patients_of_an_arm")), table)[0]
        for i in patients.columns:
            rows[:, i] = drawn[:, i]
    times = np.arange(0, simulator.follow_up + 1, STEP)
    precise = replace(simulator, size=replace(simulator.size, rtol=rtol))
    plans = [Regimen.named(name) for name in ("placebo", REFERENCE)]
    seen = precise.observe(plans, rows, times, ("cumulative_hazard",))
    placebo, treated = (np.exp(-seen[str(plan.name)]["cumulative_hazard"]) for plan in plans)
    pnfh = rows[:, simulator.at("csf_pnfh_untreated")]
    return Arms(times=times, placebo=placebo, treated=treated, weight=c.weight, pnfh=pnfh, cuts=simulator.cuts)


def analyses(a: Arms, names: Sequence[str] = NAMES) -> dict[str, float]:
    """Return the expected results of the trial's own analyses, by endpoint, at the end."""
    return {id: float(COHORT[id].of(a.seen)) for id in names}


def predict(
    simulator: Simulator,
    table: Mapping[str, Floats],
    targets: tuple[Target, ...],
    trait: Trait | None = None,
) -> dict[str, Floats]:
    """Return predictions (set,) by target, and `dead_placebo`; NaN where the run of a set failed."""
    trait = trait or Trait()
    both = arms(simulator, table, trait=trait)
    # days from the zero of the published days to day 0
    earlier = simulator.follow_up - (trait.follow_up or simulator.follow_up)
    found = {}
    for t in targets:
        day = None if t.day is None else t.day - earlier
        found[t.id] = np.array([np.nan if a is None else float(summary(t).of(a.seen, day)) for a in both])
    found["dead_placebo"] = np.array([np.nan if a is None else analyses(a, ("dead",))["dead"] for a in both])
    return found


def check(simulator: Simulator, targets: tuple[Target, ...]) -> None:
    """Refuse targets that the survival of both arms cannot answer.

    Raises
    ------
    InputError
    """
    check_cohort(targets, ("survival",), simulator.follow_up)
