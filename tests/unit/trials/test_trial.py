"""Virtual trials: the chance in them is right, bad designs teach, nothing is lost."""

import json
from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import il2model as il2
from il2model.cli.main import main
from il2model.endpoints.assays import MEASURED
from il2model.errors import InputError
from il2model.statistics import cox
from il2model.trials.analysis import TrialData, cafs, mixed_model, slope_difference, slopes, survival_analyses
from il2model.trials.arm import Agent, Arm, Visit
from il2model.trials.design import TrialDesign
from il2model.trials.pool import Pool, build_pool, enriched_cohort
from il2model.trials.replicate import draw_trial
from il2model.trials.run import run_trial


def stream(k):
    return np.random.default_rng([5, k])


def two_arms(size, follow_up=640.0, **more):
    arms = (Arm("placebo", il2.Regimen.named("placebo"), size), Arm("2 MIU", il2.Regimen.named("mirocals"), size))
    return TrialDesign("own", arms, follow_up, **more)


@cache
def exponential(rate=0.0011, ratio=1.0, patients=400, follow_up=640.0):
    """A pool with constant hazards; its markers stand still."""
    t = np.linspace(0, follow_up, 81)
    hazard = np.array([rate * t, rate * ratio * t])[:, None, :].repeat(patients, axis=1)
    u = np.random.default_rng(1).standard_normal(patients)
    covariates = {"csf_pnfh": np.exp(7.6 + 0.74 * u), "alsfrs_r": 40 + u, "age": 60 + 10 * u}
    return Pool(t, hazard, {i: np.zeros((2, patients, 0)) for i in MEASURED}, covariates, 0)


@cache
def small_pool():
    return build_pool(TrialDesign.named("mirocals"), 96, seed=3)


def test_the_log_rank_test_rejects_no_effect_at_its_level():
    design, pool = two_arms(110), exponential()
    p = [survival_analyses(draw_trial(pool, design, stream(k)))["log_rank_p"] for k in range(1000)]
    assert 0.036 <= np.mean(np.array(p) < 0.05) <= 0.064


def test_cox_intervals_cover_a_known_hazard_ratio():
    design, pool = two_arms(110), exponential(ratio=0.6)
    inside = []
    for k in range(1000):
        data = draw_trial(pool, design, stream(k))
        fit = cox(data.time, data.died, (data.arm == 1).astype(float))
        inside.append(abs(fit.coefficients[0] - np.log(0.6)) < 1.96 * fit.standard_errors[0])
    assert 0.93 <= np.mean(inside) <= 0.97


def test_power_is_that_of_schoenfeld():
    design, pool = two_arms(110), exponential(ratio=0.5)
    found = [survival_analyses(draw_trial(pool, design, stream(k))) for k in range(1000)]
    power = np.mean([f["log_rank_p"] < 0.05 and f["log_rank_z"] < 0 for f in found])
    events = 110 * (2 - np.exp(-0.0011 * 640) - np.exp(-0.00055 * 640))
    assert power == pytest.approx(norm.cdf(np.sqrt(events / 4) * np.log(2) - 1.96), abs=0.03)


def test_exponential_hazards_give_the_closed_form_of_the_log_rank_statistic():
    rate, ratio, n, end = 0.0011, 0.6, 400, 640.0
    design, pool = two_arms(n), exponential(rate, ratio)

    def parts(t):
        s0, s1 = np.exp(-rate * t), np.exp(-rate * ratio * t)
        share = s1 / (s0 + s1)
        deaths = rate * s0 + rate * ratio * s1
        return rate * ratio * s1 - share * deaths, share * (1 - share) * deaths

    score = n * quad(lambda t: parts(t)[0], 0, end)[0]
    variance = n * quad(lambda t: parts(t)[1], 0, end)[0]
    z = [survival_analyses(draw_trial(pool, design, stream(k)))["log_rank_z"] for k in range(300)]
    assert np.mean(z) == pytest.approx(score / np.sqrt(variance), abs=3.5 / np.sqrt(300))


def test_dropout_censors_at_its_rate():
    design = two_arms(2000, dropout=0.3)
    data = draw_trial(exponential(rate=1e-9), design, stream(1))
    assert (data.time < 640).mean() == pytest.approx(1 - 0.7 ** (640 / 365.25), abs=0.02)
    assert not data.died.any()


def test_randomisation_by_stratum_balances_it():
    pool = exponential()
    for stratify, most in ((None, 40), ("csf_pnfh", 4)):
        worst = 0
        for k in range(20):
            data = draw_trial(pool, two_arms(110, stratify=stratify), stream(k))
            assert (data.arm == 0).sum() == (data.arm == 1).sum() == 110
            high = data.covariates["csf_pnfh"] > 3700
            worst = max(worst, abs(int((high & (data.arm == 0)).sum()) - int((high & (data.arm == 1)).sum())))
        assert worst <= most
    assert worst <= 4


def test_slopes_and_the_mixed_model_find_a_known_difference():
    rng = np.random.default_rng(2)
    n, months = 200, np.arange(0, 13, 2.0)
    arm = np.repeat([0, 1], n // 2)
    truth = np.where(arm == 1, -0.6, -1.0) + 0.3 * rng.standard_normal(n)
    y = 40 + rng.standard_normal((n, 1)) + truth[:, None] * months + 1.0 * rng.standard_normal((n, len(months)))
    data = TrialData(arm, np.full(n, 400.0), np.zeros(n, bool), {}, np.tile(months * 30.4375, (n, 1)), {"alsfrs_r": y})
    expected = np.array([np.polyfit(months, row, 1)[0] for row in y])
    np.testing.assert_allclose(slopes(data), expected, rtol=1e-8)
    difference, p = slope_difference(data)
    model = mixed_model(data)
    assert difference == pytest.approx(0.4, abs=0.15)
    assert model.loc["slope_1", "estimate"] == pytest.approx(difference, abs=0.03)
    assert p < 0.01
    assert model.loc["slope_1", "p"] < 0.01


def test_the_joint_rank_orders_survivors_above_the_dead():
    time, died = np.array([100.0, 200.0, 640.0, 640.0]), np.array([True, True, False, False])
    y = np.array([[40.0, np.nan], [40.0, np.nan], [40.0, 38.0], [40.0, 30.0]])
    data = TrialData(np.array([0, 0, 1, 1]), time, died, {}, np.zeros((4, 2)), {"alsfrs_r": y})
    z, _ = cafs(data)
    # every pair across the arms is won: scores -3, -1, 3, 1
    assert z == pytest.approx(4 / np.sqrt(2 * 2 / (4 * 3) * 20))
    swapped = TrialData(1 - data.arm, time, died, {}, data.visits, data.measured)
    assert cafs(swapped)[0] == pytest.approx(-z)
    same = TrialData(
        data.arm, np.full(4, 640.0), np.zeros(4, bool), {}, data.visits, {"alsfrs_r": np.full((4, 2), 40.0)}
    )
    assert np.isnan(cafs(same)[0])


def test_a_pool_is_the_same_for_any_threads_and_its_treated_live_longer():
    design = TrialDesign.named("mirocals")
    one = build_pool(design, 40, seed=3, workers=1)
    two = build_pool(design, 40, seed=3, workers=2)
    assert np.array_equal(one.hazard, two.hazard)
    assert np.array_equal(one.hazard, small_pool().hazard[:, :40])
    assert one.hazard[1, :, -1].mean() < one.hazard[0, :, -1].mean()


def test_missed_doses_and_agents_do_what_they_say():
    base = TrialDesign.named("mirocals")
    arms = (
        base.arms[0],
        Arm("half", il2.Regimen.named("mirocals"), 20, adherence=0.5),
        Arm("slower", il2.Regimen.named("placebo"), 20, agent=Agent("motor_unit_loss_rate", 0.7)),
        Arm("safer", il2.Regimen.named("placebo"), 20, agent=Agent("hazard_reference", 0.5)),
    )
    pool = build_pool(base.replace(arms=arms), 24, seed=3)
    control, half, slower, safer = pool.hazard[:, :, -1]
    full = small_pool().hazard[1, :24, -1]
    assert full.mean() < half.mean() < control.mean()
    assert slower.mean() < control.mean()
    np.testing.assert_allclose(safer, 0.5 * control, rtol=1e-3)
    first = pool.markers["alsfrs_r"][:, :, 0]
    np.testing.assert_allclose(first[2], first[0], rtol=1e-9)  # day 0 is as it was


def test_enrichment_takes_only_who_fits():
    design = TrialDesign.named("mirocals").replace(enrich=(750.0, 3700.0))
    pnfh = enriched_cohort(60, 1, design)["csf_pnfh_untreated"]
    assert len(pnfh) == 60
    assert ((pnfh >= 750) & (pnfh <= 3700)).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TrialDesign.named("mirocal"), "mirocals"),
        (lambda: TrialDesign.named("mirocals").sized(0), "a whole number from 2"),
        (lambda: TrialDesign.named("mirocals").sized(1), "a whole number from 2"),
        (lambda: Visit(-1.0), "days count from 0"),
        (lambda: Arm("x", None, 10), "needs a regimen"),
        (lambda: two_arms(10, visits=(Visit(700.0),)), "after the follow-up"),
        (lambda: two_arms(10, enrich=(3700.0, 750.0)), "smaller"),
        (lambda: two_arms(10, dropout=1.0), "dropout"),
        (lambda: two_arms(10, looks=(700.0,)), "within the follow-up"),
        (lambda: two_arms(10, stratify="age"), "csf_pnfh"),
        (lambda: TrialDesign("one", two_arms(10).arms[:1], 640.0), "at least one other arm"),
        (lambda: Agent("death", 0.5), "process"),
        (lambda: run_trial("mirocals", 0), "replicates"),
        (lambda: run_trial("mirocals", 5, pool=1), "pool"),
        (lambda: run_trial("mirocals", 5, draws=0), "draws"),
        (lambda: enriched_cohort(5, 1, two_arms(10, enrich=(1e6, 2e6))), "outside the population"),
        (lambda: run_trial(two_arms(10), 5, pool=8, parameters=_nobody()), "inclusion criteria"),
    ],
)
def test_a_bad_design_gets_one_sentence(make, words):
    with pytest.raises(InputError) as caught:
        make()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def _nobody():
    """Everybody is dead before day 0, or too weak to be taken in."""
    return il2.load_parameters("prior").replace(svc_before_disease=60, spread_svc=6, inclusion_svc_min=80)


def test_the_command_says_where_published_figures_fall(tmp_path, capsys):
    folder = tmp_path / "t"
    command = ["trial", "mirocals", "--replicates", "12", "--seed", "1", "--pool", "48", "--format", "json"]
    assert main([*command, "-o", str(folder)]) == 0
    found = json.loads(capsys.readouterr().out)
    for name in ("all", "low_pnfh", "high_pnfh", "adjusted_main", "interaction"):
        assert set(found[name]["hr"]) == {"median", "q025", "q975"}
        assert 0 <= found[name]["percentile"] <= 1
    assert found["all"]["published"] == pytest.approx(0.81)
    assert found["interaction"]["published"] == pytest.approx(1.0003, abs=1e-5)
    assert found["dead_640"]["placebo"]["published"] == pytest.approx(49 / 110)
    for name in ("index.html", "summary.csv", "replicates.nc", "trial.png", "manifest.json"):
        assert (folder / name).exists()
    assert main([*command, "-o", str(folder), "--no-resume"]) == 2
    assert main([*command, "-o", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["all"] == found["all"]
    assert main(["trial", "mirocals", "--size", "1"]) == 2


def test_imodals_has_three_arms_and_its_treg_rise():
    result = run_trial("imodals", 10, seed=1, pool=60)
    one, two = (np.median(result[f"treg_percent[{arm}]@7"]) for arm in ("1 MIU", "2 MIU"))
    assert 2 < one < two < 9
    assert abs(np.median(result["treg_percent[placebo]@7"])) < 0.3
    assert np.median(result["plasma_ccl2[2 MIU]@7"]) < -5
    assert "all[2 MIU]" in result.names


def test_power_of_a_known_ratio_grows_with_size_and_says_what_80_percent_needs(monkeypatch):
    from il2model.planning.power import power_study
    from il2model.trials import recipe

    # patients of one hazard: among unlike ones the marginal ratio is nearer to 1
    recipe.forget_pools()
    monkeypatch.setattr(recipe, "build_pool", lambda *_, **__: exponential())
    study = power_study(
        two_arms(60), cuts=[None], sizes=[60, 240], endpoints=["log_rank"], hazard_ratio=0.5, replicates=200, seed=1
    )
    table = study.table.set_index(["endpoint", "per_arm"])
    assert table.loc[("log_rank", 240), "power"] > table.loc[("log_rank", 60), "power"] + 0.2
    events = 4 * (norm.ppf(0.975) + norm.ppf(0.8)) ** 2 / np.log(2) ** 2
    share = table.loc[("log_rank", 240), "deaths"] / 480
    needed = table.loc[("log_rank", 240), "for_80_percent"]
    assert 2 * needed * share == pytest.approx(events, rel=0.15)
    assert study.plot() is not None
    with pytest.raises(InputError, match="endpoint"):
        power_study("mirocals", endpoints=["p"])


def test_a_search_keeps_its_limits_and_marks_what_none_beats():
    from il2model import optimize

    limit = 40.0
    search = optimize(
        limits={"eosinophil_count": 400.0}, injections_per_year=limit, patients=8, generations=1, draws=2, until=300.0
    )
    allowed = search.table[search.table["allowed"]]
    assert (allowed["injections_per_year"] <= limit + 1e-9).all()
    assert (allowed["eosinophil_count"] <= 400.0).all()
    best = search.table[search.table["non_dominated"]]
    assert best["survival_difference"].is_monotonic_increasing
    assert (best["low"] <= best["high"]).all()
    for _, row in best.iterrows():
        fewer = allowed[allowed["injections_per_year"] <= row["injections_per_year"]]
        assert row["survival_difference"] >= fewer["survival_difference"].max()
    with pytest.raises(InputError, match="eosinophil_count"):
        optimize(limits={"eosinophils": 3.0})


def test_the_design_commands_refuse_nonsense(capsys):
    for command in (
        ["power", "--cuts", "low", "--replicates", "2"],
        ["power", "--sizes", "many"],
        ["power", "--sizes", "1", "--replicates", "2"],
        ["power", "--design", "miro"],
        ["optimize", "--limit", "eosinophil_count"],
        ["optimize", "--limit", "eosinophil_count=x"],
        ["optimize", "--objective", "happiness"],
        ["optimize", "--patients", "1"],
    ):
        assert main(command) == 2, command
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 8
