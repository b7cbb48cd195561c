"""An average over structures is one problem and one fit: exact in each part, weighted by evidence, stored by name."""

import json
from dataclasses import replace

import numpy as np
import pytest

import il2model as il2
from il2model.calibration import fit
from il2model.calibration.averages import evidence_weights, floored, prior_weights
from il2model.calibration.choices import Choices
from il2model.calibration.evidence import compare
from il2model.calibration.loo import leave_out
from il2model.calibration.mirocals import Trait
from il2model.calibration.mixing import Question
from il2model.calibration.mixture import Mixture, design_of
from il2model.calibration.predictive import stored_problem
from il2model.calibration.problem import Problem, Structure
from il2model.calibration.sampling import QUICK
from il2model.calibration.simulator import Size
from il2model.calibration.structures import IL2_STRUCTURES
from il2model.errors import InputError, UnknownNameError
from il2model.parameters import load_parameters

SMALL = replace(QUICK, size=Size(patients=64))
HELD = {"low": 0.12, "high": 0.15}
SOME = (
    Structure(),
    *(
        Structure(name=n, meaning="a held share", fix={"il2_capillary_share": v}, family="held")
        for n, v in HELD.items()
    ),
)


@pytest.fixture(scope="module")
def problem():
    return Question(stage="pk", structures=SOME, size=SMALL.size, results=None).problem()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("average")


@pytest.fixture(scope="module")
def average(folder):
    return fit.fit_stage("pk", folder, SMALL, structure=SOME)


def test_each_part_of_the_problem_is_the_structure_itself(problem):
    assert problem.steps == 1 and "il2_capillary_share" in problem.coordinates
    rng = np.random.default_rng(1)
    for k, part in enumerate(problem.parts):
        z = rng.standard_normal((20, len(part.coordinates)))
        first, second = problem.lifted(k, z, 1), problem.lifted(k, z, 2)
        np.testing.assert_array_equal(problem.log_likelihood(first), part.log_likelihood(z))
        # what the structure does not have changes nothing
        np.testing.assert_array_equal(problem.log_likelihood(second), part.log_likelihood(z))
        assert (problem.which(first) == k).all()
        held = part.structure.fix.get("il2_capillary_share")
        if held is not None:
            assert (first != second)[:, problem.coordinates.index("il2_capillary_share")].all()
            np.testing.assert_array_equal(problem.table(first)["il2_capillary_share"], held)


def test_a_draw_of_its_prior_picks_each_structure_as_often_as_its_prior_weight(problem):
    z = np.random.default_rng(2).standard_normal((40_000, len(problem.coordinates)))
    shares = np.bincount(problem.which(z), minlength=3) / len(z)
    np.testing.assert_allclose(shares, prior_weights(SOME), atol=0.01)
    for k, part in enumerate(problem.parts):  # and a lifted point is such a draw: uniform in its cell
        place = problem.lifted(k, np.zeros((4000, len(part.coordinates))), 3)[:, 0]
        mine = z[problem.which(z) == k, 0]
        np.testing.assert_allclose(np.quantile(place, (0.1, 0.5, 0.9)), np.quantile(mine, (0.1, 0.5, 0.9)), atol=0.06)


def test_structures_with_another_response_are_no_settings_of_one_model():
    base = Problem.pose("mirocals")
    other = replace(base, structure=Structure(name="tied", trait=Trait(response="rate")))
    with pytest.raises(InputError, match="not settings of one model"):
        Mixture.of(base, [base, other], [0.5, 0.5])


def test_a_weight_that_no_coordinate_can_hold_is_refused(problem):
    thin = replace(problem, shares=(1 - 1e-20, 1e-20, 0.0))
    with pytest.raises(InputError, match="too small to be told from none"):
        thin.lifted(1, np.zeros((3, len(thin.parts[1].coordinates))), 1)


def test_draws_are_of_each_structure_as_many_as_its_weight_says(average, folder):
    options = replace(SMALL.importance, seed=1, each=0.0)
    found = compare("pk", folder / "pk" / "structures", size=SMALL.size, structures=SOME, options=options, workers=1)
    weights = evidence_weights(found)
    assert list(average.structures) == [s.name for s in SOME]
    for e, weight in zip(found, weights, strict=True):
        told = average.structures[e.structure.name]
        assert told["weight"] == pytest.approx(weight) == told["weight_without_floor"]
        assert (told["evidence"], told["error"]) == pytest.approx(e.drawn.evidence)
        drawn = average.structure == e.structure.name
        assert drawn.mean() == pytest.approx(weight, abs=0.03)
        share = average.values[..., average.ids.index("il2_capillary_share")][drawn]
        if e.structure.name in HELD:
            np.testing.assert_array_equal(share, HELD[e.structure.name])
        else:
            mean = e.drawn.weight @ e.drawn.z
            at = [average.coordinates.index(c) for c in Problem.pose("pk").coordinates]
            np.testing.assert_allclose(average.z[drawn][:, at].mean(axis=0), mean, atol=0.12)
    assert weights.sum() == pytest.approx(1)
    half = average.structure[:, : average.structure.shape[1] // 2]  # shuffled: a half of a chain is as the whole
    assert (half == "default").mean() == pytest.approx((average.structure == "default").mean(), abs=0.08)


def test_the_fit_says_its_structures_in_the_file_the_frame_and_the_diagnostics(average, folder):
    loaded = il2.Posterior.load("pk", folder)
    assert loaded == average
    frame = average.to_dataframe()
    assert list(frame["structure"]) == list(average.structure.reshape(-1))
    data = average.to_arviz().sample_stats["structure"]
    assert data.attrs["flag_meanings"].split() == list(average.structures)
    told = json.loads((folder / "pk" / "diagnostics.json").read_text())
    assert told["accepted"] and told["converged"]
    assert 150 < told["worst"]["ess_tail"] < 3000  # held values are no copies, and copies are none the more
    assert told["structures"]["low"]["weight"] == average.structures["low"]["weight"]
    logs = [float(s["evidence"]) for s in average.structures.values()]
    whole = np.log(np.exp(logs) @ prior_weights(SOME))
    assert told["evidence"]["log"] == pytest.approx(whole)
    assert told["evidence"]["bridge"]["log"] == pytest.approx(whole, abs=0.2)
    assert average.manifest["structure"] == "average"
    assert average.leading == json.loads((folder / "pk" / "estimate.json").read_text())["structure_of_point"]
    assert average.names(average.pick(5, 1)).tolist() == frame["structure"].iloc[average.pick(5, 1)].tolist()


def test_the_problem_of_a_stored_average_is_found_again(average, folder, monkeypatch):
    from il2model.calibration import mixing

    with pytest.raises(InputError, match="does not know"):
        stored_problem(average, folder)
    monkeypatch.setattr(mixing, "BY_STAGE", {"pk": SOME})
    problem = stored_problem(average, folder)
    assert design_of(problem) == average.manifest["design_hash"]
    z = average.z.reshape(len(average), -1)
    np.testing.assert_allclose(
        problem.log_likelihood(z) - 0.5 * (z**2).sum(axis=1), average.log_posterior.ravel(), rtol=1e-9
    )
    rows = leave_out("pk", folder, by=("target",), refit=False, workers=1)
    assert all(np.isfinite(r.elpd) for r in rows)


def test_a_finished_average_is_kept_and_another_floor_is_another_fit(average, folder):
    again = fit.fit_stage("pk", folder, SMALL, structure=SOME)
    assert again == average
    with pytest.raises(InputError, match="another model or other targets"):
        fit.fit_stage("pk", folder, SMALL, structure=SOME, floor={"low": 0.3})


def test_a_floor_raises_some_together_and_takes_from_all_others():
    weights, names = np.array([0.7, 0.28, 0.015, 0.005]), ["a", "b", "c", "d"]
    found = floored(weights, names, {"c+d": 0.1})
    np.testing.assert_allclose(found[2:], [0.075, 0.025])
    np.testing.assert_allclose(found[:2], np.array([0.7, 0.28]) * 0.9 / 0.98)
    np.testing.assert_array_equal(floored(weights, names, {"a": 0.5}), weights)
    np.testing.assert_array_equal(floored(weights, names, {}), weights)
    with pytest.raises(UnknownNameError, match="'e'"):
        floored(weights, names, {"e": 0.1})
    for wrong in ({"c": 1.2}, {"c": 0.1, "c+d": 0.2}, {"c": 0.6, "d": 0.7}):
        with pytest.raises(InputError):
            floored(weights, names, wrong)


def test_a_stage_is_averaged_unless_something_else_is_asked_for():
    def structures(**choices):
        return Choices.of(("imodals",), load_parameters("prior"), **choices).structures_of("imodals", first=True)

    assert [s.name for s in structures()] == [s.name for s in IL2_STRUCTURES]
    assert [s.name for s in structures(structure="average")] == [s.name for s in IL2_STRUCTURES]
    one = IL2_STRUCTURES[-1].name
    assert [s.name for s in structures(structure=one)] == [one]
    assert len(structures(only=["treg_affinity"])) == 1
    held = structures(fix={"treg_affinity": 20.0})
    assert all(s.fix["treg_affinity"] == 20.0 for s in held) and len(held) == len(IL2_STRUCTURES)
    differ = next(iter(IL2_STRUCTURES[-1].free))
    with pytest.raises(InputError, match="structures of the stage 'imodals' differ in"):
        structures(fix={differ: load_parameters("prior")[differ]})


@pytest.mark.parametrize(
    ("stage", "choices", "words"),
    [
        ("pk", {"structure": "average"}, "an average over structures is of the stage 'imodals'"),
        ("pk", {"floor": {"niche": 0.1}}, "no stage here is one"),
        ("imodals", {"structure": "average", "sampler": "emcee"}, "not by emcee"),
        ("imodals", {"floor": {"nich": 0.1}}, "niche"),
        ("imodals", {"floor": {"niche": 1.1}}, "between 0 and 1"),
        ("imodals", {"floor": 0.1}, "joined by"),
    ],
)
def test_what_cannot_be_averaged_is_refused_in_a_sentence(tmp_path, stage, choices, words):
    with pytest.raises(InputError, match=f"(?i){words}"):
        il2.calibrate(stage, tmp_path, quick=True, **choices)
