"""All stages as one problem are the stages: the same numbers, and the sum of their log likelihoods."""

import numpy as np
import pytest

import il2model as il2
from il2model.calibration.joint import stagewise_draws
from il2model.calibration.problem import Problem
from il2model.calibration.simulator import Size
from il2model.endpoints import STAGES
from il2model.errors import InputError
from il2model.resources import data_dir
from il2model.uncertainty.posterior import Posterior

RESULTS = data_dir("calibration") / "results"
SMALL = Size(patients=64)


def test_a_draw_of_the_stages_is_a_point_of_the_joint_problem():
    joint = Problem.pose("joint", size=SMALL)
    assert joint.steps == 0
    assert len(joint.coordinates) == len(set(joint.coordinates))
    z = stagewise_draws(joint, RESULTS, 1)[:6]
    table = joint.table(z)
    stored = Posterior.load("mirocals").table(np.arange(6))
    for id in set(table) & set(stored):
        np.testing.assert_allclose(table[id], stored[id], rtol=1e-6, err_msg=id)
    predicted = joint.predict(table)
    stages = [Problem.pose(stage, size=SMALL) for stage in STAGES]
    assert len(joint.fitted) == sum(len(p.fitted) for p in stages)
    for p in stages[:3]:
        for id, value in p.predict(table).items():
            assert np.array_equal(value, predicted[id]), id
    apart = sum(joint.pointwise(z)[i] for i in joint.pointwise(z))
    np.testing.assert_allclose(joint.log_likelihood(z), apart)


def test_the_joint_fit_needs_the_stages_and_importance(tmp_path):
    with pytest.raises(InputError, match="no stored fit"):
        il2.calibrate((), tmp_path, joint=True, quick=True, workers=1)
    with pytest.raises(InputError, match="sampled by importance, not by emcee"):
        il2.calibrate("pk", tmp_path, joint=True, sampler="emcee")
