import json

import numpy as np

import il2model as il2
from il2model.cli.main import main


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_holds_time_observables_units_and_manifest_and_nothing_else(capsys):
    code, out, _ = run(
        capsys, "simulate", "--amount", "2 MIU", "--days", "5", "--every", "28", "--cycles", "19", "--until", "640",
        "--at", "0,8,64", "--observables", "treg_percent,plasma_ccl2", "--format", "json",
    )  # fmt: skip
    assert code == 0
    data = json.loads(out)
    assert set(data) == {"time", "treg_percent", "plasma_ccl2", "manifest"}
    assert data["time"] == {"unit": "day", "value": [0.0, 8.0, 64.0]}
    assert data["plasma_ccl2"]["unit"] == "pg/mL"
    assert data["manifest"]["calibrated"] is True
    expected = il2.simulate("mirocals", save=[0, 8, 64])
    np.testing.assert_allclose(data["treg_percent"]["value"], expected.values("treg_percent")[0], rtol=1e-12)


def test_the_table_reads_like_one(capsys):
    code, out, err = run(capsys, "simulate", "--regimen", "mirocals", "--at", "0,7")
    assert code == 0
    assert "2 MIU s.c., once a day for 5 days, every 28 days, 19 times" in out
    assert "[cells/µL]" in out
    assert "uncalibrated" not in out
    assert "Traceback" not in err


def test_files_are_written_in_the_format_of_their_ending(capsys, tmp_path):
    import xarray as xr

    for ending in ("csv", "nc", "json"):
        target = tmp_path / "deep" / f"x.{ending}"
        assert run(capsys, "simulate", "--regimen", "placebo", "--until", "10", "-o", str(target))[0] == 0
        assert target.stat().st_size > 200
    data = xr.open_dataset(tmp_path / "deep" / "x.nc", engine="scipy")
    assert data["alsfrs_r"].attrs["units"] == "point"
    assert data.attrs["calibrated"] == "yes"
    figure = tmp_path / "x.png"
    assert run(capsys, "simulate", "--regimen", "imodals-1miu", "--plot", str(figure))[0] == 0
    assert figure.read_bytes()[:4] == b"\x89PNG"


def test_a_figure_changes_no_number(capsys, tmp_path):
    ask = ["simulate", "--amount", "2 MIU", "--until", "28", "--at", "0.3,0.1,7.1", "--observables", "il2_plasma"]
    for kind in ("csv", "json", "table"):
        for more in ([], ["--draws", "3"], ["--cohort", "3"]):
            bare = run(capsys, *ask, "--format", kind, *more)
            shown = run(capsys, *ask, "--format", kind, *more, "--plot", str(tmp_path / "p.png"))
            assert bare[:2] == shown[:2] and bare[0] == 0
            assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
            for name, plot in (("a", []), ("b", ["--plot", str(tmp_path / "p.png")])):
                target = tmp_path / f"{name}.{kind}"
                assert run(capsys, *ask, *more, "-o", str(target), "--format", kind, *plot)[0] == 0
                assert target.read_text(encoding="utf8") == bare[1]
    kept = [tmp_path / "bare", tmp_path / "shown"]
    for folder, plot in zip(kept, ([], ["--plot", str(tmp_path / "p.png")]), strict=True):
        assert run(capsys, *ask, "--cohort", "3", "--folder", str(folder), *plot)[0] == 0
    one, two = (sorted((p.name, p.stat().st_size) for p in f.rglob("*.np*")) for f in kept)
    assert one == two and one


def test_an_end_before_the_last_dose_is_an_end_and_is_told(capsys, tmp_path):
    from matplotlib import pyplot

    said = "9 of 15 doses lie beyond the end on day 28 and are not given"
    ask = ["simulate", "--regimen", "imodals-2miu", "--until", "28"]
    code, out, err = run(capsys, *ask, "--plot", str(tmp_path / "p.svg"))
    assert code == 0
    assert said in out
    assert said in err
    assert (
        "beyond the end" in (tmp_path / "p.svg").read_text(encoding="utf8") or pyplot.rcParams["svg.fonttype"] == "path"
    )
    assert json.loads(run(capsys, *ask, "--format", "json")[1])["manifest"]["beyond_the_end"] == said
    code, cut, err = run(capsys, *ask, "--cut")
    assert "beyond" not in err, err
    assert code == 0 and "beyond" not in cut and "6 doses from day 0 to day 28" in cut
    assert [line.split() for line in cut.splitlines()[3:]] == [line.split() for line in out.splitlines()[3:]]


def test_parameters_can_be_set_with_units(capsys):
    base = json.loads(run(capsys, "simulate", "--regimen", "imodals-1miu", "--at", "7", "--format", "json")[1])
    slow = json.loads(
        run(capsys, "simulate", "--regimen", "imodals-1miu", "--at", "7", "--format", "json",
            "--set", "il2_clearance='0.13 L/min'")[1]
    )  # fmt: skip
    assert slow["treg_percent"]["value"][0] > base["treg_percent"]["value"][0]
    assert slow["manifest"]["parameter_hash"] != base["manifest"]["parameter_hash"]


def test_draws_print_quantiles(capsys):
    code, out, _ = run(
        capsys, "simulate", "--regimen", "imodals-1miu", "--at", "7", "--draws", "16", "--seed", "3", "--format", "json"
    )
    entry = json.loads(out)["treg_percent"]
    assert code == 0
    assert entry["q05"][0] < entry["value"][0] < entry["q95"][0]


def test_records_and_off_riluzole(capsys, tmp_path):
    table = tmp_path / "doses.csv"
    table.write_text("time,amt,ii,addl\n0,2,1,4\n28,2,1,4\n")
    a = run(capsys, "simulate", "--records", str(table), "--at", "35", "--format", "json")
    b = run(capsys, "simulate", "--amount", "2 MIU", "--cycles", "2", "--at", "35", "--format", "json")
    assert json.loads(a[1])["treg_percent"] == json.loads(b[1])["treg_percent"]
    off = run(capsys, "simulate", "--regimen", "placebo", "--at", "300", "--off-riluzole", "--format", "json")
    on = run(capsys, "simulate", "--regimen", "placebo", "--at", "300", "--format", "json")
    assert json.loads(off[1])["survival"]["value"][0] < json.loads(on[1])["survival"]["value"][0]


def test_parameters_commands(capsys):
    code, out, _ = run(capsys, "parameters", "list")
    assert code == 0
    assert "il2_clearance" in out
    code, out, _ = run(capsys, "parameters", "show", "motor_unit_loss_rate")
    assert code == 0
    assert "1/month" in out
    assert "Ebersbach" in out
    assert run(capsys, "parameters", "check")[0] == 0
    code, out, _ = run(capsys, "parameters", "diff", "prior", "prior")
    assert (code, out.strip()) == (0, "No value differs.")


def test_cache_commands(capsys, monkeypatch, tmp_path):
    code, out, _ = run(capsys, "cache", "list")
    assert code == 0
    assert "blueprint" in out
    monkeypatch.setenv("IL2MODEL_CACHE", str(tmp_path))
    (tmp_path / "step-x.o").write_bytes(b"1")
    assert "Removed 1 files" in run(capsys, "cache", "clear")[1]


def test_help_and_version(capsys):
    assert run(capsys)[0] == 0
    for arguments in (["--help"], ["simulate", "--help"], ["-h"], ["--version"]):
        assert main(arguments) == 0
    assert "research use" in capsys.readouterr().out.lower()
