"""Counts, CCL2, NfL and ratios are targets like the others, and let their stage estimate what moves them."""

from dataclasses import replace

import numpy as np
import pytest

import il2model as il2
from il2model.calibration.problem import PARAMETERS, Problem
from il2model.endpoints.kinds import Course
from il2model.endpoints.markers import MARKERS
from il2model.endpoints.registry import TARGETED
from il2model.parameters import load_parameters

DAYS = np.array([0.0, 3.0, 7.0, 28.0, 84.0])
NEW = [*MARKERS, TARGETED["ccl2_change"]]


@pytest.fixture(scope="module")
def moved():
    """The courses with every parameter that has a prior moved by 5 %, one at a time; the first row is the default."""
    values = load_parameters()
    simulator = replace(Problem.pose("imodals").simulator, parameters=values)
    known = {p.id for p in simulator.kernel.blueprint.parameters}
    ids = [i for i, r in values.records.items() if i in known and r.prior is not None]
    table = {i: np.full(len(ids) + 1, values[i]) for i in ids}
    for k, id in enumerate(ids):
        low, high = values.records[id].bounds
        table[id][k + 1] *= 1.05 if low <= values[id] * 1.05 <= high else 0.95
    observables = sorted({o for e in NEW for o in e.observables})
    seen = simulator.observe([il2.Regimen.named("imodals-2miu")], simulator.rows(table), DAYS, observables)
    return ids, next(iter(seen.values()))


@pytest.mark.parametrize("endpoint", NEW, ids=lambda e: e.id)
def test_a_target_informs_what_moves_it(moved, endpoint):
    ids, seen = moved
    values = np.stack([endpoint.read(DAYS, endpoint.course(seen), day) for day in DAYS[1:]])
    assert np.isfinite(values).all()
    scale = 100.0 if endpoint.unit == "percent" else np.abs(values[:, :1])
    shift = (np.abs(values - values[:, :1]) / scale).max(axis=0)
    of_the_stage = {*PARAMETERS["pk"], *PARAMETERS["imodals"]}
    patient = {"csf_pnfh_untreated"}  # of a patient, not of the model
    movers = {i for i, x in zip(ids, shift[1:], strict=True) if x > 1e-4} - of_the_stage - patient
    assert movers <= set(endpoint.informs)
    assert all(shift[1 + ids.index(i)] > 2e-5 for i in endpoint.informs)


def test_a_ratio_is_the_ratio_of_the_courses():
    solution = il2.simulate("imodals-2miu", until=28)
    ratio = next(e for e in MARKERS if e.id == "treg_teff_ratio")
    courses = {i: solution.values(i) for i in ratio.observables}
    at = list(solution.time).index(7.0)
    expected = courses["treg_count"][0, at] / courses["teff_count"][0, at]
    assert ratio.read(solution.time, ratio.course(courses), 7.0)[0] == pytest.approx(expected)
    fold = next(e for e in MARKERS if e.id == "treg_teff_fold")
    change = next(e for e in MARKERS if e.id == "treg_teff_change")
    both = [e.read(solution.time, e.course(courses), 7.0)[0] for e in (fold, change)]
    assert both[0] == pytest.approx(1 + both[1] / 100)


CCL2 = """
trial = "OWN"
[arms.own]
amount = "2 MIU"
days = 5
[targets.own_ccl2]
endpoint = "ccl2_change"
arm = "own"
day = 7
estimate = -12
se = 4
unit = "percent"
status = "assumed"
source = "assumption"
use = "{use}"
"""


def test_a_fitted_ccl2_target_frees_the_parameters_of_ccl2_once(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(CCL2.format(use="fit"))
    posed = Problem.pose("imodals", targets=[*il2.Trial.names(), path])
    extra = TARGETED["ccl2_change"].informs
    assert isinstance(TARGETED["ccl2_change"], Course)
    assert set(posed.map.ids) == {*PARAMETERS["imodals"], *extra}
    assert np.isfinite(posed.log_likelihood(np.zeros((1, len(posed.coordinates))))).all()
    path.write_text(CCL2.format(use="check"))
    assert Problem.pose("imodals", targets=[*il2.Trial.names(), path]).map.ids == PARAMETERS["imodals"]
