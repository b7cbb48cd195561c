"""What a long verb cannot use is refused in one sentence that names it, before anything runs."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError
from il2model.trials.recipe import PoolRecipe


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    def base(self):
        raise AssertionError("a pool was made")

    monkeypatch.setattr(PoolRecipe, "base", base)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"replicates": 2.0}, "replicates is 2.0; it must be a whole number"),
        ({"replicates": True}, "replicates is True; it must be a whole number"),
        ({"replicates": "3"}, "replicates is '3'; it must be a whole number"),
        ({"pool": 20.5}, "pool is 20.5"),
        ({"pool": 1}, "pool is 1; it must be a whole number from 2"),
        ({"draws": 2.0}, "draws is 2.0"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"hazard_ratio": -1}, "hazard ratio is -1"),
        ({"hazard_ratio": "x"}, "'x' is not a number"),
        ({"parameters": {"il2_clearance": 0.3}}, "of type dict; a ParameterSet is needed"),
    ],
)
@pytest.mark.parametrize("verb", [il2.run_trial, il2.power_study])
def test_a_virtual_trial(verb, arguments, hint):
    with pytest.raises(InputError, match=hint):
        verb("mirocals", **arguments)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"sizes": [8.5]}, "size is 8.5; it must be a whole number"),
        ({"sizes": 8}, r"sizes is 8; a list is needed, such as \[8\]"),
        ({"sizes": [8, 8]}, "8 stands twice in sizes"),
        ({"sizes": []}, "sizes is empty"),
        ({"endpoints": "log_rank"}, r"a list is needed, such as \['log_rank'\]"),
        ({"endpoints": ["log_rank", "log_rank"]}, "log_rank stands twice"),
        ({"endpoints": []}, "endpoints is empty"),
        ({"cuts": []}, "cuts is empty"),
        ({"cuts": [(5,)]}, r"cut-off is \(5,\); it must be \(low, high\)"),
        ({"cuts": (700, 3000)}, "cut-off is 700"),
        ({"cuts": [("a", 3)]}, "'a' is not a number"),
        ({"cuts": [None, None]}, "None stands twice"),
    ],
)
def test_a_power_study(arguments, hint):
    with pytest.raises(InputError, match=hint):
        il2.power_study("mirocals", **arguments)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"until": -5}, "until is -5 day; a search needs from 10"),
        ({"until": "5 mg"}, "until is '5 mg'"),
        ({"patients": 4.0}, "patients is 4.0; it must be a whole number"),
        ({"generations": 1.5}, "generations is 1.5"),
        ({"draws": None}, "draws is None"),
        ({"draws": -1}, "draws is -1; it must be a whole number from 0"),
        ({"limits": ["nk_count"]}, "it must map the id of a quantity"),
        ({"limits": {"nk_count": "3 kg"}}, "the limit of nk_count is '3 kg'"),
        ({"limits": {"nk_count": 0}}, "it must be above zero"),
        ({"injections_per_year": "often"}, "'often' is not a number"),
    ],
)
def test_a_search(arguments, hint):
    with pytest.raises(InputError, match=hint):
        il2.optimize(**arguments)


@pytest.mark.parametrize(
    "arguments", [{"n": 10.0}, {"n": 0}, {"n": True}, {"n": 3, "seed": 0.5}, {"n": 3, "first": -1}, {"n": "3"}]
)
def test_a_cohort(arguments):
    with pytest.raises(InputError, match="whole number"):
        il2.Cohort.sample(**arguments)


def test_whole_numbers_of_numpy_are_whole_numbers():
    assert il2.Cohort.sample(np.int64(3), seed=np.int64(1)) == il2.Cohort.sample(3, seed=1)


def nothing(*_):
    return None


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"workers": 2}, "workers has no effect on one patient"),
        ({"progress": nothing, "folder": "x"}, "folder and progress have no effect"),
        ({"executor": nothing}, "executor has no effect"),
        ({"cancel": nothing}, "cancel has no effect"),
        ({"summary": True}, "summary has no effect"),
        ({"summary": "yes"}, "summary is 'yes'; it must be True or False"),
        ({"cancel": 3}, "cancel is 3; it must be a function"),
        ({"resume": False}, "resume has no effect"),
        ({"workers": 2, "draws": 3}, "workers has no effect"),
        ({"seed": 3}, "seed is that of draws"),
        ({"engine": "scipy", "precision": "float32"}, "no effect on 'scipy'"),
        ({"engine": "plain", "precision": "float32"}, "no effect on 'plain'"),
        ({"observables": "treg_percent"}, r"such as \['treg_percent'\]"),
        ({"observables": []}, "observables names nothing"),
        ({"observables": ["survival", "survival"]}, "stands twice in observables"),
        ({"options": 3}, "options is of type int"),
        ({"model": 3}, "model is of type int"),
        ({"parameters": 3}, "parameters is 3"),
        ({"cohort": 300}, "cohort is 300; it must be a Cohort"),
    ],
)
def test_a_simulation(arguments, hint):
    with pytest.raises(InputError, match=hint):
        il2.simulate("imodals-1miu", **arguments)


def test_a_simulation_of_a_cohort():
    people = il2.Cohort.sample(2)
    with pytest.raises(InputError, match="seed is that of draws, and has no effect on a cohort"):
        il2.simulate("imodals-1miu", cohort=people, seed=3)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"parameters_of_interest": []}, "parameters_of_interest names nothing"),
        ({"parameters_of_interest": "il2_clearance"}, "a list of names is needed"),
        ({"observables": "survival"}, "a list of names is needed"),
        ({"parameters": {"il2_clearance": 1.0}}, "a mapping has none"),
        ({"options": 3}, "options is of type int"),
        ({"model": 3}, "model is of type int"),
    ],
)
def test_sensitivities(arguments, hint):
    with pytest.raises(InputError, match=hint):
        il2.sensitivities("imodals-1miu", **arguments)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"resume": False}, "resume=False has no effect without a folder"),
        ({"resume": "no"}, "resume is 'no'; it must be True or False"),
        ({"workers": 2, "executor": ThreadPoolExecutor(1)}, "give one of the two"),
    ],
)
def test_the_options_of_a_long_run(arguments, hint):
    study = il2.SensitivityStudy(outputs=["treg_percent"], method="morris", n=2)
    people = il2.Cohort.sample(2)
    for verb in (
        lambda **k: il2.simulate("imodals-1miu", cohort=people, **k),
        lambda **k: il2.run_trial("mirocals", **k),
        lambda **k: il2.power_study("mirocals", **k),
        lambda **k: il2.run_study(study, **k),
        il2.optimize,
    ):
        with pytest.raises(InputError, match=hint):
            verb(**arguments)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"n": 2.0}, "n is 2.0; it must be a whole number"),
        ({"patients": 2.5}, "patients is 2.5; it must be a whole number"),
        ({"patients": 7}, "patients has no effect without a difference between arms"),
        ({"control": "imodals-1miu"}, "control has no effect without a difference"),
        ({"second_order": True}, "second_order has no effect on morris"),
        ({"until": "5 mg"}, "until is '5 mg'"),
        ({"times": ["soon"]}, "'soon' is not a number"),
        ({"parameters": "il2_clearence"}, "mean 'il2_clearance'"),
    ],
)
def test_a_study(arguments, hint):
    with pytest.raises(InputError, match=hint):
        il2.SensitivityStudy(**{"outputs": ["treg_percent"], "method": "morris", "n": 2} | arguments)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"outputs": ["treg_auc"], "times": [3]}, "times are days of observables, and no output is one"),
        ({"method": "oat", "n": 5}, "n has no effect on oat"),
        ({"method": "oat", "n": 1024, "seed": 5}, "seed has no effect on oat"),
    ],
)
def test_what_changes_nothing_in_a_study(arguments, hint):
    study = il2.SensitivityStudy(**{"outputs": ["treg_percent"], "method": "morris", "n": 2} | arguments)
    with pytest.raises(InputError, match=hint):
        il2.run_study(study)


def test_a_study_takes_units_and_warns_of_what_lies_outside_the_trials():
    high = il2.Regimen.cyclic(amount="9 MIU", days=2)
    asked = {"outputs": ["treg_percent"], "method": "morris", "n": 2, "parameters": ["il2_clearance"], "regimen": high}
    study = il2.SensitivityStudy(**asked, until="4 week", times=["1 week", 28])
    assert (study.days, study.times) == (28.0, (7.0, 28.0))
    with pytest.warns(il2.IncompleteWarning, match="9 MIU in a day"):
        il2.run_study(study)


def test_derivatives_warn_of_what_lies_outside_the_trials():
    with pytest.warns(il2.IncompleteWarning, match="Extrapolation"):
        il2.sensitivities(il2.Regimen.cyclic(amount="9 MIU", days=2), ["il2_clearance"], ["treg_percent"])
