"""Structures are averaged by evidence and by stacking; copies share, and what few draws carry is not told."""

from dataclasses import replace

import numpy as np
import pytest

from il2model.calibration.averages import evidence_weights, prior_weights, stacking_weights, structure_rows
from il2model.calibration.evidence import compare
from il2model.calibration.problem import Problem, Structure
from il2model.calibration.psis import left_out
from il2model.calibration.sampling import ImportanceOptions
from il2model.calibration.simulator import Size
from il2model.calibration.structures import BY_STAGE

SMALL = Size(patients=64)
FIXED = tuple(
    Structure(name=f"share_{v:g}", meaning="a fixed share", fix={"il2_capillary_share": v}, family="fixed")
    for v in (0.14, 0.15)
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return compare("pk", tmp_path_factory.mktemp("structures"), size=SMALL, structures=(Structure(), *FIXED), workers=1)


def test_two_methods_agree_on_the_evidence_of_each_structure(found):
    for e in found:
        assert e.drawn.converged and e.told
        value, error = e.drawn.evidence
        assert error < 0.05 and e.bridge.error < 0.05
        assert value == pytest.approx(e.bridge.log, abs=4 * np.hypot(error, e.bridge.error))
    # by hand: the evidence of the default is the mean of that with the share held, over its prior
    assert found[1].drawn.evidence[0] == pytest.approx(found[2].drawn.evidence[0], abs=0.1)


def test_near_copies_share_the_weight_of_one(found):
    structures = [e.structure for e in found]
    np.testing.assert_allclose(prior_weights(structures), [0.5, 0.25, 0.25])
    weights = evidence_weights(found)
    assert weights.sum() == pytest.approx(1)
    odds = np.exp(found[1].drawn.evidence[0] - found[0].drawn.evidence[0])
    assert weights[1] / weights[0] == pytest.approx(odds / 2)
    assert {s.family for s in BY_STAGE["mirocals"] if s.name.startswith("pnfh_cap")} == {"pnfh_cap"}


def test_the_table_has_both_weights_and_leaves_out_what_nothing_carries(found):
    problem = Problem.pose("pk", size=SMALL)
    rows = structure_rows(problem, found)
    assert [r["structure"] for r in rows] == ["default", "share_0.14", "share_0.15", "average", "stacked"]
    assert sum(r["weight"] for r in rows[:3]) == pytest.approx(1)
    assert sum(r["stacking"] for r in rows[:3]) == pytest.approx(1)
    few = replace(
        found[2],
        drawn=replace(found[2].drawn, z=found[2].drawn.z[:50], log_likelihood=found[2].drawn.log_likelihood[:50]),
    )
    assert few.drawn.effective_draws < 100
    row = structure_rows(problem, [*found[:2], few])[2]
    assert row["ln_evidence"] == row["error"] == row["ln_evidence_bridge"] == row["weight"] == ""


def test_stacking_mixes_what_no_part_foretells_alone_and_copies_share():
    first, second = np.log([0.9, 0.9, 0.1, 0.1]), np.log([0.1, 0.1, 0.9, 0.9])
    np.testing.assert_allclose(stacking_weights(np.stack([first, second], axis=1)), [0.5, 0.5], atol=1e-6)
    worse = np.log([0.05, 0.05, 0.05, 0.05])
    np.testing.assert_allclose(stacking_weights(np.stack([first, worse], axis=1)), [1, 0], atol=1e-3)
    three = stacking_weights(np.stack([first, first, second], axis=1))
    np.testing.assert_allclose(three, [0.25, 0.25, 0.5], atol=1e-6)


def test_leaving_out_a_number_is_its_closed_form():
    """Two sightings of a number with prior N(0, 1): the second given the first is normal."""
    rng = np.random.default_rng(3)
    y, sd = np.array([0.4, -0.2]), 0.8
    precision = 1 + 2 / sd**2
    z = (y.sum() / sd**2) / precision + rng.standard_normal(20000) / np.sqrt(precision)
    term = -0.5 * ((y[1] - z) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
    mean, variance = (y[0] / sd**2) / (1 + 1 / sd**2), 1 / (1 + 1 / sd**2) + sd**2
    exact = -0.5 * (y[1] - mean) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
    value, k = left_out(np.zeros(len(z)), term)
    assert value == pytest.approx(exact, abs=0.02)
    assert k < 0.7


def test_a_stopped_comparison_goes_on(tmp_path):
    class Stop(Exception):
        pass

    def stop(done, total):
        if done >= 60:
            raise Stop

    chosen = (Structure(), FIXED[0])
    options = ImportanceOptions(first=768, draws=768, effective=300)
    with pytest.raises(Stop):
        compare("pk", tmp_path, size=SMALL, structures=chosen, options=options, workers=1, progress=stop)
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.glob("default/rounds/*.npz")}
    assert kept
    again = compare("pk", tmp_path, size=SMALL, structures=chosen, options=options, workers=1)
    whole = compare("pk", None, size=SMALL, structures=chosen, options=options, workers=1)
    assert all(p.stat().st_mtime_ns == t for p, t in kept.items())
    for a, b in zip(again, whole, strict=True):
        assert a.drawn.evidence == b.drawn.evidence
        assert a.bridge == b.bridge
