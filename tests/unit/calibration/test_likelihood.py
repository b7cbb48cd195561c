"""The likelihood of a stage: one function of its coordinates, and the sum of what its targets say."""

from functools import cache

import numpy as np
import pytest

from il2model.calibration.problem import PARAMETERS, Problem

STAGES = tuple(PARAMETERS)


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
