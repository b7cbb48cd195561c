"""Published numbers are data; a wrong row is refused with file and row."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from il2model.calibration.likelihood import joint_moments, log_density, log_joint
from il2model.calibration.targets import load_targets
from il2model.errors import InputError
from il2model.parameters import bibliography
from il2model.resources import data_dir


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(data_dir("calibration") / "trials", tmp_path / "targets")
    return tmp_path / "targets"


def test_every_target_has_a_source_in_the_bibliography():
    entries = bibliography(data_dir("parameters"))
    for t in load_targets().targets.values():
        assert t.source in entries, t.id
        assert t.status in ("read", "derived", "recalled", "assumed")


def test_the_published_trial_figures_are_the_evidence_rows():
    t = load_targets().targets
    assert np.exp(t["hr_all"].estimate) == pytest.approx(0.81)
    assert t["hr_all"].se == pytest.approx(0.208, abs=0.001)
    assert t["hr_low"].se == pytest.approx(0.277, abs=0.001)
    assert t["hr_high"].se == pytest.approx(0.356, abs=0.001)
    assert t["hr_main"].use == t["hr_interaction"].use == "check"
    assert t["imodals_2miu"].se == pytest.approx(2.2 / np.sqrt(12))
    assert sum(t["strata"].counts) == 220


def test_recalled_estimates_weigh_less_by_one_rule():
    t = load_targets().targets
    assert t["dilt1d_gain_0101"].weight == 1.0
    assert t["dilt1d_gain_0497"].weight == 1.5
    assert t["entry_score"].weight == 2.0
    near = np.array([t["dilt1d_gain_0497"].estimate])
    far = near + 12.0
    fall = log_density(t["dilt1d_gain_0497"], near) - log_density(t["dilt1d_gain_0497"], far)
    assert fall[0] == pytest.approx(0.5 * (12 / (1.5 * 4)) ** 2)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('endpoint = "treg_gain"', 'endpoint = "treg_gian"', ["target dilfrequency_treg", "treg_gian", "treg_gain"]),
        ('unit = "percent"', 'unit = "h"', ["target dilfrequency_treg", "'h'", "percent"]),
        ("se = 8\n", "", ["target dilfrequency_treg", "no standard error"]),
        ("se = 8\n", "se = 0\n", ["target dilfrequency_treg", "above zero"]),
        ('arm = "dilfrequency"', 'arm = "dilfreqency"', ["target dilfrequency_treg", "dilfrequency"]),
        ("day = 57\n", "", ["target dilfrequency_treg", "'day'"]),
        ("estimate = 30\n", "", ["target dilfrequency_treg", "'estimate'"]),
        (
            'unit = "percent"\nstatus = "read"',
            'unit = "percent"\nstatus = "seen"',
            ["target dilfrequency_treg", "seen"],
        ),
        ('use = "fit"', 'use = "maybe"', ["target dilfrequency_treg", "maybe"]),
        ('amount = "0.26 MIU/m2"', 'amount = "0.26 pints"', ["arm dilfrequency", "pints"]),
        ('trial = "DILfrequency"', "", ["'trial'"]),
        ("[targets.dilfrequency_treg]", "[targets.dilfrequency_treg", ["not valid TOML"]),
    ],
)
def test_a_wrong_row_is_refused_with_file_and_row(folder, old, new, words):
    file = folder / "dilfrequency.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_targets(folder)
    message = str(caught.value)
    assert message.startswith("dilfrequency.toml")
    for word in words:
        assert word in message
    assert "\n" not in message


def test_joint_summaries_are_conditional_on_the_deaths_used_before():
    targets = load_targets()
    joint = targets.joints["mirocals"]
    at = {"hr_all": np.array([-0.2]), "hr_low": np.array([-0.3]), "hr_high": np.array([0.0])}
    mean, covariance = joint_moments(joint, targets, {**at, "dead_placebo": np.array([49 / 110])})
    np.testing.assert_allclose(mean[0], [-0.2, -0.3, 0.0], atol=1e-12)
    assert covariance[0, 0] == pytest.approx(targets.targets["hr_all"].se ** 2 * (1 - 0.68**2))
    # a model with fewer deaths on placebo expects a lower hazard ratio, given the 49 seen
    fewer, _ = joint_moments(joint, targets, {**at, "dead_placebo": np.array([0.38])})
    assert (fewer[0] < mean[0]).all()


def test_joint_density_is_that_of_scipy():
    from scipy.stats import multivariate_normal

    targets = load_targets()
    joint = targets.joints["mirocals"]
    at = {"hr_all": np.array([-0.1]), "hr_low": np.array([-0.4]), "hr_high": np.array([0.1])}
    at["dead_placebo"] = np.array([0.43])
    mean, covariance = joint_moments(joint, targets, at)
    observed = [targets.targets[m].estimate for m in joint.members]
    assert log_joint(joint, targets, at)[0] == pytest.approx(multivariate_normal(mean[0], covariance).logpdf(observed))


def test_counts_and_deviations_follow_their_laws():
    from scipy.stats import binom, multinomial

    t = load_targets().targets
    assert log_density(t["dead_placebo"], np.array([0.4]))[0] == pytest.approx(binom(110, 0.4).logpmf(49))
    p = np.array([[0.1, 0.65, 0.25]])
    assert log_density(t["strata"], p)[0] == pytest.approx(multinomial(220, p[0]).logpmf([20, 154, 46]))
    sd = t["imodals_2miu_sd"]
    grid = np.linspace(1.0, 5.0, 401)
    assert grid[np.argmax(log_density(sd, grid))] == pytest.approx(sd.estimate, abs=0.02)


def test_a_trial_of_your_own_is_a_file_more(folder):
    (folder / "mine.toml").write_text(
        """
trial = "MINE"
stage = "imodals"
[arms.mine]
amount = "1.5 MIU"
days = 5
[targets.mine_day8]
endpoint = "treg_points"
arm = "mine"
day = 7
estimate = 5
se = 0.5
unit = "percent"
status = "read"
source = "Camu2020"
use = "fit"
"""
    )
    found = load_targets(folder)
    assert found.targets["mine_day8"].form == "normal"
    assert len(found.arms["mine"].given) == 5


def test_a_fit_belongs_to_the_arms_of_its_targets(tmp_path):
    """Another dose in a trial file of one's own is another fit, though every published number is the same."""
    from il2model.calibration.problem import Problem, design_hash

    own = tmp_path / "own.toml"
    shutil.copy(data_dir("calibration") / "trials" / "pk.toml", own)
    assert design_hash(Problem.pose("pk", targets=own)) == design_hash(Problem.pose("pk"))
    own.write_text(own.read_text().replace('amount = "15 MIU"', 'amount = "14 MIU"', 1))
    assert design_hash(Problem.pose("pk", targets=[own])) != design_hash(Problem.pose("pk"))


@pytest.mark.parametrize("form", ["normal", "lognormal", "sd", "binomial", "multinomial"])
def test_numbers_drawn_from_a_law_are_likeliest_under_the_prediction_they_come_from(form):
    from il2model.calibration.likelihood import LAWS

    target = next(t for t in load_targets().targets.values() if t.form == form)
    own = np.array([0.2, 0.5, 0.3]) if form == "multinomial" else np.array([0.45])
    other = np.array([0.3, 0.4, 0.3]) if form == "multinomial" else own + max(0.1, 0.5 * np.nan_to_num(target.se))
    rng = np.random.default_rng(4)
    gain = 0.0
    for _ in range(300):
        drawn = LAWS[form].draw(target, own if form == "multinomial" else own[0], rng)
        mine, its = (LAWS[form].log_density(drawn, x[None] if form == "multinomial" else x)[0] for x in (own, other))
        gain += mine - its
    assert gain > 0


def test_every_form_has_a_law_and_a_bound_is_no_number_that_could_be_drawn():
    from dataclasses import replace

    from il2model.calibration.likelihood import LAWS

    assert {t.form for t in load_targets().targets.values()} <= set(LAWS)
    some = next(t for t in load_targets().targets.values() if t.form == "normal")
    for form in ("at least", "at most"):
        bound = replace(some, form=form, estimate=2.0, se=0.0)
        assert LAWS[form].draw(bound, np.array(3.0), np.random.default_rng(1)) == bound
        assert LAWS[form].scaled(bound, np.array([3.0])) == {}
        inside, outside = (3.0, 1.0) if form == "at least" else (1.0, 3.0)
        assert LAWS[form].log_density(bound, np.array([inside, outside])).tolist() == [0.0, -0.5 * (0.5 / 0.1) ** 2]


def test_a_count_of_none_or_all_has_a_standard_error():
    """By Agresti and Coull, of two more events among four more; every other share keeps the one of its law."""
    from il2model.calibration.likelihood import LAWS
    from il2model.calibration.target import share_error

    assert share_error(49, 110) == pytest.approx(np.sqrt(49 / 110 * 61 / 110 / 110), rel=1e-14)
    for events in (0, 20):
        assert share_error(events, 20) == pytest.approx(np.sqrt(2 / 24 * 22 / 24 / 24), rel=1e-14)
        t = replace(load_targets().targets["dead_placebo"], counts=(events, 20), estimate=events / 20)
        scaled = LAWS["binomial"].scaled(t, np.array([0.1, 0.2]))[""]
        assert np.diff(scaled)[0] == pytest.approx(0.1 / share_error(events, 20))
    classes = replace(load_targets().targets["strata"], counts=(0, 5, 15))
    found = LAWS["multinomial"].scaled(classes, np.array([[0.1, 0.3, 0.6]]))
    assert np.isfinite(list(found.values())).all()
    assert found[" 1"][0] == pytest.approx(0.1 / share_error(0, 20))


OWN = """
trial = "OWN"
stage = "progression"
[arms.placebo]
regimen = "placebo"
size = 40
status = "assumed"
[targets.own_dead]
endpoint = "dead"
arm = "placebo"
day = 640
count = [EVENTS, 40]
unit = "1"
status = "assumed"
source = "assumption"
use = "fit"
"""


@pytest.mark.parametrize("events", [0, 40])
def test_a_trial_in_which_nobody_or_everybody_died_is_read_and_predicted(folder, events):
    from il2model.calibration.predicted import check_trial

    file = folder / "own.toml"
    file.write_text(OWN.replace("EVENTS", str(events)))
    t = load_targets(file).targets["own_dead"]
    assert t.counts == (events, 40)
    assert t.se == pytest.approx(np.sqrt(2 / 44 * 42 / 44 / 44))
    row = check_trial(file, draws=50, seed=1).summary().loc["own_dead"]
    assert 0 <= row["published_low"] < row["published_high"] <= 1
    assert row["published"] == events / 40
