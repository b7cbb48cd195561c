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
    assert (table["shift"].drop(fit.ids[0]) == 0).all()


def test_numbers_of_one_fit_alone_and_held_ones_have_no_shift():
    small, large = il2.Posterior.load("pk"), il2.Posterior.load("imodals")
    table = il2.compare_fits(small, large)
    assert set(table.index) == set(large.ids)
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
