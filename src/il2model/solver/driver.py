"""The driver: lanes of patients, doses, dense output, step control.

Hand-written Numba, independent of the model. It knows a work buffer (see
`codegen.layout`) and two addresses, `prepare` and `attempt`. It is compiled once
for all models by `lowering.compile_driver`, and kept as text and object on disk,
so that a later process loads it without Numba.

Each lane has its own patient, time and step size, and is refilled when its
patient is done; what one lane does never reaches another. A step ends exactly
on every event. Saved values are taken before the events of their time.
"""

from __future__ import annotations

from .arguments import Batch, Calls, Lane, Limits, Mode, Output, Sizes, Table, Tape
from .problem import EventKind, Floats, Status

#: The subject of a lane without one.
FREE = -1


def call(address: int, work: Floats, reals: tuple[float, ...]) -> None:
    """Call a function by address; `lowering` puts the compiled call in its place."""
    raise NotImplementedError


def drive(
    calls: Calls,
    work: Floats,
    sizes: Sizes,
    limits: Limits,
    batch: Batch,
    table: Table,
    output: Output,
    tape: Tape,
    lane: Lane,
) -> int:
    """Integrate all subjects; return the number of attempts."""
    waiting, active, attempts = sizes.subjects, 0, 0
    for l in range(sizes.lanes):  # a lane that never gets a patient idles on the first one's numbers
        admit(l, sizes.subjects - waiting, work, sizes, limits, batch, table, lane)
        lane.subject[l] = FREE
    while True:
        left = refill(waiting, work, sizes, limits, batch, table, lane)
        active += waiting - left
        if active == 0:
            return attempts
        if left < waiting:
            call(calls.prepare, work, ())
        waiting = left
        active -= begin_steps(work, sizes, limits, batch, table, output, tape, lane)
        if active == 0:
            continue
        call(calls.attempt, work, (limits.rtol, limits.atol))
        attempts += 1
        active -= end_steps(work, sizes, limits, output, tape, lane)


def refill(waiting: int, work: Floats, sizes: Sizes, limits: Limits, batch: Batch, table: Table, lane: Lane) -> int:
    """Give free lanes the subjects that wait; return how many wait still."""
    for l in range(sizes.lanes):
        if waiting > 0 and lane.subject[l] == FREE:
            admit(l, sizes.subjects - waiting, work, sizes, limits, batch, table, lane)
            waiting -= 1
    return waiting


def begin_steps(
    work: Floats,
    sizes: Sizes,
    limits: Limits,
    batch: Batch,
    table: Table,
    output: Output,
    tape: Tape,
    lane: Lane,
) -> int:
    """Let every lane act on where it is and choose its step; return how many are done."""
    done = 0
    for l in range(sizes.lanes):
        if lane.subject[l] >= 0:
            if lane.fresh[l] == 1:
                act(l, work, sizes, batch, table, output, lane)
            if lane.time[l] >= limits.t_end:
                retire(l, Status.SUCCESS, work, sizes, limits, output, lane)
                done += 1
            else:
                choose_step(l, work, sizes, limits, batch, table, tape, lane)
    return done


def end_steps(work: Floats, sizes: Sizes, limits: Limits, output: Output, tape: Tape, lane: Lane) -> int:
    """Take or reject the step of every lane; return how many have failed."""
    failed = 0
    for l in range(sizes.lanes):
        if lane.subject[l] < 0:
            work[sizes.TAKE + l] = 0.0
            continue
        outcome = judge(l, work, sizes, limits, output, tape, lane)
        if outcome != Status.SUCCESS:  # the caller reads the last attempt from `final`
            retire(l, outcome, work, sizes, limits, output, lane)
            failed += 1
    return failed


def admit(l: int, s: int, work: Floats, sizes: Sizes, limits: Limits, batch: Batch, table: Table, lane: Lane) -> None:
    """Put a lane at the start of subject s."""
    lane.subject[l] = s
    lane.event[l] = table.bounds[batch.schedule[s]]
    lane.save[l] = 0
    lane.first[l] = 1
    lane.rejected[l] = 0
    lane.steps[l] = 0
    lane.fresh[l] = 1
    lane.time[l] = 0.0
    lane.next[l] = limits.h_first
    lane.dose_step[l] = limits.h_first
    for i in range(sizes.states):
        work[sizes.N + i * sizes.lanes + l] = batch.y0[s * sizes.states + i]
    for i in range(sizes.fixed):
        work[sizes.P + i * sizes.lanes + l] = batch.fixed[s * sizes.fixed + i]
    for i in range(sizes.inputs):
        work[sizes.IN + i * sizes.lanes + l] = batch.inputs0[i]
    work[sizes.H + l] = limits.h_first
    work[sizes.TAKE + l] = 1.0


def retire(l: int, outcome: int, work: Floats, sizes: Sizes, limits: Limits, output: Output, lane: Lane) -> None:
    """Empty a lane: its patient ends here."""
    s = lane.subject[l]
    output.counts[s * 4 + 2] = outcome
    for i in range(sizes.states):
        output.final[s * sizes.states + i] = work[sizes.N + i * sizes.lanes + l]
    work[sizes.H + l] = limits.h_first
    lane.subject[l] = FREE


def act(l: int, work: Floats, sizes: Sizes, batch: Batch, table: Table, output: Output, lane: Lane) -> None:
    """At a new state N: save, then act on the events of this time."""
    s, t = lane.subject[l], lane.time[l]
    lane.fresh[l] = 0
    k = lane.save[l]
    while k < sizes.n_save and output.save[k] <= t:
        for o in range(sizes.n_out):
            output.states[(s * sizes.n_save + k) * sizes.n_out + o] = work[
                sizes.N + output.columns[o] * sizes.lanes + l
            ]
        k += 1
    lane.save[l] = k
    e = lane.event[l]
    while e < table.bounds[batch.schedule[s] + 1] and table.time[e] <= t:
        target = table.target[e]
        if table.kind[e] == EventKind.LOAD:
            for i in range(sizes.states):
                if batch.load_mask[i] == 1:
                    row = s * sizes.load_rows + target
                    work[sizes.N + i * sizes.lanes + l] = batch.loads[row * sizes.states + i]
        else:
            amount = table.value[e]
            if table.scale[e] >= 0:
                amount *= batch.amounts[s * sizes.n_scale + table.scale[e]]
            if table.kind[e] == EventKind.ADD:
                work[sizes.N + target * sizes.lanes + l] += amount
            else:
                work[sizes.IN + target * sizes.lanes + l] = amount
        lane.next[l] = lane.dose_step[l]
        lane.first[l] = 1
        e += 1
    lane.event[l] = e
    work[sizes.TAKE + l] = 1.0


def choose_step(
    l: int, work: Floats, sizes: Sizes, limits: Limits, batch: Batch, table: Table, tape: Tape, lane: Lane
) -> None:
    """Set the size of the next step, which ends at the latest on the next event."""
    s, e, t, h, steps = lane.subject[l], lane.event[l], lane.time[l], lane.next[l], lane.steps[l]
    t_stop = limits.t_end
    if e < table.bounds[batch.schedule[s] + 1] and table.time[e] < limits.t_end:
        t_stop = table.time[e]
    room = t_stop - t
    if h > limits.h_max:
        h = limits.h_max
    if tape.mode == Mode.REPLAY:
        h = room
        if steps < tape.length[tape.row[s]]:
            h = tape.sizes[tape.row[s] * tape.width + steps]
            if h > room:
                h = room
    elif h >= 0.9999 * room:
        h = room
    elif 2.0 * h > room:
        h = 0.5 * room
    lane.stop[l] = t_stop
    work[sizes.H + l] = h


def judge(l: int, work: Floats, sizes: Sizes, limits: Limits, output: Output, tape: Tape, lane: Lane) -> int:
    """Take the attempted step or reject it; return SUCCESS where the patient goes on."""
    s, steps = lane.subject[l], lane.steps[l] + 1
    error, solved = work[sizes.ERR + l], work[sizes.RES + l] <= limits.residual
    good = error <= 1.0 and solved
    if tape.mode == Mode.REPLAY:
        good = error == error and solved
    lane.steps[l] = steps
    output.counts[s * 4] = steps
    if good and work[sizes.GROW + l] <= limits.growth:
        return accept(l, steps, work, sizes, limits, output, tape, lane)
    output.counts[s * 4 + 1] += 1
    return reject(l, steps, good, work, sizes, limits, tape, lane)


def accept(
    l: int, steps: int, work: Floats, sizes: Sizes, limits: Limits, output: Output, tape: Tape, lane: Lane
) -> int:
    """Take the step: save what lies inside it, and set the size of the next."""
    s, t, stop = lane.subject[l], lane.time[l], lane.stop[l]
    h, factor = work[sizes.H + l], work[sizes.FAC + l]
    if factor < 0.2:
        factor = 0.2
    elif factor > 8.0:
        factor = 8.0
    if lane.rejected[l] == 1 and factor > 1.0:
        factor = 1.0
    t_new = t + h
    if stop - t_new <= 1e-12 * (1.0 + t_new):
        t_new = stop
    interpolate(l, s, t, t_new, work, sizes, output, lane)
    if lane.first[l] == 1:
        lane.dose_step[l] = h * factor
    if tape.mode == Mode.RECORD:
        row = tape.row[s]
        if tape.length[row] < tape.width:
            tape.sizes[row * tape.width + tape.length[row]] = h
            tape.length[row] += 1
    lane.next[l] = h * factor
    lane.time[l] = t_new
    lane.rejected[l] = 0
    lane.first[l] = 0
    lane.fresh[l] = 1
    work[sizes.TAKE + l] = 1.0
    if steps < sizes.max_steps or t_new >= limits.t_end:
        return Status.SUCCESS
    return Status.MAX_STEPS


def interpolate(l: int, s: int, t: float, t_new: float, work: Floats, sizes: Sizes, output: Output, lane: Lane) -> None:
    """Save the times inside the step from t to t_new, by dense output."""
    k = lane.save[l]
    block, stages = sizes.states * sizes.lanes, sizes.stages
    while k < sizes.n_save and output.save[k] < t_new:
        x = (output.save[k] - t) / (t_new - t)
        for o in range(sizes.n_out):
            m = output.columns[o] * sizes.lanes + l
            d = 0.0
            for r in range(sizes.n_dense - 1, -1, -1):
                row = 0.0
                for j in range(stages):
                    row += output.dense[r * stages + j] * work[sizes.K + j * block + m]
                d = row + x * d
            value = (1.0 - x) * work[sizes.Y + m] + x * (work[sizes.N + m] + (1.0 - x) * d)
            output.states[(s * sizes.n_save + k) * sizes.n_out + o] = value
        k += 1
    lane.save[l] = k


def reject(l: int, steps: int, good: bool, work: Floats, sizes: Sizes, limits: Limits, tape: Tape, lane: Lane) -> int:
    """Shorten the step; say why the patient cannot go on, if so."""
    error, factor = work[sizes.ERR + l], work[sizes.FAC + l]
    unsolved = work[sizes.RES + l] > limits.residual
    if error != error or factor < 0.1:
        factor = 0.1
    elif factor > 0.9:
        factor = 0.9
    if unsolved and factor > 0.25:
        factor = 0.25
    h = work[sizes.H + l] * factor
    if lane.first[l] == 1 and h > limits.h_min:
        lane.dose_step[l] = h
    lane.next[l] = h
    lane.rejected[l] = 1
    work[sizes.TAKE + l] = 0.0
    if good and work[sizes.GROW + l] > limits.growth:
        return Status.RUNAWAY
    if tape.mode == Mode.REPLAY:
        return Status.NOT_FINITE
    if h < limits.h_min:
        if error != error:
            return Status.NOT_FINITE
        return Status.LINEAR_SOLVE if unsolved else Status.STEP_TOO_SMALL
    return Status.MAX_STEPS if steps >= sizes.max_steps else Status.SUCCESS
