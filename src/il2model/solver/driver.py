"""The driver: lanes of patients, doses, dense output, step control.

Hand-written Numba, independent of the model. It knows a work buffer (see
`step_text.Layout`) and two addresses, `prepare` and `attempt`. It is compiled
once for all models by `compile_driver`, and kept as text and object on disk, so
that a later process loads it without Numba.

Each lane has its own patient, time and step size, and is refilled when its
patient is done; what one lane does never reaches another. A step ends exactly
on every event. Saved values are taken before the events of their time.
"""

from __future__ import annotations

from typing import Any

# Calls through an address; bound by `compile_driver`.
call_prepare: Any = None
call_attempt: Any = None

# Event kinds and outcomes are module constants, frozen into the compiled code.
ADD, SET_INPUT, LOAD = 0, 1, 2
OK, MAX_STEPS, STEP_TOO_SMALL, NOT_FINITE, RUNAWAY, LINEAR_SOLVE = 0, 1, 2, 3, 4, 5

#: Position of each number of `dims`.
DIMS = (
    *("lanes", "states", "fixed", "inputs", "H", "HINV", "ERR", "FAC", "TAKE", "GROW", "RES"),
    *("Y", "N", "K", "U", "P", "IN", "stages", "first", "last"),
    *("n_save", "n_out", "n_scale", "n_dense", "max_steps", "mode", "load_rows"),
)
#: Modes: step by the error estimate; do so and record the accepted steps; take recorded steps.
FREE, RECORD, REPLAY = 0, 1, 2
#: Whole numbers and reals that a lane remembers between steps.
LANE_INTS, LANE_REALS = 8, 4


def drive(
    prepare: Any,
    attempt: Any,
    work: Any,
    work_address: Any,
    dims: Any,
    reals: Any,
    y0: Any,  # (subjects, states)
    fixed: Any,  # (subjects, fixed)
    inputs0: Any,  # (inputs,)
    amounts: Any,  # (subjects, n_scale): what one unit of a dose adds
    loads: Any,  # (subjects, load_rows, states): states to load at LOAD events
    load_mask: Any,  # (states,)
    schedule: Any,  # (subjects,): which schedule a subject follows
    bounds: Any,  # (schedules + 1,): where each schedule begins
    event_time: Any,
    event_kind: Any,
    event_target: Any,
    event_value: Any,
    event_scale: Any,
    save: Any,  # (n_save,)
    out_index: Any,  # (n_out,)
    dense: Any,  # (n_dense, stages)
    out: Any,  # (subjects, n_save, n_out), NaN where nothing is written
    final: Any,  # (subjects, states)
    counts: Any,  # (subjects, 4): steps, rejected, status, state (left to the caller)
    ints: Any,  # (LANE_INTS, lanes)
    floats: Any,  # (LANE_REALS, lanes)
    tape: Any,  # (subjects, max_steps) accepted steps, day: written by RECORD, read by REPLAY
    tape_row: Any,  # (subjects,): row of `tape` that a subject uses
    tape_length: Any,  # (rows,)
    tape_width: Any,
) -> Any:
    """Integrate subjects first..last; return the number of attempts."""
    L, n, nf, nu = dims[0], dims[1], dims[2], dims[3]
    oH, oERR, oFAC, oTAKE, oGROW, oRES = dims[4], dims[6], dims[7], dims[8], dims[9], dims[10]
    oY, oN, oK, oP, oIN, stages = dims[11], dims[12], dims[13], dims[15], dims[16], dims[17]
    first, last, n_save, n_out, n_scale, n_dense = dims[18], dims[19], dims[20], dims[21], dims[22], dims[23]
    max_steps, mode, load_rows = dims[24], dims[25], dims[26]
    t_end, rtol, atol, h_first, h_min, h_max = reals[0], reals[1], reals[2], reals[3], reals[4], reals[5]
    growth_limit, residual_limit = reals[6], reals[7]
    # lane memory: subject, next event, next save, is first step, was rejected, steps, lane state
    SUBJECT, EVENT, SAVE, FIRST, REJECTED, STEPS, NEW = 0, L, 2 * L, 3 * L, 4 * L, 5 * L, 6 * L
    TIME, NEXT, DOSE_STEP, STOP = 0, L, 2 * L, 3 * L

    upcoming = first
    active = 0
    attempts = 0
    for l in range(L):
        ints[SUBJECT + l] = -2
        work[oH + l] = h_first
        work[oTAKE + l] = 1.0
    while True:
        fresh = False
        for l in range(L):
            if ints[SUBJECT + l] == -2:
                s = upcoming
                if upcoming < last:
                    ints[SUBJECT + l] = s
                    upcoming += 1
                    active += 1
                    fresh = True
                else:  # nobody is left; a lane that never had a patient idles on the first one's numbers
                    ints[SUBJECT + l] = -1
                    if attempts > 0:
                        continue
                    s = first
                ints[EVENT + l] = bounds[schedule[s]]
                ints[SAVE + l] = 0
                ints[FIRST + l] = 1
                ints[REJECTED + l] = 0
                ints[STEPS + l] = 0
                ints[NEW + l] = 1
                floats[TIME + l] = 0.0
                floats[NEXT + l] = h_first
                floats[DOSE_STEP + l] = h_first
                for i in range(n):
                    work[oN + i * L + l] = y0[s * n + i]
                for i in range(nf):
                    work[oP + i * L + l] = fixed[s * nf + i]
                for i in range(nu):
                    work[oIN + i * L + l] = inputs0[i]
                for k in range(4):
                    counts[s * 4 + k] = 0
        if active == 0:
            return attempts
        if fresh:
            call_prepare(prepare, work_address)
        for l in range(L):
            s = ints[SUBJECT + l]
            if s < 0:
                continue
            t = floats[TIME + l]
            if ints[NEW + l] == 1:  # at a new state N: save, then act on the events of this time
                ints[NEW + l] = 0
                k = ints[SAVE + l]
                while k < n_save and save[k] <= t:
                    for o in range(n_out):
                        out[(s * n_save + k) * n_out + o] = work[oN + out_index[o] * L + l]
                    k += 1
                ints[SAVE + l] = k
                e = ints[EVENT + l]
                stop = bounds[schedule[s] + 1]
                while e < stop and event_time[e] <= t:
                    kind, target = event_kind[e], event_target[e]
                    if kind == LOAD:
                        for i in range(n):
                            if load_mask[i] == 1:
                                work[oN + i * L + l] = loads[(s * load_rows + target) * n + i]
                    else:
                        amount = event_value[e]
                        if event_scale[e] >= 0:
                            amount *= amounts[s * n_scale + event_scale[e]]
                        if kind == ADD:
                            work[oN + target * L + l] += amount
                        else:
                            work[oIN + target * L + l] = amount
                    floats[NEXT + l] = floats[DOSE_STEP + l]
                    ints[FIRST + l] = 1
                    e += 1
                ints[EVENT + l] = e
                work[oTAKE + l] = 1.0
                if t >= t_end:
                    for i in range(n):
                        final[s * n + i] = work[oN + i * L + l]
                    ints[SUBJECT + l] = -2
                    active -= 1
                    work[oH + l] = h_first
                    continue
            e = ints[EVENT + l]
            t_stop = t_end
            if e < bounds[schedule[s] + 1] and event_time[e] < t_end:
                t_stop = event_time[e]
            floats[STOP + l] = t_stop
            room = t_stop - t
            h = floats[NEXT + l]
            if h > h_max:
                h = h_max
            if mode == REPLAY:
                h = room
                if ints[STEPS + l] < tape_length[tape_row[s]]:
                    h = tape[tape_row[s] * tape_width + ints[STEPS + l]]
                    if h > room:
                        h = room
            elif h >= 0.9999 * room:
                h = room
            elif 2.0 * h > room:
                h = 0.5 * room
            work[oH + l] = h
        if active == 0:
            continue
        call_attempt(attempt, work_address, rtol, atol)
        attempts += 1
        for l in range(L):
            s = ints[SUBJECT + l]
            if s < 0:
                work[oTAKE + l] = 0.0
                continue
            t, h = floats[TIME + l], work[oH + l]
            error, factor = work[oERR + l], work[oFAC + l]
            ints[STEPS + l] += 1
            counts[s * 4] += 1
            good = error <= 1.0 and work[oRES + l] <= residual_limit
            if mode == REPLAY:
                good = error == error and work[oRES + l] <= residual_limit
            if good and work[oGROW + l] <= growth_limit:
                if factor < 0.2:
                    factor = 0.2
                elif factor > 8.0:
                    factor = 8.0
                if ints[REJECTED + l] == 1 and factor > 1.0:
                    factor = 1.0
                ints[REJECTED + l] = 0
                t_new = t + h
                if floats[STOP + l] - t_new <= 1e-12 * (1.0 + t_new):
                    t_new = floats[STOP + l]
                k = ints[SAVE + l]
                while k < n_save and save[k] < t_new:
                    x = (save[k] - t) / (t_new - t)
                    for o in range(n_out):
                        m = out_index[o] * L + l
                        d = 0.0
                        for r in range(n_dense - 1, -1, -1):
                            row = 0.0
                            for j in range(stages):
                                row += dense[r * stages + j] * work[oK + j * n * L + m]
                            d = row + x * d
                        out[(s * n_save + k) * n_out + o] = (1.0 - x) * work[oY + m] + x * (
                            work[oN + m] + (1.0 - x) * d
                        )
                    k += 1
                ints[SAVE + l] = k
                if ints[FIRST + l] == 1:
                    floats[DOSE_STEP + l] = h * factor
                    ints[FIRST + l] = 0
                floats[NEXT + l] = h * factor
                if mode == RECORD and tape_length[tape_row[s]] < tape_width:
                    tape[tape_row[s] * tape_width + tape_length[tape_row[s]]] = h
                    tape_length[tape_row[s]] += 1
                floats[TIME + l] = t_new
                ints[NEW + l] = 1
                work[oTAKE + l] = 1.0
                if ints[STEPS + l] < max_steps or t_new >= t_end:
                    continue
                outcome = MAX_STEPS
            else:
                counts[s * 4 + 1] += 1
                work[oTAKE + l] = 0.0
                ints[REJECTED + l] = 1
                if error != error or factor < 0.1:
                    factor = 0.1
                elif factor > 0.9:
                    factor = 0.9
                if work[oRES + l] > residual_limit and factor > 0.25:
                    factor = 0.25
                if ints[FIRST + l] == 1 and h * factor > h_min:
                    floats[DOSE_STEP + l] = h * factor
                floats[NEXT + l] = h * factor
                outcome = OK
                if good and work[oGROW + l] > growth_limit:
                    outcome = RUNAWAY
                elif mode == REPLAY:
                    outcome = NOT_FINITE
                elif h * factor < h_min:
                    if error != error:
                        outcome = NOT_FINITE
                    elif work[oRES + l] > residual_limit:
                        outcome = LINEAR_SOLVE
                    else:
                        outcome = STEP_TOO_SMALL
                elif ints[STEPS + l] >= max_steps:
                    outcome = MAX_STEPS
                if outcome == OK:
                    continue
            # the patient ends here; the caller reads its last attempt from `final`
            counts[s * 4 + 2] = outcome
            for i in range(n):
                final[s * n + i] = work[oN + i * L + l]
            work[oH + l] = h_first
            ints[SUBJECT + l] = -2
            active -= 1


def compile_driver(single: bool) -> str:
    """Lower `drive` with Numba and return its LLVM text (the only use of Numba in the fast route).

    Calls through an address become plain function pointers; the function is
    renamed to `drive` and everything else made internal.
    """
    import re
    from types import FunctionType

    from llvmlite import ir
    from numba import njit, types
    from numba.extending import intrinsic

    @intrinsic  # type: ignore[untyped-decorator]
    def call_prepare(context: Any, address: Any, work: Any) -> Any:
        def build(ctx: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
            builder.call(builder.inttoptr(args[0], kind.as_pointer()), [args[1]])
            return ctx.get_dummy_value()

        return types.void(types.int64, types.int64), build

    @intrinsic  # type: ignore[untyped-decorator]
    def call_attempt(context: Any, address: Any, work: Any, rtol: Any, atol: Any) -> Any:
        def build(ctx: Any, builder: Any, sig: Any, args: Any) -> Any:
            real = ir.DoubleType()
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64), real, real])
            builder.call(builder.inttoptr(args[0], kind.as_pointer()), [args[1], args[2], args[3]])
            return ctx.get_dummy_value()

        return types.void(types.int64, types.int64, types.float64, types.float64), build

    # the calls through an address are globals of a copy of `drive`
    names = {**drive.__globals__, "call_prepare": call_prepare, "call_attempt": call_attempt}
    copy = FunctionType(drive.__code__, names, "drive")
    i8, real = types.int64, types.float64
    whole, reals = types.CPointer(i8), types.CPointer(real)
    work = types.CPointer(types.float32) if single else reals
    signature = i8(
        i8, i8, work, i8, whole, reals, reals, reals, reals, reals, reals, whole, whole, whole, reals,
        whole, whole, reals, whole, reals, whole, reals, reals, reals, whole, whole, reals, reals, whole, whole, i8,
    )  # fmt: skip
    compiled = njit(
        signature, error_model="numpy", _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, nogil=True
    )(copy)
    text: str = compiled.inspect_llvm(compiled.signatures[0])
    found = [m for m in re.findall(r"^define [^@]*@(\"?[\w.$]+\"?|\"[^\"]+\")\(", text, re.M)]
    target = next(m for m in found if "drive" in m)
    text = text.replace(target, "@drive"[1:])
    lines = []
    for line in text.splitlines():
        if line.startswith("target "):
            continue
        if line.startswith("define ") and "@drive(" not in line:
            line = re.sub(r"^define (linkonce_odr |weak_odr |hidden |local_unnamed_addr )*", "define internal ", line)
        lines.append(re.sub(r'"(target-cpu|target-features|probe-stack)"="[^"]*"', "", line))
    return "\n".join(lines) + "\n"
