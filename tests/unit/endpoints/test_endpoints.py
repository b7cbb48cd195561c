"""One registry: every endpoint can be computed, and what cannot be computed is refused."""

import shutil
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from il2model.calibration import needs
from il2model.calibration.mirocals import Trait
from il2model.calibration.problem import Problem
from il2model.calibration.simulator import Size
from il2model.calibration.targets import load_targets
from il2model.dosing.regimen import Regimen
from il2model.endpoints import reductions as r
from il2model.endpoints.between import Between
from il2model.endpoints.kinds import Endpoint
from il2model.endpoints.registry import TARGETED, by_id
from il2model.endpoints.reported import STAGES
from il2model.errors import InputError, UnknownNameError
from il2model.parameters import load_parameters
from il2model.resources import data_dir
from il2model.trials import row as row_module

ARM = {"pk": "piscitelli", "imodals": "imodals_2miu"}
DAY = {"pk": 0.25, "imodals": 5.0, "progression": 365.0, "mirocals": 365.0}


def asked(endpoint, day=None):
    """A target of an endpoint, made from one that ships."""
    some = next(t for t in load_targets().targets.values() if t.form == "normal")
    arms = (ARM[endpoint.stage],) if endpoint.needs_arm else ()
    pair = endpoint.pair if isinstance(endpoint, Between) else None
    arms = (*arms, "imodals_1miu") if pair == "arms" else arms
    own = DAY[endpoint.stage] if endpoint.needs_day else None
    plain = replace(some, arms=arms, drift=None, noise=None, joint=None, day=own if day is None else day)
    plain = replace(plain, against=2.0 if pair == "days" else None)
    return replace(plain, id=endpoint.id, stage=endpoint.stage, endpoint=endpoint.id)


def predicted(stage, targets):
    posed = Problem.pose(stage, size=Size(patients=64, shares=2, sensitivities=2))
    found = MappingProxyType({t.id: t for t in targets})
    return replace(posed, targets=replace(posed.targets, targets=found)).predict({}, checks=True)


@pytest.mark.parametrize("stage", STAGES)
def test_every_endpoint_of_a_stage_is_a_number_of_its_own_on_the_default_model(stage):
    some = [asked(e) for e in TARGETED.values() if e.stage == stage]
    assert some
    found = predicted(stage, some)
    for t in some:
        assert np.isfinite(found[t.id]).all(), t.id
    values = [float(np.ravel(found[t.id])[0]) for t in some]
    assert len(set(values)) == len(values), dict(zip([t.id for t in some], values, strict=True))


def test_an_endpoint_that_nothing_computes_is_refused_when_the_problem_is_posed(tmp_path, monkeypatch):
    ghost = Endpoint(id="ghost", unit="point/month", meaning="what nobody can compute", stage="progression")
    known = MappingProxyType({**TARGETED, "ghost": ghost})
    for module in (row_module, needs):
        monkeypatch.setattr(module, "TARGETED", known)
    folder = shutil.copytree(data_dir("calibration") / "trials", tmp_path / "targets")
    file = folder / "als_cohorts.toml"
    file.write_text(file.read_text(encoding="utf8").replace('"alsfrs_r_slope"', '"ghost"', 1), encoding="utf8")
    with pytest.raises(InputError, match="ghost"):
        Problem.pose("progression", targets=folder)
    with pytest.raises(InputError, match="ghost"):
        needs.course(asked(ghost))


def test_an_output_that_no_stage_predicts_is_no_target(tmp_path):
    folder = shutil.copytree(data_dir("calibration") / "trials", tmp_path / "targets")
    file = folder / "als_cohorts.toml"
    file.write_text(file.read_text(encoding="utf8").replace('"alsfrs_r_slope"', '"alsfrs_r_end"', 1), encoding="utf8")
    with pytest.raises(InputError, match="alsfrs_r_end"):
        load_targets(folder)


def test_a_day_after_the_follow_up_is_refused_and_a_day_within_is_read():
    for name, stage in (("dead", "progression"), ("dead_treated", "mirocals")):
        target = asked(TARGETED[name])
        early, late = predicted(stage, [target])[name], predicted(stage, [replace(target, day=640.0)])[name]
        assert (early < late - 0.1).all(), name
        with pytest.raises(InputError, match="700"):
            needs.check_cohort([replace(target, day=700.0)], ("survival",), 640.0)


def test_a_shorter_follow_up_moves_the_day_that_is_read():
    posed = Problem.pose("mirocals", size=Size(patients=64, shares=2, sensitivities=2))
    t = asked(TARGETED["dead_treated"], day=640.0)
    from il2model.calibration.mirocals import predict

    short = predict(posed.simulator, {}, (t,), Trait(follow_up=535.0))["dead_treated"]
    whole = predict(posed.simulator, {}, (replace(t, day=535.0),))["dead_treated"]
    assert short == pytest.approx(whole, abs=2e-3)


def test_an_unknown_endpoint_is_named():
    from il2model.endpoints import endpoint

    with pytest.raises(UnknownNameError, match="treg_peak"):
        endpoint("treg_peek")
    with pytest.raises(InputError, match="ghost"):
        by_id((Endpoint(id="ghost", unit="1", meaning="a"), Endpoint(id="ghost", unit="1", meaning="b")))


def test_reductions_of_known_courses():
    t = np.array([0.0, 1.0, 2.0, 4.0])
    y = np.array([[1.0, 3.0, 2.0, 0.5]])
    assert r.largest(t, y) == 3.0
    assert r.first(t, y) == 1.0
    assert r.last(t, y) == 0.5
    assert r.points(t, y) == -0.5
    assert r.gain(t, y) == -50.0
    assert r.lowest_gain(t, y) == -50.0
    assert r.largest_gain_on(np.array([2.0, 4.0]))(t, y) == 100.0
    assert r.lowest_of_first(t, y) == 0.5
    assert r.slope(t, y) == pytest.approx(-0.125 * 30.4375)
    assert r.slope_of_first(t, 2 * y) == pytest.approx(-0.125 * 30.4375)
    assert r.area_above_first(t, y) == pytest.approx(1.0 + 1.5 + 0.5)
    assert r.area_in_hours(t, y) == pytest.approx(24 * (2 + 2.5 + 2.5))
    hours = np.linspace(0, 1, 97)
    assert r.half_life(10, 18)(hours, np.exp(-np.log(2) * hours * 24 / 5)[None]) == pytest.approx(5.0)
    assert r.hour_of_largest(hours, -((hours[None] - 0.3) ** 2)) == pytest.approx(24 * 0.3)


def test_a_course_is_cut_at_a_day_and_not_beyond_its_end():
    t, y = np.array([0.0, 1.0, 3.0]), np.array([[0.0, 2.0, 6.0]])
    for day, values in ((1.0, [0, 2]), (2.0, [0, 2, 4]), (None, [0, 2, 6]), (3.0, [0, 2, 6])):
        days, cut = r.cut(t, y, day)
        assert cut[0].tolist() == values
        assert days[-1] == (3.0 if day is None else day)
    with pytest.raises(InputError, match="Day 4"):
        r.cut(t, y, 4.0)


def test_statistics_of_equal_weights_are_those_without_weights():
    x, w = np.array([1.0, 2.0, 4.0, 9.0]), np.full(4, 0.25)
    for statistic in (r.MEAN, r.SD, r.MEDIAN, r.MEAN_PERCENT, r.SHARE_GONE):
        assert statistic.of(x, w) == pytest.approx(statistic.of(x, None)), statistic.words


def test_every_output_and_every_contrast_is_a_number_on_the_default_model():
    from il2model.endpoints import CONTRASTS, OUTPUTS
    from il2model.sensitivity.evaluate import evaluate
    from il2model.sensitivity.study import SensitivityStudy

    for names, few in ((OUTPUTS, {}), (CONTRASTS, {"patients": 16})):
        study = SensitivityStudy(outputs=list(names), method="delta", n=32, seed=1, **few)
        found = evaluate(study, 1, study.design[:2]).Y
        assert np.isfinite(found).all(), names
        assert len({float(x) for x in found[0]}) == len(names)


def test_the_lists_name_what_the_verbs_take():
    from il2model.endpoints import limits, objectives, outputs

    assert {"treg_auc", "survival_difference"} < {row["id"] for row in outputs()}
    assert {row["id"] for row in objectives()} == {"survival_difference", "alsfrs_r_difference"}
    assert "eosinophil_count" in {row["id"] for row in limits()}
    for row in (*outputs(), *objectives(), *limits()):
        assert set(row) == {"id", "unit", "meaning"}
        assert all(row.values())


def test_a_search_leaves_a_failed_patient_out_of_both_arms_and_says_so(monkeypatch):
    from il2model import optimize
    from il2model.planning.panel import Panel

    arguments = {"patients": 6, "generations": 1, "draws": 0, "until": 200.0, "seed": 3}
    whole = optimize(**arguments).table
    assert (whole["left_out"] == 0).all()
    seen = Panel.seen

    def without_one(self, plan):
        ends, peaks = seen(self, plan)
        if plan.given:
            ends = np.where(np.arange(len(ends)) == 0, np.nan, ends)
        return ends, peaks

    monkeypatch.setattr(Panel, "seen", without_one)
    some = optimize(**arguments).table
    assert (some["left_out"] == 1).all()
    assert np.isfinite(some["survival_difference"]).all()
    row = some.iloc[-1]
    candidate = (float(row["amount"]), int(row["days"]), int(row["every"]))
    panel = Panel(
        objective="survival_difference",
        limits=(),
        until=200.0,
        patients=6,
        seed=3,
        parameters=load_parameters(),
        workers=None,
    )
    treated, control = (seen(panel, p)[0][1:].mean() for p in (panel.regimen(candidate), Regimen.named("placebo")))
    assert row["survival_difference"] == pytest.approx(treated - control, abs=1e-12)


def test_every_test_of_the_registry_is_computed_on_a_trial_under_its_own_name():
    import il2model as il2
    from il2model.endpoints.registry import RESULTS, TESTS
    from il2model.streams import stream
    from il2model.trials.analysis import COMPUTED
    from il2model.trials.pool import build_pool
    from il2model.trials.replicate import analyse, draw_trial

    design = il2.TrialDesign.named("mirocals")
    data = draw_trial(build_pool(design, 60, seed=1), design, stream(1, "power", 0, 0, 0))
    results = analyse(data, design)
    assert set(RESULTS) <= set(results)
    assert set(COMPUTED) == set(TESTS)
    for id, test in TESTS.items():
        assert COMPUTED[id](data) == (results[test.statistic], results[test.p]), id
        assert np.isfinite(COMPUTED[id](data)).all()


def test_a_formula_for_export_is_the_number_that_the_reduction_reads():
    import il2model as il2
    from il2model.endpoints.kinds import Course

    values = il2.load_parameters()
    solution = il2.simulate(il2.Regimen.named("imodals-2miu").until(5.0), until=5.0, save=np.linspace(0, 5, 61))
    known = {i: float(solution.values(i)[0, -1]) for i in ("treg_percent", "treg_cd25", "il2_plasma")}
    known |= {i: values[i] for i in ("treg_share_untreated", "treg_cd25_untreated")}
    known |= {"imodals_drift": 0.0, "pm_per_iu_ml": values["il2_amount_per_miu"] / 1e3}
    with_formula = [e for e in TARGETED.values() if isinstance(e, Course) and e.formula]
    assert len(with_formula) >= 4
    for e in with_formula:
        course = solution.values(e.observable, e.course_unit) if e.course_unit else solution.values(e.observable)
        read = e.read(solution.time, course[:1], 5.0)[0]
        assert eval(e.formula, {}, known) == pytest.approx(read, rel=1e-6), e.id
