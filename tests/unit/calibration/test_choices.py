"""What a user changes in a fit is checked before work begins, and reaches the problem."""

import numpy as np
import pandas as pd
import pytest

import il2model as il2
from il2model.calibration.choices import Choices
from il2model.calibration.problem import PARAMETERS, Problem
from il2model.errors import InputError
from il2model.parameters import load_parameters

START = load_parameters("prior")


def posed(stage="pk", targets=None, **choices):
    chosen = Choices.of((stage,), START, **choices)
    return Problem.pose(stage, structure=chosen.structure_of(stage, first=True), targets=targets)


def test_a_held_number_is_no_coordinate_and_has_its_value():
    problem = posed(fix={"il2_clearance": "0.25 L/min"})
    assert "il2_clearance" not in problem.coordinates
    assert problem.table(np.zeros((1, 3)))["il2_clearance"][0] == pytest.approx(360.0)


def test_only_estimates_what_it_names_and_holds_the_rest():
    problem = posed(only=["il2_clearance"])
    assert problem.coordinates == ("il2_clearance",)
    assert problem.table(np.zeros((1, 1)))["il2_lymph_rate"][0] == START["il2_lymph_rate"]


def test_another_prior_is_that_of_the_coordinate_and_may_free_a_parameter():
    problem = posed(prior={"il2_absorption_rate": "uniform(low=4.5, high=6.5)"})
    z = np.zeros((1, 4))
    assert problem.table(z)["il2_absorption_rate"][0] == pytest.approx(5.5)
    assert problem.coordinates == PARAMETERS["pk"]
    more = posed("imodals", prior={"nk_induction": "uniform(1, 2)"} if _within("nk_induction", 1, 2) else {})
    assert set(PARAMETERS["imodals"]) <= set(more.coordinates)


def _within(id, low, high):
    bounds = START.record(id).bounds
    return bounds[0] <= low and high <= bounds[1]


def test_a_structure_by_name_is_that_of_its_stage():
    problem = posed("imodals", structure="hill_one")
    assert problem.structure.fix == {"signal_hill": 1.0}
    assert "signal_hill" not in problem.coordinates


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"fix": {"il2_clearence": 300}}, ["il2_clearence", "il2_clearance"]),
        ({"fix": {"il2_clearance": 3000}}, ["bounds"]),
        ({"fix": {"il2_clearance": "0.3 pg"}}, ["pg"]),
        ({"fix": {"il2_clearance": float("nan")}}, ["NaN"]),
        ({"only": ["treg_affinity"]}, ["treg_affinity"]),
        ({"only": []}, ["Nothing is left"]),
        ({"only": ["il2_clearance"], "fix": {"il2_clearance": 300}}, ["one of both"]),
        ({"prior": {"il2_clearance": "lognormal(5, 0.1)"}}, ["outside the bounds", "170"]),
        ({"prior": {"il2_clearance": "lognormal(367, 2)"}}, ["leaves its bounds", "605"]),
        ({"prior": {"il2_clearance": "lognormal(367, -2)"}}, ["above zero"]),
        ({"prior": {"il2_clearance": "lognormall(367, 0.1)"}}, ["lognormall", "lognormal"]),
        ({"prior": {"il2_clearance": "lognormal(367, 0.1, 3)"}}, ["3 numbers"]),
        ({"prior": {"il2_clearance": "lognormal(nan, 0.1)"}}, ["NaN"]),
        ({"prior": {"il2_clearance": "367"}}, ["a law with its numbers"]),
        ({"prior": {"treg_affinity": "uniform(20, 40)"}}, ["'imodals'", "not fitted here"]),
        ({"prior": {"il2_clearance": "uniform(300, 400)"}, "fix": {"il2_clearance": 300}}, ["one of both"]),
        ({"structure": "nich"}, ["nich", "niche"]),
        ({"structure": "niche"}, ["'imodals'", "not fitted here"]),
        ({"fix": dict.fromkeys(PARAMETERS["pk"], 1.0)}, ["bounds"]),
        ({"fix": {i: START[i] for i in PARAMETERS["pk"]}}, ["Nothing is left"]),
    ],
)
def test_what_cannot_be_is_refused_before_work_begins(tmp_path, choices, words):
    with pytest.raises(InputError) as caught:
        il2.calibrate("pk", tmp_path / "fit", quick=True, **choices)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert not (tmp_path / "fit" / "pk").exists()


ROW = {
    "id": "peak",
    "trial": "MINE",
    "endpoint": "il2_peak",
    "arm": "x",
    "amount": "1.5 MIU",
    "days": 5,
    "estimate": 4.1,
    "low": 2.9,
    "high": 5.3,
    "unit": "IU/mL",
    "status": "assumed",
    "source": "assumption",
    "use": "fit",
}
LEVEL = {**ROW, "id": "level", "endpoint": "il2_level", "day": 0.25, "low": np.nan, "high": np.nan, "se": 0.5}


def test_a_data_frame_and_tables_are_targets_like_a_file(tmp_path):
    found = il2.load_targets(pd.DataFrame([ROW, LEVEL]))
    assert list(found.targets) == ["peak", "level"]
    assert len(found.arms["x"].given) == 5
    assert found.targets["level"].se == 0.5
    arm = {"amount": "1.5 MIU", "days": 5}
    target = {k: v for k, v in ROW.items() if k not in ("id", "trial", *arm)}
    tables = {"trial": "MINE", "arms": {"x": arm}, "targets": {"peak": target}}
    assert il2.load_targets(tables).targets["peak"].se == found.targets["peak"].se
    both = il2.load_targets([*il2.Trial.names(), tables])
    assert "peak" in both.targets
    dead = {**ROW, "id": "dead", "endpoint": "dead", "count": "3/40", "day": 60, "unit": "1"}
    dead = {k: v for k, v in dead.items() if k not in ("arm", "amount", "days", "estimate", "low", "high")}
    assert il2.load_targets(pd.DataFrame([dead])).targets["dead"].counts == (3, 40)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"estimate": np.inf}, ["data frame", "target peak", "inf"]),
        ({"estimate": np.nan}, ["data frame", "target peak", "'estimate'"]),
        ({"estimate": 6.0}, ["target peak", "outside its interval"]),
        ({"estimat": 4.0}, ["estimat", "estimate"]),
        ({"arm": None}, ["target peak", "'arm'"]),
        ({"endpoint": "il2_peek"}, ["il2_peek", "il2_peak"]),
    ],
)
def test_a_wrong_row_of_a_data_frame_is_refused(change, words):
    with pytest.raises(InputError) as caught:
        il2.load_targets(pd.DataFrame([{**ROW, **change}]))
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_rows_that_contradict_each_other_are_refused():
    for change, words in (
        ({"id": "peak"}, "two rows"),
        ({"amount": "3 MIU"}, "something else in the arm"),
        ({"trial": "OTHER"}, "2 trials"),
    ):
        with pytest.raises(InputError, match=words):
            il2.load_targets(pd.DataFrame([ROW, {**LEVEL, **change}]))


@pytest.mark.parametrize("targets", [(), "imodals"])
def test_a_stage_without_a_target_is_refused(targets, tmp_path):
    with pytest.raises(InputError, match="No target of the stage 'pk' is fitted"):
        il2.calibrate("pk", tmp_path / "fit", quick=True, targets=targets)
    assert not (tmp_path / "fit").exists()
