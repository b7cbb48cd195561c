"""Random patients within wide bounds: none hangs, every failure has a Status, the worst agree with Radau."""

import numpy as np
import pytest

from il2model.dosing.regimen import Regimen
from il2model.simulation.cohort import Task, solve_cohort
from il2model.simulation.run import solve
from il2model.solver.problem import SolverOptions, Status
from il2model.solver.stability import largest_eigenvalue
from tests.helpers.regimens import random_rows


def sweep(kernel, parameters, count, plan, until, seed):
    rows = random_rows(kernel, parameters, count, seed=seed)
    states = kernel.blueprint.states.ids
    task = Task(kernel=kernel, plans=[plan], save=np.array([until]), until=until, ids=states,
                options=SolverOptions(rtol=1e-4))  # fmt: skip
    r = solve_cohort(task, rows.__getitem__, np.zeros(count, int))
    return rows, r.status, r.steps, r.stack(states)[:, 0], r.messages


def check(kernel, rows, status, steps, ends, messages, plan, until, worst):
    bad = np.flatnonzero(status != Status.SUCCESS)
    assert set(messages) == set(bad)
    assert all(text.endswith(".") for text in messages.values())
    assert {Status(int(status[b])) for b in bad} <= {Status.RUNAWAY, Status.REFUSED}
    # refused are those whose untreated state does not hold, and few
    refused = np.flatnonzero(status == Status.REFUSED)
    assert len(refused) <= 0.005 * len(rows)
    np.testing.assert_array_equal(refused, np.flatnonzero(largest_eigenvalue(kernel, rows) >= 0))
    bad = np.flatnonzero(status == Status.RUNAWAY)
    if len(bad):  # a runaway is one for SciPy too: conventional CD4 feed on the IL-2 they make
        wild = bad[:2]
        grown = solve(
            kernel, [plan], rows[wild], np.array([until]), until, options=SolverOptions(rtol=1e-6), engine="scipy"
        )
        tconv = grown["tconv_blood"][:, 0] / kernel.blueprint.scales[kernel.blueprint.states.at("tconv_blood")]
        assert ((tconv > 1e5) | (grown.status != Status.SUCCESS)).all()
    assert np.isfinite(ends[status == Status.SUCCESS]).all()
    slow = np.argsort(np.where(status == Status.SUCCESS, steps, 0))[-worst:]
    reference = solve(
        kernel, [plan], rows[slow], np.array([until]), until, options=SolverOptions(rtol=1e-8), engine="scipy-radau"
    ).stack(kernel.blueprint.states.ids)[:, 0]
    size = np.abs(reference) + 1e-2 * np.array(kernel.blueprint.scales)
    assert (np.abs(ends[slow] - reference) / size).max() < 5e-3


def test_2000_random_patients(kernel, parameters):
    plan, until = Regimen.named("imodals-2miu").until(40), 56.0
    found = sweep(kernel, parameters, 2000, plan, until, seed=21)
    check(kernel, *found, plan, until, worst=2)


@pytest.mark.long
def test_20000_random_patients_through_the_trial(kernel, parameters):
    plan, until = Regimen.named("mirocals"), 640.0
    found = sweep(kernel, parameters, 20_000, plan, until, seed=22)
    outcomes = {Status(s).name: int((found[1] == s).sum()) for s in set(found[1])}
    print(outcomes, "steps (median, 99 %, most):", np.percentile(found[2], [50, 99, 100]))
    check(kernel, *found, plan, until, worst=4)
