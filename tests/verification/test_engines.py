"""The fast kernel, the plain rendering and SciPy agree on every state."""

import numpy as np
import pytest

import il2model as il2
from il2model.simulation.run import solve as solve_rows
from il2model.solver.problem import SolverOptions, Status
from il2model.solver.stability import largest_eigenvalue
from tests.helpers.regimens import random_regimen, random_rows

UNTIL = 35.0
COUNT = 200
TIGHT = SolverOptions(rtol=1e-9)


@pytest.fixture(scope="module")
def cases(kernel, parameters):
    rows = random_rows(kernel, parameters, COUNT, seed=11)
    rng = np.random.default_rng(7)
    return rows, [random_regimen(rng, UNTIL) for _ in range(COUNT)]


def solve(kernel, cases, which, engine, options=TIGHT):
    rows, regimens = cases
    save = np.arange(0, UNTIL + 0.1, 0.5)
    picked = [regimens[i] for i in which]
    return solve_rows(
        kernel, picked, rows[which], save, UNTIL, kernel.blueprint.states.ids,
        which=np.arange(len(which)), options=options, engine=engine, batch=True,
    )  # fmt: skip


def states(course):
    """(subject, time, state)."""
    return course.stack(list(course.values))


def worst_error(ours, reference, kernel):
    """Largest difference over times and states, relative to value and typical size."""
    size = np.abs(reference) + 1e-3 * np.maximum(np.abs(reference).max(axis=1, keepdims=True), kernel.blueprint.scales)
    return np.nanmax(np.abs(ours - reference) / size)


@pytest.fixture(scope="module")
def fast(kernel, cases):
    return solve(kernel, cases, np.arange(COUNT), "fast")


def test_hardly_any_random_patient_is_refused(kernel, cases, fast):
    """Refused are those whose untreated state does not hold, and no others."""
    unstable = largest_eigenvalue(kernel, cases[0]) >= 0
    np.testing.assert_array_equal(fast.status == Status.REFUSED, unstable)
    refused = int(unstable.sum())
    failed = int((fast.status != Status.SUCCESS).sum())
    print(f"refused {refused}, failed {failed} of {COUNT}")
    assert refused <= 1
    assert failed - refused <= 2  # a runaway may occur; it has a sentence
    assert len(fast.messages) == failed


def test_fast_and_plain_agree_on_200_patients(kernel, cases, fast):
    plain = solve(kernel, cases, np.arange(COUNT), "plain")
    good = (fast.status == Status.SUCCESS) & (plain.status == Status.SUCCESS)
    assert (fast.status == plain.status).all()
    assert worst_error(states(fast)[good], states(plain)[good], kernel) < 1e-6


@pytest.mark.parametrize(("engine", "which"), [("scipy", range(0, 20)), ("scipy-radau", range(20, 25))])
def test_fast_and_scipy_agree(kernel, cases, fast, engine, which):
    which = np.array([i for i in which if fast.status[i] == Status.SUCCESS])
    reference = solve(kernel, cases, which, engine, SolverOptions(rtol=1e-10))
    assert worst_error(states(fast)[which], states(reference), kernel) < 1e-6


@pytest.mark.long
def test_fast_and_scipy_agree_on_all(kernel, cases, fast):
    which = np.flatnonzero(fast.status == Status.SUCCESS)
    reference = solve(kernel, cases, which, "scipy", SolverOptions(rtol=1e-10))
    error = worst_error(states(fast)[which], states(reference), kernel)
    print(f"largest error against LSODA at 1e-10: {error:.2e} over {len(which)} patients")
    assert error < 1e-6


def test_the_scalar_solver_agrees_with_the_lanes(kernel, cases, fast):
    rows, regimens = cases
    save = np.arange(0, UNTIL + 0.1, 0.5)
    for i in range(5):
        one = solve_rows(
            kernel, [regimens[i]], rows[i : i + 1], save, UNTIL, kernel.blueprint.states.ids, options=TIGHT
        )
        assert worst_error(states(one), states(fast)[i : i + 1], kernel) < 1e-8


def test_the_error_falls_with_the_tolerance(kernel, default_row):
    from il2model.dosing.regimen import Regimen

    ids = kernel.blueprint.states.ids
    save, plan = np.arange(0, 56.1, 0.25), Regimen.named("imodals-2miu").until(40)
    results = {
        rtol: states(solve_rows(kernel, [plan], default_row, save, 56.0, ids, options=SolverOptions(rtol=rtol)))
        for rtol in (1e-4, 1e-6, 1e-11)
    }
    errors = [worst_error(results[r], results[1e-11], kernel) for r in (1e-4, 1e-6)]
    assert errors[0] < 1e-3
    assert errors[1] < 1e-5
    assert errors[1] < errors[0] / 10


@pytest.mark.parametrize("engine", ["fast", "plain", "scipy", "scipy-radau", "scipy-bdf"])
def test_who_cannot_be_run_fails_alone(engine):
    people = il2.Cohort.sample(4, seed=1)
    clearance = people["il2_clearance"].copy()
    clearance[::2] = -1.0
    half = people.changed({"il2_clearance": clearance})
    with pytest.warns(il2.IncompleteWarning, match="2 of 4 subjects"):
        found = il2.simulate("imodals-1miu", cohort=half, save=[0, 7, 60], engine=engine)
    assert list(found.messages) == [0, 2]
    assert found.left_out == 2
    assert np.isfinite(found.values("treg_percent")[1::2]).all()
