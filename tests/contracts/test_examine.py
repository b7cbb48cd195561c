"""calibration/examine.py: a fit of targets of one's own is examined with them, and with no others."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import il2model as il2

SCRIPT = Path(__file__).parents[2] / "calibration" / "examine.py"
OWN = """
trial = "Own"
[arms.a]
name = "1 MIU, i.v."
amount = "1 MIU"
route = "iv"
days = 1
[targets.own_half_life]
stage = "pk"
endpoint = "il2_half_life"
arm = "a"
estimate = 3.0
se = 0.4
unit = "h"
status = "assumed"
source = "Konrad1990"
use = "fit"
"""


def examine(*words):
    done = subprocess.run([sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """A quick fit of a trial that ships, and of one of our own."""
    folder = tmp_path_factory.mktemp("fit")
    (folder / "own.toml").write_text(OWN)
    il2.calibrate("pk", folder, quick=True, workers=2, targets=["pk", folder / "own.toml"])
    return folder


def test_a_fit_is_examined_with_the_targets_it_was_fitted_to(fit):
    mine = ("--targets", f"pk,{fit / 'own.toml'}")
    code, said = examine(fit, "foretold", *mine)
    assert code == 0, said
    assert "own_half_life" in (fit / "leave-one-out.csv").read_text()
    assert "own_half_life" in {
        row["target"] for row in json.loads((fit / "predictive.json").read_text())["pk"]["targets"]
    }
    code, said = examine(fit, "trials", "checks", *mine)
    assert code == 0 and "no fit of the stage mirocals" in said and not (fit / "checks.json").exists()


def test_other_targets_parts_and_folders_are_one_sentence(fit, tmp_path):
    code, said = examine(fit, "foretold")
    assert code == 2 and said.splitlines()[-1].startswith("examine.py: error:")
    assert "give the targets that it was fitted to" in said and "Traceback" not in said
    code, said = examine(fit, "foretell")
    assert code == 2 and "there is no part 'foretell'" in said
    code, said = examine(tmp_path, "foretold")
    assert code == 2 and "holds no fit" in said
