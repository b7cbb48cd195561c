"""Regimens and parameters to arrays, through a solver, with a mass balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..dosing.regimen import Dose, Regimen
from ..errors import InputError, unknown_name
from ..solver.blueprint import Blueprint
from ..solver.kernel import Kernel
from ..solver.problem import BatchResult, Floats, Ints, Problem, SolverOptions, Status
from ..solver.scipy import METHODS, solve_scipy
from .schedule import Schedule, build_schedule, cancelled_by, check_end, given_by, join, pending_at

ENGINES = ("fast", "plain", "scipy", *(f"scipy-{m.lower()}" for m in METHODS))
_DEPOT, _LYMPH, _ABSORBED = "il2_depot", "il2_lymph", "il2_absorbed"


@dataclass(frozen=True)
class Balance:
    """Drug per subject in pmol: given = absorbed + remaining + lost + error.

    Lost is what is not bioavailable and what a reset removed; remaining waits
    at the site of injection or in lymph.
    """

    given: Floats
    absorbed: Floats
    remaining: Floats
    lost: Floats

    @property
    def error(self) -> Floats:
        """What does not add up, relative to what was given (0 without drug)."""
        gap = self.given - self.absorbed - self.remaining - self.lost
        return np.asarray(np.where(self.given > 0, gap / np.where(self.given > 0, self.given, 1.0), gap))


@dataclass(frozen=True)
class Run:
    """Arrays of a run: axes (subject, time, state)."""

    time: Floats
    states: Floats
    inputs: Floats  # (subject, time, input)
    parameters: Floats  # (subject, parameter), model units
    constants: Floats
    steps: Ints
    rejected: Ints
    status: Ints
    messages: dict[int, str]
    balance: Balance


def _variant(subjects: int, precision: str, batch: bool) -> str:
    if precision == "float32":
        return "single"
    return "batch" if batch or subjects > 1 else "scalar"


def _solve(kernel: Kernel, problem: Problem, options: SolverOptions, engine: str, variant: str) -> BatchResult:
    if engine.startswith("scipy"):
        name = engine.partition("-")[2] or "lsoda"
        method = next(m for m in METHODS if m.lower() == name)
        return solve_scipy(kernel.blueprint, problem, options, method)
    return kernel.solve(problem, options, engine, variant)


def _input_course(blueprint: Blueprint, schedule: Schedule, time: Floats) -> Floats:
    """Inputs at given times, as they are before the events of those times."""
    course = np.tile(np.array(blueprint.input_defaults, dtype=float), (len(time), 1))
    for row in schedule.rows:
        if row[1] == 1:
            course[time > row[0], row[2]] = row[3]
        if row[1] == 1 and row[0] == 0.0:
            course[time == 0.0, row[2]] = row[3]
    return course


def run(
    kernel: Kernel,
    regimens: Sequence[Regimen],
    which: Ints,
    parameters: Floats,
    save: Floats,
    until: float,
    *,
    options: SolverOptions,
    engine: str = "fast",
    precision: str = "float64",
    batch: bool = False,
) -> Run:
    """Integrate subjects; subject i follows `regimens[which[i]]` with row i of `parameters`.

    Parameters
    ----------
    kernel : Kernel
    regimens, which
        Regimens, and for each subject the number of its own.
    parameters : (subject, parameter)
        Values in the units of the model.
    save : (time,)
        Days to save, increasing; values are taken before the doses of that time.
    until : float
        Last day.
    batch : bool
        Use the lane solver even for one subject, so that its bits are those of a cohort.

    Raises
    ------
    InputError
        If a dose lies after the end, or the engine is unknown.
    """
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    if precision not in ("float64", "float32"):
        raise unknown_name("precision", precision, ("float64", "float32"))
    bp = kernel.blueprint
    for regimen in regimens:
        check_end(regimen, until)
    names = [p.id for p in bp.parameters]
    constant_names = [c.id for c in bp.constants]
    constants = kernel.constants(parameters)
    refused = kernel.refusals(parameters, constants)
    y0 = kernel.baseline(parameters, constants)
    usable = np.array([s not in refused for s in range(len(parameters))])
    routes = list(bp.routes.values())

    # one schedule per regimen, lag and body surface that occur
    lag_columns = [names.index(r.lag) if r.lag else -1 for r in routes]
    surface_column = names.index("body_surface") if "body_surface" in names else -1
    keys: dict[tuple[int, tuple[float, ...], float], int] = {}
    schedules: list[Schedule] = []
    schedule = np.zeros(len(parameters), np.int64)
    for s in range(len(parameters)):
        lags = tuple(float(parameters[s, c]) if c >= 0 else 0.0 for c in lag_columns)
        surface = float(parameters[s, surface_column]) if surface_column >= 0 else 1.0
        key = (int(which[s]), lags, surface)
        if key not in keys:
            keys[key] = len(schedules)
            schedules.append(build_schedule(regimens[key[0]], bp, lags, surface, until))
        schedule[s] = keys[key]
    events = join(schedules)

    fixed = kernel.fixed(parameters, constants)
    bolus = np.stack([constants[:, constant_names.index(r.bolus)] for r in routes], axis=1)
    loads = _load_rows(kernel, schedules, schedule, parameters, y0, usable, options, engine)
    resets = sorted({t for sch in schedules for t in sch.resets})
    grid = np.unique(np.concatenate([save, np.array(resets), [until]]))

    n = len(bp.states)
    states = np.full((len(parameters), len(grid), n), np.nan)
    final = np.full((len(parameters), n), np.nan)
    steps, rejected = np.zeros(len(parameters), np.int64), np.zeros(len(parameters), np.int64)
    status = np.full(len(parameters), int(Status.REFUSED), np.int64)
    messages = {s: f"These parameters are refused: {text}" for s, text in refused.items()}
    rows = np.flatnonzero(usable)
    if len(rows):
        problem = Problem(
            y0=y0[rows],
            fixed=fixed[rows],
            inputs0=np.array(bp.input_defaults, dtype=float),
            amounts=bolus[rows],
            loads=loads[rows],
            load_mask=np.array(bp.resettable, dtype=np.int64),
            schedule=schedule[rows],
            events=events,
            save=grid,
            t_end=float(until),
            out_index=np.arange(n),
        )
        result = _solve(kernel, problem, options, engine, _variant(len(rows), precision, batch))
        states[rows], final[rows] = result.states, result.final
        steps[rows], rejected[rows], status[rows] = result.steps, result.rejected, result.status
        for i, row in enumerate(rows):
            if result.status[i] != Status.SUCCESS:
                where = bp.states[int(result.status_state[i])].id
                messages[int(row)] = Status(int(result.status[i])).sentence(where)

    courses = np.stack([_input_course(bp, sch, save) for sch in schedules])
    balance = _balance(kernel, schedules, schedule, parameters, constants, grid, states, final, loads, until)
    picked = states[:, np.searchsorted(grid, save)]
    return Run(save, picked, courses[schedule], parameters, constants, steps, rejected, status, messages, balance)


def _load_rows(
    kernel: Kernel,
    schedules: list[Schedule],
    schedule: Ints,
    parameters: Floats,
    y0: Floats,
    usable: NDArray[np.bool_],
    options: SolverOptions,
    engine: str,
) -> Floats:
    """States to load at resets (row 0: untreated) and at steady-state doses (rows 1..)."""
    width = 1 + max(len(s.steady) for s in schedules)
    loads = np.repeat(y0[:, None, :], width, axis=1)
    for number, sch in enumerate(schedules):
        subjects = np.flatnonzero((schedule == number) & usable)
        if len(subjects):
            for k, dose in enumerate(sch.steady):
                loads[subjects, k + 1] = periodic_orbit(kernel, dose, parameters[subjects], options, engine)
    return loads


def periodic_orbit(
    kernel: Kernel, dose: Dose, parameters: Floats, options: SolverOptions, engine: str = "fast"
) -> Floats:
    """Return the states just before a dose that has been given every `ii` days for ever.

    Only the IL-2 half has such an orbit; the other states mean nothing here.

    Raises
    ------
    InputError
        If 30,000 days of dosing do not settle.
    """
    bp = kernel.blueprint
    chunk = max(2, int(np.ceil(400.0 / dose.ii)))
    doses = tuple(Dose(k * dose.ii, dose.amount, dose.route, dose.duration, dose.per_m2) for k in range(chunk))
    regimen = Regimen(doses, "steady state", chunk * dose.ii)
    until = chunk * dose.ii
    mask, scale = np.array(bp.resettable), np.array(bp.scales)
    constants = kernel.constants(parameters)
    y = kernel.baseline(parameters, constants)
    y0, names = y.copy(), [p.id for p in bp.parameters]
    routes = list(bp.routes.values())
    lags = tuple(float(parameters[0, names.index(r.lag)]) if r.lag else 0.0 for r in routes)
    if max(lags[[r.id for r in routes].index(dose.route)] + dose.duration, 0.0) > dose.ii:
        raise InputError("A dose with ss = 1 must arrive within its interval ii.")
    surface = float(parameters[0, names.index("body_surface")]) if "body_surface" in names else 1.0
    events = join([build_schedule(regimen, bp, lags, surface, until)])
    constant_names = [c.id for c in bp.constants]
    bolus = np.stack([constants[:, constant_names.index(r.bolus)] for r in routes], axis=1)
    for _ in range(max(4, int(30_000 / until))):
        problem = Problem(
            y, kernel.fixed(parameters, constants), np.array(bp.input_defaults, dtype=float), bolus,
            np.zeros((len(y), 1, len(mask))), mask.astype(np.int64), np.zeros(len(y), np.int64), events,
            np.zeros(0), until, np.arange(len(mask)),
        )  # fmt: skip
        new = _solve(kernel, problem, options, engine, _variant(len(y), "float64", batch=False)).final
        if not np.isfinite(new).all():
            raise InputError("The steady-state dosing does not settle: a state grows without bound.")
        change = np.abs((new - y) / scale)[:, mask].max()
        y = np.where(mask, new, y0)
        if change < max(1e-10, 0.1 * options.rtol):
            return y
    raise InputError(f"{dose.amount:g} MIU every {dose.ii:g} days does not settle within 30,000 days.")


def _balance(
    kernel: Kernel,
    schedules: list[Schedule],
    schedule: Ints,
    parameters: Floats,
    constants: Floats,
    grid: Floats,
    states: Floats,
    final: Floats,
    loads: Floats,
    until: float,
) -> Balance:
    bp = kernel.blueprint
    ids = [s.id for s in bp.states]
    if _ABSORBED not in ids:
        nothing = np.zeros(len(parameters))
        return Balance(nothing, nothing, nothing, nothing)
    depot, lymph, absorbed = ids.index(_DEPOT), ids.index(_LYMPH), ids.index(_ABSORBED)
    routes = list(bp.routes.values())
    names = [p.id for p in bp.parameters]
    per_miu = parameters[:, names.index("il2_amount_per_miu")]
    share = np.stack(
        [
            parameters[:, names.index(r.bioavailability)] if r.bioavailability else np.ones(len(parameters))
            for r in routes
        ],
        axis=1,
    )
    given, direct, waiting, gone = (np.zeros((len(parameters), len(routes))) for _ in range(4))
    discarded = np.zeros(len(parameters))
    for number, sch in enumerate(schedules):
        subjects = schedule == number
        for k in range(len(routes)):
            only = Schedule(sch.rows, tuple(g for g in sch.given if g.route == k), sch.resets, sch.steady)
            given[subjects, k] = given_by(only, until)
            waiting[subjects, k] = pending_at(sch, until, k)
            gone[subjects, k] = cancelled_by(sch, until, k)
            into_plasma = routes[k].state == "il2_plasma"
            direct[subjects, k] = sum(
                g.amount for g in only.given
                if into_plasma and g.dose.duration == 0 and g.begin <= until and g.begin < g.cancelled
            )  # fmt: skip
        loaded = {d.time: k + 1 for k, d in enumerate(sch.steady)}
        for time in sch.resets:
            before = states[subjects, int(np.searchsorted(grid, time))]
            after = loads[subjects, loaded.get(time, 0)]
            discarded[subjects] += (before - after)[:, [depot, lymph]].sum(axis=1)
    arrived = (share * waiting).sum(axis=1) * per_miu
    lost = ((1 - share) * given + share * gone).sum(axis=1) * per_miu + discarded
    return Balance(
        given=given.sum(axis=1) * per_miu,
        absorbed=final[:, absorbed] + direct.sum(axis=1) * per_miu,
        remaining=final[:, depot] + final[:, lymph] + arrived,
        lost=lost,
    )
