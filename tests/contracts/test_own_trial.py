"""The page "Your own trial" runs as it is shown; only the fits are made small."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import il2model as il2
from il2model.calibration import fit
from il2model.calibration.sampling import ImportanceOptions
from il2model.calibration.simulator import Size
from il2model.cli.main import main
from il2model.trial_files import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "your-own-trial.md"
TINY = fit.Effort(
    "quick",
    Size(patients=64),
    {},
    False,
    ImportanceOptions(first=192, draws=192, largest=192, effective=20, pareto_k=2, rounds=4),
)


def cells():
    """What the page runs."""
    return re.findall(r"^```{code-cell} ipython3\n(.*?)^```", PAGE.read_text(encoding="utf8"), re.S | re.M)


def test_a_trial_of_ones_own_is_read_run_and_fitted(monkeypatch, capsys):
    monkeypatch.setitem(fit.EFFORTS, "quick", TINY)
    assert len(cells()) >= 6
    names = {}
    for cell in cells():
        exec(
            compile(cell.replace("replicates=40", "replicates=6").replace("pool=120", "pool=30"), str(PAGE), "exec"),
            names,
        )
    assert "wrong.toml, arm fortnightly" in (said := capsys.readouterr().out)
    assert "did you mean 'cycles'" in said
    table = names["result"].summary()
    assert table.loc["treg_percent[1.5 MIU]@7", "published"] == pytest.approx(5.6)
    assert table.loc["dead[all]", "published"] == pytest.approx(0.06)
    assert "share dead at 24 weeks, both arms: published 0.06".capitalize() in said
    assert names["table"].loc["harbour_peak", "trial"] == "HARBOUR"
    assert names["table"].loc["harbour_peak", "use"] == "fit"
    assert "piscitelli_peak" in names["table"].index
    seen = names["seen"].summary()
    assert list(seen.index) == ["harbour_peak", "harbour_treg", "harbour_treg_late", "harbour_ccl2"]
    assert seen.loc["harbour_ccl2", "median"] < 0
    rows = pd.read_csv(names["folder"] / "fit" / "imodals" / "targets.csv").set_index("id")
    assert list(rows.index[rows["use"] == "fit"]) == ["harbour_treg", "harbour_treg_late", "harbour_ccl2"]
    assert "plasma_ccl2_treg_share" in names["markers"].ids
    page = (names["folder"] / "fit.html").read_text(encoding="utf8")
    assert "harbour_peak" in page and "harbour_ccl2" in page


@pytest.mark.long
def test_two_treg_numbers_and_one_of_ccl2_are_fitted_at_full_size_from_file_to_report(tmp_path):
    """Outside the package: from the page's file to its report, accepted by the fit's own demands."""
    names = {}
    exec(cells()[0], names)
    words = [
        "calibrate",
        "pk,imodals",
        "--targets",
        f"pk,{names['file']}",
        "--structure",
        "default",
        "-o",
        str(tmp_path / "fit"),
    ]
    assert main(words) == 0
    for stage in ("pk", "imodals"):
        said = json.loads((tmp_path / "fit" / stage / "diagnostics.json").read_text())
        assert said["converged"] and said["accepted"]
        assert said["pareto_k"] < 0.5
        assert said["effective_draws"] >= 800
        assert min(said["worst"]["ess_bulk"], said["worst"]["ess_tail"]) >= 400
        log, bridge = said["evidence"]["log"], said["evidence"]["bridge"]
        assert abs(log - bridge["log"]) < 4 * np.hypot(said["evidence"]["error"], bridge["error"])
    rows = pd.read_csv(tmp_path / "fit" / "imodals" / "targets.csv").set_index("id")
    assert (rows["distance_in_se"].abs() < 2).all()
    assert main(["report", str(tmp_path / "fit"), "-o", str(tmp_path / "fit.html")]) == 0
    assert "harbour_ccl2" in (tmp_path / "fit.html").read_text(encoding="utf8")


def test_the_file_that_the_how_to_shows_is_read(tmp_path):
    text = (PAGE.parents[1] / "how-to" / "add-a-trial.md").read_text(encoding="utf8")
    block, study = re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M)
    (tmp_path / "shown.toml").write_text(block)
    target = il2.load_targets(tmp_path).targets["transreg_day8"]
    assert (target.estimate, target.use) == (45.0, "check")
    assert il2.Trial.load(tmp_path / "shown.toml").arms["1 MIU"].doses == il2.Regimen.named("transreg").doses
    (tmp_path / "shown.toml").write_text(f"{block}\n{study}")
    apart = il2.load_targets(tmp_path).targets["transreg_day8"].study
    assert apart.effects == (("gain", "own_effect"),)
    assert dict(apart.baseline) == {"cd4_untreated": 400.0, "treg_share_untreated": "own_share"}
    for table in ("registry", "population", "follow_up", "visits", *ROWS):
        assert f"[{table}" in text, table
