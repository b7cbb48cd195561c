"""The calibration page of the fits that ship: every target with its interval, every parameter with its unit."""

import base64
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from il2model import sums
from il2model.cli.main import main
from il2model.errors import InputError
from il2model.report import calibration
from il2model.report.calibration import read_table, short, write_report
from il2model.uncertainty.posterior import Posterior

RESULTS = Path(__file__).parents[3] / "calibration" / "results"


@pytest.fixture
def folder(tmp_path):
    """One stage of the results, to be changed."""
    shutil.copytree(RESULTS / "pk", tmp_path / "pk")
    return tmp_path


def test_targets_and_parameters_stand_with_intervals_and_units(folder, read):
    page = read(write_report(folder, folder / "r.html"))
    for row in read_table(folder / "pk" / "parameters.csv"):
        assert " ".join([row["id"], row["unit"], *(short(row[k]) for k in ("q500", "q025", "q975"))]) in page.text
    for row in read_table(folder / "pk" / "targets.csv"):
        numbers = [short(row[k]) for k in ("posterior_median", "posterior_q025", "posterior_q975")]
        assert row["id"] in page.text and " ".join(numbers) in page.text
    assert "A quick run." not in page.text


def test_a_quick_run_is_said_and_names_are_escaped(folder, read):
    home = folder / "pk"
    manifest = json.loads((home / "manifest.json").read_text())
    sums.write_json(home / "manifest.json", manifest | {"effort": "quick"})
    table = (home / "targets.csv").read_text()
    trial = read_table(home / "targets.csv")[0]["trial"]
    sums.write(home / "targets.csv", table.replace(trial, "<b>PK & co</b>").encode())
    page = read(write_report(folder, folder / "r.html"))
    assert "A quick run." in page.text
    assert "<b>PK & co</b>" in page.text


def test_an_evidence_that_few_draws_carry_is_a_dash(folder, read):
    details = json.loads((folder / "pk" / "diagnostics.json").read_text())
    details |= {"sampler": "importance", "effective_draws": 99.0, "pareto_k": 0.61, "rounds": 7}
    details |= {"evidence": {"log": -1234.5, "error": 0.4, "method": "importance"}}
    sums.write_json(folder / "pk" / "diagnostics.json", details)
    page = read(write_report(folder, folder / "r.html"))
    assert "-1234" not in page.text and "fewer than 100 effective draws carry it" in page.text
    sums.write_json(folder / "pk" / "diagnostics.json", details | {"effective_draws": 101.0})
    page = read(write_report(folder, folder / "r.html"))
    assert "-1234.50 ± 0.40" in page.text and "Pareto k 0.61" in page.text


def test_the_structures_that_ship_tell_no_evidence_of_ten_draws():
    rows = calibration._told(read_table(RESULTS / "structures-imodals.csv"))
    before = read_table(RESULTS / "structures-imodals.csv")
    for old, new in zip(before, rows, strict=True):
        few = isinstance(old["effective_draws"], float) and old["effective_draws"] < 100
        assert (new["ln_evidence"] == "–") == few


def test_an_unconverged_sampler_is_said_first(folder, read):
    details = json.loads((folder / "pk" / "diagnostics.json").read_text())
    sums.write_json(folder / "pk" / "diagnostics.json", details | {"converged": False})
    page = read(write_report(folder, folder / "r.html"))
    assert "the sampler has not converged in pk" in page.text and "NOT converged" in page.text


def test_tables_can_be_taken_away(folder):
    text = write_report(folder, folder / "r.html").read_text()
    for name in ("parameters.csv", "targets.csv", "covariance.csv"):
        data = base64.b64encode((folder / "pk" / name).read_bytes()).decode()
        assert f'download="pk-{name}" href="data:text/csv;base64,{data}"' in text


def test_the_examination_is_shown(folder, read):
    for name in ("leave-one-out.csv", "foretold.csv", "influence.csv", "predictive.json"):
        shutil.copy(RESULTS / name, folder / name)
    page = read(write_report(folder, folder / "r.html"))
    rows = [r for r in read_table(folder / "leave-one-out.csv") if r["stage"] == "pk"]
    for r in rows:
        method = "refit" if r["pareto_k"] > 0.7 else "psis"
        assert f"{r['name'].replace('_', ' ')} {r['by']} {r['elpd']:.2f}" in page.text
        assert f"{r['pareto_k']:.2f} {method}" in page.text
    assert "of 6 lie inside the 95 %" in page.text and "What informs what" in page.text


def test_two_fits_stand_side_by_side(folder, read, tmp_path):
    second = tmp_path / "second"
    shutil.copytree(folder / "pk", second / "pk")
    page = read(write_report([folder, second], folder / "r.html"))
    assert f"{folder.name} and second" in page.text and page.text.count("+0.00 1.00") == 4
    assert "No difference of ln evidence: " in page.text or "+0.00 ± " in page.text
    details = json.loads((second / "pk" / "diagnostics.json").read_text())
    (second / "pk" / "diagnostics.json").write_text(json.dumps(details | {"converged": False}))
    (second / "pk" / "SHA256SUMS").unlink(missing_ok=True)
    assert "whose sampler has NOT converged in pk" in read(write_report([folder, second], folder / "r.html")).text
    with pytest.raises(InputError, match="two to see side by side"):
        write_report([folder, second, folder], folder / "r.html")
    shutil.move(second / "pk", second / "progression")
    with pytest.raises(InputError, match="share no stage"):
        write_report([folder, second], folder / "r.html")


def test_a_folder_without_a_fit_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no calibration"):
        write_report(tmp_path, tmp_path / "r.html")


def test_the_command_takes_two_fits_and_no_mixture(folder, read, tmp_path, capsys):
    second, study = tmp_path / "second", tmp_path / "study"
    shutil.copytree(folder / "pk", second / "pk")
    main(["report", str(folder), str(second), "-o", str(tmp_path / "both.html")])
    assert "is the second fit" in read(tmp_path / "both.html").text
    study.mkdir()
    (study / "study.json").write_text("{}")
    assert main(["report", str(folder), str(study), "-o", str(tmp_path / "none.html")]) == 2
    assert "cannot share a page" in capsys.readouterr().err


def test_an_average_says_its_structures_and_their_weights(folder, read):
    fit = Posterior.load("pk", folder)
    told = {"meaning": "of a kind", "weight_without_floor": 0.7, "prior_weight": 0.5, "evidence": -12.34, "error": 0.05}
    unknown = told | {"weight": 0.0, "prior_weight": 0.0, "evidence": float("nan"), "error": float("nan")}
    several = {"slow_brake": told | {"weight": 0.75}, "crowding": told | {"weight": 0.25}, "lost": unknown}
    names = np.where(np.arange(len(fit)) % 4, "slow_brake", "crowding").reshape(fit.log_posterior.shape)
    replace(fit, structure=names, structures=several).save(folder / "pk" / "posterior.nc")
    page = read(write_report(folder, folder / "r.html"))
    assert "an average over 3 structures of the model, each by its weight: slow brake 75 %, crowding 25 %" in page.text
    assert "slow brake of a kind -12.34 0.05 0.500 0.750 0.700" in page.text
    assert "lost of a kind – 0.000 0.000" in " ".join(page.text.split())
