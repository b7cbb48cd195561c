"""A population as a few numbers: in a cohort, a design and a trial file."""

import pickle

import numpy as np
import pytest

import il2model as il2
from il2model.calibration.targets import load_targets
from il2model.population.typical import told, typical_values
from il2model.trials.pool import enriched_cohort

FEW = {"cd4_untreated": "450 cell/uL", "treg_share_untreated": 7}
FILE = """
trial = "LYMPHOPENIC"
stage = "imodals"
[population]
text = "few CD4"
status = "assumed"
typical = { cd4_untreated = "450 cell/uL", treg_share_untreated = 7 }
[follow_up]
value = 60
unit = "day"
status = "assumed"
[arms.low_placebo]
name = "placebo"
regimen = "placebo"
size = 10
[arms.low_2miu]
name = "2 MIU"
regimen = "imodals-2miu"
size = 10
[targets.low_day8]
endpoint = "treg_gain"
arm = "low_2miu"
day = 7
estimate = 60
se = 20
unit = "percent"
status = "assumed"
source = "assumption"
use = "check"
"""


def test_typical_values_are_checked_and_come_in_the_unit_of_their_record():
    assert typical_values(FEW) == {"cd4_untreated": 450.0, "treg_share_untreated": 7.0}
    assert told(typical_values(FEW)) == "population with cd4_untreated 450 cell/uL, treg_share_untreated 7 percent"
    assert told({}) == ""
    for bad, sentence in (
        ({"cd4_untreated": 1e6}, "outside its bounds"),
        ({"cd4": 450}, "did you mean 'cd4_untreated'"),
        ({"cd4_untreated": "450 pM"}, "cannot be turned into"),
        ([450], "must map parameters to typical values"),
    ):
        with pytest.raises(il2.InputError, match=sentence):
            il2.Cohort.sample(5, population=bad)


def test_patients_spread_around_the_typical_values_as_around_others():
    usual, few = il2.Cohort.sample(300, 4, "unselected"), il2.Cohort.sample(300, 4, "unselected", population=FEW)
    ratio = few["treg_share_untreated"] / usual["treg_share_untreated"]
    assert ratio == pytest.approx(7 / usual.parameters["treg_share_untreated"], rel=1e-12)
    assert few["cd4_untreated"] / usual["cd4_untreated"] == pytest.approx(
        450 / usual.parameters["cd4_untreated"], rel=1e-12
    )
    assert "cd4_untreated 450 cell/uL" in repr(few) and "population" not in repr(usual)
    again = pickle.loads(pickle.dumps(few))
    assert again == few and again.population == few.population != usual.population
    s = il2.simulate("placebo", until=1, cohort=few.part(0, 3))
    assert s.manifest["population"] == told(few.population) == s.notes[0]


def test_a_trial_file_says_whom_it_takes_in(tmp_path):
    path = tmp_path / "low.toml"
    path.write_text(FILE)
    design = il2.TrialDesign.named(path)
    assert dict(design.population) == {"cd4_untreated": 450.0, "treg_share_untreated": 7.0}
    some = enriched_cohort(40, 1, design)
    assert (some.matrix == il2.Cohort.sample(40, 1, population=FEW).matrix).all()
    assert design != design.replace(population={}) and "cd4_untreated 450" in design._repr_html_()
    result = il2.run_trial(design, replicates=2, pool=16)
    assert "Population with cd4_untreated 450 cell/uL, treg_share_untreated 7 percent." in result.notes
    assert "cd4_untreated" in str(il2.Trial.load(path).facts["population"][0])


def test_a_fit_predicts_its_targets_for_them_too(tmp_path):
    path = tmp_path / "low.toml"
    path.write_text(FILE)
    study = load_targets([path]).targets["low_day8"].study
    assert dict(study.baseline) == {"cd4_untreated": 450.0, "treg_share_untreated": 7.0}


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("cd4_untreated = ", "cd4 = ", "low.toml, population: .*did you mean 'cd4_untreated'"),
        ('"450 cell/uL"', "9e5", "low.toml, population: .*outside its bounds"),
        ("[follow_up]", "[study]\nbaseline = { cd4_untreated = 500.0 }\n[follow_up]", "leave one of them out"),
    ],
)
def test_a_population_that_is_none_is_refused_with_its_place(tmp_path, old, new, sentence):
    path = tmp_path / "low.toml"
    path.write_text(FILE.replace(old, new, 1))
    with pytest.raises(il2.InputError, match=sentence):
        il2.Trial.load(path)


def test_the_spread_of_a_population_is_that_of_the_records():
    few = il2.Cohort.sample(2000, 2, "unselected", population=FEW)
    assert np.median(few["treg_share_untreated"]) == pytest.approx(7, rel=0.03)
