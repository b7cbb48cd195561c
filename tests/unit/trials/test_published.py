"""A trial is data: every published trial loads, is a value, and a wrong file is refused with its place."""

import copy
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError, UnknownNameError
from il2model.parameters import bibliography, load_parameters
from il2model.resources import data_dir
from il2model.trial_files import STATUSES
from il2model.trials.published import baseline_rows, comparison, published

TRIALS = data_dir("calibration") / "trials"
OWN = """
trial = "OWN"
title = "An invented trial"

[follow_up]
value = 24
unit = "week"
status = "assumed"

[visits]
value = [0, 7, 84]
unit = "day"
status = "assumed"

[strata.csf_pnfh]
value = [1, 3]
unit = "ng/mL"
status = "assumed"

[arms.control]
regimen = "placebo"
size = 20

[arms.own]
name = "1.5 MIU"
size = 30
amount = "1.5 MIU"
days = 5
every = 14
cycles = 6

[targets.own_treg]
stage = "imodals"
endpoint = "treg_points"
arm = "own"
day = 7
estimate = 5
sd = 2
n = 30
unit = "percent"
status = "assumed"
source = "assumption"
use = "check"
analysis = "treg_percent[1.5 MIU]@7"

[checks.dead]
analysis = "dead[all]"
meaning = "share dead at the end, both arms"
value = 0.1
low = 0.02
high = 0.2
unit = "1"
status = "assumed"
source = "assumption"
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize("name", il2.Trial.names())
def test_a_trial_is_a_value(name):
    trial = il2.Trial.load(name)
    for again in (pickle.loads(pickle.dumps(trial)), copy.deepcopy(trial), il2.Trial.load(TRIALS / f"{name}.toml")):
        assert again == trial
        assert hash(again) == hash(trial)
    assert repr(trial).startswith(f"Trial({name!r}: ")
    assert "\n" not in repr(trial)
    assert trial.name in trial._repr_html_()
    with pytest.raises(TypeError):
        trial.arms["x"] = il2.Regimen.named("placebo")


@pytest.mark.parametrize("name", il2.Trial.names())
def test_every_number_of_a_trial_has_a_status_and_its_sources_are_in_the_bibliography(name):
    entries = bibliography(data_dir("parameters"))
    trial = il2.Trial.load(name)
    rows = [row for row in trial.table() if row["part"] != "arm"]
    assert rows
    for row in rows:
        assert row["status"].partition(" (spread ")[0] in STATUSES, row
        assert not row["source"] or row["source"] in entries, row
    assert not trial.citation or trial.citation in entries


def test_mirocals_is_what_was_published():
    trial = il2.Trial.load("mirocals")
    assert trial.registry == "NCT03039673"
    assert dict(trial.sizes) == {"placebo": 110, "2 MIU": 110}
    assert trial.patients == sum(trial.sizes.values()) == 220
    assert trial.arms["2 MIU"] == il2.Regimen.named("mirocals")
    assert (trial.follow_up, trial.cuts) == (640.0, (750.0, 3700.0))
    assert trial.targets["hr_low"].interval == (0.52, 0.30, 0.89)
    assert trial.targets["dead_placebo"].counts == (49, 110)
    assert str(trial.targets["hr_all"]) == "0.81 (0.54 to 1.22)"
    assert trial.checks["pnfh_at_hr_1"].unit == "pg/mL"
    statuses = {row["id"]: row["status"] for row in trial.table()}
    assert statuses["hr_high"] == "read (spread recalled)"
    assert statuses["hr_low"] == "read"


def test_eligibility_and_baseline_of_mirocals_are_the_records_that_cohorts_use():
    trial, records = il2.Trial.load("mirocals"), load_parameters("prior")
    assert trial.eligibility["onset_to_screening_max"].values == (records["inclusion_onset_max"],)
    assert trial.eligibility["svc_min"].values == (records["inclusion_svc_min"],)
    run_in = records.record("run_in")
    assert run_in.unit == trial.eligibility["run_in"].unit
    assert (run_in.spread["low"], run_in.spread["high"]) == trial.eligibility["run_in"].values
    assert trial.baseline["age_median"].values == (records["age_median"],)
    assert trial.baseline["male_share"].values == (records["male_share"],)


def test_designs_are_those_of_the_files():
    assert il2.TrialDesign.names() == ("imodals", "mirocals")
    design = il2.TrialDesign.named("mirocals")
    assert design.trial == il2.Trial.load("mirocals")
    assert design == il2.TrialDesign.of(design.trial) == il2.TrialDesign.of(TRIALS / "mirocals.toml")
    assert [a.name for a in design.arms] == ["placebo", "2 MIU"]
    assert pickle.loads(pickle.dumps(design)) == design
    assert [v.day for v in il2.TrialDesign.named("imodals").visits] == [0, 7, 28, 63, 84]
    with pytest.raises(InputError, match="cannot be simulated"):
        il2.TrialDesign.named("pk")
    with pytest.raises(UnknownNameError, match="mirocals"):
        il2.Trial.load("mirocal")
    with pytest.raises(InputError, match=r"ends in \.toml"):
        il2.Trial.load(TRIALS)
    with pytest.raises(InputError, match="There is no file"):
        il2.Trial.load("nowhere.toml")
    with pytest.raises(InputError, match="A design is needed"):
        il2.TrialDesign.of(3)


def test_named_regimens_are_those_of_the_files():
    assert set(il2.Regimen.names()) == {"placebo", "imodals-1miu", "imodals-2miu", "mirocals", "transreg"}
    plan = il2.Regimen.named("transreg")
    assert len(plan.doses) == 5 + 12
    assert (plan.doses[5].time, plan.length) == (14.0, 182.0)


def test_a_file_of_ones_own_works_wherever_a_name_does(own):
    trial = il2.Trial.load(own)
    assert trial.follow_up == 168.0
    assert trial.cuts == (1000.0, 3000.0)
    assert trial.arms["control"] == il2.Regimen.named("placebo")
    assert len(trial.arms["1.5 MIU"].doses) == 30
    assert trial.arms["1.5 MIU"].length == 168.0
    assert il2.load_targets(str(own)).targets["own_treg"].se == pytest.approx(2 / np.sqrt(30))
    both = il2.load_targets([*il2.Trial.names(), own])
    assert set(both.targets) == {*il2.load_targets().targets, "own_treg"}
    result = il2.run_trial(str(own), replicates=4, pool=30)
    rows = {row["analysis"]: row for row in comparison(result)}
    assert rows["treg_percent[1.5 MIU]@7"]["published"] == 5
    assert rows["treg_percent[1.5 MIU]@7"]["median"] == np.median(result["treg_percent[1.5 MIU]@7"])
    assert rows["dead[all]"]["meaning"] == "share dead at the end, both arms"
    assert "published" not in rows["all"]
    assert rows["low_pnfh"]["meaning"].endswith("1000 to 3000 pg/mL")
    assert list(result.strata) == ["all", "< 1000", "1000 to 3000", "> 3000"]
    assert all(row["published"] is None for row in baseline_rows(result.covariates, result.design))
    assert result.plot() is not None


def test_published_figures_stand_beside_their_own_trial_alone():
    design = il2.TrialDesign.named("mirocals")
    assert published(design, "interaction") == pytest.approx((1.0003, 1.0001, 1.0005), abs=1e-5)
    assert published(design.sized(50), "all") == (0.81, 0.54, 1.22)
    assert published(design.replace(trial=None), "all") is None
    assert published(il2.TrialDesign.named("imodals"), "treg_percent[2 MIU]@7")[0] == 6.2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('unit = "week"', 'unit = "pg"', ["follow_up", "pg"]),
        ('unit = "week"', 'unit = "weak"', ["follow_up", "weak"]),
        ("value = 24\n", "", ["follow_up", "'value'"]),
        ("value = [0, 7, 84]", "value = [0, 7, 184]", ["visits", "184", "168"]),
        ("value = [0, 7, 84]", "value = [0, 84, 7]", ["visits", "rise"]),
        ("value = [1, 3]", "value = [3, 1]", ["strata csf_pnfh", "smaller"]),
        ('name = "1.5 MIU"', 'name = "control"', ["arm", "control"]),
        ("size = 30", "size = 2.5", ["arm own", "2.5"]),
        ("days = 5", "dais = 5", ["arm own", "dais", "days"]),
        ("days = 5", "days = 50", ["arm own", "overlap"]),
        ('amount = "1.5 MIU"', "", ["arm own", "'amount'"]),
        ('regimen = "placebo"', 'regimen = "placbo"', ["arm control", "placebo"]),
        ("value = 0.1", "value = 0.5", ["check dead", "outside its interval"]),
        ('analysis = "dead[all]"\n', "", ["check dead", "'analysis'"]),
        ("[checks.dead]", "[check.dead]", ["check", "checks"]),
        ('trial = "OWN"', "trial = 3", ["'trial'"]),
        ('status = "assumed"', 'status = "asumed"', ["follow_up", "assumed"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(own, old, new, words):
    assert OWN.count(old)
    own.write_text(OWN.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        il2.Trial.load(own)
    message = str(caught.value)
    assert message.startswith("own.toml")
    assert "\n" not in message
    for word in words:
        assert word in message


HAZARD = """
[targets.own_hr]
stage = "mirocals"
endpoint = "ln_hr_all"
estimate = 0.9
low = 0.6
high = 1.3
log = true
unit = "1"
status = "assumed"
source = "assumption"
use = "check"
"""


def test_what_is_predicted_for_other_arms_is_no_target(own, tmp_path):
    own.write_text(OWN + HAZARD)
    assert il2.Trial.load(own).reported()["all"].value == 0.9
    with pytest.raises(InputError, match=r"own.toml, target own_hr: .* predicted for the arms and the 640 days"):
        il2.load_targets(own)
    own.write_text(OWN + HAZARD.replace("mirocals", "progression").replace("ln_hr_all", "ln_hr_high_pnfh_untreated"))
    with pytest.raises(InputError, match="cut-offs"):
        il2.load_targets(own)
    again = tmp_path / "again.toml"
    again.write_text((TRIALS / "mirocals.toml").read_text() + HAZARD)
    assert il2.load_targets(again).targets["own_hr"].form == "normal"


def test_two_trials_may_call_a_placebo_placebo_but_not_two_things_by_one_name(own, tmp_path):
    text = Path(TRIALS / "imodals.toml").read_text()
    other = tmp_path / "other.toml"
    start, end = text.index("[targets.imodals_1miu]"), text.index("[targets.imodals_2miu]")
    row = text[start:end].replace("targets.imodals_1miu", "targets.other").replace('drift = "imodals_drift"\n', "")
    other.write_text(f'trial = "OTHER"\nstage = "imodals"\n[arms.imodals_1miu]\namount = "1 MIU"\n{row}')
    with pytest.raises(InputError, match="another trial gives something else in an arm 'imodals_1miu'"):
        il2.load_targets(["imodals", other])
    shutil.copy(own, tmp_path / "again.toml")
    with pytest.raises(InputError, match="used twice"):
        il2.load_targets([own, tmp_path / "again.toml"])


def test_a_design_is_a_value():
    design = il2.TrialDesign.named("mirocals").replace(dropout=0.1, enrich=(750.0, 3700.0))
    for again in (pickle.loads(pickle.dumps(design)), copy.deepcopy(design), design.replace()):
        assert again == design
        assert hash(again) == hash(design)
        with pytest.raises(TypeError):
            again.assays["svc"] = ("sd", 1.0)
    assert design != design.replace(dropout=0.2)
    assert repr(design) == "TrialDesign('mirocals': 110 placebo, 110 2 MIU; 640 days, 8 visits)"
    assert "once a day for 5 days" in design._repr_html_()


def test_the_mixed_model_says_what_it_needs(monkeypatch):
    import sys

    from il2model.trials.analysis import TrialData, mixed_model

    monkeypatch.setitem(sys.modules, "statsmodels.formula.api", None)
    data = TrialData(
        np.zeros(2, int), np.ones(2), np.zeros(2, bool), {}, np.zeros((2, 1)), {"alsfrs_r": np.ones((2, 1))}
    )
    with pytest.raises(InputError, match=r"il2model\[mixed\]"):
        mixed_model(data)
