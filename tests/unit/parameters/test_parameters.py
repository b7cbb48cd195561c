import copy
import pickle
import shutil

import pytest

from il2model.api import check_parameters
from il2model.errors import InputError, UnitError, UnknownNameError
from il2model.parameters import bibliography, load_parameters
from il2model.resources import data_dir
from il2model.units import _COMMON, parse_unit


def test_every_record_is_complete_and_fits_the_model():
    count, problems = check_parameters()
    assert count > 90
    assert problems == []


def test_recalled_and_assumed_numbers_say_so(parameters):
    for record in parameters.records.values():
        if record.status == "assumed":
            assert not record.confirmed, record.id


def test_every_source_that_is_published_has_a_doi_or_says_why():
    for key, entry in bibliography(data_dir("parameters")).items():
        assert "doi" in entry or "note" in entry or "misc" in entry or "volume" in entry, key


def test_the_common_factors_are_those_of_the_unit_library():
    for (a, b), value in _COMMON.items():
        assert float((1.0 * parse_unit(a)).to(parse_unit(b)).magnitude) == pytest.approx(value, rel=1e-14)


def test_replace_converts_and_leaves_the_original(parameters):
    changed = parameters.replace(il2_clearance="0.30 L/min", motor_unit_loss_rate="0.002 1/day")
    assert changed["il2_clearance"] == pytest.approx(432.0)
    assert changed["motor_unit_loss_rate"] == pytest.approx(0.002 * 30.4375)
    assert parameters["il2_clearance"] == 367
    assert {c.id for c in parameters.diff(changed)} == {"il2_clearance", "motor_unit_loss_rate"}
    assert changed.fingerprint() != parameters.fingerprint()


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"il2_clearence": 1}, UnknownNameError, "il2_clearance"),
        ({"il2_clearance": "3 pg"}, UnitError, "L/day"),
        ({"il2_clearance": "3 furlong"}, UnitError, "not known"),
        ({"il2_clearance": 1e9}, InputError, "outside its bounds"),
        ({"il2_clearance": float("nan")}, UnitError, "NaN"),
        ({"il2_clearance": "fast"}, UnitError, "not a number"),
        ({"il2_clearance": "٣٦٧"}, UnitError, "not a number"),
        ({"il2_clearance": "3_67"}, UnitError, "unit '_67'|not a number"),
        ({"il2_clearance": True}, UnitError, "not a number"),
        ({"il2_clearance": 10**400}, UnitError, "not a number"),
        ({"molecules_per_pmol": 1.0}, InputError, "constant"),
    ],
)
def test_a_wrong_change_gives_one_sentence(parameters, changes, error, text):
    with pytest.raises(error, match=text) as caught:
        parameters.replace(changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("value = 367", "value = ", "not valid TOML"),
        ("value = 367", "value = 9999", "outside its bounds"),
        ('status = "measured"', 'status = "guessed"', "allowed are measured"),
        ('unit = "L/day"\n', "", "no 'unit'"),
        ('sources = ["assumption"]', "sources = []", "at least one source"),
        ("bounds = [", "limits = [", "bounds"),
        ('distribution = "lognormal"', 'distribution = "lognorm"', "lognormal"),
    ],
)
def test_a_malformed_record_is_refused_with_its_file(tmp_path, old, new, text):
    for path in data_dir("parameters").glob("*"):
        shutil.copy(path, tmp_path)
    target = tmp_path / "il2_pk.toml"
    content = target.read_text()
    assert old in content
    target.write_text(content.replace(old, new, 1))
    with pytest.raises(InputError, match=text) as caught:
        load_parameters(folder=tmp_path)
    assert "il2_pk.toml" in str(caught.value)


def test_an_unknown_set_is_refused():
    with pytest.raises(InputError, match="prior"):
        load_parameters("posterior")


def test_a_parameter_set_is_a_value(parameters):
    changed = parameters.replace(il2_clearance=300)
    again = [pickle.loads(pickle.dumps(changed)), copy.deepcopy(changed), parameters.replace(il2_clearance="300 L/day")]
    for other in again:
        assert other == changed
        assert hash(other) == hash(changed)
        assert list(other) == list(changed)
    assert changed != parameters
    assert {parameters: 1, changed: 2}[again[0]] == 2
    with pytest.raises(TypeError):
        again[0].values_["il2_clearance"] = 1.0
    with pytest.raises(TypeError):
        changed.records["il2_clearance"] = None


def test_a_parameter_set_shows_itself(parameters):
    assert repr(parameters) == f"ParameterSet('prior', {len(parameters)} parameters, uncalibrated)"
    page = parameters._repr_html_()
    assert page.count("<tr>") == len(parameters) + 1
    assert "<td>il2_clearance</td><td>367</td><td>L/day</td>" in page
    assert "il2_clearance" in parameters._ipython_key_completions_()


def test_a_table_of_a_notebook_escapes_what_it_shows():
    from il2model.notebook import table

    assert "<td>a &lt; b</td>" in table("t", ("x",), [("a < b",)], "R & D")
