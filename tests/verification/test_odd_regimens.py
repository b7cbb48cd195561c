"""Odd courses: overlapping infusions, steady states, resets, hundreds of doses, seconds and months."""

import numpy as np
import pytest

from il2model.runs import RunOptions
from il2model.simulation.cohort import Task, solve_cohort
from il2model.simulation.run import solve
from il2model.solver.problem import SolverOptions
from tests.helpers.regimens import odd_regimens, random_rows

UNTIL = 30.0
SAVE = np.concatenate([np.arange(0.0, UNTIL, 0.21), [UNTIL]])
TIGHT = SolverOptions(rtol=1e-11, atol=1e-13, max_steps=10_000_000)


def courses(kernel, plans, rows, options, save=SAVE):
    """States, (subject, time, state); subject i follows plan i."""
    ids = kernel.blueprint.states.ids
    found = solve(kernel, plans, rows, save, UNTIL, ids, which=np.arange(len(plans)), options=options)
    assert (found.status == 0).all(), found.messages
    return found.stack(ids)


@pytest.mark.parametrize("count", [20, pytest.param(191, marks=pytest.mark.long)])
def test_odd_regimens_stay_near_a_run_a_hundred_thousand_times_as_tight(kernel, default_row, count):
    plans, rows = odd_regimens(count, UNTIL), np.repeat(default_row, count, axis=0)
    usual, tight = (courses(kernel, plans, rows, o) for o in (SolverOptions(), TIGHT))
    error = np.abs(usual - tight) / (np.abs(tight) + np.array(kernel.blueprint.scales))
    worst = np.unravel_index(error.argmax(), error.shape)
    print(f"largest of {count}: {error.max():.2g}, {plans[worst[0]].name}, {kernel.blueprint.states.ids[worst[2]]}")
    assert error.max() < 2e-6


@pytest.mark.parametrize("count", [20, pytest.param(191, marks=pytest.mark.long)])
def test_batch_threads_and_save_grid_do_not_change_a_bit(kernel, parameters, count):
    plans, rows = odd_regimens(count, UNTIL), random_rows(kernel, parameters, count, seed=191, wide=False)
    together = courses(kernel, plans, rows, SolverOptions())
    for k in range(0, count, 3):
        alone = courses(kernel, [plans[k]], rows[k : k + 1], SolverOptions(), save=SAVE[::5])
        assert np.array_equal(alone[0], together[k, ::5]), plans[k].name
    back = courses(kernel, plans[::-1], rows[::-1], SolverOptions())
    assert np.array_equal(back[::-1], together)
    ids = kernel.blueprint.states.ids
    task = Task(kernel=kernel, plans=plans, save=SAVE, until=UNTIL, ids=ids, options=SolverOptions())
    for workers in (1, 2, 3):
        found = solve_cohort(task, rows.__getitem__, np.arange(count), RunOptions(workers=workers))
        assert np.array_equal(found.stack(ids), together)
