"""The likelihood of a stage: one function of its coordinates, and the sum of what its targets say."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from il2model.calibration import simulator
from il2model.calibration.likelihood import log_likelihood
from il2model.calibration.problem import PARAMETERS, Problem
from il2model.solver.kernel import Kernel

STAGES = tuple(PARAMETERS)
#: The plain text must not take the place of what is tested.
pytestmark = pytest.mark.filterwarnings("error::il2model.IncompleteWarning")


@cache
def problem(stage):
    return Problem.pose(stage)


def points(stage, count, seed=3):
    """Points of the prior; the last lies far out, where solvers fail."""
    z = np.random.default_rng(seed).standard_normal((count, len(problem(stage).coordinates)))
    z[-1] *= 10
    return z


@pytest.mark.parametrize("stage", STAGES)
def test_what_each_target_says_adds_up_to_the_likelihood(stage):
    p, z = problem(stage), points(stage, 4)
    parts, whole = p.pointwise(z), p.log_likelihood(z)
    alone = [t.id for t in p.fitted if t.joint is None]
    joints = {t.joint for t in p.fitted if t.joint is not None}
    assert set(parts) == {*alone, *joints}
    assert all(v.shape == whole.shape for v in parts.values())
    total = np.sum(list(parts.values()), axis=0)
    np.testing.assert_allclose(np.where(np.isfinite(total), total, -np.inf), whole, rtol=1e-12)
    assert np.isfinite(whole).sum() >= 2


@pytest.mark.parametrize("stage", STAGES)
def test_a_point_alone_has_the_bits_that_it_has_in_a_batch(stage):
    p, z = problem(stage), points(stage, 6)
    together = p.log_likelihood(z)
    assert np.array_equal([p.log_likelihood(one[None])[0] for one in z], together)
    assert np.array_equal(p.log_likelihood(z[::-1])[::-1], together)


@pytest.mark.parametrize("stage", STAGES)
def test_compiled_observables_give_the_likelihood_of_the_plain_text(stage, monkeypatch):
    p, z = problem(stage), points(stage, 8, seed=5)
    compiled = p.pointwise(z)
    monkeypatch.setattr(Kernel, "course", Kernel.plain_course)
    for id, value in p.pointwise(z).items():
        np.testing.assert_allclose(compiled[id], value, rtol=1e-9, atol=1e-11, err_msg=id)


@pytest.mark.parametrize("stage", STAGES)
def test_refused_parameters_have_no_likelihood_and_leave_the_others_alone(stage):
    """A clearance and a loss rate that are no numbers, in one set of four."""
    p = problem(stage)
    table = p.table(points(stage, 4)[:3] / 2)
    sick = {
        i: np.insert(v, 1, np.nan if i in ("il2_clearance", "motor_unit_loss_rate") else v[0]) for i, v in table.items()
    }
    if not {"il2_clearance", "motor_unit_loss_rate"} & set(table):
        sick["il2_clearance"] = np.array([p.simulator.parameters["il2_clearance"]] * 4)
        sick["il2_clearance"][1] = np.nan
    clean, found = p.predict(table), p.predict(sick)
    for t in p.fitted:
        assert np.array_equal(np.delete(found[t.id], 1, axis=0), clean[t.id], equal_nan=True), t.id
    parts = log_likelihood(p.fitted, p.targets, found)
    assert parts[1] == -np.inf
    assert np.isfinite(parts[[0, 2, 3]]).all()


@pytest.mark.parametrize("stage", STAGES)
def test_a_set_whose_untreated_state_does_not_hold_has_no_likelihood(stage, monkeypatch):
    p, table = problem(stage), problem(stage).table(points(stage, 4)[:3])
    clean = p.predict(table)
    monkeypatch.setattr(simulator, "largest_eigenvalue", lambda *_: np.array([-0.01, 0.0, -0.01]))
    found = p.predict(table)
    assert log_likelihood(p.fitted, p.targets, found)[1] == -np.inf
    for id, values in found.items():
        assert np.array_equal(values[[0, 2]], clean[id][[0, 2]], equal_nan=True), id


def test_threads_share_a_problem():
    p, z = problem("mirocals"), points("mirocals", 6)
    alone = p.log_likelihood(z)
    with ThreadPoolExecutor(3) as pool:
        together = np.concatenate(list(pool.map(p.log_likelihood, (z[:2], z[2:4], z[4:]))))
    assert np.array_equal(together, alone)
