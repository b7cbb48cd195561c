"""The same equations through SciPy's solve_ivp, segment by segment: an independent check."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import unknown_name
from .blueprint import Blueprint
from .problem import ADD, LOAD, BatchResult, Problem, SolverOptions, Status

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
    module: Any = blueprint.plain_module()
    n = len(blueprint.states)
    count = problem.subjects
    out = np.full((count, len(problem.save), n), np.nan)
    final = np.full((count, n), np.nan)
    counts = np.zeros((count, 4), np.int64)
    for s in range(count):
        steps, status = _one(module, blueprint, problem, options, method, s, out[s], final[s])
        counts[s, 0], counts[s, 2] = steps, status
    return BatchResult(out[:, :, problem.out_index], final, counts[:, 0], counts[:, 1], counts[:, 2], counts[:, 3])


def _one(
    module: Any,
    blueprint: Blueprint,
    problem: Problem,
    options: SolverOptions,
    method: str,
    s: int,
    out: Any,
    final: Any,
) -> tuple[int, int]:
    from scipy.integrate import solve_ivp

    n = len(blueprint.states)
    f, u = problem.fixed[s].tolist(), problem.inputs0.tolist()
    y = problem.y0[s].astype(float).copy()
    atol = options.absolute * np.array(blueprint.scales)
    events = problem.events
    k = problem.schedule[s]
    rows = list(range(int(events.bounds[k]), int(events.bounds[k + 1])))
    dy: list[float] = [0.0] * n
    J = np.zeros((n, n))

    def fun(t: float, v: Any) -> Any:
        module.rhs(v.tolist(), u, f, dy)
        return np.array(dy)

    def jac(t: float, v: Any) -> Any:
        module.jacobian(v.tolist(), u, f, J)
        return J.copy()

    t, steps, saved = 0.0, 0, 0
    edges = sorted({float(events.time[e]) for e in rows if events.time[e] < problem.t_end} | {problem.t_end})
    while True:
        while saved < len(problem.save) and problem.save[saved] <= t:
            out[saved] = y
            saved += 1
        while rows and events.time[rows[0]] <= t:
            e = rows.pop(0)
            target, amount = int(events.target[e]), float(events.value[e])
            if events.kind[e] == LOAD:
                mask = problem.load_mask == 1
                y[mask] = problem.loads[s, target][mask]
                continue
            if events.scale[e] >= 0:
                amount *= float(problem.amounts[s, events.scale[e]])
            if events.kind[e] == ADD:
                y[target] += amount
            else:
                u[target] = amount
        if t >= problem.t_end:
            final[:] = y
            return steps, int(Status.SUCCESS)
        stop = next(e for e in edges if e > t)
        inside = [float(x) for x in problem.save if t < x <= stop]
        points = inside if inside and inside[-1] == stop else [*inside, stop]
        first = min(options.h_first, stop - t)
        result = solve_ivp(
            fun, (t, stop), y, method=method, t_eval=points, rtol=options.rtol, atol=atol, jac=jac, first_step=first
        )
        if not result.success or not np.isfinite(result.y).all():
            return steps, int(Status.NOT_FINITE if result.success else Status.STEP_TOO_SMALL)
        steps += int(result.nfev)
        for i in range(len(inside)):
            out[saved] = result.y[:, i]
            saved += 1
        y = result.y[:, -1].copy()
        t = stop
