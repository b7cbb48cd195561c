"""Forward sensitivities against central differences at tight tolerance."""

import copy
import pickle

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError
from il2model.solver.problem import SolverOptions

IDS = [
    "il2_clearance", "treg_affinity", "signal_threshold", "treg_loss_rate", "hazard_per_point",
    "inflammatory_damage_max",
]  # fmt: skip
OUT = ["treg_percent", "plasma_ccl2", "alsfrs_r", "survival"]
SAVE = np.arange(1, 86.0)


@pytest.fixture(scope="module")
def reference(parameters):
    tight = SolverOptions(rtol=1e-11, atol=1e-13)
    found = {}

    def changed(id, shift):
        return parameters.replace({id: parameters[id] + shift})

    for id in IDS:
        step = 1e-4 * parameters[id]
        up, down = (
            il2.simulate("imodals-2miu", save=SAVE, options=tight, parameters=changed(id, s)) for s in (step, -step)
        )
        for o in OUT:
            found[id, o] = (up.values(o)[0] - down.values(o)[0]) / (2 * step)
    return found


@pytest.mark.parametrize(("rtol", "allowed"), [(1e-4, 2e-3), (1e-6, 1e-4)])
def test_they_agree_with_differences(parameters, reference, rtol, allowed):
    s = il2.sensitivities("imodals-2miu", IDS, OUT, save=SAVE, parameters=parameters, options=SolverOptions(rtol=rtol))
    for k, id in enumerate(IDS):
        for j, o in enumerate(OUT):
            expected = reference[id, o]
            size = np.abs(expected).max()
            if size * parameters[id] < 1e-5 * np.abs(s.nominal[:, j]).max():
                continue  # no effect: only noise would be compared
            assert np.abs(s.values[k, :, j] - expected).max() < allowed * size, (id, o)


def test_they_are_labelled_with_units(parameters):
    s = il2.sensitivities("imodals-1miu", ["il2_clearance"], ["treg_percent"], save=[7], parameters=parameters)
    found = s.array("treg_percent")
    assert found.sel(parameter="il2_clearance", time=7).item() < 0
    assert found.attrs["units"].startswith("percent")
    assert s.relative("treg_percent")[0, 0] == pytest.approx(
        found.item() * parameters["il2_clearance"] / s.nominal[0, 0], rel=1e-12
    )


def test_the_whole_table_of_uncertain_parameters_is_finite():
    s = il2.sensitivities("imodals-1miu", save=[7, 85])
    assert len(s.parameters) > 30
    assert np.isfinite(s.values).all()


def test_what_has_no_such_derivative_says_so():
    with pytest.raises(InputError, match="times of doses"):
        il2.sensitivities("imodals-1miu", ["il2_lag"], ["treg_percent"], save=[7])
    with pytest.raises(InputError, match="population"):
        il2.sensitivities("imodals-1miu", ["male_share"], ["treg_percent"], save=[7])
    with pytest.raises(il2.UnknownNameError, match="treg_percent"):
        il2.sensitivities("imodals-1miu", ["il2_clearance"], ["treg_procent"], save=[7])


def test_they_are_values_that_say_what_they_rest_on():
    s = il2.sensitivities("imodals-1miu", ["il2_clearance"], ["treg_percent"], save=[7, 85])
    for other in (pickle.loads(pickle.dumps(s)), copy.deepcopy(s)):
        assert other == s
    assert s != il2.sensitivities("imodals-2miu", ["il2_clearance"], ["treg_percent"], save=[7, 85])
    assert repr(s) == "Sensitivities(treg_percent by 1 parameter(s), 2 times to day 85, calibrated parameters)"
    assert "il2_clearance" in s._repr_html_()
    assert "note" not in s.array("treg_percent").attrs
    prior = il2.load_parameters("prior")
    bare = il2.sensitivities("imodals-1miu", ["il2_clearance"], ["treg_percent"], save=[7], parameters=prior)
    assert bare.array("treg_percent").attrs["note"] == "uncalibrated parameters"
    assert "uncalibrated" in repr(bare)


@pytest.mark.parametrize("riluzole", [(), ((0.0, 20.0),), ((10.0, 30.0), (40.0, 50.0))])
def test_they_follow_riluzole(parameters, riluzole):
    plan = il2.Regimen.named("imodals-2miu").replace(riluzole=riluzole)
    tight = SolverOptions(rtol=1e-10, atol=1e-12)
    common = dict(save=[8, 25, 60], options=tight)
    s = il2.sensitivities(plan, ["motor_unit_loss_rate"], ["hazard"], parameters=parameters, **common)
    value = parameters["motor_unit_loss_rate"]
    up, down = (
        il2.simulate(plan, parameters=parameters.replace({"motor_unit_loss_rate": value * f}), **common)
        for f in (1.0001, 0.9999)
    )
    expected = (up.values("hazard")[0] - down.values("hazard")[0]) / (2e-4 * value)
    np.testing.assert_allclose(s.values[0, :, 0], expected, rtol=1e-3)
