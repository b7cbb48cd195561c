"""The unit cube of any model with limits: every point is a valid set of numbers."""

import numpy as np
import pytest
from scipy.stats import lognorm

import il2model as il2
from il2model.model.assembly import assemble
from il2model.model.language import Submodel
from il2model.parameters import load_parameters
from il2model.solver.kernel import builtin_kernel, kernel_of
from il2model.uncertainty.coordinates import Coordinates, quantile, sobol_points, support

RECORDS = """
[birth]
name = "birth rate"
value = 1.0
unit = "1/week"
bounds = [0.01, 50.0]
prior = { distribution = "lognormal", sd = 1.5 }
status = "assumed"
confirmed = false
sources = ["assumption"]
note = "Of a test."

[loss]
name = "loss rate"
value = 1.0
unit = "1/day"
bounds = [0.1, 10.0]
prior = { distribution = "lognormal", sd = 0.5 }
status = "assumed"
confirmed = false
sources = ["assumption"]
note = "Of a test."

[carrier]
name = "least birth that a carrier needs"
value = 0.5
unit = "1/day"
bounds = [0.0, 10.0]
fixed = true
status = "assumed"
confirmed = false
sources = ["assumption"]
note = "Of a test."
"""


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """A pool that must not grow: birth below loss, a fixed number below birth; records in other units."""
    m = Submodel("pool", "A pool")
    birth, loss = m.parameter("birth", "1/day", "birth"), m.parameter("loss", "1/day", "loss")
    carrier = m.parameter("carrier", "1/day", "carrier")
    size = m.state("size", "1", "size", scale=1)
    m.equation(size, loss * (1 - size) - birth * (size - 1), baseline=1)
    m.observe("size", "1", size, "size")
    m.require("carrier", birth - carrier, "carrier must be below birth.", limits="carrier", follows=True)
    m.require("balance", loss - birth, "birth must be below loss.", limits="birth", room=1e-2)
    folder = tmp_path_factory.mktemp("records")
    (folder / "pool.toml").write_text(RECORDS)
    return kernel_of(assemble([m], "pool")), load_parameters("prior", folder=folder)


def test_every_point_of_the_cube_of_a_foreign_model_is_valid(pool):
    kernel, parameters = pool
    assert kernel.blueprint.limited == ("birth", "carrier")
    c = Coordinates.of(kernel, parameters)
    assert c.ids == ("birth", "loss")
    u = sobol_points(2048, 2, 3)
    rows = c.matrix(u)
    assert kernel.refusals(rows, kernel.constants(rows)) == {}
    birth, loss = (rows[:, [p.id for p in kernel.blueprint.parameters].index(i)] for i in ("birth", "loss"))
    assert (birth <= loss * 0.99).all() and birth.max() > 0.9 * 0.99  # also close to the limit
    # birth is its prior, cut at the loss of its row: what the cut leaves is uniform again
    prior = lognorm(1.5, scale=1 / 7)
    low = prior.cdf(0.01 / 7)
    top = prior.cdf(np.minimum(loss * 0.99, 50 / 7))
    np.testing.assert_allclose((prior.cdf(birth) - low) / (top - low), u[:, 0], atol=1e-9)


def test_a_fixed_number_follows_its_limit_where_the_drawn_leave_less(pool):
    kernel, parameters = pool
    rows = Coordinates.of(kernel, parameters).matrix(sobol_points(512, 2, 5))
    names = [p.id for p in kernel.blueprint.parameters]
    birth, carrier = rows[:, names.index("birth")], rows[:, names.index("carrier")]
    np.testing.assert_array_equal(carrier, np.minimum(0.5, birth * (1 - 1e-6)))
    assert 0 < (carrier < 0.5).sum() < len(carrier)


def test_no_row_of_the_builtin_cube_is_refused():
    kernel = builtin_kernel()
    for wide in (False, True):
        c = Coordinates.of(kernel, il2.load_parameters("prior"), wide=wide)
        rows = c.matrix(sobol_points(1024, len(c.ids), 9))
        assert kernel.refusals(rows, kernel.constants(rows)) == {}


def test_a_prior_is_cut_no_lower_than_it_reaches():
    from il2model.parameters import Distribution

    half = Distribution("lognormal", {"median": 1.0, "sd": 1.0})
    assert support(half) == 0.0
    assert support(Distribution("normal", {"mean": 0.0, "sd": 1.0})) == -np.inf
    assert support(Distribution("uniform", {"low": -2.0, "high": 1.0})) == -2.0
    u = np.array([0.1, 0.5, 0.9])
    low, high = np.zeros(3), np.full(3, 0.5)
    x = quantile(half, u, low, high)
    assert (np.diff(x) > 0).all() and (x > 0).all() and (x < 0.5).all()
