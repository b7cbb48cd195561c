"""What a record refuses: each sentence names file, record and key, and what is allowed."""

import shutil

import pytest

from il2model import Cohort
from il2model.cli.main import main
from il2model.errors import InputError
from il2model.parameters import load_parameters
from il2model.parameters.distribution import distribution
from il2model.resources import data_dir

CLEARANCE = "[il2_clearance]\n"
#: A change of the record of the clearance: what a line becomes, and what the sentence says of it.
WRONG = [
    ("value = 367", "value = nan", "il2_clearance.value is NaN"),
    ("value = 367", "value = inf", "il2_clearance.value is inf; it must be finite"),
    ("value = 367", "value = true", "il2_clearance.value is True"),
    ("value = 367", "value = [367]", "il2_clearance.value is"),
    ("value = 367", "value = 1979-05-27", "il2_clearance.value is"),
    ("value = 367", 'value = "367 kg"', "cannot be turned into"),
    ("value = 367", f"value = 1{'0' * 400}", "il2_clearance.value is"),
    ("value = 367", "value = 3670", "outside its bounds 170 to 605"),
    ("value = 367", "value = 367\nvalue = 368", "not valid TOML"),
    ("bounds = [170, 605]", "bounds = []", "two numbers are needed"),
    ("bounds = [170, 605]", "bounds = [170, 300, 605]", "two numbers are needed"),
    ("bounds = [170, 605]", "bounds = [605, 170]", "the lower comes first"),
    ("bounds = [170, 605]", "bounds = [nan, 605]", "il2_clearance.bounds is NaN"),
    ("bounds = [170, 605]", "bounds = [170, inf]", "il2_clearance.bounds is inf"),
    ("bounds = [170, 605]", "bounds = [false, 605]", "il2_clearance.bounds is False"),
    ("bounds = [170, 605]", 'bounds = "170-605"', "must be a list"),
    ("bounds = [170, 605]\n", "", "needs 'bounds'"),
    ("sd = 0.1 }", "sd = 0 }", "il2_clearance.prior.sd is 0; it must be above zero"),
    ("sd = 0.1 }", "sd = -0.1 }", "il2_clearance.prior.sd is -0.1"),
    ("sd = 0.1 }", "sd = nan }", "il2_clearance.prior.sd is NaN"),
    ("sd = 0.1 }", "sd = inf }", "il2_clearance.prior.sd is inf"),
    ("sd = 0.1 }", "sd = true }", "il2_clearance.prior.sd is True"),
    ("sd = 0.1 }", "sigma = 0.1 }", "'sigma'"),
    ("sd = 0.1 }", "sd = 0.1, median = 900 }", "outside the bounds 170 to 605"),
    ("sd = 0.1 }", "sd = 0.1, mean = 300 }", "'mean'"),
    (", sd = 0.1 }", "}", "needs sd"),
    ('prior = { distribution = "lognormal"', 'prior = { distribution = "lognorml"', "did you mean 'lognormal'"),
    ('prior = { distribution = "lognormal"', "prior = { distribution = 3", "'3'"),
    ('prior = { distribution = "lognormal"', 'prior = { distribution = "logitnormal"', "between 0 and 1"),
    ('prior = { distribution = "lognormal", sd = 0.1 }', 'prior = "lognormal"', "needs a table"),
    (
        'prior = { distribution = "lognormal", sd = 0.1 }',
        'prior = { distribution = "uniform", low = 5, high = 2 }',
        "low must be below high",
    ),
    (
        'prior = { distribution = "lognormal", sd = 0.1 }',
        'prior = { distribution = "uniform", low = 100, high = 600 }',
        "outside the bounds",
    ),
    ('sd = "spread_clearance"', 'sd = "spread_clearence"', "did you mean 'spread_clearance'"),
    ('sd = "spread_clearance"', 'sd = "il2_clearance"', "record of the population"),
    ('sd = "spread_clearance"', 'sd = "correlation_onset_loss_rate"', "above zero"),
    ('sd = "spread_clearance"', "sd = 0.2, median = 300", "patients lie around the value"),
    ('lognormal", sd = "spread_clearance"', 'beta", a = 2, b = 3', "outside the bounds"),
    ('lognormal", sd = "spread_clearance"', 'uniform", low = "a", high = 500', "only sd may be"),
    ('unit = "L/day"', 'unit = "L/dya"', "'L/dya' is not known"),
    ('unit = "L/day"', "unit = 3", "must be a text"),
    ("confirmed = true", 'confirmed = "yes"', "must be true or false"),
    ("confirmed = true", "confirmd = true", "did you mean 'confirmed'"),
    ("value = 367", "value = 367\nfixed = true", "this one has both"),
    ("value = 367", "value = 367\nfixed = 1", "must be true or false"),
    ('fit = "pk"\n', "", "go together"),
    (CLEARANCE, "[[il2_clearance]]\n", "is not a record"),
    (CLEARANCE, f"{CLEARANCE}name = 'again'\n", "not valid TOML"),
    (CLEARANCE, '["il2 clearance"]\n', "is no id"),
    (CLEARANCE, "[motor_unit_loss_rate]\n", "is also in motor_neuron.toml|motor_unit_loss_rate"),
]


def records(folder, old="", new="", name="il2_pk.toml"):
    """Copy the records that ship, one line of the clearance changed."""
    for path in data_dir("parameters").glob("*"):
        shutil.copy(path, folder)
    text = (folder / name).read_text(encoding="utf8")
    at = text.index(CLEARANCE) if name == "il2_pk.toml" else 0
    assert old in text[at:]
    (folder / name).write_text(text[:at] + text[at:].replace(old, new, 1), encoding="utf8")
    return folder


@pytest.mark.parametrize(("old", "new", "hint"), WRONG, ids=[f"{new[:40]} {k}" for k, (_, new, _) in enumerate(WRONG)])
def test_a_wrong_record_is_refused_with_file_and_key(tmp_path, capsys, old, new, hint):
    folder = records(tmp_path, old, new)
    with pytest.raises(InputError, match=hint) as caught:
        load_parameters(folder=folder)
    assert ".toml" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert main(["parameters", "check", str(folder)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("bounds = [0.2, 0.6]", "bounds = [0.2, 1.0]", "a correlation lies between -1 and 1"),
        ("bounds = [0.4, 0.9]", "bounds = [-1.5, 0.9]", "a correlation lies between -1 and 1"),
    ],
)
def test_correlations_stay_those_of_a_law(tmp_path, old, new, hint):
    with pytest.raises(InputError, match=hint):
        load_parameters(folder=records(tmp_path, old, new, "population.toml"))


def test_a_cohort_needs_the_spread_of_age(tmp_path):
    folder = records(tmp_path, 'spread = { distribution = "normal", mean = 60, sd = 11 }\n', "", "population.toml")
    with pytest.raises(InputError, match="age_median needs a spread"):
        Cohort.sample(5, parameters=load_parameters(folder=folder))


def test_what_an_editor_adds_changes_nothing(tmp_path, parameters):
    folder = records(tmp_path)
    file = folder / "il2_pk.toml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    again = load_parameters("prior", folder=folder)
    assert again.fingerprint() == parameters.fingerprint()
    assert {i: r.prior for i, r in again.records.items()} == {i: r.prior for i, r in parameters.records.items()}


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    folder = records(tmp_path)
    (folder / "zz.toml").mkdir()
    with pytest.raises(InputError, match=r"zz\.toml cannot be read"):
        load_parameters(folder=folder)


@pytest.mark.parametrize(
    "table",
    [
        {"distribution": "uniform", "low": 0.0, "high": 1.0},
        {"distribution": "beta", "a": 2, "b": 2},
        {"distribution": "halfnormal", "sd": 0.5},
        {"distribution": "logitnormal", "sd": 0.5},
        {"distribution": "lognormal", "sd": 0.5},
        {"distribution": "normal", "sd": 0.5},
    ],
)
def test_every_distribution_is_read_and_held_against_the_bounds(table):
    made = distribution("a", "prior", table, 0.5, (0.0, 1.0))
    assert made.kind == table["distribution"]
    assert all(0 <= x <= 1 for x in made.reach)
    with pytest.raises(InputError, match=r"a\.prior is .* outside the bounds 5 to 6"):
        distribution("a", "prior", table, 0.5, (5.0, 6.0))
