"""Cohorts: who is in them, and that results belong to the subject."""

import copy
import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError
from il2model.population import patients, sampler
from il2model.simulation.summary import RunningSummary
from il2model.solver.problem import SolverOptions, Status
from il2model.solver.stability import largest_eigenvalue
from il2model.uncertainty.coordinates import sobol_points


@pytest.fixture(scope="module")
def cohort():
    return il2.Cohort.sample(200, seed=3)


def test_the_same_subject_whatever_the_size_of_the_cohort(cohort):
    assert (il2.Cohort.sample(40, seed=3).matrix == cohort.matrix[:40]).all()
    assert (il2.Cohort.sample(30, seed=3, first=100).matrix == cohort.matrix[100:130]).all()
    assert not (il2.Cohort.sample(40, seed=4).matrix == cohort.matrix[:40]).all()


def test_the_cohort_looks_like_the_documents():
    """Prototype: ALSFRS-R 41.0 (36.8-43.6), SVC 88.2 (17.4), strata 9/70/21 %."""
    big = il2.Cohort.sample(8000, seed=1)
    table = big.summary()
    assert table.loc["ALSFRS-R [point]", "median"] == pytest.approx(41.0, abs=0.5)
    assert table.loc["SVC [% predicted]", "mean"] == pytest.approx(88.2, abs=1.5)
    assert list(big.strata().values()) == pytest.approx([0.09, 0.70, 0.21], abs=0.02)
    assert (big["onset_to_screening"] <= 24 * 30.4375).all()
    assert 0.6 < len(big) / big.screened < 0.85
    correlation = np.corrcoef(np.log(big["csf_pnfh_untreated"]), np.log(big["motor_unit_loss_rate"]))[0, 1]
    assert correlation == pytest.approx(0.41, abs=0.04)


def test_placebo_deaths_are_those_of_the_trial():
    s = il2.simulate("placebo", cohort=il2.Cohort.sample(2000, seed=1), save=[365, 640], observables=["survival"])
    dead = 1 - np.nanmean(s.values("survival"), axis=0)
    assert dead[1] == pytest.approx(0.445, abs=0.03)  # 49 of 110
    assert dead[0] == pytest.approx(0.206, abs=0.03)


def test_a_result_does_not_depend_on_workers_blocks_or_company(cohort):
    def survival(c, **how):
        return il2.simulate("imodals-2miu", cohort=c, save=[8, 85], observables=["treg_percent"], **how).values(
            "treg_percent"
        )

    whole = survival(cohort, workers=1)
    assert (survival(cohort, workers=2) == whole).all()
    assert (survival(cohort.part(50, 57)) == whole[50:57]).all()


def test_float32_screens_at_its_error(cohort):
    a, b = (
        il2.simulate("mirocals", cohort=cohort.part(0, 32), save=np.arange(0, 641, 40), precision=p)
        for p in ("float64", "float32")
    )
    for id in ("treg_percent", "plasma_ccl2", "alsfrs_r", "survival"):
        x, y = a.values(id), b.values(id)
        error = (np.abs(x - y) / (np.abs(x) + 1e-3 * np.abs(x).max(axis=1, keepdims=True))).max(axis=1)
        assert np.median(error) < 1e-4


def test_several_regimens_give_one_solution_each(cohort):
    arms = il2.simulate(["placebo", "imodals-2miu"], cohort=cohort.part(0, 8), save=[7], until=85)
    assert [a.regimens[0].name for a in arms] == ["placebo", "imodals-2miu"]
    assert (arms[1].values("treg_percent") > arms[0].values("treg_percent")).all()


def test_a_summary_agrees_with_the_subjects(cohort):
    keywords = dict(cohort=cohort, save=np.arange(0, 85.1, 7), observables=["survival", "treg_percent"])
    full = il2.simulate("imodals-1miu", **keywords)
    running = il2.simulate("imodals-1miu", summary=True, **keywords)
    for id in ("survival", "treg_percent"):
        values, found = full.values(id), running[id]
        np.testing.assert_allclose(found.sel(statistic="mean"), values.mean(axis=0), rtol=1e-10)
        np.testing.assert_allclose(found.sel(statistic="sd"), values.std(axis=0, ddof=1), rtol=1e-6, atol=1e-12)
        width = 2 * np.ptp(values, axis=0) / 500 + 1e-12
        for q in (0.05, 0.5, 0.95):
            near = np.quantile(values, [max(q - 0.01, 0), q + 0.01], axis=0)
            assert (found.sel(statistic=f"q{100 * q:02.0f}") >= near[0] - width).all()
            assert (found.sel(statistic=f"q{100 * q:02.0f}") <= near[1] + width).all()
    with pytest.raises(InputError, match="only summaries"):
        running.values("survival")
    assert running.plot(["survival"]).axes


def test_a_running_summary_is_exact_to_a_bin():
    rng = np.random.default_rng(0)
    data = rng.lognormal(size=(20_000, 2))
    summary = RunningSummary(2)
    for part in np.array_split(data, 17):
        summary.add(part)
    summary.add(np.full((3, 2), np.nan))
    assert (summary.count == 20_000).all()
    np.testing.assert_allclose(summary.mean, data.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(summary.sd, data.std(axis=0, ddof=1), rtol=1e-10)
    width = np.diff(summary.edges[:, :2])[:, 0]
    for q in (0.05, 0.5, 0.95):
        exact = np.quantile(data, q, axis=0)
        assert (np.abs(summary.quantiles([q])[0] - exact) < 2 * width).all()


def test_a_folder_holds_what_memory_would(cohort, tmp_path):
    keywords = dict(cohort=cohort.part(0, 100), save=[0, 85], observables=["survival", "il2_plasma"])
    memory = il2.simulate("imodals-1miu", **keywords)
    stored = il2.simulate("imodals-1miu", folder=tmp_path / "x", **keywords)
    assert stored == memory
    assert (stored.values("il2_plasma", "IU/mL") == memory.values("il2_plasma", "IU/mL")).all()
    assert sorted(p.name for p in (tmp_path / "x").iterdir()) == [
        "000000000.npz", "000000064.npz", "SHA256SUMS", "job.json", "manifest.json",
    ]  # fmt: skip
    assert "model_hash" in json.loads((tmp_path / "x" / "manifest.json").read_text())
    with pytest.raises(InputError, match="another job: its until is 85"):
        il2.simulate("imodals-1miu", folder=tmp_path / "x", until=90, **keywords)
    with pytest.raises(InputError, match="resume"):
        il2.simulate("imodals-1miu", folder=tmp_path / "x", resume=False, **keywords)


def test_cancelling_keeps_what_is_done(cohort):
    calls = []
    s = il2.simulate(
        "imodals-1miu", cohort=cohort, save=[85], workers=1, progress=lambda d, n: calls.append((d, n)),
        cancel=lambda: len(calls) >= 1,
    )  # fmt: skip
    done = s.status == Status.SUCCESS
    assert 0 < done.sum() < len(cohort)
    assert np.isfinite(s.values("survival")[done]).all()
    assert np.isnan(s.values("survival")[~done]).all()
    assert set(s.status[~done]) == {Status.CANCELLED}
    assert calls[-1][1] == len(cohort)


def test_one_bad_subject_never_ends_a_cohort(cohort):
    ids = [p.id for p in cohort.kernel.blueprint.parameters]
    wild = np.column_stack([cohort.varied[:10], np.full(10, cohort.base[ids.index("treg_division_max")])])
    wild[3, -1] = 500.0
    sick = replace(cohort.part(0, 10), columns=(*cohort.columns, ids.index("treg_division_max")), varied=wild)
    with pytest.warns(il2.IncompleteWarning, match="1 of 10"):
        s = il2.simulate("imodals-1miu", cohort=sick, save=[7])
    assert s.status[3] == Status.REFUSED
    assert "treg_loss_rate" in s.messages[3]
    assert np.isfinite(np.delete(s.values("treg_percent"), 3, axis=0)).all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (dict(observables=["survivle"]), "survival"),
        (dict(workers=0), "workers"),
        (dict(precision="float16"), "float32"),
        (dict(folder="/proc/none/x"), "cannot be written"),
        (dict(draws=5), "its own parameters"),
    ],
)
def test_a_wrong_request_gives_one_sentence(cohort, change, text):
    with pytest.raises(InputError, match=text):
        il2.simulate("placebo", cohort=cohort.part(0, 2), until=1, save=[1], **change)


def test_a_result_that_would_not_fit_is_refused_before_it_is_run(cohort):
    huge = replace(cohort, varied=np.broadcast_to(cohort.varied[:1], (10_000_000, cohort.varied.shape[1])))
    with pytest.raises(InputError, match="GB"):
        il2.simulate("mirocals", cohort=huge)


@pytest.mark.parametrize(
    ("n", "keywords", "text"),
    [(0, {}, "1 to"), (5, {"seed": -1}, "zero or more"), (5, {"design": "mirocal"}, "mirocals")],
)
def test_a_wrong_cohort_gives_one_sentence(n, keywords, text):
    with pytest.raises(InputError, match=text):
        il2.Cohort.sample(n, **keywords)


def test_criteria_that_leave_nobody_are_said():
    strict = il2.load_parameters("prior").replace(svc_before_disease=60)
    strict = strict.replace(inclusion_svc_min=80)
    with pytest.raises(InputError, match="inclusion criteria"):
        il2.Cohort.sample(50, parameters=strict)


def test_loose_tolerance_is_an_option(cohort):
    s = il2.simulate("imodals-2miu", cohort=cohort.part(0, 4), save=[7], options=SolverOptions(rtol=1e-3))
    t = il2.simulate("imodals-2miu", cohort=cohort.part(0, 4), save=[7])
    assert (s.steps < t.steps).all()
    np.testing.assert_allclose(s.values("treg_percent"), t.values("treg_percent"), rtol=1e-2)


def test_a_cohort_is_a_value_that_travels(cohort):
    assert cohort.baseline  # what was computed stays behind
    for again in (pickle.loads(pickle.dumps(cohort)), copy.deepcopy(cohort), il2.Cohort.sample(200, seed=3)):
        assert again == cohort
        assert hash(again) == hash(cohort)
        assert again.columns == cohort.columns
        assert "baseline" not in vars(again)
        assert (again.matrix == cohort.matrix).all()
        for array in (again.varied, again.base, again.labels["age"]):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0.0
        with pytest.raises(TypeError):
            again.labels["age"] = None
    for other in (
        il2.Cohort.sample(200, seed=4), cohort.part(0, 199), cohort.changed({"frailty": cohort["frailty"] * 2}),
        replace(cohort, labels={**cohort.labels, "age": cohort["age"] + 1}), "a cohort",
    ):  # fmt: skip
        assert other != cohort
    assert len({cohort, il2.Cohort.sample(200, seed=3)}) == 1


def _deaths(cohort):
    return il2.simulate("placebo", cohort=cohort, until=64, save=[64], observables=["survival"]).values("survival")


def test_a_cohort_is_simulated_in_another_process(cohort):
    few = cohort.part(0, 4)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert (pool.submit(_deaths, few).result() == _deaths(few)).all()


def test_a_cohort_shows_itself(cohort):
    page = cohort._repr_html_()
    assert page.count("<tr>") == 1 + len(cohort.columns) + len(cohort.labels)
    assert f"{np.median(cohort['csf_pnfh_untreated']):.4g}" in page
    assert cohort.only(np.zeros(200, bool))._repr_html_().count("<tr>") == 1
    keys = cohort._ipython_key_completions_()
    assert {"age", "csf_pnfh_untreated"} <= set(keys)
    assert all(len(cohort[key]) == 200 for key in keys)


def test_candidates_whose_untreated_state_does_not_hold_are_replaced_and_counted(cohort, monkeypatch):
    """Here those of a high clearance; the others stay who they are."""
    high = np.quantile(cohort["il2_clearance"], 0.9)
    column = cohort.kernel.blueprint.parameters.at("il2_clearance")

    def high_clearance(kernel, rows, constants=None):
        return np.where(rows[:, column] > high, 0.1, -0.01)

    monkeypatch.setattr(sampler, "largest_eigenvalue", high_clearance)
    again = il2.Cohort.sample(200, seed=3)
    assert (again["il2_clearance"] <= high).all() and again.holds
    same = cohort["il2_clearance"] <= high
    assert (again.matrix[same] == cohort.matrix[same]).all()
    assert again.refused >= (~same).sum() == 20
    assert again.screened > cohort.screened
    assert f"{again.refused} of {again.screened} candidates refused" in repr(again)
    assert il2.Cohort.join([again, again]).refused == 2 * again.refused


def test_the_largest_eigenvalue_of_every_subject_is_known_and_follows_a_change(cohort):
    assert (cohort["largest_eigenvalue"] == largest_eigenvalue(cohort.kernel, cohort.matrix)).all()
    assert cohort.holds and cohort.refused == 0
    assert cohort.summary().loc["largest eigenvalue, untreated [1/day]", "q75"] < 0
    upside_down = cohort.part(0, 9).changed({"blood_share": np.full(9, 2.0)})  # cells enter blood at a negative rate
    assert not upside_down.holds
    with pytest.warns(il2.IncompleteWarning, match="the untreated state does not hold"):
        s = il2.simulate("placebo", until=7, cohort=upside_down, raise_on_failure=False)
    assert (s.status == Status.REFUSED).all()


def test_a_set_whose_untreated_state_does_not_hold_is_refused_with_the_parameter(cohort):
    bp, values = cohort.kernel.blueprint, il2.load_parameters()
    numbers = dict(zip(bp.parameters.ids, bp.parameters.convert(values).tolist(), strict=True))
    with pytest.raises(il2.SimulationError, match=r"largest eigenvalue is \+.* blood_share: 2 against 0.02"):
        il2.simulate("placebo", until=7, parameters=numbers | {"blood_share": 2.0})


def test_weights_of_candidates_leave_out_whose_untreated_state_does_not_hold(cohort, monkeypatch):
    some = patients.Patients(cohort.kernel, il2.load_parameters())
    u = sobol_points(64, some.width, 5)
    whole = patients.weighted_patients(some, u, refuse=True)[0]
    assert whole.refused == 0 and whole.weight.sum() == pytest.approx(1)
    holds = np.resize([-0.01, -0.01, 0.0, -0.01], 64)
    monkeypatch.setattr(patients, "largest_eigenvalue", lambda *_: holds)
    assert (patients.weighted_patients(some, u)[0].weight == whole.weight).all()
    left = patients.weighted_patients(some, u, refuse=True)[0]
    assert 0.05 < left.refused < 0.6
    assert left.weight.sum() == pytest.approx(1)
    kept = np.isin(whole.rows[:, some.columns[0]], left.rows[:, some.columns[0]])
    np.testing.assert_allclose(left.weight * (1 - left.refused), whole.weight[kept], rtol=1e-12)
