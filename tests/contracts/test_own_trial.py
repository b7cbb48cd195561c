"""The page "Your own trial" runs as it is shown; only the fit is made small."""

import re
from pathlib import Path

import pytest

import il2model as il2
from il2model.calibration import fit
from il2model.calibration.sampler import SamplerOptions
from il2model.calibration.simulator import Size
from il2model.trial_files import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "your-own-trial.md"
TINY = fit.Effort("quick", Size(patients=64), {"pk": SamplerOptions(walkers=8, burn=4, steps=12, thin=2)}, False)


def test_a_trial_of_ones_own_is_read_run_and_fitted(monkeypatch, capsys):
    monkeypatch.setitem(fit.EFFORTS, "quick", TINY)
    text = PAGE.read_text(encoding="utf8")
    cells = re.findall(r"^```{code-cell} ipython3\n(.*?)^```", text, re.S | re.M)
    assert len(cells) >= 6
    names = {}
    for cell in cells:
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
    assert "harbour" in (names["folder"] / "fit.html").read_text(encoding="utf8")


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
