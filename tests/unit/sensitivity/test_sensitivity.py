"""Sensitivity: indices of known functions, failed rows never hidden, studies that last."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import il2model as il2
from il2model.cli.main import main
from il2model.errors import InputError, SimulationError, UnknownNameError
from il2model.report.sensitivity import write_sensitivity
from il2model.sensitivity import results, study
from il2model.sensitivity.indices import sobol_indices
from il2model.sensitivity.precision import run_to_width
from il2model.sensitivity.results import StudyResult, estimate
from il2model.sensitivity.study import SensitivityStudy

PI = np.pi
ISHIGAMI = {"S1": [0.3139, 0.4424, 0.0], "ST": [0.5576, 0.4424, 0.2437]}  # a = 7, b = 0.1 (Ishigami and Homma 1990)
FEW = ("il2_clearance", "signal_threshold", "treg_division_max")


def ishigami(u):
    x = -PI + 2 * PI * u
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def g_function(u, a=(0.0, 1.0, 4.5, 9.0)):
    return np.prod([(np.abs(4 * u[:, k] - 2) + a[k]) / (1 + a[k]) for k in range(len(a))], axis=0)


def g_exact(a=(0.0, 1.0, 4.5, 9.0)):
    v = np.array([1 / 3 / (1 + x) ** 2 for x in a])
    whole = np.prod(1 + v) - 1
    return v / whole, np.array([v[k] * np.prod(np.delete(1 + v, k)) for k in range(len(a))]) / whole


def stand_in(method, n, d=3, seed=0, second=False):
    """A study of a plain function: the design and the estimators of the package, without the model."""
    from il2model.sensitivity.outputs import Output

    names = [f"x{k}" for k in range(d)]
    problem = {"num_vars": d, "names": names, "bounds": [[0.0, 1.0]] * d}
    fake = SimpleNamespace(
        method=method, n=n, seed=seed, second_order=second, problem=problem, ranges="prior", inputs=tuple(names),
        columns=(Output("y", "1", "y"),),
    )  # fmt: skip
    fake._salib = lambda seed: SensitivityStudy._salib(fake, seed)
    fake.design = SensitivityStudy.design.func(fake)
    return fake


def line(u):
    return u @ np.array([3.0, 2.0, 1.0, 0.0])


def exact_mu_star(f, d, levels=8):
    """Mean absolute elementary effect over every pair of points of Morris' grid (its ends cut as in a design)."""
    step = levels / (2 * (levels - 1))
    grid = np.array(list(itertools.product(np.arange(levels) / (levels - 1), repeat=d)))
    found = []
    for i in range(d):
        low = grid[grid[:, i] + step <= 1 + 1e-9]
        high = low.copy()
        high[:, i] += step
        low, high = (np.clip(x, study.EDGE, 1 - study.EDGE) for x in (low, high))
        found.append(np.abs((f(high) - f(low)) / (high[:, i] - low[:, i])).mean())
    return np.array(found)


@pytest.mark.parametrize(
    ("f", "d", "first", "total"),
    [
        (ishigami, 3, ISHIGAMI["S1"], ISHIGAMI["ST"]),
        (g_function, 4, *g_exact()),
        (line, 4, np.array([9, 4, 1, 0]) / 14, np.array([9, 4, 1, 0]) / 14),
    ],
)
def test_intervals_cover_the_analytic_values_at_their_nominal_share(f, d, first, total):
    sobol, morris = [], []
    for seed in range(200):
        s = stand_in("sobol", 256, d=d, seed=seed)
        found, _, _ = estimate(s, f(s.design)[:, None], {}, "refuse")
        for name, exact in (("S1", first), ("ST", total)):
            sobol.append(np.abs(found[name][:, 0] - exact) <= found[f"{name}_half"][:, 0] + 1e-9)
        s = stand_in("morris", 40, d=d, seed=seed)
        found, _, _ = estimate(s, f(s.design)[:, None], {}, "refuse")
        morris.append(np.abs(found["mu_star"][:, 0] - exact_mu_star(f, d)) <= found["mu_star_half"][:, 0] + 1e-9)
    assert np.mean(sobol) >= 0.95
    assert np.mean(morris) >= 0.95


def test_sobol_of_the_g_function_and_of_a_line():
    s = stand_in("sobol", 4096, d=4)
    found, _, _ = estimate(s, g_function(s.design)[:, None], {}, "refuse")
    first, total = g_exact()
    np.testing.assert_allclose(found["S1"][:, 0], first, atol=0.02)
    np.testing.assert_allclose(found["ST"][:, 0], total, atol=0.02)
    found, _, _ = estimate(s, line(s.design)[:, None], {}, "refuse")
    np.testing.assert_allclose(found["S1"][:, 0], np.array([9, 4, 1, 0]) / 14, atol=0.01)
    assert abs(found["interactions"][0]) < 0.01


@pytest.mark.parametrize("second", [False, True])
def test_the_design_is_that_of_salib(second):
    from SALib.sample import sobol

    s = stand_in("sobol", 16, d=5, second=second, seed=4)
    s.problem["bounds"] = [[study.EDGE, 1 - study.EDGE]] * 5
    theirs = sobol.sample(s.problem, 16, calc_second_order=second, seed=np.random.default_rng(4))
    assert np.array_equal(SensitivityStudy.design.func(s), theirs)


def test_the_matrix_form_gives_the_numbers_of_salib():
    from SALib.analyze import sobol

    s = stand_in("sobol", 512, second=True)
    y = ishigami(s.design)
    ours = sobol_indices(y[:, None], 3, second=True, seed=1)
    theirs = sobol.analyze(s.problem, y, calc_second_order=True, seed=1)
    np.testing.assert_allclose(ours.first[:, 0], theirs["S1"], atol=0.02)
    np.testing.assert_allclose(ours.total[:, 0], theirs["ST"], atol=0.02)
    assert ours.second[0, 2, 0] == pytest.approx(theirs["S2"][0, 2], abs=0.03)


def test_many_outputs_at_once_are_the_same_as_one_by_one():
    s = stand_in("sobol", 1024, d=25)
    rng = np.random.default_rng(0)
    Y = s.design @ rng.standard_normal((25, 200)) + np.sin(5 * s.design[:, :1])
    whole = sobol_indices(Y, 25, resamples=200, seed=2)
    one = sobol_indices(Y[:, 7:8], 25, resamples=200, seed=2)
    np.testing.assert_allclose(whole.total[:, 7], one.total[:, 0], rtol=1e-9)
    np.testing.assert_allclose(whole.total_half[:, 7], one.total_half[:, 0], rtol=1e-9)


def test_openturns_agrees_on_the_same_design():
    import openturns as ot

    d, n = 4, 1024
    s = stand_in("sobol", n, d=d, seed=3)
    y = g_function(s.design)
    blocks = lambda x: x.reshape(n, d + 2, -1)  # noqa: E731
    order = [0, d + 1, *range(1, d + 1)]  # A, B, then A with one column of B
    there = [np.concatenate([blocks(x)[:, k] for k in order]) for x in (s.design, y[:, None])]
    ours, _, _ = estimate(s, y[:, None], {}, "refuse")
    saltelli = ot.SaltelliSensitivityAlgorithm(ot.Sample(there[0]), ot.Sample(there[1]), n)
    jansen = ot.JansenSensitivityAlgorithm(ot.Sample(there[0]), ot.Sample(there[1]), n)
    np.testing.assert_allclose(ours["S1"][:, 0], np.array(saltelli.getFirstOrderIndices()), atol=0.01)
    np.testing.assert_allclose(ours["ST"][:, 0], np.array(jansen.getTotalOrderIndices()), rtol=0.01)


def test_morris_gives_the_numbers_of_salib_and_a_line_exactly():
    from SALib.analyze import morris

    s = stand_in("morris", 40)
    y = s.design @ np.array([5.0, -2.0, 0.0])
    found, _, _ = estimate(s, np.column_stack([y, ishigami(s.design)]), {}, "refuse")
    np.testing.assert_allclose(found["mu_star"][:, 0], [5, 2, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["mu"][:, 0], [5, -2, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["sigma"][:, 0], 0, atol=1e-9)
    theirs = morris.analyze(s.problem, s.design, ishigami(s.design), num_levels=8, seed=1)
    # SALib divides by the nominal step, also where an end of the grid was cut by 0.1 %
    for name in ("mu", "mu_star", "sigma"):
        np.testing.assert_allclose(found[name][:, 1], theirs[name], rtol=3e-3, atol=0.03)


@pytest.mark.parametrize(
    ("method", "n", "name", "expected", "within"),
    [
        ("fast", 1025, "S1", ISHIGAMI["S1"], 0.06),
        ("fast", 1025, "ST", ISHIGAMI["ST"], 0.12),
        ("rbd_fast", 2000, "S1", ISHIGAMI["S1"], 0.06),
        ("delta", 1500, "S1", ISHIGAMI["S1"], 0.06),
    ],
)
def test_other_methods_lie_near_the_analytic_values(method, n, name, expected, within):
    s = stand_in(method, n)
    found, _, notes = estimate(s, ishigami(s.design)[:, None], {}, "refuse")
    np.testing.assert_allclose(found[name][:, 0], expected, atol=within)
    assert ("ST_half" in found) is False
    if method == "fast":
        assert any("no reliable interval" in n for n in notes)


def pair(u):
    return u[:, 0] + 0.5 * u[:, 1]


def shifts(u0, y, slices=50):
    """Borgonovo's delta and PAWN's median distance of y by brute force on a large sample."""
    edges = np.linspace(y.min(), y.max(), 101)
    whole, _ = np.histogram(y, edges, density=True)
    part = np.minimum((u0 * slices).astype(int), slices - 1)
    width = edges[1] - edges[0]
    delta = np.mean(
        [0.5 * width * np.abs(np.histogram(y[part == k], edges, density=True)[0] - whole).sum() for k in range(slices)]
    )
    cumulative = np.linspace(0, 1, len(y))
    ordered = np.sort(y)
    tenth = np.minimum((u0 * 10).astype(int), 9)
    distance = [
        np.abs(np.searchsorted(np.sort(y[tenth == k]), ordered, side="right") / (tenth == k).sum() - cumulative).max()
        for k in range(10)
    ]
    return delta, np.median(distance)


def test_distribution_based_methods_lie_near_brute_force():
    u = np.random.default_rng(1).random((400_000, 2))
    y = pair(u)
    delta, pawn = np.transpose([shifts(u[:, k], y) for k in (0, 1)])
    s = stand_in("delta", 4000, d=2)
    found, _, _ = estimate(s, pair(s.design)[:, None], {}, "refuse")
    np.testing.assert_allclose(found["delta"][:, 0], delta, atol=0.06)
    np.testing.assert_allclose(found["S1"][:, 0], [0.8, 0.2], atol=0.03)
    s = stand_in("pawn", 4000, d=2)
    found, _, _ = estimate(s, pair(s.design)[:, None], {}, "refuse")
    np.testing.assert_allclose(found["median"][:, 0], pawn, atol=0.04)


def test_dgsm_hdmr_and_prcc_lie_near_their_analytic_values():
    s = stand_in("dgsm", 4000)
    found, _, _ = estimate(s, ishigami(s.design)[:, None], {}, "refuse")
    squares = [0.5 * (1 + 0.2 * PI**4 / 5 + 0.01 * PI**8 / 9), 24.5, 0.08 * PI**6 / 7]
    np.testing.assert_allclose(found["vi"][:, 0], (2 * PI) ** 2 * np.array(squares), rtol=0.1)
    s = stand_in("hdmr", 1000, d=4)
    found, _, _ = estimate(s, line(s.design)[:, None], {}, "refuse")
    np.testing.assert_allclose(found["Sa"][:, 0], np.array([9, 4, 1, 0]) / 14, atol=0.03)
    # correlated normal inputs: Spearman's correlation is 6/pi asin(rho / 2) (Pearson 1907)
    rng = np.random.default_rng(5)
    X = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 20_000)
    y = X[:, 0] - 0.5 * X[:, 1] + rng.standard_normal(20_000)
    rank = 6 / PI * np.arcsin(np.corrcoef(np.column_stack([X, y]).T) / 2)
    inverse = np.linalg.inv(rank)
    expected = -inverse[:2, 2] / np.sqrt(np.diag(inverse)[:2] * inverse[2, 2])
    s = stand_in("prcc", 100, d=2)
    s.design = X
    found, _, _ = estimate(s, y[:, None], {}, "refuse")
    np.testing.assert_allclose(found["prcc"][:, 0], expected, atol=0.02)


def test_prcc_keeps_the_sign():
    s = stand_in("prcc", 300)
    y = s.design[:, 0] ** 3 - 2 * s.design[:, 1] + 0.05 * np.sin(40 * s.design[:, 2])
    found, _, _ = estimate(s, y[:, None], {}, "refuse")
    assert found["prcc"][0, 0] > 0.8
    assert found["prcc"][1, 0] < -0.9


def test_a_failed_row_never_becomes_an_index():
    s = stand_in("sobol", 256)
    Y = ishigami(s.design)[:, None]
    Y[17] = np.nan
    with pytest.raises(SimulationError, match="1 of 1280 rows failed"):
        estimate(s, Y, {17: "it grew without bound."}, "refuse")
    bounded, _, notes = estimate(s, Y, {17: "it grew without bound."}, "bound")
    assert np.isfinite(bounded["ST"]).all()
    assert any("lowest and at the highest" in n for n in notes)
    whole, _, _ = estimate(s, ishigami(s.design)[:, None], {}, "refuse")
    assert (np.abs(bounded["ST"] - whole["ST"]) <= bounded["ST_half"]).all()
    pairs = stand_in("sobol", 256, second=True)
    Y = ishigami(pairs.design)[:, None]
    exact, _, _ = estimate(pairs, Y, {}, "refuse")
    Y[17] = np.nan
    bounded, _, _ = estimate(pairs, Y, {17: "it grew without bound."}, "bound")
    assert (np.abs(bounded["S2"] - exact["S2"]) <= bounded["S2_half"])[np.triu_indices(3, 1)].all()
    given = stand_in("prcc", 300)
    y = given.design[:, :1].copy()
    y[5] = np.nan
    _, _, notes = estimate(given, y, {5: "x."}, "drop")
    assert notes[0].startswith("1 of 300 rows failed")
    assert "drop" in notes[0]


def test_no_variance_is_said_not_zero():
    s = stand_in("sobol", 64)
    Y = np.column_stack([ishigami(s.design), np.full(len(s.design), 3.0)])
    s.columns = (s.columns[0], type(s.columns[0])("flat", "1", "flat"))
    found, masked, notes = estimate(s, Y, {}, "refuse")
    assert masked.tolist() == [False, True]
    assert np.isnan(found["ST"][:, 1]).all()
    assert any(n == "No variance, so no index: flat." for n in notes)


def test_seeds_zero_and_one_are_seeds_and_numpy_keeps_its_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for method, n in (("sobol", 16), ("morris", 4), ("pawn", 50), ("rbd_fast", 50), ("dgsm", 8)):
        zero, again, one = (stand_in(method, n, seed=k).design for k in (0, 0, 1))
        assert np.array_equal(zero, again), method
        assert not np.array_equal(zero, one), method
    given = stand_in("pawn", 60)
    estimate(given, given.design[:, :1], {}, "refuse")
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


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
    monkeypatch.setattr(results, "block_size", lambda s: 20)
    whole = small().run(tmp_path / "a")
    assert whole.manifest["rows_run"] == 80
    again = small().run(tmp_path / "a")
    assert again.manifest["rows_run"] == 0
    assert np.array_equal(again.Y, whole.Y)
    longer = small(n=32).run(tmp_path / "a")
    assert longer.manifest["rows_run"] == 80
    assert np.array_equal(longer.Y[:80], whole.Y)
    assert np.array_equal(longer.Y, small(n=32).run().Y)
    with pytest.raises(InputError, match="another study or model"):
        small(seed=1).run(tmp_path / "a")
    with pytest.raises(InputError, match="holds results already"):
        small().run(tmp_path / "a", resume=False)
    file = tmp_path / "a" / "block-000001.npz"
    with np.load(file) as data:
        stored = dict(data)
    np.savez(file, **(stored | {"design": stored["design"][::-1]}))
    with pytest.raises(InputError, match="another design"):
        small().run(tmp_path / "a")
    file.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="damaged"):
        small().run(tmp_path / "a")


def test_a_full_disk_keeps_what_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "block_size", lambda s: 20)
    save, count = np.savez, [0]

    def full(stream, **data):
        count[0] += 1
        if count[0] == 3:
            raise OSError(28, "No space left on device")
        save(stream, **data)

    monkeypatch.setattr(results.np, "savez", full)
    with pytest.raises(InputError, match="No space left"):
        small().run(tmp_path / "a")
    assert len(list(tmp_path.glob("a/block-*.npz"))) == 2
    assert not list(tmp_path.glob("a/*.part"))
    monkeypatch.setattr(results.np, "savez", save)
    assert small().run(tmp_path / "a").manifest["rows_run"] == 40


def test_another_executor_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(results, "block_size", lambda s: 20)
    with ThreadPoolExecutor(2) as pool:
        there = small().run(executor=pool)
    here = small().run()
    assert np.array_equal(there.Y, here.Y)
    for result in (there, here):
        assert 0 < result.manifest["cost"]["share_outside_the_model"] < 1


def test_overlapping_times_count_once():
    assert results.covered(np.array([[0.0, 2.0], [1.0, 3.0], [5.0, 6.0], [5.2, 5.4]])) == pytest.approx(4.0)
    assert results.covered(np.zeros((0, 2))) == 0.0


def test_a_killed_study_goes_on_to_the_same_bits(tmp_path):
    command = [sys.executable, "-m", "il2model.cli.main", "sensitivity", "--n", "512", "--until", "85", "--outputs"]
    command += ["treg_percent", "--times", "7,84", "--regimen", "imodals-2miu", "--resume", "--alone", "-o"]
    running = subprocess.Popen([*command, str(tmp_path / "k")], start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.time() + 120
    while len(list(tmp_path.glob("k/block-*.npz"))) < 2 and time.time() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert 2 <= len(list(tmp_path.glob("k/block-*.npz"))) < 6, "it was killed in the middle"
    subprocess.run([*command, str(tmp_path / "k")], check=True, capture_output=True)
    subprocess.run([*command, str(tmp_path / "w")], check=True, capture_output=True)
    assert (tmp_path / "k" / "indices.csv").read_bytes() == (tmp_path / "w" / "indices.csv").read_bytes()
    assert (tmp_path / "w" / "report.html").stat().st_size > 50_000


def test_the_precision_stop_doubles_and_reuses(tmp_path):
    result = run_to_width(small(), 0.35, tmp_path, most=256)
    assert result.study.n > 16
    assert np.nanmax(result.indices["ST_half"]) <= 0.35 or result.study.n == 256
    with pytest.raises(InputError, match="nested"):
        run_to_width(small(method="prcc", n=20), 0.1, None)


def test_differences_between_arms_run_a_cohort_per_row():
    s = SensitivityStudy(
        outputs=["survival_difference"], parameters=("inflammatory_damage_max", "hazard_inflammation"), method="prcc",
        n=12, until=300.0, regimen="mirocals", patients=16, rtol=1e-3,
    )  # fmt: skip
    result = s.run()
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
    for k, s in enumerate([small(regimen=plan, until=20.0), small(method="morris", n=4, second_order=True)]):
        ran = s.run(tmp_path / str(k))
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
    (tmp_path / "0" / "study.json").write_text(json.dumps(stored | {"row_key": "0"}))
    with pytest.raises(InputError, match="another model"):
        StudyResult.load(tmp_path / "0")


def test_the_command_of_a_study_makes_it_again(tmp_path):
    s = small(second_order=True, n=8, seed=3)
    first = s.run(tmp_path / "a")
    words = first.manifest["reproduce"].replace("DIR", str(tmp_path / "b")).split()[1:]
    assert main([*words, "--alone"]) == 0
    stored = SensitivityStudy.load(tmp_path / "b")
    assert (stored.outputs, stored.inputs, stored.days) == (list(s.outputs), s.inputs, s.days)
    assert np.array_equal(stored.design, s.design)
    for other in (small(rtol=1e-4, regimen=il2.Regimen.cyclic("1 MIU", 3, 14, 2)), small(rtol=1e-6)):
        assert other.command().startswith("From Python")


def test_outputs_carry_time_cycle_and_day_of_cycle():
    s = small(times=(), until=40.0, n=2)
    assert {c.time for c in s.columns} >= {1.0, 28.0, 29.0, 40.0}
    data = s.run().to_xarray()
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
        "Against time", "Second order", "One at a time", "Prior against posterior", "Convergence", "By mechanism",
        "--method sobol --n 64 --seed 0", "Context of use", "outside the model", "independent scrambles",
    ):  # fmt: skip
        assert words in text, words
    assert main(["sensitivity", "--method", "prcc", "--n", "50", "--until", "8", "--outputs", "treg_auc", "--alone",
                 "-o", str(tmp_path / "p")]) == 0  # fmt: skip
    assert main(["report", str(tmp_path / "s"), str(tmp_path / "p"), "-o", str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").read_text().count("<section") == 2
    assert main(["report", str(tmp_path / "s"), str(tmp_path), "-o", str(tmp_path / "r.html")]) == 2


def test_a_page_maps_failed_rows_and_masks_what_does_not_vary(tmp_path):
    s = small(n=64, outputs=["treg_percent", "treg_peak"], times=[0.0, 2.0, 8.0])
    ran = s.run()
    Y = ran.Y.copy()
    failed = {k: "it grew without bound." for k in np.flatnonzero(s.design[:, 0] > 0.9)}
    Y[list(failed)] = np.nan
    found, masked, notes = estimate(s, Y, failed, "bound")
    result = replace(ran, Y=Y, reasons=failed, indices=found, masked=masked, notes=notes)
    text = write_sensitivity(result, tmp_path / "r.html").read_text()
    assert f"Map of failed rows over {FEW[0]}" in text
    assert f"{FEW[0]} +" in text
    assert "Failed rows: " in text


def test_no_row_of_a_whole_design_is_refused():
    s = SensitivityStudy(outputs=["treg_auc"], n=256, until=8.0)
    assert len(s.inputs) >= 25
    rows = study.Coordinates(s.kernel, s.values, (), {}).rows(s.table(s.design), len(s.design))
    assert s.kernel.refusals(rows, s.kernel.constants(rows)) == {}
    assert il2.SensitivityStudy is SensitivityStudy


@pytest.mark.long
def test_a_cluster_with_a_killed_worker_loses_nothing(tmp_path, monkeypatch):
    from distributed import Client, LocalCluster

    s = small(n=128, times=[7.0, 8.0])
    alone = s.run()
    monkeypatch.setattr(results, "block_size", lambda s: 16)
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

        there = s.run(tmp_path, executor=client, progress=kill_one)
    assert killed
    assert np.array_equal(there.Y, alone.Y)
