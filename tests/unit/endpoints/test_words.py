"""A unit reads as what it is: points of a percentage, percent of a baseline, a share of patients."""

import pytest

from il2model.endpoints.words import axis_of, meaning_of


@pytest.mark.parametrize(
    ("endpoint", "unit", "words"),
    [
        ("treg_points", "percent", "percentage points"),
        ("pnfh_strata", "1", "share of patients"),
        ("svc_slope", "percent/month", "% per month"),
        ("no_such", "cell/uL", "cells/µL"),
        ("no_such", "1", "share of patients"),
    ],
)
def test_a_unit_reads_as_what_it_is(endpoint, unit, words):
    assert axis_of(endpoint, unit) == words


def test_a_logarithm_is_that_of_a_hazard_ratio_and_an_unknown_endpoint_its_id():
    assert axis_of("ln_hr_all", "1", log=True) == "hazard ratio"
    assert meaning_of("no_such_thing") == "no such thing"
