"""The calibration page of the fits that ship: every target with its interval, every parameter with its unit."""

import json
import shutil
from pathlib import Path

import pytest

from il2model.errors import InputError
from il2model.report import calibration
from il2model.report.calibration import read_table, short, write_report

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
    (home / "manifest.json").write_text(json.dumps(manifest | {"effort": "quick"}))
    table = (home / "targets.csv").read_text()
    (home / "targets.csv").write_text(table.replace("PK studies", "<b>PK & co</b>"))
    page = read(write_report(folder, folder / "r.html"))
    assert "A quick run." in page.text
    assert "<b>PK & co</b>" in page.text


def test_a_hazard_ratio_is_shown_as_a_ratio_with_its_interval():
    row = {"id": "hr_all", "log": True, "published": 0.0, "se": 0.1, "form": "normal", "use": "check"}
    row |= {"prior_q025": -1.0, "prior_q975": 1.0}
    row |= {"posterior_q025": -0.5, "posterior_median": -0.1, "posterior_q975": 0.2}
    drawn = calibration._forest_row(row)
    low, value, high = drawn["published"]
    assert (low, value, high) == pytest.approx((0.82201, 1.0, 1.21653), rel=1e-4)
    assert drawn["posterior"][1] == pytest.approx(0.904837, rel=1e-5)
    assert drawn["label"] == "hr all (check)" and drawn["check"]


def test_a_folder_without_a_fit_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no calibration"):
        write_report(tmp_path, tmp_path / "r.html")
