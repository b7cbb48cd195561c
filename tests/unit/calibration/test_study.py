"""Effects of a study and its own baselines: read from its file, in its arms alone, and drawn with the others."""

import numpy as np
import pytest

import il2model as il2
from il2model.calibration.likelihood import log_likelihood
from il2model.calibration.predicted import check_trial
from il2model.calibration.problem import Problem
from il2model.calibration.study import EFFECTS, SIZES, Study, of_reference
from il2model.calibration.targets import load_targets
from il2model.errors import InputError
from il2model.parameters import load_parameters
from il2model.resources import data_dir

OWN = """
trial = "OWN"
{study}
[nuisances.own_effect]
name = "effect of the trial on the gain"
prior = {{ distribution = "normal", mean = 0, sd = 1 }}
unit = "1"
[nuisances.own_share]
name = "Treg share of its patients"
prior = {{ distribution = "lognormal", median = 8, sd = 0.1 }}
unit = "percent"
[arms.own]
amount = "1 MIU"
days = 5
[targets.own]
endpoint = "treg_gain"
arm = "own"
day = 7
estimate = 40
se = 10
unit = "percent"
status = "assumed"
source = "assumption"
use = "{use}"
"""
GAIN = '[study]\ngain = "own_effect"\n'
PRIOR = load_parameters("prior")


def own(tmp_path, study, use="fit"):
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(study=study, use=use), encoding="utf8")
    return path


def posed(tmp_path, study, use="fit"):
    return Problem.pose("imodals", targets=[*il2.Trial.names(), own(tmp_path, study, use)])


def imodals_with_effect(tmp_path):
    """The trial of reference with an effect, as a file of one's own, and a trial beside it."""
    text = (data_dir("calibration") / "trials" / "imodals.toml").read_text(encoding="utf8")
    if "[study]" not in text:
        head, _, tail = text.partition("[nuisances.")
        effect = '[nuisances.imodals_effect]\nname = "effect"\nunit = "1"\n'
        effect += 'prior = { distribution = "normal", mean = 0, sd = 1 }\n\n'
        text = f'{head}[study]\ngain = "imodals_effect"\n\n{effect}[nuisances.{tail}'
    path = tmp_path / "imodals.toml"
    path.write_text(text, encoding="utf8")
    return [path, own(tmp_path, GAIN)]


def test_an_effect_multiplies_the_division_of_its_own_arms_alone(tmp_path):
    p = posed(tmp_path, GAIN)
    assert {"own_effect", "between_study_gain"} <= set(p.coordinates)
    z = np.zeros((1, len(p.coordinates)))
    table = p.table(z) | {"own_effect": np.array([1.3]), "between_study_gain": np.array([0.4])}
    plain = p.table(z) | {"own_effect": np.zeros(1)}
    moved = {**plain, "treg_division_max": plain["treg_division_max"] * np.exp(0.4 * 1.3)}
    if "imodals_effect" in table:  # the shipped trial of reference has one, and here it is at its middle
        assert table["imodals_effect"][0] == 0
    found, alone, base = p.predict(table), p.predict(moved), p.predict(plain)
    assert np.array_equal(found["own"], alone["own"])
    assert found["own"][0] > base["own"][0] + 1
    for t in p.fitted:
        assert t.id == "own" or np.array_equal(found[t.id], base[t.id]), t.id


def test_a_trial_without_effects_has_the_patients_of_the_table(tmp_path):
    p = posed(tmp_path, "")
    assert "own_effect" not in p.coordinates
    assert Study.of({}, PRIOR) == Study()
    table = {"treg_division_max": np.array([0.5])}
    assert Study().table("imodals", table, PRIOR) is table


def test_baselines_replace_the_typical_value_by_a_number_or_by_a_nuisance(tmp_path):
    p = posed(tmp_path, '[study]\nbaseline = { treg_share_untreated = "own_share", cd4_untreated = 400.0 }\n')
    assert "own_share" in p.coordinates
    assert not SIZES & set(p.coordinates) - {e.sd for e in EFFECTS.values() if e.reference in p.coordinates}
    z = np.zeros((1, len(p.coordinates)))
    table = p.table(z)
    assert table["own_share"] == pytest.approx(8)
    found = p.predict(table)
    same = p.predict({**table, "treg_share_untreated": table["own_share"], "cd4_untreated": np.array([400.0])})
    other = p.predict({**table, "own_share": np.array([5.6])})
    assert np.array_equal(found["own"], same["own"])
    assert abs(found["own"] - other["own"])[0] > 0.1
    assert all(np.array_equal(found[t.id], other[t.id]) for t in p.fitted if t.id != "own")


def test_numbers_of_a_set_are_those_of_the_trial_of_reference(tmp_path):
    files = imodals_with_effect(tmp_path)
    p = Problem.pose("imodals", targets=files)
    z = np.zeros((1, len(p.coordinates)))
    centre = p.table(z)["treg_division_max"]
    z[0, p.coordinates.index("imodals_effect")] = 0.7
    z[0, p.coordinates.index("own_effect")] = -0.5
    table = p.table(z)
    s = table["between_study_gain"]
    assert table["treg_division_max"] == pytest.approx(centre * np.exp(0.7 * s), rel=1e-12)
    found = p.predict(table)
    # IMODALS is predicted with the column as it is, a new trial from the centre of studies
    as_it_is = {k: v for k, v in table.items() if k not in ("imodals_effect", "own_effect")}
    assert found["imodals_1miu"] == pytest.approx(p.predict(as_it_is)["imodals_1miu"], rel=1e-12)
    new = {**as_it_is, "treg_division_max": centre * np.exp(-0.5 * s)}
    assert found["own"] == pytest.approx(p.predict(new)["own"], rel=1e-9)
    assert np.isfinite(log_likelihood(p.fitted, p.targets, found)).all()


def test_the_reference_is_a_trial_that_ships_and_unknown_elsewhere():
    references = {e.reference for e in EFFECTS.values() if e.reference}
    assert references == {"imodals_effect"}
    assert of_reference({"treg_division_max": np.ones(2)}, PRIOR) == {}
    half = of_reference({"treg_division_max": np.ones(1), "imodals_effect": np.array([0.5])}, PRIOR)
    assert half["treg_division_max"] == pytest.approx(np.exp(0.5 * PRIOR["between_study_gain"]))


def test_effects_of_pk_act_in_stage_pk_alone(tmp_path):
    study = Study.of({"clearance": "a", "volume": "b", "gain": "c"}, PRIOR)
    assert study.nuisances("pk") == ("a", "b")
    assert study.nuisances("imodals") == ("c",)
    assert study.sizes("pk") == ("between_study_clearance", "between_study_volume")
    given = {"a": np.array([1.0]), "b": np.array([-1.0]), "c": np.array([2.0])}
    table = study.table("pk", given, PRIOR)
    for id, factor in (("il2_clearance", 1.0), ("il2_plasma_volume", -1.0)):
        sd = next(e.sd for e in EFFECTS.values() if e.parameter == id)
        assert table[id] == pytest.approx(PRIOR[id] * np.exp(factor * PRIOR[sd]))
    assert "treg_division_max" not in table
    assert "il2_clearance" not in study.table("imodals", given, PRIOR)


def test_a_trial_that_is_only_checked_adds_no_coordinate_and_stands_at_the_middle(tmp_path):
    p = posed(tmp_path, GAIN, use="check")
    assert "own_effect" not in p.coordinates
    table = p.table(np.zeros((2, len(p.coordinates))))
    found = p.predict(table, checks=True)["own"]
    assert np.array_equal(found, p.predict({**table, "own_effect": np.zeros(2)}, checks=True)["own"])


def test_a_new_trial_is_foretold_with_an_effect_that_is_drawn(tmp_path):
    """Its interval is wider than that of a trial of the same patients."""
    wide, plain = (check_trial(own(tmp_path, study, "check"), draws=200) for study in (GAIN, ""))
    assert wide.model["own"].std() > 1.2 * plain.model["own"].std()


WRONG = [
    ('[study]\ngian = "own_effect"\n', r"own\.toml, study: .*gian"),
    ('[study]\ngain = "own_efect"\n', r"own\.toml, study: .*own_efect"),
    ("[study]\ngain = 3\n", r"own\.toml, study: gain is 3; it must be a text"),
    ('[study]\ngain = "own_share"\n', r"own\.toml, study: the prior of own_share is .*mean 0 and sd 1"),
    ("[study]\nbaseline = { treg_shares = 3.0 }\n", r"own\.toml, study: .*treg_shares"),
    ("[study]\nbaseline = { treg_share_untreated = 300.0 }\n", r"own\.toml, study: the baseline .* is 300"),
    ('[study]\nbaseline = { treg_share_untreated = "mine" }\n', r"own\.toml, study: .*mine"),
    ("[study]\nbaseline = { treg_share_untreated = [1.0] }\n", r"own\.toml, study: baseline is"),
    ("[study]\nbaseline = 3\n", r"own\.toml, study: baseline is 3"),
]


@pytest.mark.parametrize(("study", "words"), WRONG)
def test_a_study_that_cannot_be_is_refused_with_file_and_table(tmp_path, study, words):
    with pytest.raises(InputError, match=words):
        load_targets(own(tmp_path, study))
