"""The same equations through SciPy's solve_ivp, segment by segment: an independent check."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from ..errors import unknown_name
from .blueprint import Blueprint
from .problem import BatchResult, EventKind, Floats, Problem, SolverOptions, Status

METHODS = ("LSODA", "Radau", "BDF")


def solve_scipy(blueprint: Blueprint, problem: Problem, options: SolverOptions, method: str = "LSODA") -> BatchResult:
    """Integrate every subject of `problem` with SciPy; each event ends a call of solve_ivp.

    Raises
    ------
    UnknownNameError
        If `method` is not one of LSODA, Radau, BDF.
    """
    if method not in METHODS:
        raise unknown_name("SciPy method", method, METHODS)
    module = blueprint.plain_module()
    n = len(blueprint.states)
    atol = options.absolute * np.array(blueprint.scales)
    count = problem.subjects
    out = np.full((count, len(problem.save), n), np.nan)
    final = np.full((count, n), np.nan)
    counts = np.zeros((count, 4), np.int64)
    for s in range(count):
        subject = _Subject(problem, s, out[s], problem.y0[s].astype(float).copy(), problem.inputs0.tolist())
        counts[s, 2] = status = _integrate(module, subject, options, atol, method)
        counts[s, 0] = subject.evaluations
        if status == Status.SUCCESS:
            final[s] = subject.y
    return BatchResult(out[:, :, problem.out_index], final, counts[:, 0], counts[:, 1], counts[:, 2], counts[:, 3])


@dataclass
class _Subject:
    """Subject s on its way: states, inputs, what is saved and which events have passed."""

    problem: Problem
    s: int
    out: Floats  # (time, state)
    y: Floats  # (state,)
    inputs: list[float]
    evaluations: int = 0
    saved: int = 0
    events: range = field(init=False)  # still to come

    def __post_init__(self) -> None:
        bounds, k = self.problem.events.bounds, self.problem.schedule[self.s]
        self.events = range(int(bounds[k]), int(bounds[k + 1]))

    def save(self, y: Floats) -> None:
        """Save states at the next time."""
        self.out[self.saved] = y
        self.saved += 1

    def act(self, t: float) -> None:
        """Save what is due by t, then act on its events."""
        problem, events = self.problem, self.problem.events
        while self.saved < len(problem.save) and problem.save[self.saved] <= t:
            self.save(self.y)
        while self.events and events.time[self.events[0]] <= t:
            e, self.events = self.events[0], self.events[1:]
            target, amount = int(events.target[e]), float(events.value[e])
            if events.scale[e] >= 0:
                amount *= float(problem.amounts[self.s, events.scale[e]])
            if events.kind[e] == EventKind.LOAD:
                mask = problem.load_mask == 1
                self.y[mask] = problem.loads[self.s, target][mask]
            elif events.kind[e] == EventKind.ADD:
                self.y[target] += amount
            else:
                self.inputs[target] = amount

    def next_stop(self) -> float:
        """Return the next event, or the end."""
        t_end = self.problem.t_end
        return min(float(self.problem.events.time[self.events[0]]), t_end) if self.events else t_end


def _integrate(module: ModuleType, subject: _Subject, options: SolverOptions, atol: Floats, method: str) -> Status:
    """Take a subject to the end, from event to event."""
    from scipy.integrate import solve_ivp

    problem = subject.problem
    fixed = problem.fixed[subject.s].tolist()
    dy: list[float] = [0.0] * len(subject.y)
    J = np.zeros((len(subject.y), len(subject.y)))

    def fun(t: float, v: Floats) -> Floats:
        module.rhs(v.tolist(), subject.inputs, fixed, dy)
        return np.array(dy)

    def jac(t: float, v: Floats) -> Floats:
        module.jacobian(v.tolist(), subject.inputs, fixed, J)
        return J.copy()

    t = 0.0
    while True:
        subject.act(t)
        if t >= problem.t_end:
            return Status.SUCCESS
        stop = subject.next_stop()
        inside = [float(x) for x in problem.save if t < x <= stop]
        points = inside if inside and inside[-1] == stop else [*inside, stop]
        steps = {"first_step": min(options.h_first, options.h_max, stop - t), "max_step": options.h_max}
        try:
            result = solve_ivp(
                fun, (t, stop), subject.y, method, points, rtol=options.rtol, atol=atol, jac=jac, **steps
            )
        except (ArithmeticError, ValueError):  # plain floats raise where arrays hold infinities
            return Status.NOT_FINITE
        if not result.success or not np.isfinite(result.y).all():
            return Status.NOT_FINITE if result.success else Status.STEP_TOO_SMALL
        subject.evaluations += int(result.nfev)
        for y in result.y.T[: len(inside)]:
            subject.save(y)
        subject.y = result.y[:, -1].copy()
        t = stop
