"""Studies: designs that cannot be are refused, results last, come back and are values."""

import copy
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import il2model as il2
from il2model import store, sums
from il2model.cli.main import main
from il2model.errors import InputError, StorageError, UnknownNameError
from il2model.report.sensitivity import write_sensitivity
from il2model.sensitivity import blocks
from il2model.sensitivity.estimate import estimate
from il2model.sensitivity.results import StudyResult
from il2model.sensitivity.run import covered, run_study, run_to_width
from il2model.sensitivity.study import SensitivityStudy
from il2model.uncertainty.coordinates import Coordinates

FEW = ("il2_clearance", "signal_threshold", "treg_division_max")


def small(**more):
    keywords = {"outputs": ["treg_percent"], "times": [7.0], "parameters": FEW, "n": 16, "until": 8.0, "rtol": 1e-4}
    return SensitivityStudy(**(keywords | more))


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"n": 100}, "64 or 128"),
        ({"method": "sobal"}, "sobol"),
        ({"outputs": ["treg"]}, "treg"),
        ({"parameters": ["body_surface"]}, "fixed"),
        ({"parameters": ["spread_pnfh"]}, "between patients"),
        ({"parameters": ["il2_clearance", "il2_clearance"]}, "twice"),
        ({"ranges": "posterior"}, "correlated"),
        ({"times": [9.0]}, "outside"),
        ({"outputs": ["treg_percent", "survival_difference"]}, "study of their own"),
        ({"method": "fast", "n": 20}, "FAST"),
    ],
)
def test_a_design_that_cannot_be_is_refused_with_a_sentence(keywords, words):
    with pytest.raises((InputError, UnknownNameError)) as caught:
        _ = small(**keywords).design
    assert words in str(caught.value)


def test_a_study_is_resumed_extended_and_guarded(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "block_size", lambda s: 20)
    whole = run_study(small(), folder=tmp_path / "a")
    assert whole.manifest["rows_run"] == 80
    again = run_study(small(), folder=tmp_path / "a")
    assert again.manifest["rows_run"] == 0
    assert np.array_equal(again.Y, whole.Y)
    longer = run_study(small(n=32), folder=tmp_path / "a")
    assert longer.manifest["rows_run"] == 80
    assert np.array_equal(longer.Y[:80], whole.Y)
    assert np.array_equal(longer.Y, run_study(small(n=32)).Y)
    with pytest.raises(InputError, match="another job: its seed is 0, here 1"):
        run_study(small(seed=1), folder=tmp_path / "a")
    with pytest.raises(InputError, match="holds results already"):
        run_study(small(), folder=tmp_path / "a", resume=False)
    file = tmp_path / "a" / "block-000001.npz"
    folder = store.BlockStore(tmp_path / "a", small().key)
    block = folder.get("block-000001")
    folder.put("block-000001", {**block.arrays, "design": block["design"][::-1]}, **block.meta)
    with pytest.raises(InputError, match="another design"):
        run_study(small(), folder=tmp_path / "a")
    file.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="damaged"):
        run_study(small(), folder=tmp_path / "a")


def test_a_full_disk_keeps_what_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "block_size", lambda s: 20)
    write, count = store.write_atomic, [0]

    def full(path, content):
        count[0] += path.suffix == ".npz"
        if count[0] == 3:
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(store, "write_atomic", full)
    with pytest.raises(StorageError, match="No space left"):
        run_study(small(), folder=tmp_path / "a")
    assert len(list(tmp_path.glob("a/block-*.npz"))) == 2
    assert not list(tmp_path.glob("a/.*.part"))
    monkeypatch.setattr(store, "write_atomic", write)
    assert run_study(small(), folder=tmp_path / "a").manifest["rows_run"] == 40


def test_another_executor_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(blocks, "block_size", lambda s: 20)
    with ThreadPoolExecutor(2) as pool:
        there = run_study(small(), executor=pool)
    here = run_study(small())
    assert np.array_equal(there.Y, here.Y)
    for result in (there, here):
        assert 0 < result.manifest["cost"]["share_outside_the_model"] < 1


def test_overlapping_times_count_once():
    assert covered(np.array([[0.0, 2.0], [1.0, 3.0], [5.0, 6.0], [5.2, 5.4]])) == pytest.approx(4.0)
    assert covered(np.zeros((0, 2))) == 0.0


def test_a_killed_study_goes_on_to_the_same_bits(tmp_path):
    command = [sys.executable, "-m", "il2model.cli.main", "sensitivity", "--n", "256", "--until", "85", "--outputs"]
    command += ["treg_percent", "--times", "7,84", "--regimen", "imodals-2miu", "--resume", "--alone", "-o"]
    running = subprocess.Popen([*command, str(tmp_path / "k")], start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.time() + 120
    while not list(tmp_path.glob("k/block-*.npz")) and time.time() < deadline:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert 1 <= len(list(tmp_path.glob("k/block-*.npz"))) < 3, "it was killed in the middle"
    subprocess.run([*command, str(tmp_path / "k")], check=True, capture_output=True)
    subprocess.run([*command, str(tmp_path / "w")], check=True, capture_output=True)
    assert (tmp_path / "k" / "indices.csv").read_bytes() == (tmp_path / "w" / "indices.csv").read_bytes()
    assert (tmp_path / "w" / "report.html").stat().st_size > 50_000


def test_the_precision_stop_doubles_and_reuses(tmp_path):
    result = run_to_width(small(), 0.35, folder=tmp_path, most=256)
    assert result.study.n > 16
    assert np.nanmax(result.indices["ST_half"]) <= 0.35 or result.study.n == 256
    with pytest.raises(InputError, match="nested"):
        run_to_width(small(method="prcc", n=20), 0.1)


def test_differences_between_arms_run_a_cohort_per_row():
    s = SensitivityStudy(
        outputs=["survival_difference"],
        parameters=("inflammatory_damage_max", "hazard_inflammation"),
        method="prcc",
        n=12,
        until=300.0,
        regimen="mirocals",
        patients=16,
        rtol=1e-3,
    )
    result = run_study(s)
    assert (result.Y > -0.05).all()
    assert np.std(result.Y) > 0
    assert result.indices["prcc"].shape == (2, 1)


def test_the_command_and_its_report(tmp_path, capsys):
    folder = tmp_path / "s"
    command = ["sensitivity", "--method", "morris", "--n", "4", "--until", "8", "--outputs", "treg_auc,treg_peak"]
    assert main([*command, "--parameters", ",".join(FEW), "--alone", "-o", str(folder)]) == 0
    text = (folder / "report.html").read_text()
    assert "http" not in text
    assert text.count("<img") == text.count('alt="') >= 4
    assert "treg_division_max" in text
    out = capsys.readouterr().out
    assert "mu_star" in out
    assert json.loads((folder / "study.json").read_text())["method"] == "morris"
    assert main([*command, "-o", str(folder)]) == 2
    assert main(["sensitivity", "--times", "x"]) == 2
    assert main(["sensitivity", "--n", "100", "-o", str(folder)]) == 2
    assert main(["sensitivity", "--dask", "127.0.0.1:1", "-o", str(tmp_path / "d")]) == 2


def test_a_study_comes_back_from_its_folder(tmp_path):
    plan = il2.Regimen.cyclic("1 MIU", 3, 14, 2).off_riluzole()
    for k, s in enumerate([small(regimen=plan, until=20.0), small(n=8, second_order=True)]):
        ran = run_study(s, folder=tmp_path / str(k))
        again = StudyResult.load(tmp_path / str(k))
        assert again.study.fingerprint == s.fingerprint
        assert np.array_equal(again.Y, ran.Y)
        assert again.manifest["cost"] == ran.manifest["cost"]
        for name, values in ran.indices.items():
            assert np.array_equal(again.indices[name], values, equal_nan=True), name
    with pytest.raises(InputError, match="no study"):
        StudyResult.load(tmp_path)
    (tmp_path / "1" / "block-000000.npz").unlink()
    with pytest.raises(InputError, match="missing"):
        StudyResult.load(tmp_path / "1")
    stored = json.loads((tmp_path / "0" / "study.json").read_text())
    sums.write_json(tmp_path / "0" / "study.json", stored | {"key": {}})
    with pytest.raises(InputError, match="another model"):
        StudyResult.load(tmp_path / "0")


def test_the_command_of_a_study_makes_it_again(tmp_path):
    s = small(second_order=True, n=8, seed=3)
    first = run_study(s, folder=tmp_path / "a")
    words = first.manifest["reproduce"].replace("DIR", str(tmp_path / "b")).split()[1:]
    assert main([*words, "--alone"]) == 0
    stored = SensitivityStudy.load(tmp_path / "b")
    assert (stored.outputs, stored.inputs, stored.days) == (s.outputs, s.inputs, s.days)
    assert np.array_equal(stored.design, s.design)
    for other in (small(rtol=1e-4, regimen=il2.Regimen.cyclic("1 MIU", 3, 14, 2)), small(rtol=1e-6)):
        assert other.command().startswith("From Python")


def test_outputs_carry_time_cycle_and_day_of_cycle():
    s = small(times=(), until=40.0, n=2)
    assert {c.time for c in s.columns} >= {1.0, 28.0, 29.0, 40.0}
    data = run_study(s).to_xarray()
    at = {float(t): (int(c), float(d)) for t, c, d in zip(data.time, data.cycle, data.day_of_cycle, strict=True)}
    assert at[1.0] == (1, 2.0)
    assert at[28.0] == (1, 29.0)
    assert at[29.0] == (2, 2.0)
    assert len(small(regimen="placebo", times=(), until=48.0).columns) == 24


def test_companions_need_no_power_of_two():
    assert small(n=64).companions(draws=50)["prior"].n == 50
    assert set(small().companions()) == {"tornado", "prior", "posterior"}
    assert small(method="prcc", n=20, ranges="posterior").companions() == {}


def test_companions_share_the_question_and_the_report_shows_them(tmp_path, capsys):
    command = ["sensitivity", "--n", "64", "--until", "8", "--second-order", "--outputs", "treg_percent,treg_peak"]
    command += ["--parameters", ",".join(FEW), "--times", "2,5,8"]
    assert main([*command, "-o", str(tmp_path / "s")]) == 0
    for name in ("scramble-1", "scramble-2", "tornado", "prior", "posterior"):
        assert (tmp_path / "s" / name / "manifest.json").exists(), name
    text = (tmp_path / "s" / "report.html").read_text()
    for words in (
        "Against time",
        "Second order",
        "One at a time",
        "Prior against posterior",
        "Convergence",
        "By mechanism",
        "--method sobol --n 64 --seed 0",
        "Context of use",
        "outside the model",
        "independent scrambles",
    ):
        assert words in text, words
    assert (
        main(
            [
                "sensitivity",
                "--method",
                "prcc",
                "--n",
                "50",
                "--until",
                "8",
                "--outputs",
                "treg_auc",
                "--alone",
                "-o",
                str(tmp_path / "p"),
            ]
        )
        == 0
    )
    assert main(["report", str(tmp_path / "s"), str(tmp_path / "p"), "-o", str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").read_text().count("<section") == 2
    assert main(["report", str(tmp_path / "s"), str(tmp_path), "-o", str(tmp_path / "r.html")]) == 2


def test_a_page_maps_failed_rows_and_masks_what_does_not_vary(tmp_path):
    s = small(n=64, outputs=["treg_percent", "treg_peak"], times=[0.0, 2.0, 8.0])
    ran = run_study(s)
    Y = ran.Y.copy()
    failed = {k: "it grew without bound." for k in np.flatnonzero(s.design[:, 0] > 0.9)}
    Y[list(failed)] = np.nan
    names = [c.name for c in s.columns]
    found = estimate(s.how, s.cube, s.design, Y, outputs=names, reasons=failed, policy="bound", seed=s.seed)
    result = replace(ran, Y=Y, reasons=failed, **vars(found))
    text = write_sensitivity(result, tmp_path / "r.html").read_text()
    assert f"Map of failed rows over {FEW[0]}" in text
    assert f"{FEW[0]} +" in text
    assert "Failed rows: " in text


def test_no_row_of_a_whole_design_is_refused():
    s = SensitivityStudy(outputs=["treg_auc"], n=256, until=8.0)
    assert len(s.inputs) >= 25
    rows = Coordinates(s.kernel, s.values, (), {}).rows(s.table(s.design), len(s.design))
    assert s.kernel.refusals(rows, s.kernel.constants(rows)) == {}
    assert il2.SensitivityStudy is SensitivityStudy


@pytest.mark.long
def test_a_cluster_with_a_killed_worker_loses_nothing(tmp_path, monkeypatch):
    from distributed import Client, LocalCluster

    s = small(n=128, times=[7.0, 8.0])
    alone = run_study(s)
    monkeypatch.setattr(blocks, "block_size", lambda s: 16)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        killed = []

        def kill_one(done, total):
            if done >= total // 4 and not killed:
                worker = next(iter(cluster.workers.values()))
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        there = run_study(s, folder=tmp_path, executor=client, progress=kill_one)
    assert killed
    assert np.array_equal(there.Y, alone.Y)


def test_studies_and_results_are_values(tmp_path):
    s = small(times=[7.0, 8.0])
    result = run_study(s, folder=tmp_path)
    for value in (s, result):
        for copied in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
            assert copied == value
        assert "\n" not in repr(value)
        assert len(repr(value)) < 200
    assert s == small(times=(7, 8))
    assert s != small(times=[7.0])
    assert hash(s) == hash(small(times=(7, 8)))
    assert SensitivityStudy(["treg_auc"]) == SensitivityStudy(outputs=["treg_auc"])
    assert f"<td>{', '.join(FEW)}</td>" in s._repr_html_()
    assert StudyResult.load(tmp_path) == result
    assert result != replace(result, Y=result.Y + 1)
    assert result != 3
    assert repr(result) == "StudyResult(sobol of treg_percent: 80 rows, 3 parameters)"
    html = result._repr_html_()
    assert FEW[0] in html
    assert "Noise floor" in html
    assert "ST_half" in result._ipython_key_completions_()
    assert result["ST"].dims == ("parameter", "output")
    assert np.array_equal(result["ST"].values, result.indices["ST"])
    with pytest.raises(UnknownNameError, match="ST"):
        result["st"]


@pytest.mark.parametrize(
    "plan",
    [
        il2.Regimen.cyclic("0.5 MIU/m2", 3, 14, 2),
        il2.Regimen((il2.Dose(0.0, "1 MIU"), il2.Dose(3.0, "1 MIU", reset=True)), resets=(5.0,)),
        il2.Regimen((il2.Dose(0.0, "1 MIU", "iv", 0.5), il2.Dose(2.0, 0.0)), riluzole=((0.0, 4.0),)),
        il2.Regimen((il2.Dose(0.0, "1 MIU", ss=True, ii=1.0),), "steady", 12.0),
    ],
)
def test_a_study_of_any_regimen_comes_back(plan, tmp_path):
    s = small(regimen=plan, method="morris", n=2)
    result = run_study(s, folder=tmp_path)
    assert StudyResult.load(tmp_path) == result
    assert StudyResult.load(tmp_path).study.plan == s.plan


def test_who_is_missing_is_said_everywhere(tmp_path):
    s = small(outputs=["treg_percent", "treg_peak"], method="prcc", n=50, times=[2.0, 5.0, 8.0])
    ran = run_study(s)
    assert (ran.gaps, ran.to_xarray().attrs["left_out"], ran.to_dataframe().attrs["failed_rows"]) == ("", "", 0)
    Y, left_out = ran.Y.copy(), np.zeros(50)
    Y[7] = np.nan
    left_out[:10] = 0.03
    result = replace(ran, Y=Y, reasons={7: "it grew."}, left_out=left_out)
    assert result.gaps.startswith("1 of 50 rows failed. In 18% of the rows virtual patients")
    assert result.gaps in repr(result)
    assert result.gaps in result._repr_html_().replace("&#x27;", "'")
    assert result.to_xarray().attrs["left_out"] == result.gaps
    assert result.to_dataframe().attrs == result._attributes()
    text = write_sensitivity(result, tmp_path / "r.html").read_text()
    assert text.count(result.gaps) >= text.count("<img") > 3  # in the words for each figure
    plain = write_sensitivity(ran, tmp_path / "p.html").read_text()
    assert "failed." not in plain.split("</nav>")[-1].split("Failed rows: 0.")[0]
    pictures = [
        set(t.split("base64,")[k].split('"')[0] for k in range(1, t.count("base64,") + 1)) for t in (text, plain)
    ]
    assert not pictures[0] & pictures[1], "each figure says it"


def test_two_threads_may_run_studies(tmp_path):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    studies = [small(method=m, n=n) for m, n in (("delta", 120), ("pawn", 60), ("dgsm", 10), ("fast", 65))]
    alone = [run_study(s) for s in studies]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(run_study, studies))
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a.Y, b.Y)
        for name, values in a.indices.items():
            assert np.array_equal(values, b.indices[name], equal_nan=True), name
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_the_precision_stop_ends_where_nothing_varies():
    flat = small(parameters=["motor_unit_loss_rate"], outputs=["treg_percent"], n=8)
    assert run_to_width(flat, 0.1).study.n == 8


def decay():
    """One state that is lost at rate k, from x0: its area and its end have a closed form."""
    from il2model.model.assembly import assemble
    from il2model.model.language import Submodel

    m = Submodel("decay", "Decay")
    x = m.state("x", "pM", "what decays", scale=1)
    k, x0 = m.parameter("k", "1/day", "loss"), m.parameter("x0", "pM", "start")
    m.parameter("idle", "pM", "does nothing")
    m.equation(x, -k * x, baseline=x0, untreated=None)
    m.observe("seen", "pM", x, "what is seen")
    return assemble([m], name="decay")


def uniform(id, low, high, unit):
    from il2model.parameters.record import Distribution, Parameter

    return Parameter(
        id=id,
        name=id,
        value=(low + high) / 2,
        unit=unit,
        status="assumed",
        confirmed=False,
        sources=(),
        note="",
        mechanism="decay",
        bounds=(low, high),
        prior=Distribution("uniform", {"low": low, "high": high}),
    )


def test_a_study_of_another_model(tmp_path):
    records = {
        r.id: r for r in (uniform("k", 0.1, 0.5, "1/day"), uniform("x0", 1, 3, "pM"), uniform("idle", 0, 1, "pM"))
    }
    base = il2.ParameterSet(records, {i: r.value for i, r in records.items()}, "decay")
    asked = {"outputs": ["seen"], "times": [2.0], "until": 2.0, "model": decay(), "base": base, "rtol": 1e-8}
    s = SensitivityStudy(**asked, n=256)
    assert s.inputs == ("k", "x0", "idle")
    result = run_study(s, folder=tmp_path)
    table = s.table(s.design)
    np.testing.assert_allclose(result.Y[:, 0], table["x0"] * np.exp(-2 * table["k"]), rtol=1e-6)
    assert result.indices["ST"][2, 0] < 1e-9
    assert StudyResult.load(tmp_path, base, model=decay()) == result
    assert pickle.loads(pickle.dumps(s)).fingerprint == s.fingerprint
    assert write_sensitivity(result, tmp_path / "r.html").exists()
    assert "From Python" in s.command()
    with pytest.raises(InputError, match="another model"):
        StudyResult.load(tmp_path, replace(base, values_={**base, "idle": 0.7}), model=decay())
    for more, words in (
        ({"base": None}, "give them as base"),
        ({"outputs": ["treg_auc"]}, "treg_percent"),
        ({"outputs": ["survival_difference"]}, "built-in model"),
        ({"ranges": "posterior", "method": "pawn"}, "stored posterior"),
        ({"outputs": ["sen"]}, "seen"),
    ):
        with pytest.raises((InputError, UnknownNameError), match=words):
            SensitivityStudy(**(asked | more), n=256)
