"""The autocorrelation time of chains is that of processes that are known."""

import numpy as np
import pytest

from il2model.calibration.chains import Chains, autocorrelation


def autoregressive(rho, rng, ensembles=2, steps=4000, walkers=8):
    """Return chains with x' = rho x + noise, of SD 1."""
    x = np.empty((ensembles, steps, walkers, 1))
    x[:, 0] = rng.standard_normal(x[:, 0].shape)
    for k in range(1, steps):
        x[:, k] = rho * x[:, k - 1] + np.sqrt(1 - rho**2) * rng.standard_normal(x[:, 0].shape)
    return x


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_an_autoregressive_process_has_its_time(rho):
    z = autoregressive(rho, np.random.default_rng(1))
    assert autocorrelation(z) == pytest.approx((1 + rho) / (1 - rho), rel=0.1)


def test_the_slowest_coordinate_counts():
    rng = np.random.default_rng(2)
    z = np.concatenate([autoregressive(0.0, rng), autoregressive(0.8, rng), np.ones((2, 4000, 8, 1))], axis=-1)
    assert autocorrelation(z) == pytest.approx(9.0, rel=0.1)


def test_chains_that_do_not_move_are_as_long_as_their_memory():
    assert autocorrelation(np.ones((2, 50, 4, 3))) == 50
    assert autocorrelation(np.zeros((2, 1, 4, 3))) == 1


def test_chains_hold_no_terms_and_no_memory_unless_they_are_told():
    chains = Chains(np.zeros((1, 2, 3, 4)), np.zeros((1, 2, 3)), np.ones(1))
    assert dict(chains.pointwise) == {}
    assert chains.autocorrelation_time == 1
