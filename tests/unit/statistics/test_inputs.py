"""What every public statistic refuses, with one sentence."""

import itertools
import warnings

import numpy as np
import pytest

from il2model.errors import InputError
from il2model.statistics import cox, expected_cox, expected_log_hazard_ratio, kaplan_meier, log_rank

TIME, DIED, ARM = [5.0, 3.0, 9.0, 4.0, 7.0, 6.0], [1, 0, 1, 1, 0, 1], [0, 1, 0, 1, 1, 0]
OF_SUBJECTS = {
    "cox": lambda t, d: cox(t, d, ARM),
    "cox, NaN allowed": lambda t, d: cox(t, d, ARM, raise_on_failure=False),
    "log_rank": lambda t, d: log_rank(t, d, ARM),
    "log_rank, NaN allowed": lambda t, d: log_rank(t, d, ARM, raise_on_failure=False),
    "kaplan_meier": kaplan_meier,
}
WRONG_TIMES = {
    "time is nan in row 1": [5.0, np.nan, 9.0, 4.0, 7.0, 6.0],
    "time is inf in row 0": [np.inf, 3.0, 9.0, 4.0, 7.0, 6.0],
    "time is -3 in row 1; it must be at least 0": [5.0, -3.0, 9.0, 4.0, 7.0, 6.0],
    "time 5, event 6": [5.0, 3.0, 9.0, 4.0, 7.0],
    "time must be an array of numbers": [5.0, None, 9.0, 4.0, 7.0, 6.0],
    "time must be an array of numbers; got str": "5, 3",
    "time must be an array of numbers; got ndarray": np.array([5, 3, 9, 4, 7, 6], "m8[D]"),
    r"time has the shape \(0,\)": [],
    r"time has the shape \(\)": 5.0,
    r"time has the shape \(6, 1\)": np.c_[TIME],
    "time must be an array of numbers; got list": [[5.0], [3.0, 9.0]],
}
WRONG_STATUS = {
    "event is 2 in row 0": [2, 0, 1, 1, 0, 1],
    "event is -1 in row 5": [1, 0, 1, 1, 0, -1],
    "event is 0.5 in row 1": [1, 0.5, 1, 1, 0, 1],
    "event is nan in row 2": [1, 0, np.nan, 1, 0, 1],
    "event must be an array of numbers": ["1", "0", "1", "1", "0", "1"],
    "time 6, event 7": [*DIED, 1],
    r"event has the shape \(0,\)": [],
}


def refused(run, hint):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=hint) as caught:
            run()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "hint"), [*itertools.product(OF_SUBJECTS, WRONG_TIMES)])
def test_a_wrong_time_is_refused_by_every_statistic(name, hint):
    refused(lambda: OF_SUBJECTS[name](WRONG_TIMES[hint], DIED), hint)


@pytest.mark.parametrize(("name", "hint"), [*itertools.product(OF_SUBJECTS, WRONG_STATUS)])
def test_a_wrong_status_is_refused_by_every_statistic(name, hint):
    refused(lambda: OF_SUBJECTS[name](TIME, WRONG_STATUS[hint]), hint)


@pytest.mark.parametrize("status", [np.array(DIED, bool), np.array(DIED, float), DIED, tuple(DIED)])
def test_a_status_is_0_or_1_in_any_spelling(status):
    assert log_rank(TIME, status, ARM) == log_rank(np.array(TIME), np.array(DIED, bool), np.array(ARM, bool))
    assert cox(TIME, status, ARM).coefficients == cox(TIME, np.array(DIED, bool), np.array(ARM, float)).coefficients
    np.testing.assert_array_equal(kaplan_meier(TIME, status).survival, kaplan_meier(TIME, DIED).survival)


def test_covariates_and_groups_are_checked():
    refused(lambda: cox(TIME, DIED, [0, 1, np.nan, 1, 1, 0]), "a covariate is nan in row 2")
    refused(lambda: cox(TIME, DIED, np.c_[ARM, [0, 1, 2, np.inf, 1, 0]]), "a covariate is inf in row 3")
    refused(lambda: cox(TIME, DIED, ARM[:5]), "covariates 5")
    refused(lambda: cox(TIME, DIED, ["a"] * 6), "a covariate must be an array of numbers")
    refused(lambda: cox(TIME, DIED, np.zeros((6, 0))), "no empty one")
    refused(lambda: log_rank(TIME, DIED, [0, 1, 2, 1, 1, 0]), "group is 2 in row 2")
    refused(lambda: log_rank(TIME, DIED, ARM[:5]), "group 5")


def test_a_curve_is_asked_at_times_and_levels():
    curve = kaplan_meier(TIME, DIED)
    refused(lambda: curve.at([np.nan]), "a time of the curve is nan")
    refused(lambda: curve.at(-1.0), "at least 0")
    for level in (0.0, 1.0, 95, float("nan")):
        refused(lambda level=level: curve.interval(level), "between 0 and 1")
    assert curve.at(0.0) == 1.0
    assert kaplan_meier(TIME, [0] * 6).at([0.0, 99.0]).tolist() == [1.0, 1.0]  # nobody died: known, not unknown


def test_expected_statistics_take_survival_curves_and_weights():
    falls, weight = np.exp(-np.outer([0.001, 0.002], np.linspace(0, 640, 9))), np.array([0.5, 0.5])
    holes = np.where(falls < 0.5, np.nan, falls)
    for wrong, w, hint in (
        (holes, weight, "is nan"),
        (2 * falls, weight, "0 to 1"),
        (falls[:, ::-1], weight, "rises"),
        (falls, -weight, "weight is -0.5"),
        (falls, weight[:1], "weight 1"),
        (falls[0], weight, "2 axes"),
    ):
        refused(lambda wrong=wrong, w=w: expected_log_hazard_ratio(falls, wrong, w), hint)
        refused(lambda wrong=wrong, w=w: expected_cox(wrong, w, np.array([[0.0], [1.0]])), hint)
    refused(lambda: expected_log_hazard_ratio(falls, falls[:, :5], weight), "lengths differ")
    refused(lambda: expected_cox(falls, weight, np.zeros((3, 1))), "covariates 3")
