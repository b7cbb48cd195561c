"""Freeze the numbers of this package bit by bit, and compare two freezes.

    python benchmarks/golden.py freeze -o old.npz           # half a minute; with the il2model that Python finds
    python benchmarks/golden.py freeze -o old.npz --only trial*,model
    python benchmarks/golden.py compare old.npz new.npz     # exit code 1 if anything differs or is missing

Digits hold on one machine with one set of packages: NumPy and the compiler choose other instructions on another
processor. `compare_commits.py` therefore freezes both sides anew. What is meant to differ is named, with its reason,
in `golden_expected.toml`. The script runs with older and newer layouts of the package: `NAMES`, `COLUMNS`,
`KEYWORDS` and `run_study` are the only places that know of them.
"""

from __future__ import annotations

import os

#: Sums of a linear algebra library depend on its number of threads.
for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import fnmatch
import inspect
import json
import platform
import re
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

#: Where each name may live; the first that exists is taken.
NAMES: dict[str, tuple[str, ...]] = {
    "builtin_kernel": (
        "il2model.solver.kernel:builtin_kernel",
        "il2model.solver:builtin_kernel",
        "il2model.kernels.kernel:builtin_kernel",
    ),
    "SolverOptions": ("il2model:SolverOptions",),
    "load_parameters": ("il2model:load_parameters",),
    "simulate": ("il2model:simulate",),
    "sensitivities": ("il2model:sensitivities",),
    "Regimen": ("il2model:Regimen",),
    "Dose": ("il2model:Dose",),
    "Cohort": ("il2model:Cohort",),
    "Posterior": ("il2model:Posterior",),
    "load_targets": ("il2model:load_targets", "il2model.calibration.targets:load_targets"),
    "Agent": ("il2model:Agent",),
    "Arm": ("il2model:Arm",),
    "TrialDesign": ("il2model:TrialDesign",),
    "Visit": ("il2model:Visit",),
    "run_trial": ("il2model:run_trial",),
    "build_pool": (
        "il2model.trials.pool:build_pool",
        "il2model.trials.virtual:build_pool",
        "il2model.trial.virtual:build_pool",
    ),
    "draw_trial": (
        "il2model.trials.replicate:draw_trial",
        "il2model.trials.run:draw_trial",
        "il2model.trial.run:draw_trial",
    ),
    "mixed_model": ("il2model.trials.analysis:mixed_model", "il2model.trial.analysis:mixed_model"),
    "power_study": (
        "il2model.planning.power:power_study",
        "il2model.planning:power_study",
        "il2model:power_study",
        "il2model.trial.power:power_study",
    ),
    "optimise": (
        "il2model.planning.optimize:optimize",
        "il2model.planning.optimize:optimise",
        "il2model.planning.optimise:optimise",
        "il2model.planning:optimize",
        "il2model:optimize",
        "il2model.trial.optimise:optimise",
    ),
    "SensitivityStudy": ("il2model:SensitivityStudy", "il2model.sensitivity.study:SensitivityStudy"),
    "StudyResult": ("il2model:StudyResult", "il2model.sensitivity.results:StudyResult"),
    "draw": ("il2model.uncertainty.draws:draw",),
    "draw_parameters": ("il2model.api:draw_parameters",),
    "run_study": ("il2model:run_study", "il2model.sensitivity:run_study"),
    "Coordinates": (
        "il2model.uncertainty.coordinates:Coordinates",
        "il2model.uncertainty:Coordinates",
        "il2model.population.coordinates:Coordinates",
    ),
    "sobol_points": (
        "il2model.uncertainty.coordinates:sobol_points",
        "il2model.uncertainty.points:sobol_points",
        "il2model.uncertainty:sobol_points",
        "il2model.population.coordinates:sobol_points",
    ),
    "Problem": (
        "il2model.calibration.problem:Problem",
        "il2model.calibration.stage:Problem",
        "il2model.calibration:Problem",
    ),
    "Size": ("il2model.calibration.simulator:Size", "il2model.calibration:Size"),
    "arms": ("il2model.calibration.mirocals:arms", "il2model.calibration.stages.mirocals:arms"),
    "analyses": ("il2model.calibration.mirocals:analyses", "il2model.calibration.stages.mirocals:analyses"),
    "full_cohort": ("il2model.calibration.mirocals:full_cohort", "il2model.calibration.stages.mirocals:full_cohort"),
    "SamplerOptions": (
        "il2model.calibration.sampling:SamplerOptions",
        "il2model.calibration.sampler:SamplerOptions",
        "il2model.calibration:SamplerOptions",
    ),
    "climb": (
        "il2model.calibration.optimum:optimize",
        "il2model.calibration.sampler:optimize",
        "il2model.calibration.sampler:optimise",
        "il2model.calibration.optimum:optimize",
        "il2model.calibration.optimum:optimise",
    ),
    "sample": ("il2model.calibration.sampler:sample", "il2model.calibration:sample"),
    "jacobian": ("il2model.calibration.diagnostics:jacobian",),
    "replicate": ("il2model.calibration.replicates:replicate",),
    "sampling_law": ("il2model.calibration.replicates:sampling_law",),
    "trial_replicates": (
        "il2model.calibration.checks:trial_replicates",
        "il2model.calibration.replicates:trial_replicates",
    ),
    "ccl2_and_treg": ("il2model.calibration.checks:ccl2_and_treg",),
    "untreated_residual": ("il2model.calibration.checks:untreated_residual",),
    "to_sbml": ("il2model.exchange.sbml:to_sbml", "il2model.exchange:to_sbml"),
    "write_petab": ("il2model.exchange.petab:write_petab", "il2model.exchange:write_petab"),
    "to_latex": ("il2model.exchange.latex:to_latex", "il2model.exchange:to_latex"),
    "to_nonmem": ("il2model.exchange.nonmem:to_nonmem", "il2model.exchange:to_nonmem"),
    "read_nonmem": ("il2model.exchange.nonmem:read_nonmem", "il2model.exchange:read_nonmem"),
}
#: Columns of tables that had another name before.
COLUMNS = {"front": "non_dominated"}
#: Names that one argument has had.
KEYWORDS: dict[str, tuple[str, ...]] = {
    "folder": ("folder", "directory"),
    "workers": ("workers", "threads"),
    "replicates": ("replicates", "repeats"),
}


class MissingError(Exception):
    """This checkout has no such name."""


@cache
def find(name: str) -> Any:
    """Return what `NAMES` calls so, from the first place that has it."""
    tried = []
    for place in NAMES[name]:
        module, _, attribute = place.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not str(error.name or "").startswith("il2model"):
                raise
            tried.append(place)
        except AttributeError:
            tried.append(place)
    raise MissingError(f"{name} is in none of {', '.join(tried)}")


class Library:
    """The package under test: every name of `NAMES` as an attribute, with keywords in the words of the checkout."""

    def __getattr__(self, name: str) -> Any:
        found = find(name)
        return found if inspect.isclass(found) else partial(call, found)


il2 = Library()


def call(function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Any:
    """Call a function, each keyword by the name that the function knows it by."""
    known = inspect.signature(function).parameters
    names = {k: next((n for n in KEYWORDS.get(k, (k,)) if n in known), k) for k in keywords}
    return function(*args, **{names[k]: v for k, v in keywords.items()})


def pick(thing: Any, *paths: str) -> Any:
    """Return the first of some dotted attributes that exists."""
    for path in paths:
        found = thing
        try:
            for part in path.split("."):
                found = getattr(found, part)
        except AttributeError:
            continue
        return found
    raise MissingError(f"{type(thing).__name__} has none of {', '.join(paths)}")


def drawn(values: Any, draws: int, seed: int) -> Any:
    """Return (draw, parameter): the rows of draws, by a function of their own or by that of `api`."""
    kernel = il2.builtin_kernel()
    try:
        return find("draw")(values, draws, seed).rows(kernel)
    except MissingError:
        return find("draw_parameters")(kernel, values, draws, seed)


def run_study(study: Any, **keywords: Any) -> Any:
    """Run a sensitivity study, by its method or by a function."""
    return call(study.run, **keywords) if hasattr(study, "run") else il2.run_study(study, **keywords)


# ---------------------------------------------------------------------- collecting
@dataclass
class Book:
    """What a freeze holds: arrays by name, and by group the seconds it took and what stopped it."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)

    def put(self, name: str, value: Any) -> None:
        """Store a number, array, text, mapping, table or sequence of numbers; bits as they are."""
        if isinstance(value, Mapping):
            for key, item in value.items():
                self.put(f"{name}/{key}", item)
        elif hasattr(value, "columns") and hasattr(value, "iloc"):  # a data frame
            for column in value.columns:
                self.put(f"{name}/{COLUMNS.get(column, column)}", value[column].to_numpy())
        elif isinstance(value, bytes):
            self.arrays[name] = np.frombuffer(value, np.uint8)
        else:
            array = np.asarray(value)
            if array.dtype == object:
                array = np.array([repr(v) for v in array.ravel()], dtype=str).reshape(array.shape)
            if name in self.arrays:
                raise ValueError(f"{name} is stored twice")
            self.arrays[name] = array


Group = Callable[[Callable[[str, Any], None]], None]
GROUPS: dict[str, Group] = {}


def group(function: Group) -> Group:
    """Enter a group, named as its function."""
    GROUPS[function.__name__.replace("_", "-")] = function
    return function


STATES = (
    "il2_depot", "il2_lymph", "il2_plasma", "il2_tissue", "il2_absorbed", "treg_cd25", "treg_cd122",
    "treg_cd122_blood", "treg_signal", "treg_tachyphylaxis", "adhesion", "treg_blood", "treg_tissue_resting",
    "treg_tissue_cycling", "tconv_blood", "tconv_tissue", "nk_signal", "nk_blood", "nk_tissue", "cd8_blood", "il5",
    "eosinophil_marrow", "eosinophil_blood", "cd8_effector", "microglia_inflammatory", "microglia_protective",
    "csf_ccl2_relative", "plasma_ccl2_relative", "motor_units", "motor_units_respiratory", "axonal_debris_1",
    "axonal_debris_2", "csf_pnfh", "plasma_nfl", "cumulative_hazard",
)  # fmt: skip
OBSERVABLES = (
    "il2_plasma", "treg_cd25", "treg_count", "treg_percent", "treg_tissue", "teff_count", "cd8_count", "nk_count",
    "eosinophil_count", "csf_ccl2", "plasma_ccl2", "csf_pnfh", "plasma_nfl", "motor_units", "alsfrs_r", "svc", "hazard",
    "survival",
)  # fmt: skip
QUANTITIES = tuple(dict.fromkeys((*STATES, *OBSERVABLES)))
_STUDIED = ("il2_clearance", "treg_division_max", "il2_absorption_rate", "suppression_half", "plasma_ccl2_treg_share")


def solution(put: Callable[[str, Any], None], name: str, found: Any, ids: tuple[str, ...] = QUANTITIES) -> None:
    """Store a solution: every quantity (subject, time), and its outcome."""
    for id in ids:
        put(f"{name}/{id}", found.values(id))
    put(f"{name}/time", found.time)
    put(f"{name}/status", found.status)
    put(f"{name}/steps", pick(found, "run.steps", "steps"))
    for part in ("given", "absorbed", "remaining", "lost"):
        put(f"{name}/balance/{part}", getattr(found.balance, part))


def regimens() -> dict[str, tuple[Any, float]]:
    """Return regimens that go through every kind of event, and their last day."""
    Regimen, Dose = il2.Regimen, il2.Dose
    named, cyclic = Regimen.named, Regimen.cyclic
    records = [
        {"time": 0, "amt": 1.0, "evid": 1, "ii": 1.0, "addl": 4},
        {"time": 10, "amt": 2.0, "evid": 4, "ii": 2.0, "addl": 3},
        {"time": 13.5, "evid": 3, "amt": 0.0},
        {"time": 20, "amt": 1.5, "evid": 1, "rate": 3.0, "cmt": 2},
    ]
    mirocals = named("mirocals")
    return {
        "placebo": (named("placebo"), 640.0),
        "imodals-1miu": (named("imodals-1miu"), 85.0),
        "imodals-2miu": (named("imodals-2miu"), 85.0),
        "mirocals": (mirocals, 640.0),
        "transreg": (named("transreg"), 182.0),
        "cyclic-3-of-14": (cyclic("1.5 MIU", 3, 14, 4), 56.0),
        "cyclic-late-microgram": (cyclic("61 ug", days=2, every="1 week", cycles=3, start="36 h"), 40.0),
        "per-m2": (cyclic("0.5 MIU/m2", 5, 28, 2), 56.0),
        "iv-bolus": (Regimen((Dose(0, 1.0, "iv"), Dose(2, 2.0, "iv")), "bolus"), 10.0),
        "iv-infusion": (cyclic("2 MIU", 3, 28, 1, route="iv", duration="4 h"), 28.0),
        "sc-infusion": (Regimen((Dose(0, 2.0, "sc", 0.5), Dose(0.25, 1.0, "sc", 0.5)), "pump"), 14.0),
        "mixed-routes": (Regimen((Dose(0, 1.0), Dose(0.1, 1.0, "iv", 1.0), Dose(0.6, 0.5, "iv")), "mixed"), 14.0),
        "lag": (cyclic("2 MIU", 5, 28, 1), 28.0),
        "evid-3": (named("imodals-2miu").replace(resets=(2.0, 30.25)), 60.0),
        "evid-4": (Regimen((Dose(0, 2.0), Dose(1, 2.0), Dose(1.5, 1.0, reset=True), Dose(9, 2.0)), "evid 4"), 28.0),
        "records": (Regimen.from_records(records), 40.0),
        "ss-1": (Regimen((Dose(0, 1.0, ss=True, ii=1.0), Dose(1, 1.0), Dose(2, 1.0)), "ss"), 28.0),
        "ss-1-infusion": (Regimen((Dose(3, 1.0, "iv", 0.25, ss=True, ii=7.0),), "ss infusion"), 28.0),
        "riluzole-off": (mirocals.until(168).off_riluzole(), 168.0),
        "riluzole-stopped": (mirocals.until(168).replace(riluzole=((0.0, 61.5),)), 168.0),
        "riluzole-pause": (mirocals.until(168).replace(riluzole=((0.0, 30.0), (61.5, float("inf")))), 168.0),
        "decimal-times": (Regimen(tuple(Dose(0.1 + 1.37 * k, 0.7) for k in range(8)), "decimal"), 28.3),
        "coincident": (Regimen((Dose(1, 1.0), Dose(1, 0.5), Dose(1, 0.3, "iv"), Dose(1, 0.2, "iv", 0.5)), "all"), 14.0),
        "changed": (mirocals.until(112).skip([1, 7]).reduce(0.5, start=28).delay("2.5 day"), 120.0),
        "sum": (cyclic("1 MIU", 5, 28, 1) + cyclic("2 MIU", 5, 28, 1, start=28), 56.0),
    }  # fmt: skip


def days(end: float) -> list[float]:
    """Return a few days to save."""
    return [t for t in (0.0, 0.3, 1.0, 2.5, 5.0, 7.0, 28.0, 84.0, 320.0) if t < end] + [end]


# -------------------------------------------------------------------------- groups
@group
def model(put: Callable[[str, Any], None]) -> None:
    """What the equations are made of, and the values."""
    kernel = il2.builtin_kernel()
    bp = kernel.blueprint
    put("fingerprint", bp.fingerprint)
    for kind in ("states", "observables", "parameters", "constants"):
        put(f"{kind}/ids", [i.id for i in getattr(bp, kind)])
        put(f"{kind}/units", [i.unit for i in getattr(bp, kind)])
    put("scales", bp.scales)
    for name in ("", "prior"):
        values = il2.load_parameters(name) if name else il2.load_parameters()
        items = bp.parameters
        row = np.array([values.vector([i.id for i in items], [i.unit for i in items])])
        constants = kernel.constants(row)
        part = name or "calibrated"
        put(f"{part}/fingerprint", values.fingerprint())
        put(f"{part}/values", {i: values[i] for i in values.records})
        put(f"{part}/row", row)
        put(f"{part}/constants", constants)
        put(f"{part}/baseline", kernel.baseline(row, constants))


@group
def dosing(put: Callable[[str, Any], None]) -> None:
    """Regimens as records."""
    for name, (plan, _) in regimens().items():
        records = plan.to_records()
        for key in records[0] if records else ():
            put(f"{name}/{key}", np.array([r[key] for r in records], float))
        put(f"{name}/length", plan.length)
        put(f"{name}/riluzole", np.array(plan.riluzole, float))


@group
def courses(put: Callable[[str, Any], None]) -> None:
    """The typical patient under every regimen, at the default tolerance."""
    for name, (plan, end) in regimens().items():
        values = il2.load_parameters().replace(il2_lag="31 min") if name == "lag" else None
        found = il2.simulate(plan, until=end, save=days(end), parameters=values)
        solution(put, name, found)
        if name == "mirocals":
            put("mirocals-units/il2_plasma", found.values("il2_plasma", "IU/mL"))
            put("mirocals-units/il2_depot", found.values("il2_depot", "MIU"))


@group
def courses_prior(put: Callable[[str, Any], None]) -> None:
    """The typical patient with the values before calibration, and with some replaced."""
    prior = il2.load_parameters("prior")
    solution(put, "prior", il2.simulate("mirocals", until=640, save=days(640), parameters=prior))
    other = il2.load_parameters().replace(il2_clearance="0.20 L/min")
    solution(put, "replaced", il2.simulate("imodals-2miu", until=85, save=days(85), parameters=other))


@group
def courses_tolerance(put: Callable[[str, Any], None]) -> None:
    """Other tolerances, single precision, and daily values."""
    for rtol in (1e-4, 1e-9):
        options = il2.SolverOptions(rtol=rtol)
        plan = regimens()["riluzole-stopped"][0]
        solution(put, f"rtol-{rtol:g}", il2.simulate(plan, until=168, save=days(168), options=options))
    found = il2.simulate("mirocals", until=640, save=days(640), precision="float32")
    solution(put, "float32", found)
    grid = il2.simulate("imodals-2miu", until=85)
    for id in ("treg_percent", "plasma_ccl2", "alsfrs_r"):
        put(f"default-times/{id}", grid.values(id))
    put("default-times/time", grid.time)


@group
def courses_engine(put: Callable[[str, Any], None]) -> None:
    """The other engines."""
    plan = il2.Regimen.cyclic("2 MIU", 2, 28, 1)
    for engine in ("plain", "scipy", "scipy-radau", "scipy-bdf"):
        solution(put, engine, il2.simulate(plan, until=2, save=days(2), engine=engine))


@group
def draws(put: Callable[[str, Any], None]) -> None:
    """Draws of the posterior and of the priors."""
    for name, values in (("posterior", None), ("prior", il2.load_parameters("prior"))):
        found = il2.simulate("mirocals", until=640, save=[0, 7, 28, 640], draws=16, seed=3, parameters=values)
        solution(put, name, found)
        put(f"{name}/parameters", drawn(il2.load_parameters() if values is None else values, 16, 3))
        put(f"{name}/quantiles", found["treg_percent"].values)
    changed = il2.load_parameters().replace(il2_clearance="0.20 L/min")
    found = il2.simulate("imodals-2miu", until=85, save=[0, 7, 28], draws=4, parameters=changed)
    solution(put, "changed", found, OBSERVABLES)


@group
def cohort(put: Callable[[str, Any], None]) -> None:
    """Virtual patients, and their courses."""
    for design in ("mirocals", "unselected"):
        people = il2.Cohort.sample(64, seed=1, design=design)
        put(f"{design}/matrix", people.matrix)
        put(f"{design}/screened", people.screened)
        put(f"{design}/labels", dict(people.labels))
        put(f"{design}/baseline", dict(people.baseline))
        put(f"{design}/summary", people.summary())
        put(f"{design}/strata", people.strata())
    put("later", il2.Cohort.sample(8, seed=1, first=60).matrix)
    put("prior", il2.Cohort.sample(16, seed=2, parameters=il2.load_parameters("prior")).matrix)


@group
def cohort_courses(put: Callable[[str, Any], None]) -> None:
    """A cohort under placebo and IL-2: subjects, running summaries, single precision."""
    people = il2.Cohort.sample(64, seed=1, design="mirocals")
    for name in ("placebo", "mirocals"):
        found = il2.simulate(name, cohort=people, until=640, save=[0, 28, 640])
        for id in OBSERVABLES:
            put(f"{name}/{id}", found.values(id))
        put(f"{name}/status", found.status)
        short = il2.simulate(name, cohort=people, until=640, save=[0, 28, 640], summary=True)
        for id in OBSERVABLES:
            put(f"{name}-summary/{id}", short[id].values)
    single = il2.simulate(
        "mirocals", cohort=people, until=640, save=[0, 28, 640], precision="float32", observables=["survival"]
    )
    put("single/survival", single.values("survival"))
    other = il2.Cohort.sample(32, seed=5, design="unselected")
    found = il2.simulate(regimens()["per-m2"][0], cohort=other, until=56, save=[0, 7, 56], observables=["treg_percent"])
    put("unselected/treg_percent", found.values("treg_percent"))


@group
def derivatives(put: Callable[[str, Any], None]) -> None:
    """Derivatives along the course of the typical patient."""
    ids = ["il2_clearance", "treg_division_max", "motor_unit_loss_rate", "suppression_half", "riluzole_slowing"]
    found = il2.sensitivities(il2.Regimen.named("mirocals").until(60), ids, until=60)
    put("values", found.values)
    put("nominal", found.nominal)
    put("at", found.at)
    put("relative", found.relative("treg_percent"))


@group
def coordinates(put: Callable[[str, Any], None]) -> None:
    """Matrices from points of the unit cube."""
    kernel = il2.builtin_kernel()
    for name, values in (("calibrated", il2.load_parameters()), ("prior", il2.load_parameters("prior"))):
        for wide in (False, True):
            map = il2.Coordinates.of(kernel, values, wide=wide)
            points = il2.sobol_points(32, len(map.ids), 3)
            part = f"{name}-wide" if wide else name
            put(f"{part}/ids", list(map.ids))
            put(f"{part}/points", points)
            put(f"{part}/matrix", map.matrix(points))
            put(f"{part}/values", map.values(points))


@group
def posterior(put: Callable[[str, Any], None]) -> None:
    """The stored fits: which draws are picked, in which order."""
    for stage in ("pk", "imodals", "progression", "mirocals"):
        fit = il2.Posterior.load(stage)
        put(f"{stage}/ids", list(fit.ids))
        put(f"{stage}/order", fit.order)
        put(f"{stage}/pick", fit.pick(16, 0))
        put(f"{stage}/pick-many", fit.pick(len(fit) + 5, 3))
        put(f"{stage}/table", fit.table(fit.pick(16, 0)))


def trial(put: Callable[[str, Any], None], name: str, found: Any) -> None:
    """Store the replicates of a trial."""
    put(f"{name}/table", {n: found.table[:, k] for k, n in enumerate(found.names)})
    put(f"{name}/null", {n: found.null[:, k] for k, n in enumerate(found.names)})
    for part in ("days", "curves", "hr_curve", "refused"):
        put(f"{name}/{part}", getattr(found, part))
    put(f"{name}/strata", dict(found.strata))
    put(f"{name}/covariates", dict(found.covariates))
    put(f"{name}/power", found.power())
    put(f"{name}/type_one_error", found.type_one_error())


@group
def trial_mirocals(put: Callable[[str, Any], None]) -> None:
    """MIROCALS many times, also with a given hazard ratio, and stored half way."""
    found = il2.run_trial("mirocals", replicates=50, seed=1, pool=200)
    trial(put, "plain", found)
    put("summary", found.summary())
    put("baseline", found.baseline())
    trial(put, "hazard-ratio", il2.run_trial("mirocals", replicates=5, seed=2, pool=100, hazard_ratio=0.7))


@group
def trial_draws(put: Callable[[str, Any], None]) -> None:
    """MIROCALS over draws of the posterior, and of the priors."""
    trial(put, "posterior", il2.run_trial("mirocals", replicates=10, seed=1, pool=64, draws=2))
    prior = il2.load_parameters("prior")
    trial(put, "prior", il2.run_trial("mirocals", replicates=4, seed=1, pool=64, draws=2, parameters=prior))


@group
def trial_stored(put: Callable[[str, Any], None]) -> None:
    """A trial that goes on from a folder."""
    with tempfile.TemporaryDirectory() as home:
        il2.run_trial("imodals", replicates=3, seed=4, pool=40, folder=Path(home) / "x")
        again = il2.run_trial("imodals", replicates=6, seed=4, pool=40, folder=Path(home) / "x", resume=True)
    trial(put, "resumed", again)


@group
def trial_imodals(put: Callable[[str, Any], None]) -> None:
    """IMODALS."""
    trial(put, "plain", il2.run_trial("imodals", replicates=20, seed=1, pool=100))


@group
def trial_own(put: Callable[[str, Any], None]) -> None:
    """A design that uses every part."""
    named = il2.Regimen.named
    late = il2.Regimen.cyclic("1 MIU", 5, 28, 6).delay(30)
    arms = (
        il2.Arm("control", named("placebo"), 30),
        il2.Arm("IL-2", named("mirocals").until(365), 30, adherence=0.8),
        il2.Arm("late and slow", late, 20, agent=il2.Agent("motor_unit_loss_rate", 0.8)),
    )
    visits = tuple(il2.Visit(day, window) for day, window in ((0.0, 0.0), (84.0, 7.0), (180.0, 14.0), (365.0, 14.0)))
    design = il2.TrialDesign(
        "own", arms, 365.0, visits, enrich=(500.0, 4000.0), dropout=0.1, stratify="csf_pnfh", looks=(120.0, 240.0)
    )
    trial(put, "every-part", il2.run_trial(design, replicates=20, seed=7, pool=120))
    unselected = design.replace(cohort="unselected", enrich=None, stratify=None, alpha=0.1).sized(12)
    trial(put, "unselected", il2.run_trial(unselected, replicates=5, seed=8, pool=60))


@group
def trial_data(put: Callable[[str, Any], None]) -> None:
    """The patients of a pool, one trial of them, and the mixed model of its slopes."""
    design = il2.TrialDesign.named("mirocals")
    pool = il2.build_pool(design, 80, seed=3)
    put("hazard", pool.hazard)
    put("markers", dict(pool.markers))
    data = il2.draw_trial(pool, design, np.random.default_rng(4))
    for part in ("arm", "time", "died", "visits"):
        put(f"data/{part}", getattr(data, part))
    put("data/measured", dict(data.measured))
    put("data/covariates", dict(data.covariates))
    put("mixed-model", il2.mixed_model(data))


@group
def power(put: Callable[[str, Any], None]) -> None:
    """Power over cut-offs and sizes, and assurance."""
    cuts = (None, (750.0, 3700.0))
    put("plain", il2.power_study("mirocals", cuts=cuts, sizes=(40, 80), replicates=10, seed=1, pool=100).table)
    put("draws", il2.power_study("mirocals", cuts=cuts[:1], sizes=(40,), replicates=6, draws=2, pool=50).table)
    ratio = il2.power_study("mirocals", cuts=cuts[:1], sizes=(100,), replicates=10, hazard_ratio=0.5, pool=100)
    put("hazard-ratio", ratio.table)


@group
def optimisation(put: Callable[[str, Any], None]) -> None:
    """A search for regimens."""
    found = il2.optimise(
        limits={"eosinophil_count": 700.0}, injections_per_year=80, until=200, patients=6, draws=2, seed=1,
        generations=1,
    )  # fmt: skip
    put("survival", found.table)
    found = il2.optimise("alsfrs_r_difference", until=140, patients=4, draws=0, seed=2, generations=1)
    put("function", found.table)


def study(put: Callable[[str, Any], None], name: str, outputs: list[str], **keywords: Any) -> Any:
    """Store a sensitivity study: its design, its results and every index."""
    plan = il2.SensitivityStudy(outputs=outputs, **keywords)
    found = run_study(plan)
    put(f"{name}/inputs", list(plan.inputs))
    put(f"{name}/outputs", [c.name for c in plan.columns])
    put(f"{name}/design", plan.design)
    put(f"{name}/Y", found.Y)
    # SALib's HDMR adds up in an order that depends on where arrays lie in memory: its last digits vary
    loose = keywords.get("method") == "hdmr"
    put(f"{name}/indices", {k: np.round(v, 9) if loose else v for k, v in found.indices.items()})
    put(f"{name}/masked", found.masked)
    put(f"{name}/failed", sorted(found.reasons))
    return found


@group
def study_sobol(put: Callable[[str, Any], None]) -> None:
    """Sobol indices: all parameters; second order; a folder that is read again."""
    outputs = ["treg_auc", "ccl2_nadir", "treg_percent"]
    study(put, "first", outputs, n=16, seed=1, times=(7.0, 28.0, 85.0))
    study(put, "second", outputs, n=16, parameters=_STUDIED[:3], until=28, seed=2, second_order=True, times=(3.0, 28.0))
    plan = il2.SensitivityStudy(outputs[:2], n=8, parameters=_STUDIED[:3], until=28)
    with tempfile.TemporaryDirectory() as home:
        run_study(plan, folder=Path(home) / "x")
        again = il2.StudyResult.load(Path(home) / "x")
    put("loaded/Y", again.Y)
    put("loaded/indices", dict(again.indices))


@group
def study_morris(put: Callable[[str, Any], None]) -> None:
    """Elementary effects of courses, and of differences between arms."""
    study(put, "courses", ["treg_auc", "alsfrs_r_slope"], method="morris", n=4, until=28)
    own = ["csf_pnfh_untreated", "motor_unit_loss_rate", "spread_pnfh", "inflammatory_damage_max", "pnfh_half",
           "hazard_inflammation", "suppression_half", "frailty", "il2_clearance"]  # fmt: skip
    chosen = [i for i in own if not il2.load_parameters().record(i).fixed]
    outputs = ["survival_difference", "alsfrs_r_difference"]
    study(put, "arms", outputs, method="morris", n=4, patients=16, parameters=chosen)
    study(put, "arms-all", ["survival_difference"], method="morris", n=2, patients=16, until=168)


@group
def study_other(put: Callable[[str, Any], None]) -> None:
    """The other methods."""
    outputs = ["treg_auc", "ccl2_nadir"]
    for method, n in (
        ("delta", 64), ("prcc", 64), ("pawn", 64), ("rbd_fast", 64), ("hdmr", 300), ("dgsm", 8), ("oat", 2),
        ("fast", 65),
    ):  # fmt: skip
        study(put, method, outputs, method=method, n=n, until=28, parameters=_STUDIED, seed=5)
    study(put, "delta-posterior", outputs, method="delta", n=64, until=28, ranges="posterior", parameters=_STUDIED[:3])


def calibration(stage: str, put: Callable[[str, Any], None]) -> None:
    """Store the log likelihood and predictions of a stage at draws of its fit and at random points."""
    problem = il2.Problem.pose(stage)
    fit = il2.Posterior.load(stage)
    put("coordinates", list(problem.coordinates))
    stored = fit.z.reshape(len(fit), -1)[np.linspace(0, len(fit) - 1, 8).astype(int)]
    random = np.random.default_rng(11).standard_normal((4, len(problem.coordinates)))
    for name, z in (("stored", stored), ("random", random)):
        table = problem.table(z)
        put(f"{name}/table", table)
        put(f"{name}/log_likelihood", problem.log_likelihood(z))
        put(f"{name}/predictions", problem.predict(table, checks=True))


for _stage in ("pk", "imodals", "progression", "mirocals"):
    GROUPS[f"calibration-{_stage}"] = partial(calibration, _stage)


@group
def calibration_trials(put: Callable[[str, Any], None]) -> None:
    """Random trials of the calibration, and its checks."""
    problem = il2.Problem.pose("mirocals")
    fit = il2.Posterior.load()
    table = fit.table(fit.pick(3, 1))
    first = il2.arms(problem.simulator, table)[0]
    for part in ("times", "placebo", "treated", "weight", "pnfh"):
        put(f"arms/{part}", getattr(first, part))
    put("analyses", il2.analyses(first))
    put("replicate", il2.replicate(first, np.random.default_rng(3)))
    law = il2.sampling_law(first, 20, 5)
    for part in ("sd", "bias", "missing", "correlation"):
        put(f"sampling-law/{part}", law[part])
    put("trial-replicates", il2.trial_replicates(problem, table, 12, 9))
    put("untreated-residual", il2.untreated_residual(problem.simulator, table))
    put("ccl2-and-treg", il2.ccl2_and_treg(problem.simulator, table))
    small = il2.Problem.pose("mirocals", size=il2.Size(patients=48))
    whole = il2.full_cohort(small.simulator, {i: v[:1] for i, v in table.items()}, il2_spread=True, rtol=1e-4)
    put("full-cohort/placebo", whole.placebo)
    put("full-cohort/treated", whole.treated)


@group
def calibration_methods(put: Callable[[str, Any], None]) -> None:
    """The optimiser, a short chain, a Jacobian, and likelihoods of the prior."""
    pose = partial(il2.Problem.pose, "pk")
    options = il2.SamplerOptions(ensembles=1, walkers=8, burn=2, steps=8, thin=2, starts=2)
    best = il2.climb(pose(), options)
    for part in ("z", "log_posterior", "covariance", "starts"):
        put(f"optimum/{part}", getattr(best, part))
    with tempfile.TemporaryDirectory() as home:
        chains = il2.sample(pose, Path(home) / "x", options, optimum=best, workers=1)
    for part in ("z", "log_likelihood", "acceptance"):
        put(f"chain/{part}", getattr(chains, part))
    for stage in ("imodals", "mirocals"):
        problem = il2.Problem.pose(stage)
        matrix, names = il2.jacobian(problem, np.full(len(problem.coordinates), 0.1))
        put(f"jacobian-{stage}/matrix", matrix)
        put(f"jacobian-{stage}/names", list(names))
    problem = il2.Problem.pose("mirocals", size=il2.Size(patients=128))
    prior = np.random.default_rng(1).standard_normal((32, len(problem.coordinates)))
    put("evidence/log_likelihood", problem.log_likelihood(prior))


@group
def targets(put: Callable[[str, Any], None]) -> None:
    """The published numbers as the likelihood takes them."""
    for id, t in il2.load_targets().targets.items():
        put(id, np.array([t.estimate, t.se, t.weight, np.nan if t.day is None else t.day]))


def plain(text: str) -> str:
    """Return a text without this package's version and without dates."""
    own = re.escape(import_module("il2model").__version__)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.+Z-]+", "DATE", re.sub(rf"(il2model[ \"]+){own}", r"\1VERSION", text))


@group
def export_sbml(put: Callable[[str, Any], None]) -> None:
    """SBML with boluses, infusions, and riluzole stopped."""
    plans = regimens()
    for name in ("mirocals", "iv-infusion", "riluzole-stopped"):
        put(name, plain(il2.to_sbml(plans[name][0])).encode())


@group
def export_petab(put: Callable[[str, Any], None]) -> None:
    """The files of the PEtab problem."""
    with tempfile.TemporaryDirectory() as home:
        il2.write_petab(Path(home))
        for path in sorted(p for p in Path(home).rglob("*") if p.is_file()):
            put(str(path.relative_to(home)), plain(path.read_text(encoding="utf8")).encode())


@group
def export_latex(put: Callable[[str, Any], None]) -> None:
    """Equations and parameters as LaTeX."""
    put("text", plain(il2.to_latex()).encode())


@group
def export_nonmem(put: Callable[[str, Any], None]) -> None:
    """A data set of three subjects, and what is read back from it."""
    plans = regimens()
    some = {k: plans[n][0] for k, n in enumerate(("imodals-2miu", "iv-infusion", "records"), start=1)}
    frame = il2.to_nonmem(some)
    put("data", frame.to_csv(index=False, na_rep=".").encode())
    back, _ = il2.read_nonmem(frame)
    put("back", repr({k: plan.to_records() for k, plan in back.items()}).encode())


# ------------------------------------------------------------------------- freezing
def environment() -> dict[str, str]:
    """Return what digits depend on beside the code."""
    packages = ("numpy", "scipy", "numba", "llvmlite", "sympy", "SALib", "pandas", "statsmodels")
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        processor = next((x.partition(":")[2].strip() for x in info.read_text().splitlines() if "model name" in x), "")
    return {"python": platform.python_version(), "processor": processor, **{p: version(p) for p in packages}}


def freeze(path: Path, only: list[str]) -> int:
    """Run the groups and write the file; a group that stops is recorded, and the others go on."""
    warnings.simplefilter("ignore")
    source = Path(import_module("il2model").__file__ or "").parent
    print(f"il2model in {source}", file=sys.stderr, flush=True)
    book = Book()
    for name, function in GROUPS.items():
        if not any(fnmatch.fnmatch(name, o) for o in only):
            continue
        start, error = time.perf_counter(), None
        try:
            function(lambda key, value, name=name: book.put(f"{name}/{key}", value))
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
            where = traceback.extract_tb(problem.__traceback__)[-1]
            error += f" ({Path(where.filename).name}, line {where.lineno})"
        seconds = time.perf_counter() - start
        book.groups[name] = {"seconds": round(seconds, 2), "error": error}
        print(f"{name}: {seconds:.1f} s{'' if error is None else f', STOPPED: {error}'}", file=sys.stderr, flush=True)
    about = {"groups": book.groups, "environment": environment()}
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as stream:
        np.savez_compressed(stream, __about__=np.array(json.dumps(about)), **book.arrays)
    temporary.replace(path)
    total = sum(g["seconds"] for g in book.groups.values())
    stopped = [n for n, g in book.groups.items() if g["error"]]
    print(f"{len(book.arrays)} arrays of {len(book.groups)} groups in {total:.0f} s", file=sys.stderr)
    if stopped:
        print(f"NOT COMPLETE: {', '.join(stopped)}", file=sys.stderr)
    return 0


# ------------------------------------------------------------------------ comparing
@dataclass
class Difference:
    """How an array differs: largest absolute and relative difference (NaN where there is none), and a sentence."""

    name: str
    absolute: float
    relative: float
    text: str


def differ(name: str, a: np.ndarray, b: np.ndarray) -> Difference | None:
    """Return the difference of two arrays; None if shape, type and all bits agree (one NaN is like another)."""
    if a.dtype != b.dtype and not (a.dtype.kind == b.dtype.kind == "U"):
        return Difference(name, np.nan, np.nan, f"type {a.dtype} became {b.dtype}")
    if a.dtype.kind == "U" and (a.shape != b.shape or not (a == b).all()):
        only = sorted(set(a.ravel().tolist()) ^ set(b.ravel().tolist()))
        return Difference(name, np.nan, np.nan, f"texts: {', '.join(only[:4]) or 'another order'}")
    if a.dtype == np.uint8 and (a.shape != b.shape or not (a == b).all()):
        old, new = (x.tobytes().decode(errors="replace").splitlines() for x in (a, b))
        pairs = [(n, x, y) for n, (x, y) in enumerate(zip(old, new, strict=False), 1) if x != y]
        if not pairs:
            return Difference(name, np.nan, np.nan, f"text: {len(old)} lines became {len(new)}")
        n, x, y = pairs[0]
        return Difference(name, np.nan, np.nan, f"text: {len(pairs)} lines; line {n}: {x[:80]!r} became {y[:80]!r}")
    if a.shape != b.shape:
        return Difference(name, np.nan, np.nan, f"shape {a.shape} became {b.shape}")
    if a.tobytes() == b.tobytes() or a.dtype.kind == "U":
        return None
    if a.dtype.kind != "f":
        apart = np.abs(a.astype(float) - b.astype(float))
        return Difference(name, float(apart.max()), np.nan, f"{int((a != b).sum())} of {a.size} differ")
    bits = np.uint64 if a.dtype.itemsize == 8 else np.uint32
    gaps = np.isnan(a) & np.isnan(b)
    other = (a.view(bits) != b.view(bits)) & ~gaps if a.ndim else np.array(not gaps)
    if not other.any():
        return None
    with np.errstate(all="ignore"):
        apart = np.where(other, np.abs(a - b), 0.0).astype(float)
        scaled = apart / np.maximum(np.abs(a), np.abs(b)).astype(float)
    words = f"{int(other.sum())} of {a.size} differ"
    odd = int((other & ~(np.isfinite(a) & np.isfinite(b))).sum())
    words += f", {odd} not finite on one side" if odd else ""

    def most(x: np.ndarray) -> float:
        known = x[np.isfinite(x)]
        return float(known.max()) if known.size else float("nan")

    return Difference(name, most(apart), most(scaled), words)


def expected(path: Path) -> dict[str, str]:
    """Return the reasons by pattern of array name."""
    if not path.exists():
        return {}
    found = tomllib.loads(path.read_text(encoding="utf8")).get("expected", {})
    return {str(k): str(v) for k, v in found.items()}


def compare(old: Path, new: Path, reasons: Mapping[str, str], show: int = 5) -> int:
    """Print per group what differs; return 1 if anything unexplained differs or is missing."""
    used: set[str] = set()

    def why(name: str) -> str | None:
        pattern = next((p for p in reasons if fnmatch.fnmatchcase(name, p)), None)
        used.update([pattern] if pattern is not None else [])
        return None if pattern is None else reasons[pattern]

    with np.load(old) as a, np.load(new) as b:
        sides = [json.loads(str(x["__about__"])) for x in (a, b)]
        for key, value in sides[0]["environment"].items():
            if sides[1]["environment"].get(key) != value:
                print(f"OTHER MACHINE OR PACKAGES: {key} {value} became {sides[1]['environment'].get(key)}")
        groups = list(dict.fromkeys([*sides[0]["groups"], *sides[1]["groups"]]))
        bad = same = 0
        for group in groups:
            names = [[n for n in x.files if n.startswith(f"{group}/")] for x in (a, b)]
            both = [n for n in names[0] if n in set(names[1])]
            found = [d for n in both if (d := differ(n, a[n], b[n])) is not None]
            gone = [("OLD", n) for n in names[1] if n not in set(names[0])]
            gone += [("NEW", n) for n in names[0] if n not in set(names[1])]
            lines: list[str] = []
            stops = [
                (side, x["groups"][group]["error"] if group in x["groups"] else "the group was not run")
                for side, x in zip(("OLD", "NEW"), sides, strict=True)
                if group not in x["groups"] or x["groups"][group]["error"]
            ]
            for side, error in stops:
                reason = why(group)
                bad += reason is None
                lines.append(f"  {'explained' if reason else 'STOPPED'} in {side}: {error}" + _because(reason))
            grouped: dict[str, int] = {}
            plain = []
            for d in found:
                reason = why(d.name)
                if reason is None:
                    plain.append(d)
                else:
                    grouped[reason] = grouped.get(reason, 0) + 1
            lost: dict[str, list[str]] = {}
            for side, n in gone:
                reason = why(n)
                if reason is None:
                    lost.setdefault(side, []).append(n)
                else:
                    grouped[reason] = grouped.get(reason, 0) + 1
            bad += len(plain) + sum(map(len, lost.values()))
            same += len(both) - len(found)
            head = f"{group}: {len(both) - len(found)} of {len(both)} arrays have identical bits"
            if plain:
                most = [_largest(plain, part) for part in ("absolute", "relative")]
                head += f"; {len(plain)} DIFFER, by at most {most[0]} absolute, {most[1]} relative"
            for side, some in lost.items():
                head += f"; {len(some)} MISSING in {side}"
            print(head)
            worst = sorted(plain, key=lambda d: -np.nan_to_num(d.relative, nan=np.inf))
            lines += [f"  {d.name}: {d.text}; {d.absolute:.3g}, {d.relative:.3g}" for d in worst[:show]]
            lines += [f"  and {len(worst) - show} more"] if len(worst) > show else []
            for side, some in lost.items():
                lines.append(f"  missing in {side}: {', '.join(some[:show])}{' ...' if len(some) > show else ''}")
            lines += [f"  explained: {count} arrays{_because(reason)}" for reason, count in grouped.items()]
            print("\n".join(lines) + "\n" if lines else "", end="")
    for pattern in reasons:
        if pattern not in used:
            print(f"Nothing needs the reason given for {pattern!r}; remove it.")
    print(f"{same} arrays are identical; {bad} differences or gaps are not explained.")
    return int(bad > 0)


def _because(reason: str | None) -> str:
    return "" if reason is None else f" ({reason})"


def _largest(found: list[Difference], part: str) -> str:
    known = [x for d in found if np.isfinite(x := getattr(d, part))]
    return f"{max(known):.3g}" if known else "-"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("freeze", help="run everything and store it")
    p.add_argument("-o", "--output", type=Path, required=True)
    p.add_argument("--only", default="*", help="groups, separated by commas; * stands for any letters")
    p = commands.add_parser("compare", help="compare two files")
    p.add_argument("old", type=Path)
    p.add_argument("new", type=Path)
    p.add_argument("--expected", type=Path, default=Path(__file__).with_name("golden_expected.toml"))
    p.add_argument("--show", type=int, default=5, help="arrays named in a group")
    args = parser.parse_args()
    if args.command == "freeze":
        return freeze(args.output, args.only.split(","))
    return compare(args.old, args.new, expected(args.expected), args.show)


if __name__ == "__main__":
    sys.exit(main())
