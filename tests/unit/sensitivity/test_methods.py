"""Methods on plain functions: indices of known functions, intervals that hold them, failed rows never hidden."""

import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest

from il2model.errors import InputError, SimulationError, UnknownNameError
from il2model.sensitivity import analyze
from il2model.sensitivity.estimate import estimate
from il2model.sensitivity.method import Cube, Look, Method, Needs
from il2model.sensitivity.methods import METHODS, method_named, register
from il2model.sensitivity.methods.sobol import sobol_indices

PI = np.pi
ISHIGAMI = {"S1": [0.3139, 0.4424, 0.0], "ST": [0.5576, 0.4424, 0.2437]}  # a = 7, b = 0.1 (Ishigami and Homma 1990)


def ishigami(u):
    x = -PI + 2 * PI * u
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def g_function(u, a=(0.0, 1.0, 4.5, 9.0)):
    return np.prod([(np.abs(4 * u[:, k] - 2) + a[k]) / (1 + a[k]) for k in range(len(a))], axis=0)


def g_exact(a=(0.0, 1.0, 4.5, 9.0)):
    v = np.array([1 / 3 / (1 + x) ** 2 for x in a])
    whole = np.prod(1 + v) - 1
    return v / whole, np.array([v[k] * np.prod(np.delete(1 + v, k)) for k in range(len(a))]) / whole


def line(u):
    return u @ np.array([3.0, 2.0, 1.0, 0.0])


def exact_mu_star(f, d, levels=8):
    """Mean absolute elementary effect over every pair of points of Morris' grid."""
    step = levels / (2 * (levels - 1))
    grid = np.array(list(itertools.product(np.arange(levels) / (levels - 1), repeat=d)))
    found = []
    for i in range(d):
        low = grid[grid[:, i] + step <= 1 + 1e-9]
        high = low.copy()
        high[:, i] += step
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
        found = analyze("sobol", f, d, 256, seed).indices
        for name, exact in (("S1", first), ("ST", total)):
            sobol.append(np.abs(found[name][:, 0] - exact) <= found[f"{name}_half"][:, 0] + 1e-9)
        found = analyze("morris", f, d, 40, seed).indices
        morris.append(np.abs(found["mu_star"][:, 0] - exact_mu_star(f, d)) <= found["mu_star_half"][:, 0] + 1e-9)
    assert np.mean(sobol) >= 0.95
    assert np.mean(morris) >= 0.95


def test_sobol_of_the_g_function_and_of_a_line():
    found = analyze("sobol", g_function, 4, 4096).indices
    first, total = g_exact()
    np.testing.assert_allclose(found["S1"][:, 0], first, atol=0.02)
    np.testing.assert_allclose(found["ST"][:, 0], total, atol=0.02)
    found = analyze("sobol", line, 4, 4096).indices
    np.testing.assert_allclose(found["S1"][:, 0], np.array([9, 4, 1, 0]) / 14, atol=0.01)
    assert abs(found["interactions"][0]) < 0.01


@pytest.mark.parametrize("second", [False, True])
def test_the_design_is_that_of_salib(second):
    from SALib.sample import sobol

    cube = Cube(5, 1e-3)
    theirs = sobol.sample(cube.salib, 16, calc_second_order=second, seed=np.random.default_rng(4))
    assert np.array_equal(method_named("sobol").points(cube, 16, 4, second_order=second), theirs)


def test_the_matrix_form_gives_the_numbers_of_salib():
    from SALib.analyze import sobol

    y = ishigami(method_named("sobol").points(Cube(3), 512, 0, second_order=True))
    ours = sobol_indices(y[:, None], 3, second=True, seed=1)
    theirs = sobol.analyze(Cube(3).salib, y, calc_second_order=True, seed=1)
    np.testing.assert_allclose(ours["S1"][:, 0], theirs["S1"], atol=0.02)
    np.testing.assert_allclose(ours["ST"][:, 0], theirs["ST"], atol=0.02)
    assert ours["S2"][0, 2, 0] == pytest.approx(theirs["S2"][0, 2], abs=0.03)


def test_many_outputs_at_once_are_the_same_as_one_by_one():
    X = method_named("sobol").points(Cube(25), 1024, 0)
    rng = np.random.default_rng(0)
    Y = X @ rng.standard_normal((25, 200)) + np.sin(5 * X[:, :1])
    whole = sobol_indices(Y, 25, resamples=200, seed=2)
    one = sobol_indices(Y[:, 7:8], 25, resamples=200, seed=2)
    np.testing.assert_allclose(whole["ST"][:, 7], one["ST"][:, 0], rtol=1e-9)
    np.testing.assert_allclose(whole["ST_half"][:, 7], one["ST_half"][:, 0], rtol=1e-9)


def test_openturns_agrees_on_the_same_design():
    import openturns as ot

    d, n = 4, 1024
    ran = analyze("sobol", g_function, d, n, 3)
    ours = ran.indices
    blocks = lambda x: x.reshape(n, d + 2, -1)  # noqa: E731
    order = [0, d + 1, *range(1, d + 1)]  # A, B, then A with one column of B
    there = [np.concatenate([blocks(x)[:, k] for k in order]) for x in (ran.X, ran.Y)]
    saltelli = ot.SaltelliSensitivityAlgorithm(ot.Sample(there[0]), ot.Sample(there[1]), n)
    jansen = ot.JansenSensitivityAlgorithm(ot.Sample(there[0]), ot.Sample(there[1]), n)
    np.testing.assert_allclose(ours["S1"][:, 0], np.array(saltelli.getFirstOrderIndices()), atol=0.01)
    np.testing.assert_allclose(ours["ST"][:, 0], np.array(jansen.getTotalOrderIndices()), rtol=0.01)


def test_morris_gives_the_numbers_of_salib_and_a_line_exactly():
    from SALib.analyze import morris

    ran = analyze("morris", lambda u: np.column_stack([u @ np.array([5.0, -2.0, 0.0]), ishigami(u)]), 3, 40)
    found = ran.indices
    np.testing.assert_allclose(found["mu_star"][:, 0], [5, 2, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["mu"][:, 0], [5, -2, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["sigma"][:, 0], 0, atol=1e-9)
    theirs = morris.analyze(Cube(3).salib, ran.X, ishigami(ran.X), num_levels=8, seed=1)
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
    ran = analyze(method, ishigami, 3, n)
    np.testing.assert_allclose(ran.indices[name][:, 0], expected, atol=within)
    assert ("ST_half" in ran.indices) is False
    if method == "fast":
        assert any("no reliable interval" in n for n in ran.notes)


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
    found = analyze("delta", pair, 2, 4000).indices
    np.testing.assert_allclose(found["delta"][:, 0], delta, atol=0.06)
    np.testing.assert_allclose(found["S1"][:, 0], [0.8, 0.2], atol=0.03)
    found = analyze("pawn", pair, 2, 4000).indices
    np.testing.assert_allclose(found["median"][:, 0], pawn, atol=0.04)


def test_dgsm_hdmr_and_prcc_lie_near_their_analytic_values():
    found = analyze("dgsm", ishigami, 3, 4000).indices
    squares = [0.5 * (1 + 0.2 * PI**4 / 5 + 0.01 * PI**8 / 9), 24.5, 0.08 * PI**6 / 7]
    np.testing.assert_allclose(found["vi"][:, 0], (2 * PI) ** 2 * np.array(squares), rtol=0.1)
    found = analyze("hdmr", line, 4, 1000).indices
    np.testing.assert_allclose(found["Sa"][:, 0], np.array([9, 4, 1, 0]) / 14, atol=0.03)
    # correlated normal inputs: Spearman's correlation is 6/pi asin(rho / 2) (Pearson 1907)
    rng = np.random.default_rng(5)
    X = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 20_000)
    y = X[:, 0] - 0.5 * X[:, 1] + rng.standard_normal(20_000)
    rank = 6 / PI * np.arcsin(np.corrcoef(np.column_stack([X, y]).T) / 2)
    inverse = np.linalg.inv(rank)
    expected = -inverse[:2, 2] / np.sqrt(np.diag(inverse)[:2] * inverse[2, 2])
    found = estimate(method_named("prcc"), Cube(2), X, y[:, None], outputs=["y"])
    np.testing.assert_allclose(found.indices["prcc"][:, 0], expected, atol=0.02)


def test_prcc_keeps_the_sign():
    found = analyze("prcc", lambda u: u[:, 0] ** 3 - 2 * u[:, 1] + 0.05 * np.sin(40 * u[:, 2]), 3, 300).indices
    assert found["prcc"][0, 0] > 0.8
    assert found["prcc"][1, 0] < -0.9


def with_a_gap(row, f=ishigami):
    def run(u):
        y = f(u)
        y[row] = np.nan
        return y

    return run


def test_a_failed_row_never_becomes_an_index():
    with pytest.raises(SimulationError, match="1 of 1280 rows failed"):
        analyze("sobol", with_a_gap(17), 3, 256)
    bounded = analyze("sobol", with_a_gap(17), 3, 256, policy="bound")
    assert np.isfinite(bounded.indices["ST"]).all()
    assert any("lowest and at the highest" in n for n in bounded.notes)
    whole = analyze("sobol", ishigami, 3, 256)
    assert (np.abs(bounded.indices["ST"] - whole.indices["ST"]) <= bounded.indices["ST_half"]).all()
    exact = analyze("sobol", ishigami, 3, 256, second_order=True).indices
    bounded = analyze("sobol", with_a_gap(17), 3, 256, second_order=True, policy="bound").indices
    assert (np.abs(bounded["S2"] - exact["S2"]) <= bounded["S2_half"])[np.triu_indices(3, 1)].all()
    dropped = analyze("prcc", with_a_gap(5, lambda u: u[:, 0].copy()), 3, 300, policy="drop")
    assert dropped.notes[0].startswith("1 of 300 rows failed")
    assert "drop" in dropped.notes[0]
    with pytest.raises(SimulationError, match="300 of 300 rows failed"):
        analyze("prcc", lambda u: np.full(len(u), np.nan), 3, 300, policy="drop")
    with pytest.raises(InputError, match="HDMR needs at least 300 rows"):
        analyze("hdmr", with_a_gap(5), 3, 300, policy="drop")


@pytest.mark.parametrize(("method", "policy"), [("morris", "drop"), ("morris", "bound"), ("prcc", "bound")])
def test_a_policy_that_a_method_cannot_keep_is_refused_before_it_runs(method, policy):
    def never(u):
        raise AssertionError("it ran")

    with pytest.raises(InputError, match=f"does not serve {method}"):
        analyze(method, never, 3, 20, policy=policy)


def test_no_variance_is_said_not_zero():
    ran = analyze("sobol", lambda u: np.column_stack([ishigami(u), np.full(len(u), 3.0)]), 3, 64)
    assert ran.masked.tolist() == [False, True]
    assert np.isnan(ran.indices["ST"][:, 1]).all()
    assert any(n == "No variance, so no index: y1." for n in ran.notes)
    assert "nan" not in " ".join(analyze("sobol", lambda u: np.ones(len(u)), 3, 64).notes)


def test_an_index_that_cannot_be_estimated_is_said():
    X = np.column_stack([np.linspace(0, 1, 200), np.full(200, 0.5)])  # the second input does not vary
    found = estimate(method_named("delta"), Cube(2), X, X[:, :1] ** 2, outputs=["y"])
    assert np.isfinite(found.indices["delta"]).ravel().tolist() == [True, False]
    assert "delta finds no delta for 1 pairs of input and output (NaN)." in found.notes


SIZES = {
    "sobol": 16,
    "morris": 4,
    "fast": 65,
    "rbd_fast": 60,
    "delta": 120,
    "pawn": 60,
    "dgsm": 8,
    "hdmr": 300,
    "prcc": 50,
    "oat": 2,
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_follows_its_seed_and_leaves_the_process_as_it_was(name, capsys, recwarn):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    zero, again, one = (analyze(name, ishigami, 3, SIZES[name], seed) for seed in (0, 0, 1))
    for index, values in zero.indices.items():
        assert np.array_equal(values, again.indices[index], equal_nan=True), index
    assert np.array_equal(zero.X, one.X) is (name == "oat")
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert capsys.readouterr() == ("", "")
    assert not list(recwarn)


def test_two_threads_get_what_each_would_get_alone():
    jobs = [(name, seed) for seed in (0, 1) for name in ("delta", "hdmr", "dgsm", "fast", "pawn")]
    alone = [analyze(name, ishigami, 3, SIZES[name], seed).indices for name, seed in jobs]
    found = [None] * len(jobs)

    def work(first):
        for k in range(first, len(jobs), 2):
            found[k] = analyze(jobs[k][0], ishigami, 3, SIZES[jobs[k][0]], jobs[k][1]).indices

    threads = [threading.Thread(target=work, args=(k,)) for k in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for job, a, b in zip(jobs, alone, found, strict=True):
        for index in a:
            assert np.array_equal(a[index], b[index], equal_nan=True), (job, index)


@pytest.mark.parametrize(("name", "n"), [("delta", 130), ("hdmr", 400), ("dgsm", 30), ("fast", 129)])
def test_estimators_of_our_own_give_the_bits_of_salib(name, n):
    """SALib seeds NumPy's generator for the whole process: it runs in a process of its own."""
    text = f"""
import numpy as np, warnings
warnings.simplefilter("ignore")
from SALib.analyze import {name}
from il2model.sensitivity.method import Cube
from il2model.sensitivity.methods import method_named
from tests_functions import ishigami
cube = Cube(3, 1e-3)
X = method_named("{name}").points(cube, {n}, 5)
y = ishigami(X)
own = method_named("{name}").estimate(cube, X, y[:, None], 5, second_order=False)
if "{name}" == "delta":
    r = delta.analyze(cube.salib, X, y, num_resamples=50, seed=6)
    word = "delta_balanced" if "delta_balanced" in r else "delta"
    theirs = {{"delta": r[word], "delta_half": r[word + "_conf"], "S1": r["S1"], "S1_half": r["S1_conf"]}}
elif "{name}" == "hdmr":
    np.random.seed(6)  # it ignores its own
    r = hdmr.analyze(cube.salib, X, y, maxorder=1, K=10, R=300, seed=6)
    theirs = {{k: r[k][:3] for k in ("Sa", "Sb", "ST")}}
elif "{name}" == "dgsm":
    r = dgsm.analyze(cube.salib, X, y, num_resamples=200, seed=6)
    theirs = {{"dgsm": r["dgsm"], "dgsm_half": r["dgsm_conf"], "vi": r["vi"]}}
else:
    r = fast.analyze(cube.salib, y, seed=6)
    theirs = {{"S1": r["S1"], "ST": r["ST"]}}
for k, v in theirs.items():
    assert np.array_equal(own[k][:, 0], np.asarray(v, float)), (k, own[k][:, 0], v)
print("same")
"""
    text = text.replace("from tests_functions import ishigami", ISHIGAMI_TEXT)
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert ran.stdout.strip().endswith("same"), ran.stderr


ISHIGAMI_TEXT = """
def ishigami(u):
    x = -np.pi + 2 * np.pi * u
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
"""


def test_any_function_has_its_ranges_and_its_names():
    ran = analyze("morris", lambda x: 3 * x[:, 0] + x[:, 1], {"a": (0.0, 10.0), "b": (-1.0, 1.0)}, 10)
    np.testing.assert_allclose(ran.indices["mu_star"][:, 0], [30, 2])  # per whole range
    assert ran.X[:, 0].max() <= 10
    assert ran.to_dataframe().index.get_level_values("parameter").unique().tolist() == ["a", "b"]
    assert repr(ran) == "Analysis(morris, 30 rows of 2 inputs, 1 outputs)"
    for bad, words in (
        (lambda: analyze("morris", line, {"a": (1.0, 1.0)}, 10), "below the second"),
        (lambda: analyze("morris", lambda x: x[:3, 0], 2, 10), "must be"),
        (lambda: analyze("sobal", line, 2, 10), "sobol"),
        (lambda: analyze("sobol", line, 2, 100), "64 or 128"),
        (lambda: analyze("prcc", line, 4, 6), "at least 7"),
    ):
        with pytest.raises((InputError, UnknownNameError), match=words):
            bad()


def toy():
    """Half the distance of the output's mean between the lower and the upper half of each input."""

    def design(cube, n, seed, *, second_order):
        return np.random.default_rng(seed).random((n, cube.inputs))

    def evaluate(cube, X, Y, seed, *, second_order):
        halves = np.array([Y[x > 0.5].mean(axis=0) - Y[x <= 0.5].mean(axis=0) for x in X.T])
        return {"halves": halves / 2}

    return Method(
        name="halves",
        title="halves",
        sentence="difference of the means of two halves",
        leading="halves",
        design=design,
        estimate=evaluate,
        look=Look(axis="difference"),
        needs=Needs(independent=False, given_data=True),
        policies=("refuse", "drop"),
    )


def test_a_method_of_ones_own_is_one_object(monkeypatch, tmp_path, capsys):
    import il2model as il2
    from il2model.cli.main import main
    from il2model.report.sensitivity import write_sensitivity

    monkeypatch.delitem(METHODS, "halves", raising=False)
    monkeypatch.setattr("il2model.sensitivity.methods.METHODS", METHODS)
    try:
        register(toy())
        with pytest.raises(InputError, match="already"):
            register(toy())
        assert analyze("halves", line, 4, 2000).indices["halves"][:, 0] == pytest.approx([0.75, 0.5, 0.25, 0], abs=0.1)
        few = ("il2_clearance", "signal_threshold", "treg_division_max")
        s = il2.SensitivityStudy(outputs=["treg_auc"], parameters=few, method="halves", n=40, until=8.0)
        result = il2.run_study(s, folder=tmp_path)
        assert result.main()[1].shape == (3, 1)
        assert "difference of the means of two halves" in write_sensitivity(result, tmp_path / "r.html").read_text()
        assert main(["methods"]) == 0
        assert "halves" in capsys.readouterr().out
    finally:
        METHODS.pop("halves", None)


def test_the_page_of_methods_says_what_each_needs():
    from pathlib import Path

    text = (Path(__file__).parents[3] / "docs" / "reference" / "methods.md").read_text()
    rows = {r.split("`")[1]: r.split("|")[3].strip() for r in text.splitlines() if r.startswith("| `")}
    assert rows == {name: "yes" if m.needs.independent else "no" for name, m in METHODS.items()}
