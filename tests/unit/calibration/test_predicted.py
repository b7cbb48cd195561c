"""A trial is predicted without a fit: by the draws, and with the sampling error of the publication."""

import json

import numpy as np
import pytest

import il2model as il2
from il2model.calibration.predicted import check_trial
from il2model.calibration.problem import Problem
from il2model.cli.main import main

OWN = """
trial = "OWN"
[nuisances.own_drift]
name = "a drift of this trial"
prior = {{ distribution = "normal", mean = 0.0, sd = 1.0 }}
unit = "percent"
[arms.own]
amount = "2 MIU"
days = 5
[targets.own_treg]
endpoint = "treg_points"
arm = "own"
day = 7
estimate = {treg}
se = 0.6
unit = "percent"
status = "assumed"
source = "assumption"
use = "fit"
drift = "own_drift"
[targets.own_ccl2]
endpoint = "ccl2_change"
arm = "own"
day = 7
estimate = -12
low = -20
high = -4
unit = "percent"
status = "assumed"
source = "assumption"
use = "check"
[targets.own_peak]
endpoint = "il2_peak"
arm = "own"
estimate = 2
bound = "at least"
unit = "IU/mL"
status = "assumed"
source = "assumption"
use = "check"
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(treg=6.0))
    return path


def test_predictions_are_those_of_the_stage_and_replicates_are_wider(own):
    found = check_trial("imodals", draws=40, seed=2)
    posterior = il2.Posterior.load()
    expected = Problem.pose("imodals").predict(posterior.table(posterior.pick(40, 2)))
    np.testing.assert_allclose(found.model["imodals_2miu"], expected["imodals_2miu"], rtol=1e-12)
    table = found.summary()
    width = table["q975"] - table["q025"]
    other = table["predictive_q975"] - table["predictive_q025"]
    assert (other > 0.9 * width).all()
    assert other["imodals_1miu"] == pytest.approx(np.ptp(np.quantile(found.replicated["imodals_1miu"], (0.025, 0.975))))


def test_the_sampling_error_has_the_size_of_the_publication(own):
    found = check_trial(own, draws=400, seed=1)
    noise = found.replicated["own_ccl2"] - found.model["own_ccl2"]
    target = next(t for t in found.targets if t.id == "own_ccl2")
    assert noise.std() == pytest.approx(target.weight * target.se, rel=0.15)


def test_a_number_that_the_model_cannot_give_is_outside(own):
    assert check_trial(own, draws=50).summary().loc["own_treg", "inside"]
    own.write_text(OWN.format(treg=30.0))
    row = check_trial(own, draws=50).summary().loc["own_treg"]
    assert not row["inside"]
    assert row["percentile"] == 1.0


def test_the_command_prints_writes_and_refuses(own, tmp_path, capsys):
    page, figure = tmp_path / "page.html", tmp_path / "figure.png"
    assert main(["check", str(own), "--draws", "20", "--format", "json", "-o", str(page), "--plot", str(figure)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in shown["numbers"]] == ["own_treg", "own_ccl2", "own_peak"]
    assert shown["numbers"][2]["percentile"] is None
    assert figure.stat().st_size > 10_000
    html = page.read_text()
    assert html.count("<tr>") == 4
    assert "data:image/png;base64," in html
    assert main(["check", str(own), "--draws", "20"]) == 0
    assert "published numbers are inside" in capsys.readouterr().out
    own.write_text(OWN.format(treg="nan"))
    assert main(["check", str(own)]) == 2
    assert "own.toml, target own_treg" in capsys.readouterr().err
    for wrong in (["--plot", "figure.html"], ["-o", "page.pdf"]):
        assert main(["check", "imodals", *wrong]) == 2
        assert "must end in" in capsys.readouterr().err
    assert main(["check", "transreg"]) == 2
    assert "reports no target" in capsys.readouterr().err


def test_what_the_fit_has_seen_is_no_forecast_and_points_are_points(own):
    seen, mine = check_trial("imodals", draws=20), check_trial(own, draws=20)
    assert {"imodals_1miu", "imodals_2miu_sd"} <= {row["id"] for row in seen.rows if row["seen"]} <= set(seen.seen)
    assert f"fitted to {len(seen.seen)} of them: a check of the fit, no forecast" in " ".join(seen.notes)
    assert not mine.seen and not any("fitted to" in note for note in mine.notes)
    assert next(row["axis"] for row in seen.rows if row["id"] == "imodals_1miu") == "percentage points"
