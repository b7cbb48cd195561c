"""Draws come from the posterior of a calibrated set and from the priors of another; what a user changed stays."""

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError
from il2model.solver.kernel import builtin_kernel
from il2model.uncertainty.draws import draw, posterior_table, source_of


def test_a_calibrated_set_is_drawn_from_the_posterior_and_another_from_its_priors():
    calibrated, prior = il2.load_parameters(), il2.load_parameters("prior")
    assert (source_of(calibrated), source_of(prior)) == ("posterior", "prior")
    one, other = draw(calibrated, 3, 1), draw(prior, 3, 1)
    assert (one.source, other.source) == ("posterior", "prior")
    stored = il2.Posterior.load()
    column = stored.flat[stored.pick(3, 1), stored.ids.index("il2_clearance")]
    assert np.array_equal(one.table["il2_clearance"], column)
    assert not np.array_equal(other.table["il2_clearance"], column)


def test_what_a_user_changed_keeps_its_value_in_every_draw():
    changed = il2.load_parameters().replace(il2_clearance="0.3 L/min")
    some = draw(changed, 4, 2)
    assert "il2_clearance" not in some.table
    assert {p["il2_clearance"] for p in some.sets()} == {changed["il2_clearance"]}


def test_rows_and_sets_hold_the_same_numbers():
    kernel, some = builtin_kernel(), draw(il2.load_parameters(), 2, 0)
    names, units = zip(*((p.id, p.unit) for p in kernel.blueprint.parameters), strict=True)
    rows = some.rows(kernel)
    assert rows.shape == (2, len(names)) and not np.array_equal(rows[0], rows[1])
    for row, one in zip(rows, some.sets(), strict=True):
        given = [i in some.table for i in names]
        np.testing.assert_allclose(row[given], np.array(one.vector(names, units))[given], rtol=1e-14)


def test_a_number_of_draws_more_than_are_stored_repeats_none_before_all_were_taken():
    stored = il2.Posterior.load()
    n = len(stored) + 5
    picked = stored.pick(n, 3)
    assert np.array_equal(np.sort(picked[: len(stored)]), np.arange(len(stored)))
    assert len(posterior_table(n, 3)["il2_clearance"]) == n


@pytest.mark.parametrize("n", [0, -1, 100_001, 2.5, "3", True])
def test_a_number_of_draws_is_a_whole_number(n):
    with pytest.raises(InputError, match="must be a whole number from 1 to 100000"):
        draw(il2.load_parameters(), n, 0)


def test_a_posterior_is_a_value():
    import copy
    import pickle
    from dataclasses import replace

    stored = il2.Posterior.load()
    for twin in (pickle.loads(pickle.dumps(stored)), copy.deepcopy(stored), il2.Posterior.load()):
        assert twin == stored
    assert stored != replace(stored, values=stored.values * 2) and stored != 3
    assert repr(stored) == f"Posterior('mirocals', {len(stored)} draws of {len(stored.ids)} numbers)"
    assert "<td>il2_clearance</td><td>L/day</td>" in stored._repr_html_()
