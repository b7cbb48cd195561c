"""Compiled observables against the plain text through NumPy: other digits at the very end, nothing else."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp

import il2model as il2
from il2model.model.assembly import assemble
from il2model.model.language import TIME, Submodel
from il2model.solver import closed
from il2model.solver.kernel import Kernel, builtin_kernel, kernel_of
from tests.helpers.regimens import random_rows

#: The plain text must not take the place of what is tested.
pytestmark = pytest.mark.filterwarnings("error::il2model.IncompleteWarning")


def agree(kernel, ids, rows, given, rtol=1e-12):
    found, plain = kernel.course(ids, rows, given), kernel.plain_course(ids, rows, given)
    assert list(found) == list(ids)
    for id in ids:
        np.testing.assert_allclose(found[id], plain[id], rtol=rtol, err_msg=id)
    return found


@pytest.mark.parametrize("times", [1, 3, 4, 5, 81])
def test_untreated_courses_are_those_of_the_plain_text(kernel, parameters, times):
    rows = random_rows(kernel, parameters, 24, seed=8)
    found = agree(kernel, kernel.blueprint.observables.ids, rows, {"time": np.linspace(-60, 640, times)})
    assert all(v.shape == (24, times) for v in found.values())
    assert np.isnan(found["survival"]).all()  # it has no closed form
    assert all(np.isfinite(v).all() for id, v in found.items() if id != "survival")


def test_observables_of_given_states_and_inputs(kernel, parameters):
    """Of every state, twice their start and half of it; an input changes what it should."""
    rows = random_rows(kernel, parameters, 10, seed=9)
    bp, rng = kernel.blueprint, np.random.default_rng(1)
    start = kernel.baseline(rows, kernel.constants(rows))
    given = {id: start[:, [k]] * rng.uniform(0.5, 2, (10, 7)) for k, id in enumerate(bp.states.ids)}
    for id in bp.inputs.ids:
        given[id] = rng.integers(0, 2, (10, 7)).astype(float)
    agree(kernel, bp.observables.ids, rows, given)
    days = np.arange(7.0)
    off, on = (agree(kernel, ("hazard",), rows, {"time": days, "riluzole": np.full(7, r)})["hazard"] for r in (0, 1))
    assert (off > on).all()
    assert np.array_equal(on, kernel.course(("hazard",), rows, {"time": days})["hazard"])


def test_bad_numbers_stay_with_their_patient(kernel, parameters):
    rows = random_rows(kernel, parameters, 9, seed=10)
    ids, days = kernel.blueprint.observables.ids, np.arange(0, 40.0, 7)
    clean = kernel.course(ids, rows, {"time": days})
    sick = rows.copy()
    sick[3], sick[5], sick[6] = np.nan, -rows[5], 0.0
    found = kernel.course(ids, sick, {"time": days})
    others = [i for i in range(9) if i not in (3, 5, 6)]
    for id in ids:
        assert np.array_equal(found[id][others], clean[id][others], equal_nan=True), id
    assert np.isnan(found["hazard"][3]).all()
    gap = np.where(np.arange(6) == 2, np.nan, days)
    assert np.isnan(kernel.course(("svc",), rows, {"time": gap})["svc"]).nonzero()[1].tolist() == [2] * 9
    # a base that is not positive has the power zero, a value beyond all bounds stays there
    given = {i: np.full(4, v) for i, v in (("motor_units", -1.0), ("motor_units_respiratory", 0.0))}
    agree(kernel, ("alsfrs_r", "svc"), rows, given)


def test_a_patient_has_the_same_bits_in_any_company_and_thread(kernel, parameters):
    rows = random_rows(kernel, parameters, 40, seed=11)
    days = np.linspace(0, 600, 33)
    whole = kernel.course(("hazard", "svc"), rows, {"time": days})
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda k: kernel.course(("hazard", "svc"), rows[k], {"time": days}), range(40)))
    some = kernel.course(("hazard", "svc"), rows[::-1].reshape(5, 8, -1), {"time": days})
    for id in whole:
        assert np.array_equal([one[id] for one in alone], whole[id])
        assert np.array_equal(some[id].reshape(40, -1)[::-1], whole[id])
    assert kernel.course(("svc",), rows[:0], {"time": days})["svc"].shape == (0, 33)


def test_another_model_has_them_too_also_where_it_was_not_made():
    model = Submodel("well", "A well that empties")
    rate, steep = model.parameter("rate", "1/day", "rate", "k"), model.parameter("steep", "1", "steepness", "g")
    level = model.state("level", "1", "level", "L", scale=1)
    model.equation(level, -rate * level, baseline=sp.exp(steep), untreated=level * sp.exp(-rate * TIME))
    model.observe("seen", "1", 1 + sp.log(level) * level**steep, "what is seen")
    here = kernel_of(assemble([model], name="well"))
    there, rows, days = pickle.loads(pickle.dumps(here)), np.array([[0.2, 2.5], [1.7, 0.3]]), np.array([-1.0, 0.0, 2.0])
    found = agree(there, ("seen",), rows, {"time": days})["seen"]
    left = np.exp(rows[:, 1:] - rows[:, :1] * days)
    np.testing.assert_allclose(found, 1 + np.log(left) * left ** rows[:, 1:], rtol=1e-13)
    empty = agree(there, ("seen",), rows, {"level": np.array([0.0, -1.0, np.nan])})["seen"]
    assert np.isnan(empty).all()


def test_where_it_cannot_be_compiled_the_plain_text_serves(monkeypatch, parameters):
    kernel = Kernel(builtin_kernel().blueprint)
    rows = random_rows(kernel, parameters, 3, seed=12)

    def broken(*_, **__):
        raise OSError("no such processor")

    monkeypatch.setattr(closed.ClosedKernel, "load", broken)
    with pytest.warns(il2.IncompleteWarning, match="using the plain one"):
        found = kernel.course(("svc",), rows, {"time": np.arange(3.0)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = kernel.course(("svc",), rows, {"time": np.arange(3.0)})
    assert np.array_equal(found["svc"], again["svc"])
    assert np.array_equal(found["svc"], kernel.plain_course(("svc",), rows, {"time": np.arange(3.0)})["svc"])
