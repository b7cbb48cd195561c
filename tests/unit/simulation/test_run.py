"""Courses with the least work are those of the solver's one way in."""

import numpy as np
import pytest

import il2model as il2
from il2model.dosing.regimen import Dose, Regimen
from il2model.simulation.run import observed, solve
from il2model.solver.problem import SolverOptions, Status
from tests.helpers.regimens import random_rows

#: The plain text must not take the place of what is tested.
pytestmark = pytest.mark.filterwarnings("error::il2model.IncompleteWarning")
PLANS = (
    Regimen((Dose(0, 2.0), Dose(1, 2.0), Dose(1.5, 1.0, reset=True), Dose(9, 2.0)), "reset"),
    Regimen((Dose(0, 1.0, ss=True, ii=1.0), Dose(1, 1.0)), "steady state"),
    Regimen((Dose(0.25, 1.0, "iv", 0.5),), "infusion", riluzole=((0.0, 3.5), (7.0, 9.0))),
)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_they_agree_whatever_is_given(kernel, parameters, precision):
    rows, which = random_rows(kernel, parameters, 9, seed=20), np.arange(9) % 3
    save = np.array([0.0, 0.1, 1.5, 4.0, 9.0, 14.0])
    ids = ("il2_plasma", "hazard", "csf_pnfh", "alsfrs_r", "survival", "treg_percent")
    keywords = {"which": which, "options": SolverOptions(rtol=1e-4), "precision": precision}
    whole = solve(kernel, PLANS, rows, save, 14.0, **keywords, batch=True)
    assert (whole.status == Status.SUCCESS).all()
    found = observed(kernel, PLANS, rows, save, ids, **keywords)
    assert tuple(found) == ids
    for id in ids:
        np.testing.assert_allclose(found[id], whole[id], rtol=1e-12, err_msg=id)
    alone = observed(kernel, PLANS, rows[4:5], save, ids, **keywords | {"which": which[4:5]})
    assert np.array_equal(alone["hazard"][0], found["hazard"][4])


def test_who_fails_or_is_refused_has_no_numbers(kernel, parameters):
    rows = random_rows(kernel, parameters, 5, seed=21)
    rows[1, kernel.blueprint.parameters.at("il2_clearance")] = np.nan
    plan, save = Regimen.named("imodals-2miu").until(5), np.arange(0, 8.0)
    options = SolverOptions(max_steps=90, rtol=1e-4)
    whole = solve(kernel, [plan], rows, save, 7.0, options=options, batch=True)
    assert whole.status[1] == Status.REFUSED
    assert (whole.status == Status.MAX_STEPS).any()
    found = observed(kernel, [plan], rows, save, ("treg_percent", "svc"), options=options)
    for id, values in found.items():
        np.testing.assert_allclose(values, whole[id], rtol=1e-12)
    assert np.isnan(found["svc"][1]).all()
    rows[:] = np.nan
    assert np.isnan(observed(kernel, [plan], rows, save, ("svc",))["svc"]).all()


def test_an_unknown_name_is_refused(kernel, default_row):
    with pytest.raises(il2.UnknownNameError, match="treg_percent"):
        observed(kernel, [Regimen.named("placebo")], default_row, np.array([0.0, 1.0]), ("treg_percen",))
