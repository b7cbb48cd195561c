"""From a regimen to the event table of a solver, and what was given by when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..dosing.regimen import Dose, Regimen
from ..errors import unknown_name
from ..solver.blueprint import Blueprint
from ..solver.problem import ADD, LOAD, SET_INPUT, Events

#: An event: time, kind, target, value, column of `Problem.amounts` (or -1).
Row: TypeAlias = tuple[float, int, int, float, int]


@dataclass(frozen=True)
class Given:
    """One bolus or infusion as the body sees it."""

    dose: Dose
    begin: float
    end: float
    amount: float  # MIU
    route: int
    cancelled: float  # from this day on nothing more of it arrives (a reset)


@dataclass(frozen=True)
class Schedule:
    """Events of one subject in order of time, and the doses behind them."""

    rows: tuple[Row, ...]
    given: tuple[Given, ...]
    resets: tuple[float, ...]
    steady: tuple[Dose, ...]  # doses whose LOAD row k + 1 is their periodic orbit


def build_schedule(
    regimen: Regimen, blueprint: Blueprint, lags: tuple[float, ...], surface: float, until: float
) -> Schedule:
    """Turn a regimen into events; what lies beyond the end is no event.

    Parameters
    ----------
    lags : tuple of float
        Absorption lag of each route, day.
    surface : float
        Body surface, m2.

    Doses of one route at one time become one.

    Raises
    ------
    UnknownNameError
        If the model has no such route.
    """
    number = {id: k for k, id in enumerate(blueprint.routes)}
    resets = sorted({*regimen.resets, *(d.time for d in regimen.given if d.reset or d.ss)})
    for dose in regimen.doses:
        if dose.route not in number:
            raise unknown_name(f"route of {blueprint.name}", dose.route, number)
    given: list[Given] = []
    for dose in regimen.given:
        route = number[dose.route]
        begin, end = _arrival(dose, lags[route])
        later = [t for t in resets if t > dose.time]
        amount = dose.amount * (surface if dose.per_m2 else 1.0)
        given.append(Given(dose, begin, end, amount, route, later[0] if later else np.inf))

    steady = tuple(d for d in regimen.given if d.ss)
    loaded = {d.time: k + 1 for k, d in enumerate(steady)}
    rows: list[Row] = [(time, LOAD, loaded.get(time, 0), 0.0, -1) for time in resets]
    rows += [*_boluses(blueprint, given), *_infusions(blueprint, given), *_riluzole(blueprint, regimen)]
    rank = {LOAD: 0, SET_INPUT: 1, ADD: 2}
    rows = sorted((r for r in rows if r[0] <= until), key=lambda r: (r[0], rank[r[1]], r[2]))
    return Schedule(tuple(rows), tuple(given), tuple(t for t in resets if t <= until), steady)


def _arrival(dose: Dose, lag: float) -> tuple[float, float]:
    """Return when a dose begins and ends to arrive; a lag is a number of the patient, and lies on no clock."""
    if lag == 0:
        return dose.time, dose.end
    return round(dose.time + lag, 12), round(dose.time + lag + dose.duration, 12)


def _boluses(blueprint: Blueprint, given: list[Given]) -> Iterator[Row]:
    routes = tuple(blueprint.routes.values())
    boluses: dict[tuple[float, int], float] = {}
    for g in given:
        if g.dose.duration == 0 and g.begin < g.cancelled:
            boluses[g.begin, g.route] = boluses.get((g.begin, g.route), 0.0) + g.amount
    for (time, route), amount in boluses.items():
        yield time, ADD, blueprint.states.at(routes[route].state), amount, route


def _infusions(blueprint: Blueprint, given: list[Given]) -> Iterator[Row]:
    for route, info in enumerate(blueprint.routes.values()):
        parts = [
            (g.begin, min(g.end, g.cancelled), g.amount / g.dose.duration)
            for g in given
            if g.dose.duration > 0 and g.route == route and g.begin < min(g.end, g.cancelled)
        ]
        for edge in sorted({t for a, b, _ in parts for t in (a, b)}):
            # the sum of what runs now, never a running total: no residue is left behind
            total = sum(rate for a, b, rate in parts if a <= edge < b)
            yield edge, SET_INPUT, blueprint.inputs.at(info.input), total, -1


def _riluzole(blueprint: Blueprint, regimen: Regimen) -> Iterator[Row]:
    if "riluzole" not in blueprint.inputs:
        return
    target = blueprint.inputs.at("riluzole")
    if not (regimen.riluzole and regimen.riluzole[0][0] <= 0.0):
        yield 0.0, SET_INPUT, target, 0.0, -1
    for a, b in regimen.riluzole:
        if a > 0:
            yield a, SET_INPUT, target, 1.0, -1
        if np.isfinite(b):
            yield b, SET_INPUT, target, 0.0, -1


def join(schedules: list[Schedule]) -> Events:
    """Lay schedules end to end."""
    rows = [row for s in schedules for row in s.rows]
    bounds = np.cumsum([0] + [len(s.rows) for s in schedules])
    table = np.array(rows, dtype=float).reshape(-1, 5)
    whole = table.astype(np.int64)
    return Events(bounds, table[:, 0].copy(), whole[:, 1], whole[:, 2], table[:, 3].copy(), whole[:, 4])


def given_by(schedule: Schedule, until: float, route: int) -> float:
    """MIU of a route injected until a day (an infusion counts as far as it has run)."""
    total = 0.0
    for g in schedule.given:
        if g.route != route or g.dose.time > until:
            continue
        if g.dose.duration == 0:
            total += g.amount
        else:
            stop = min(g.dose.end, until, g.cancelled)
            total += g.amount * max(0.0, stop - g.dose.time) / g.dose.duration
    return total


def pending_at(schedule: Schedule, until: float, route: int) -> float:
    """MIU of a route that has been injected but waits out its lag on a day."""
    total = 0.0
    for g in schedule.given:
        if g.route != route or g.dose.time > until:
            continue
        if g.dose.duration == 0:
            if g.begin > until and g.cancelled > until:
                total += g.amount
        elif g.cancelled > until:
            injected = min(g.dose.end, until) - g.dose.time
            arrived = max(0.0, min(g.end, until) - g.begin)
            total += g.amount * (injected - arrived) / g.dose.duration
    return total


def cancelled_by(schedule: Schedule, until: float, route: int) -> float:
    """MIU of a route that a reset threw away while it waited out its lag."""
    total = 0.0
    for g in schedule.given:
        if g.route != route or g.cancelled > until:
            continue
        if g.dose.duration == 0:
            if g.begin >= g.cancelled:
                total += g.amount
        else:
            injected = max(0.0, min(g.dose.end, g.cancelled) - g.dose.time)
            arrived = max(0.0, min(g.end, g.cancelled) - g.begin)
            total += g.amount * (injected - arrived) / g.dose.duration
    return total
