"""Our survival statistics are those of statsmodels, to 1e-8."""

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import survdiff

from il2model.errors import InputError
from il2model.statistics import cox, expected_cox, expected_log_hazard_ratio, kaplan_meier, log_rank


def _trial(seed, n=220, ties=True):
    rng = np.random.default_rng(seed)
    arm = rng.permutation(np.repeat([0.0, 1.0], n // 2))
    pnfh = np.exp(rng.normal(7.6, 0.75, n))
    hazard = np.exp(-6.6 + 0.3 * (pnfh / 2000 - 1) - 0.4 * arm)
    t = rng.exponential(1 / hazard)
    died = t <= 640
    t = np.minimum(t, 640)
    return (np.ceil(t / 30) if ties else t), died, arm, pnfh


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ties", [True, False])
def test_cox_with_interaction_agrees_with_statsmodels(seed, ties):
    t, died, arm, pnfh = _trial(seed, ties=ties)
    Z = np.c_[arm, pnfh, arm * pnfh]
    ours = cox(t, died, Z)
    scale = np.array([1, 1e3, 1e3])  # statsmodels needs columns of similar size
    theirs = PHReg(t, Z / scale, status=died, ties="efron").fit(disp=0)
    np.testing.assert_allclose(ours.coefficients * scale, theirs.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.standard_errors * scale, theirs.bse, rtol=1e-6)
    assert ours.log_likelihood == pytest.approx(theirs.llf, rel=1e-9)


def test_cox_with_huge_covariates_keeps_its_meaning():
    t, died, arm, pnfh = _trial(3)
    a = cox(t, died, np.c_[arm, pnfh, arm * pnfh]).coefficients
    b = cox(t, died, np.c_[arm, pnfh * 1e-3, arm * pnfh * 1e-3]).coefficients
    np.testing.assert_allclose(a * [1, 1e3, 1e3], b, rtol=1e-7)


def without_estimate():
    """Yield data of which no finite ln HR exists, and the reason: each a death, a covariate or a column too few."""
    t, died, arm, pnfh = _trial(1)
    nobody, first = np.zeros_like(died), np.arange(len(t)) == np.argmin(np.where(died, t, np.inf))
    yield "an arm without deaths", (t, died & (arm == 0), arm), "no finite maximum"
    yield "one exposed subject, first to die", (t + 1, died, first & died), "no finite maximum"
    yield "who dies first has most of it", (t, died, -t), "no finite maximum"
    yield (
        "who dies, beside another covariate",
        (t, died, np.c_[pnfh, arm, np.where(died, 9.0, 1.0)]),
        "no finite maximum",
    )
    yield "nobody dies", (t, nobody, arm), "Nobody died"
    yield "one arm", (t, died, np.ones_like(arm)), "column 0 is the same for every subject"
    yield "rounding noise", (t, died, np.c_[arm, 1e9 + 1e-7 * arm]), "column 1 is the same for every subject"
    yield "one subject", ([3.0], [1], [2.0]), "column 0 is the same"
    yield "twice the same", (t, died, np.c_[arm, pnfh, 3 * pnfh]), "collinear"
    yield "noise apart", (t, died, np.c_[pnfh, pnfh * (1 + 1e-12 * t)]), "collinear"
    yield "a sum", (t, died, np.c_[arm, pnfh, arm * 1e6 + pnfh + 7]), "collinear"
    yield "an indicator of every group", (t, died, np.c_[arm, 1 - arm]), "collinear"
    yield "more columns than subjects", (t[:3], [1, 1, 1], np.c_[arm, pnfh, t, t**2][:3]), "collinear|same for every"


@pytest.mark.parametrize(
    ("data", "hint"), [case[1:] for case in without_estimate()], ids=[c[0] for c in without_estimate()]
)
def test_without_a_finite_estimate_there_is_a_sentence_and_no_huge_number(data, hint):
    with pytest.raises(InputError, match=hint) as caught:
        cox(*data)
    assert "\n" not in str(caught.value)
    fit = cox(*data, raise_on_failure=False)
    assert np.isnan(fit.coefficients).all()
    assert np.isnan(fit.standard_errors).all()
    assert fit.reason == str(caught.value)


def test_a_rare_or_strong_covariate_is_not_taken_for_a_separating_one():
    t, died, arm, pnfh = _trial(1, ties=False)
    rare, noise = np.zeros(len(t)), np.random.default_rng(0).normal(size=len(t))
    rare[np.flatnonzero(died)[[2, 40]]] = 1.0
    strong = [np.log(t + 1) + s * noise for s in (0.2, 0.1, 0.05, 0.02)]  # to 78 standard deviations
    for column in (rare, pnfh, 1e-9 * pnfh, 2.4e6 + arm, *strong):
        fit = cox(t, died, column)
        theirs = PHReg(t, (column - column.mean()) / column.std(), status=died, ties="efron").fit(disp=0)
        assert fit.coefficients[0] * column.std() == pytest.approx(theirs.params[0], rel=1e-6)
        assert fit.reason == ""


@pytest.mark.parametrize("seed", range(4))
def test_log_rank_agrees_with_statsmodels(seed):
    t, died, arm, _ = _trial(seed)
    z, p = log_rank(t, died, arm == 1)
    chi2, p_theirs = survdiff(t, died.astype(int), arm)
    assert z**2 == pytest.approx(chi2, rel=1e-9)
    assert p == pytest.approx(p_theirs, rel=1e-8)
    nobody = (t, np.zeros(len(t), bool), arm == 1)
    apart = (np.where(arm == 1, t + 1000, t), died & (arm == 1), arm == 1)  # the control is gone before the first death
    for data, hint in (((t, died, np.ones(len(t))), "group is empty"), (nobody, "Nobody died"), (apart, "at risk")):
        assert np.isnan(log_rank(*data, raise_on_failure=False)).all()
        with pytest.raises(InputError, match=hint):
            log_rank(*data)


def test_log_rank_equals_the_score_test_of_cox_without_ties():
    t, died, arm, _ = _trial(2, ties=False)
    chi2, _ = survdiff(t, died.astype(int), arm)
    assert log_rank(t, died, arm == 1)[0] ** 2 == pytest.approx(chi2, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_kaplan_meier_agrees_with_scipy(seed):
    t, died, _, _ = _trial(seed)
    ours = kaplan_meier(t, died)
    theirs = ecdf(CensoredData(uncensored=t[died], right=t[~died])).sf
    np.testing.assert_allclose(ours.at(theirs.quantiles), theirs.probabilities, rtol=1e-12)
    low, high = ours.interval()
    assert ((low < ours.survival) & (ours.survival < high)).all()
    assert ours.at_risk[0] == (t >= ours.time[0]).sum()


def test_expected_cox_of_constant_hazards_is_their_ratio():
    t = np.linspace(0, 640, 641)
    control, treated = np.exp(-np.outer([0.001, 0.001], t)), np.exp(-np.outer([0.0005, 0.0005], t))
    weight = np.array([0.3, 0.7])
    assert expected_log_hazard_ratio(control, treated, weight) == pytest.approx(np.log(0.5), abs=1e-6)
    both = expected_cox(np.r_[control, treated], np.r_[weight, weight], np.array([[0.0], [0.0], [1.0], [1.0]]))
    assert both[0] == pytest.approx(np.log(0.5), abs=1e-6)


def test_expected_cox_is_the_limit_of_large_trials():
    rng = np.random.default_rng(0)
    frailty = np.exp(0.7 * rng.standard_normal(400))
    t = np.linspace(0, 640, 321)
    control, treated = np.exp(-0.001 * np.outer(frailty, t)), np.exp(-0.0006 * np.outer(frailty, t))
    expected = expected_log_hazard_ratio(control, treated, np.full(400, 1 / 400))
    found = []
    for _ in range(30):
        z = np.tile(frailty, 20)
        arm = rng.permutation(np.repeat([0.0, 1.0], 4000))
        death = rng.exponential(1 / (z * np.where(arm == 1, 0.0006, 0.001)))
        found.append(cox(np.minimum(death, 640), death <= 640, arm).coefficients[0])
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / np.sqrt(30))


def test_expected_statistics_without_a_finite_answer_have_a_sentence():
    t = np.linspace(0, 640, 65)
    falls, stays, weight = np.exp(-np.outer([0.001, 0.002], t)), np.ones((2, 65)), np.array([0.5, 0.5])
    for control, treated in ((falls, stays), (stays, falls), (stays, stays)):
        with pytest.raises(InputError, match="Nobody dies in one arm"):
            expected_log_hazard_ratio(control, treated, weight)
        assert np.isnan(expected_log_hazard_ratio(control, treated, weight, raise_on_failure=False))
    # rounding of sums is no death
    level, weight = np.random.default_rng(0).uniform(0.5, 1, (2, 407))
    still = np.repeat(level[:, None], 81, axis=1)
    assert np.isnan(expected_log_hazard_ratio(still, still, weight, raise_on_failure=False))
    arm, both = np.array([[0.0], [0.0], [1.0], [1.0]]), np.full(4, 0.25)
    for survival, columns, hint in (
        (np.r_[falls, stays], arm, "infinite"),
        (np.r_[stays, stays], arm, "infinite"),
        (np.r_[falls, falls], np.ones((4, 1)), "same for every"),
        (np.r_[falls, falls], np.c_[arm, 2 * arm], "collinear"),
    ):
        with pytest.raises(InputError, match=hint):
            expected_cox(survival, both, columns)
        assert np.isnan(expected_cox(survival, both, columns, raise_on_failure=False)).all()
