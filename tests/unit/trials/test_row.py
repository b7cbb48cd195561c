"""A row of a trial that cannot be, or contradicts itself, is refused in one place, with file and row."""

import pytest

import il2model as il2
from il2model.endpoints.registry import TARGETED
from il2model.errors import InputError
from il2model.trial_files import ROWS, TYPES, read_trial
from il2model.trials.row import read_targets

OWN = """
trial = "OWN"

[follow_up]
value = 90
unit = "day"
status = "assumed"
source = "assumption"

[arms.placebo]
regimen = "placebo"

[arms.own]
amount = "1.5 MIU"
days = 5
cycles = 3

[targets.treg]
endpoint = "treg_points"
arm = "own"
day = 7
estimate = 5.0
se = 0.4
unit = "percent"
status = "assumed"
source = "assumption"
use = "fit"

[targets.peak]
endpoint = "il2_peak"
arm = "own"
estimate = 4.0
low = 3.0
high = 5.0
unit = "IU/mL"
status = "assumed"
source = "assumption"
use = "fit"

[targets.dead]
endpoint = "dead"
day = 60
count = [3, 40]
unit = "1"
status = "assumed"
source = "assumption"
use = "check"

[targets.ratio]
endpoint = "ln_hr_high_pnfh_untreated"
estimate = 2.0
low = 1.0
high = 4.0
log = true
unit = "1"
status = "assumed"
source = "assumption"
use = "check"

[targets.strata]
endpoint = "pnfh_strata"
counts = [10, 20, 10]
unit = "1"
status = "assumed"
source = "assumption"
use = "check"

[targets.spread]
endpoint = "treg_points_sd"
arm = "own"
day = 7
estimate = 2.0
n = 12
unit = "percent"
status = "assumed"
source = "assumption"
use = "fit"
"""


def write(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf8")
    return path


WRONG = [
    # no number
    ("estimate = 5.0", "estimate = nan", ["target treg", "nan", "finite number"]),
    ("estimate = 5.0", "estimate = inf", ["target treg", "inf"]),
    ("se = 0.4", "se = nan", ["target treg", "se is nan"]),
    ("se = 0.4", "se = -0.4", ["target treg", "above zero"]),
    ("day = 7", "day = nan", ["target treg", "day"]),
    ("value = 90", "value = inf", ["follow_up", "inf"]),
    # of another type
    ("estimate = 5.0", 'estimate = "5"', ["target treg", "'5'", "finite number"]),
    ("estimate = 5.0", "estimate = true", ["target treg", "True"]),
    ("estimate = 5.0", "estimate = [5]", ["target treg", "[5]"]),
    ('arm = "own"', "arm = 3", ["target treg", "arm is 3", "text"]),
    ('arm = "own"', 'arms = "own"', ["target treg", "list of names"]),
    ("log = true", 'log = "yes"', ["target ratio", "true or false"]),
    ("n = 12", "n = 12.5", ["target spread", "whole number"]),
    ("n = 12", "n = 0", ["target spread", "at least 1"]),
    ("count = [3, 40]", "count = 3", ["target dead", "list"]),
    ("count = [3, 40]", "count = [3.5, 40]", ["target dead", "whole"]),
    ("count = [3, 40]", "count = [-3, 40]", ["target dead", "whole"]),
    # when
    ("day = 7", "day = -7", ["target treg", "-7", "first dose"]),
    ("day = 7", "day = 0", ["target treg", "day is 0"]),
    ("day = 7", "day = 97", ["target treg", "97", "90"]),
    # contradictions
    ("low = 3.0", "low = 4.5", ["target peak", "outside its interval"]),
    ("low = 3.0", "low = 6.0", ["target peak", "outside its interval"]),
    ("low = 3.0\n", "", ["target peak", "'low' and 'high'"]),
    ("low = 3.0", "low = 3.0\nse = 2.0", ["target peak", "contradict", "se 2"]),
    ("low = 3.0", "low = 3.0\nse_ln = 0.5", ["target peak", "contradict"]),
    ("low = 3.0", "low = 3.0\nsd = 10.0\nn = 4", ["target peak", "contradict", "sd and n"]),
    ("se = 0.4", "se = 0.4\nse_ln = 0.1", ["target treg", "se_ln is for numbers above zero"]),
    ("low = 1.0", "low = 0.0", ["target ratio", "log scale"]),
    ("low = 1.0", "low = -1.0", ["target ratio", "log scale"]),
    ("estimate = 2.0\nlow", "estimate = -2.0\nlow", ["target ratio", "above zero"]),
    ("estimate = 4.0", "estimate = 0.0", ["target peak", "above zero"]),
    ("estimate = 2.0\nn", "estimate = 0.0\nn", ["target spread", "above zero"]),
    ("n = 12", "n = 1", ["target spread", "two patients"]),
    ("n = 12", "n = 12\nse = 0.3", ["target spread", "not both"]),
    ("low = 3.0", "low = 3.0\nse = 0.5\nse_ln = 0.1", ["target peak", "'se' or 'se_ln'"]),
    # laws that the endpoint has not
    ("se = 0.4", "se_ln = 0.4", ["target treg", "se_ln"]),
    ("se = 0.4", "se = 0.4\nlog = true", ["target treg", "log = true"]),
    ("estimate = 5.0\nse = 0.4", "count = [3, 40]", ["target treg", "shares"]),
    ("count = [3, 40]", "counts = [3, 40]", ["target dead", "classes"]),
    ("counts = [10, 20, 10]", "estimate = 0.4\nse = 0.1", ["target strata", "'counts'"]),
    ("counts = [10, 20, 10]", "counts = [10, 30]", ["target strata", "3 classes"]),
    ("count = [3, 40]", "estimate = 1.4\nse = 0.1", ["target dead", "0 to 1"]),
    # counts
    ("count = [3, 40]", "count = [43, 40]", ["target dead", "no more events"]),
    ("count = [3, 40]", "count = [0, 0]", ["target dead", "0 patients"]),
    ("count = [3, 40]", "count = [3, 40]\nn = 50", ["target dead", "40", "50"]),
    ("counts = [10, 20, 10]", "counts = [10, 20, 10]\nn = 50", ["target strata", "40", "50"]),
    ("count = [3, 40]", "count = [3, 40]\nestimate = 0.1", ["target dead", "'estimate'", "alone"]),
    # bounds
    ("se = 0.4", 'se = 0.4\nbound = "at least"', ["target treg", "bound", "'se'"]),
    ("estimate = 5.0\nse = 0.4", 'estimate = 0\nbound = "at least"', ["target treg", "bound is 0"]),
    ("se = 0.4", 'bound = "atleast"', ["target treg", "atleast", "at least"]),
    # names
    (
        'source = "assumption"\nuse = "fit"',
        'source = "Cammu2020"\nuse = "fit"',
        ["target treg", "Cammu2020", "Camu2020"],
    ),
    ('source = "assumption"\n\n[arms', 'source = "Nobody1900"\n\n[arms', ["follow_up", "Nobody1900", "DOI"]),
    ("se = 0.4", "see = 0.4", ["target treg", "see", "'se'"]),
    ("[targets.treg]", "[targets.treg]\narms = ['own']", ["target treg", "not both"]),
    ('arm = "own"', 'arm = "owm"', ["target treg", "owm", "own"]),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG)
def test_a_row_that_cannot_be_is_refused(tmp_path, old, new, words):
    assert old in OWN
    path = write(tmp_path, OWN.replace(old, new, 1))
    for read in (il2.load_targets, il2.Trial.load):
        with pytest.raises(InputError) as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith("own.toml, ")
        assert "\n" not in message
        for word in words:
            assert word in message, message


def test_the_row_as_it_is_is_read_by_both_readers(tmp_path):
    path = write(tmp_path, OWN)
    targets, trial = il2.load_targets(path).targets, il2.Trial.load(path)
    assert list(targets) == list(trial.targets)
    assert targets["peak"].stage == "pk"
    assert targets["peak"].se == pytest.approx((5 - 3) / (2 * 1.96), rel=1e-4)
    assert trial.targets["peak"].interval == (4.0, 3.0, 5.0)
    assert trial.targets["dead"].counts == targets["dead"].counts == (3, 40)


def test_statements_of_one_error_that_agree_are_taken_together(tmp_path):
    path = write(tmp_path, OWN.replace("low = 3.0", "low = 3.0\nse = 0.5", 1))
    assert il2.load_targets(path).targets["peak"].se == 0.5


TWICE = """
[targets.again]
endpoint = "treg_gain"
arm = "own"
day = {day}
estimate = 80
se = 8
unit = "percent"
status = "assumed"
source = "assumption"
use = "{use}"
"""


def test_one_measurement_is_fitted_once(tmp_path):
    """Points and per cent of one Treg share, on one day, in one arm."""
    path = write(
        tmp_path,
        OWN.replace('endpoint = "treg_points"', 'endpoint = "treg_gain"', 1) + TWICE.format(day='"1 week"', use="fit"),
    )
    with pytest.raises(InputError, match=r"own.toml, target again: it fits what 'treg' fits"):
        il2.load_targets(path)
    for day, use in (("8", "fit"), ("7", "check")):
        write(tmp_path, OWN + TWICE.format(day=day, use=use))
        assert "again" in il2.load_targets(path).targets


def test_a_source_is_in_a_bibliography_beside_the_file_or_stands_for_itself(tmp_path):
    (tmp_path / "mine.bib").write_text("@article{Smith-2031, title = {A trial}}\n")
    for source in ("Smith-2031", "doi:10.1000/xyz", "https://example.org/paper", "NCT01234567", "Camu2020"):
        path = write(tmp_path, OWN.replace('"assumption"', f'"{source}"'))
        assert il2.load_targets(path).targets["treg"].source == source


def test_every_field_of_a_row_has_a_type_or_a_reader():
    read_elsewhere = {"amount", "days", "every", "cycles", "start", "duration", "length", "courses", "size", "prior"}
    for _, fields, _ in ROWS.values():
        assert fields - set(TYPES) <= read_elsewhere


def test_every_law_of_an_endpoint_is_one_that_a_target_can_have():
    assert {e.law for e in TARGETED.values()} == {"real", "positive", "log", "sd", "share", "classes"}
    forms = {t.endpoint.law: t.form for name in il2.Trial.names() for t in read_targets(read_trial(name)).values()}
    assert forms["classes"] == "multinomial"


JOINT = """
[joint.both]
members = ["treg", "peak"]
correlation = [[1.0, 0.5], [0.5, 1.0]]
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"treg", "peak"', '"treg", "peek"', ["joint both", "peek", "peak"]),
        ("use", "use", ["joint both", "'joint'"]),
        ("0.5], [0.5", "nan], [nan", ["joint both", "finite"]),
        ("0.5], [0.5", "1.0], [1.0", ["joint both", "positive definite"]),
    ],
)
def test_a_joint_distribution_names_targets_that_name_it(tmp_path, old, new, words):
    path = write(tmp_path, OWN + JOINT.replace(old, new))
    with pytest.raises(InputError) as caught:
        il2.load_targets(path)
    for word in ("own.toml", *words):
        assert word in str(caught.value)
