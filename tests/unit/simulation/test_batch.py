"""Names become columns once; every entrance sees the inputs of its time."""

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError, UnknownNameError
from il2model.simulation.batch import Batch
from il2model.simulation.run import solve
from il2model.solver.problem import SolverOptions


def test_an_axis_names_its_columns(kernel, parameters):
    axis = kernel.blueprint.parameters
    assert axis.at("il2_clearance") == axis.ids.index("il2_clearance")
    assert axis.ats(["il2_lag", "il2_clearance"]) == [axis.ids.index("il2_lag"), axis.ids.index("il2_clearance")]
    assert "il2_clearance" in axis
    assert "il2_clearence" not in axis
    with pytest.raises(UnknownNameError, match="no parameter 'il2_clearence'; did you mean 'il2_clearance'"):
        axis.at("il2_clearence")
    assert [i.id for i in axis] == list(axis.ids)
    assert len(axis) == len(axis.units)


def test_an_axis_converts_records_numbers_and_texts_alike(kernel, parameters):
    axis = kernel.blueprint.parameters
    row = axis.convert(parameters)
    texts = {id: f"{value!r} {parameters.record(id).unit}" for id, value in parameters.items()}
    assert axis.convert(texts).tolist() == row.tolist()
    assert axis.convert(dict(zip(axis.ids, row.tolist(), strict=True))).tolist() == row.tolist()
    with pytest.raises(InputError, match=r"missing: il2_clearance\."):
        axis.convert({k: v for k, v in texts.items() if k != "il2_clearance"})


def test_inputs_are_those_before_the_events_of_a_time(kernel, default_row):
    plan = il2.Regimen((il2.Dose(1, 2, "iv", 1),), riluzole=((0.0, 3.0), (5.0, np.inf)))
    inputs = Batch.prepare(kernel, [plan], default_row, until=6).inputs_at(np.array([0, 1, 1.5, 2, 2.5, 3, 4, 5, 6.0]))
    at = kernel.blueprint.inputs.at
    assert inputs[0, :, at("infusion_iv")].tolist() == [0, 0, 2, 2, 0, 0, 0, 0, 0]
    assert inputs[0, :, at("riluzole")].tolist() == [1, 1, 1, 1, 1, 1, 0, 0, 1]


def test_a_dose_per_area_needs_a_surface():
    from tests.verification.test_another_model import VALUES, limit

    with pytest.raises(InputError, match="body_surface"):
        il2.simulate(il2.Regimen((il2.Dose(0, "1 MIU/m2"),)), model=limit(), parameters=VALUES)


def test_sensitivities_see_riluzole_come_and_go(parameters):
    """Off riluzole the hazard is higher; its derivative must be that of the patient who is simulated."""
    for plan in (
        il2.Regimen.named("placebo").off_riluzole(),
        il2.Regimen.named("imodals-1miu").replace(riluzole=((0.0, 20.0),)),
    ):
        days, id = [5.0, 30.0, 85.0], "hazard_reference"
        found = il2.sensitivities(plan, [id], ["hazard", "survival"], until=85, save=days, parameters=parameters)
        options = SolverOptions(rtol=1e-8)
        runs = [
            il2.simulate(
                plan, until=85, save=days, parameters=parameters.replace({id: parameters[id] * f}), options=options
            )
            for f in (1.0, 0.999, 1.001)
        ]
        for k, name in enumerate(("hazard", "survival")):
            middle, low, high = (r.values(name)[0] for r in runs)
            np.testing.assert_allclose(found.nominal[:, k], middle, rtol=1e-5)
            np.testing.assert_allclose(found.values[0, :, k], (high - low) / (0.002 * parameters[id]), rtol=1e-4)


def test_named_courses_are_those_of_a_solution(kernel, default_row, parameters):
    course = solve(
        kernel, [il2.Regimen.named("imodals-1miu")], default_row, np.array([0, 7.0]), 85, ("survival", "il2_depot")
    )
    s = il2.simulate("imodals-1miu", save=[0, 7], until=85, parameters=parameters)
    assert (course["survival"] == s.values("survival")).all()
    with pytest.raises(UnknownNameError, match="survival"):
        course["survivl"]
    with pytest.raises(UnknownNameError, match="engine"):
        solve(kernel, [il2.Regimen()], default_row, np.array([1.0]), 1, engine="fats")


def test_another_model_takes_the_built_in_records_where_they_suffice(kernel):
    from il2model.model.assembly import PAGES, assemble

    model = assemble([page() for page in PAGES], name="twin")
    a, b = (il2.simulate("imodals-1miu", save=[0, 7, 85], model=m) for m in (model, None))
    assert all((a.values(i) == b.values(i)).all() for i in b)
    assert il2.simulate("imodals-1miu", save=[7], model=model, draws=3).left_out == 0
