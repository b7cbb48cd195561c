import numpy as np
# Rodas5P in plain code, one subject at a time, with a pivoted dense LU and an exact stop at
# every saved time and event. This text is appended to a plain module (see plain_text.py) and
# compiled by Numba as one file. It shares nothing with the fast route but the coefficients.
# ruff: noqa


def lu_factor(M, pivot):
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


def lu_solve(M, pivot, b):
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


def integrate(
    f,
    y,
    u,
    amounts,
    loads,
    load_mask,
    event_time,
    event_kind,
    event_target,
    event_value,
    event_scale,
    save,
    t_end,
    scale,
    rtol,
    atol,
    max_steps,
    h_first,
    h_min,
    h_max,
    growth_limit,
    gamma,
    A,
    C,
    out,
    counts,
):
    """Integrate one subject; y ends as the final state, out holds the saved ones."""
    n = y.size
    stages = A.shape[0]
    J = np.zeros((n, n))
    k = np.zeros((stages, n))
    w = np.zeros(n)
    b = np.zeros(n)
    pivot = np.zeros(n, dtype=np.int64)
    t = 0.0
    h = h_first
    after_dose = h_first
    e = 0
    s = 0
    started = True
    rejected = False
    while True:
        while s < save.size and save[s] <= t:
            out[s, :] = y
            s += 1
        while e < event_time.size and event_time[e] <= t:
            target = event_target[e]
            if event_kind[e] == 2:
                for i in range(n):
                    if load_mask[i] == 1:
                        y[i] = loads[target, i]
            else:
                amount = event_value[e]
                if event_scale[e] >= 0:
                    amount = amount * amounts[event_scale[e]]
                if event_kind[e] == 0:
                    y[target] += amount
                else:
                    u[target] = amount
            h = after_dose
            started = True
            e += 1
        if t >= t_end:
            return
        if counts[0] >= max_steps:
            counts[2] = 1
            break
        stop = t_end
        if e < event_time.size and event_time[e] < stop:
            stop = event_time[e]
        if s < save.size and save[s] < stop:
            stop = save[s]
        wanted = min(h, h_max)
        step = min(wanted, stop - t)
        if stop - t - step < 1e-13 * max(1.0, stop):
            step = stop - t

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
        error = 0.0
        growth = 0.0
        for i in range(n):
            new = w[i] + b[i]
            ratio = b[i] / (rtol * max(abs(y[i]), abs(new)) + atol * scale[i])
            error += ratio * ratio
            growth = max(growth, abs(new) / scale[i])
        error = (error / n) ** 0.5
        counts[0] += 1
        if error <= 1.0:
            if growth > growth_limit:
                counts[2] = 4
                counts[3] = np.argmax(np.abs(w + b) / scale)
                break
            factor = min(8.0, max(0.2, 0.9 * max(error, 1e-12) ** -0.2))
            if rejected:
                factor = min(factor, 1.0)
            rejected = False
            for i in range(n):
                y[i] = w[i] + b[i]
            t = stop if step == stop - t else t + step
            if step * factor > h or step == wanted:
                h = step * factor
            if started:
                after_dose = step * factor
                started = False
        else:
            counts[1] += 1
            rejected = True
            factor = 0.1
            if error == error:
                factor = max(0.1, 0.9 * error**-0.2)
            h = step * factor
            if started:
                after_dose = max(h, h_min)
            if h < h_min:
                counts[2] = 2 if error == error else 3
                break
    for i in range(n):
        y[i] = np.nan
    out[s:, :] = np.nan
