"""An emulator stands for the model: a quadratic is met exactly, and shares stay shares."""

from dataclasses import replace

import numpy as np
import pytest

from il2model.calibration.emulator import SMALL, Asked, Emulated, _features, emulator
from il2model.calibration.self_test import calibration_of_sampler


@pytest.fixture(scope="module")
def problem():
    return Asked("pk", None, SMALL).pose()


def test_the_log_likelihood_is_that_of_its_predictions(problem):
    z = np.random.default_rng(1).standard_normal((40, len(problem.coordinates)))
    truth = {t.id: t.estimate * (1.0 + 0.1 * z[:, 0] + 0.05 * z[:, 1] * z[:, 2]) for t in problem.fitted}
    weights = {id: np.linalg.lstsq(_features(z), x, rcond=None)[0] for id, x in truth.items()}
    emulated = Emulated(problem, problem.targets, weights)
    assert emulated.coordinates == problem.coordinates and emulated.steps == 0
    for id, x in emulated.predict(z).items():
        np.testing.assert_allclose(x, truth[id], rtol=1e-9)
    other = replace(emulated, weights={id: 0 * w for id, w in weights.items()})
    assert (emulated.log_likelihood(z) > other.log_likelihood(z)).mean() > 0.9


@pytest.mark.long
def test_an_emulator_stands_for_the_model_and_is_good():
    found = calibration_of_sampler("pk", 40, emulate=True, workers=2)
    assert found["p_all"] > 0.001 and min(found["explained"].values()) > 0.9
    assert all(sum(counts) == 40 for counts in found["histograms"].values())
    assert found["explained"] == emulator(Asked("pk", None, SMALL))[1]
