"""Two fits are compared number by number."""

from dataclasses import replace

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError


def test_a_moved_number_is_moved_by_its_standard_deviations_and_no_other():
    fit = il2.Posterior.load("pk")
    values = fit.values.copy()
    x = values[..., 0]
    values[..., 0] = x.mean() + 2 * (x - x.mean()) + 3 * x.std(ddof=1)
    table = il2.compare_fits(fit, replace(fit, values=values))
    assert table.loc[fit.ids[0], "shift"] == pytest.approx(3)
    assert table.loc[fit.ids[0], "sd_ratio"] == pytest.approx(2)
    assert (table["shift"].loc[list(fit.ids[1:])] == 0).all()


def test_numbers_of_one_fit_alone_and_held_ones_have_no_shift():
    small, large = il2.Posterior.load("pk"), il2.Posterior.load("imodals")
    table = il2.compare_fits(small, large)
    assert set(table.index) == set(large.ids) and "of the stages pk and imodals" in table.attrs["evidence"]
    assert np.isnan(table.loc["signal_hill", "shift"])
    assert np.isfinite(table.loc["il2_clearance", "shift"])
    held = small.values.copy()
    held[..., 0] = 300.0
    assert np.isnan(il2.compare_fits(replace(small, values=held), large).loc[small.ids[0], "shift"])


def test_fits_that_cannot_be_compared_are_refused():
    pk = il2.Posterior.load("pk")
    with pytest.raises(InputError, match="share no number"):
        il2.compare_fits(pk, il2.Posterior.load("progression"))
    with pytest.raises(InputError, match=r"L/day in one fit"):
        il2.compare_fits(pk, replace(pk, units=("L/min", *pk.units[1:])))


def told(fit, log=-3.0, error=0.03, **changes):
    evidence = {"log": log, "error": error, "method": "importance"}
    known = {"evidence": evidence, "data_hash": "a", "converged": True}
    return replace(fit, manifest={**fit.manifest, **known, **changes})


def test_the_evidence_of_two_fits_differs_by_so_much_with_its_error():
    fit = il2.Posterior.load("pk")
    table = il2.compare_fits(told(fit), told(fit, -1.5, 0.04))
    row = table.loc["ln_evidence"]
    assert row["difference"] == pytest.approx(1.5) and row["error"] == pytest.approx(0.05)
    assert (row["median_first"], row["median_second"]) == (-3.0, -1.5)
    assert row["q975_first"] == pytest.approx(-3 + 1.96 * 0.03) and np.isnan(row["shift"])
    assert "+1.50 ± 0.05" in table.attrs["evidence"]
    assert table["difference"].drop("ln_evidence").isna().all()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data_hash": "b"}, "other data"),
        ({"data_hash": None}, "does not say what it was fitted to"),
        ({"evidence": {"log": None, "error": None}}, "the second fit tells none"),
        ({"evidence": None}, "the second fit tells none"),
        ({"converged": False}, "the second fit has not converged"),
    ],
)
def test_an_evidence_that_cannot_be_compared_is_not(changes, why):
    fit = il2.Posterior.load("pk")
    table = il2.compare_fits(told(fit), told(fit, **changes))
    assert "ln_evidence" not in table.index and why in table.attrs["evidence"]
