"""Shared fixtures: one kernel and one parameter set per process."""

import numpy as np
import pytest

from il2model.parameters import ParameterSet, load_parameters
from il2model.solver.kernel import Kernel, builtin_kernel


@pytest.fixture(scope="session")
def kernel() -> Kernel:
    return builtin_kernel()


@pytest.fixture(scope="session")
def parameters() -> ParameterSet:
    return load_parameters("prior")


@pytest.fixture(scope="session")
def default_row(kernel, parameters):
    """The start values as one row in model units."""
    items = kernel.blueprint.parameters
    return np.array([parameters.vector([i.id for i in items], [i.unit for i in items])])
