"""Rodas5P in plain code, one subject at a time, with a pivoted dense LU.

It stops exactly at every saved time and event, and shares nothing with the fast
route but the coefficients. `plain` appends the functions of this file to a plain
module (see `codegen.plain_text`), whose `rhs` and `jacobian` they call, and Numba
compiles them as one file.
"""

from __future__ import annotations

import numpy as np

from .problem import EventKind, Floats, Ints, Status

Events = tuple[Floats, Ints, Ints, Floats, Ints]  # time, kind, target, value, scale
Limits = tuple[float, float, int, float, float, float, float]  # see `integrate`
Method = tuple[float, Floats, Floats]  # gamma, A, C


def rhs(y: Floats, u: Floats, f: Floats, dy: Floats) -> None:
    """Write dy/dt; the plain module has the equations."""
    raise NotImplementedError


def jacobian(y: Floats, u: Floats, f: Floats, J: Floats) -> None:
    """Write d(dy/dt)/dy; the plain module has the equations."""
    raise NotImplementedError


def lu_factor(M: Floats, pivot: Ints) -> None:
    """Factor M in place with row pivoting."""
    n = M.shape[0]
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if abs(M[i, k]) > abs(M[best, k]):
                best = i
        pivot[k] = best
        if best != k:
            for j in range(n):
                M[k, j], M[best, j] = M[best, j], M[k, j]
        for i in range(k + 1, n):
            if M[i, k] != 0.0:
                M[i, k] /= M[k, k]
                for j in range(k + 1, n):
                    M[i, j] -= M[i, k] * M[k, j]


def lu_solve(M: Floats, pivot: Ints, b: Floats) -> None:
    """Solve with the factors of `lu_factor`, in place."""
    n = M.shape[0]
    for k in range(n):
        b[k], b[pivot[k]] = b[pivot[k]], b[k]
    for k in range(n):
        for i in range(k + 1, n):
            b[i] -= M[i, k] * b[k]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            b[k] -= M[k, j] * b[j]
        b[k] /= M[k, k]


def act(t: float, e: int, y: Floats, u: Floats, amounts: Floats, loads: Floats, load_mask: Ints, events: Events) -> int:
    """Act on the events from number e on that are due by t; return the number of the next."""
    time, kind, targets, values, scales = events
    while e < time.size and time[e] <= t:
        target = targets[e]
        if kind[e] == EventKind.LOAD:
            for i in range(y.size):
                if load_mask[i] == 1:
                    y[i] = loads[target, i]
        else:
            amount = values[e]
            if scales[e] >= 0:
                amount = amount * amounts[scales[e]]
            if kind[e] == EventKind.ADD:
                y[target] += amount
            else:
                u[target] = amount
        e += 1
    return e


def attempt(step: float, y: Floats, u: Floats, f: Floats, method: Method, J: Floats, w: Floats, b: Floats) -> None:
    """Make one step; w ends as the new state and b as the estimate of its error."""
    gamma, A, C = method
    n, stages = y.size, A.shape[0]
    k = np.zeros((stages, n))
    pivot = np.zeros(n, dtype=np.int64)
    jacobian(y, u, f, J)
    for i in range(n):
        for j in range(n):
            J[i, j] = -J[i, j]
        J[i, i] += 1.0 / (gamma * step)
    lu_factor(J, pivot)
    for stage in range(stages):
        for i in range(n):
            w[i] = y[i]
            for j in range(stage):
                w[i] += A[stage, j] * k[j, i]
        rhs(w, u, f, b)
        for i in range(n):
            for j in range(stage):
                b[i] += C[stage, j] * k[j, i] / step
        lu_solve(J, pivot, b)
        k[stage, :] = b
    for i in range(n):
        w[i] += b[i]


def measure(y: Floats, w: Floats, b: Floats, scale: Floats, rtol: float, atol: float) -> tuple[float, float]:
    """Return the root mean square of b relative to the tolerance, and the largest |w| / scale."""
    error, size = 0.0, 0.0
    for i in range(y.size):
        ratio = b[i] / (rtol * max(abs(y[i]), abs(w[i])) + atol * scale[i])
        error += ratio * ratio
        size = max(size, abs(w[i]) / scale[i])
    return (error / y.size) ** 0.5, size


def save_due(t: float, s: int, y: Floats, save: Floats, out: Floats) -> int:
    """Save y at the times from number s on that are due by t; return the number of the next."""
    while s < save.size and save[s] <= t:
        out[s, :] = y
        s += 1
    return s


def next_stop(t_end: float, e: int, event_time: Floats, s: int, save: Floats) -> float:
    """Return the next event, saved time or the end."""
    stop = t_end
    if e < event_time.size and event_time[e] < stop:
        stop = event_time[e]
    if s < save.size and save[s] < stop:
        stop = save[s]
    return stop


def integrate(
    f: Floats,
    y: Floats,
    u: Floats,
    amounts: Floats,
    loads: Floats,
    load_mask: Ints,
    events: Events,
    save: Floats,
    t_end: float,
    scale: Floats,
    limits: Limits,
    method: Method,
    out: Floats,
    counts: Ints,
) -> None:
    """Integrate one subject; y ends as the final state, out holds the saved ones."""
    rtol, atol, max_steps, h_first, h_min, h_max, growth_limit = limits
    n = y.size
    J, w, b = np.zeros((n, n)), np.zeros(n), np.zeros(n)
    t, e, s, started, rejected = 0.0, 0, 0, True, False
    h, after_dose = h_first, h_first
    while counts[2] == Status.SUCCESS:
        s = save_due(t, s, y, save, out)
        due = act(t, e, y, u, amounts, loads, load_mask, events)
        if due > e:
            h, started, e = after_dose, True, due
        if t >= t_end:
            return
        if counts[0] >= max_steps:
            counts[2] = Status.MAX_STEPS
            break
        stop = next_stop(t_end, e, events[0], s, save)
        wanted = min(h, h_max)
        step = min(wanted, stop - t)
        if stop - t - step < 1e-13 * max(1.0, stop):
            step = stop - t
        attempt(step, y, u, f, method, J, w, b)
        error, size = measure(y, w, b, scale, rtol, atol)
        counts[0] += 1
        if error <= 1.0:
            if size > growth_limit:
                counts[2], counts[3] = Status.RUNAWAY, np.argmax(np.abs(w) / scale)
                break
            y[:] = w
            t = stop if step == stop - t else t + step
            factor = growth(error, rejected)
            rejected = False
            if step * factor > h or step == wanted:
                h = step * factor
            if started:
                after_dose, started = step * factor, False
        else:
            counts[1] += 1
            h, rejected = step * (max(0.1, 0.9 * error**-0.2) if error == error else 0.1), True
            if started:
                after_dose = max(h, h_min)
            if h < h_min:
                counts[2] = Status.STEP_TOO_SMALL if error == error else Status.NOT_FINITE
    y[:] = np.nan
    out[s:, :] = np.nan


def growth(error: float, rejected: bool) -> float:
    """Return by how much the step may grow after one whose error was within the tolerance."""
    factor: float = min(8.0, max(0.2, 0.9 * max(error, 1e-12) ** -0.2))
    return min(factor, 1.0) if rejected else factor
