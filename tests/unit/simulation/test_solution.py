"""A solution is a value, knows its units, and says whom it leaves out."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import xarray as xr

import il2model as il2
from il2model.errors import InputError, UnitError, UnknownNameError
from il2model.solver.problem import SolverOptions, Status

SICK = "treg_division_max"


@pytest.fixture(scope="module")
def cohort():
    return il2.Cohort.sample(70, seed=3)


@pytest.fixture(scope="module")
def half_sick(cohort):
    """Ten subjects, five of whom no untreated state exists for."""
    ten = cohort.part(0, 10)
    return ten.changed({SICK: np.where(np.arange(10) % 2 == 0, 500.0, ten[SICK])})


@pytest.fixture(scope="module")
def patient():
    return il2.simulate("imodals-1miu", save=[0, 7, 85])


def test_a_solution_is_a_value(patient, cohort):
    people = il2.simulate("imodals-1miu", save=[7], cohort=cohort.part(0, 8))
    short = il2.simulate("imodals-1miu", save=[7], cohort=cohort.part(0, 8), summary=True)
    for s in (patient, people, short):
        for twin in (pickle.loads(pickle.dumps(s)), copy.deepcopy(s)):
            assert twin == s
            assert twin["treg_percent"].equals(s["treg_percent"])
        assert len(repr(s).splitlines()) == 1
    assert patient == il2.simulate("imodals-1miu", save=[0, 7, 85])
    assert patient != il2.simulate("imodals-2miu", save=[0, 7, 85])
    assert patient != people
    changed = pickle.loads(pickle.dumps(patient))
    changed.arrays["treg_percent"][0, 1] += 1e-9
    assert changed != patient


def test_a_solution_with_failures_equals_itself(half_sick):
    with pytest.warns(il2.IncompleteWarning):
        s = il2.simulate("imodals-1miu", save=[7], cohort=half_sick)
    assert pickle.loads(pickle.dumps(s)) == s


def test_what_was_kept_is_listed(patient, cohort):
    assert "treg_percent" in patient
    assert "il2_depot" in patient
    assert "treg" not in patient
    assert set(patient.keys()) == set(patient.items) == set(patient._ipython_key_completions_())
    few = il2.simulate("imodals-1miu", save=[7], cohort=cohort.part(0, 2), observables=["survival"])
    assert list(few) == ["survival"]
    with pytest.raises(InputError, match=r"saved are survival"):
        few["treg_percent"]
    one = il2.simulate("imodals-1miu", save=[7], observables=["survival"])
    assert one.keys() == ("survival",)
    assert one.values("survival") == patient.values("survival")[:, 1:2]
    with pytest.raises(UnknownNameError, match="survival"):
        il2.simulate("imodals-1miu", save=[7], observables=["survivle"])


def test_the_table_of_a_notebook_shows_first_and_last_values(patient, half_sick):
    page = patient._repr_html_()
    assert f"{patient.values('treg_percent')[0, -1]:.4g}" in page
    assert "day 85" in page
    assert "pg/mL" in page
    with pytest.warns(il2.IncompleteWarning):
        assert "5 of 10 subjects left out" in il2.simulate("imodals-1miu", save=[7], cohort=half_sick)._repr_html_()


def test_activity_of_a_cohort_is_each_subjects_own(cohort, tmp_path):
    some = cohort.part(0, 3)
    some = some.changed({"il2_amount_per_miu": np.array([3990.0, 2000.0, 1000.0])})
    for how in ({}, {"folder": tmp_path / "x"}):
        s = il2.simulate("imodals-2miu", save=[0, 0.1, 7], cohort=some, **how)
        expected = s.values("il2_plasma") * 1e3 / np.array([3990.0, 2000.0, 1000.0])[:, None]
        np.testing.assert_allclose(s.values("il2_plasma", "IU/mL"), expected, rtol=1e-14)
        np.testing.assert_allclose(s.array("il2_plasma", "kIU/L"), expected, rtol=1e-14)
        assert s.array("il2_plasma", "IU/mL").attrs["units"] == "IU/mL"


def test_a_summary_is_in_the_unit_that_was_asked_for(cohort):
    s = il2.simulate("imodals-2miu", save=[0, 7], cohort=cohort.part(0, 40), summary=True)
    plain, share = s["treg_percent"], s.array("treg_percent", "1")
    np.testing.assert_allclose(share, plain / 100, rtol=1e-14)
    assert share.attrs["units"] == "1"
    iu = s.array("il2_plasma", "IU/mL")
    np.testing.assert_allclose(iu, s["il2_plasma"] * 1e3 / 3990, rtol=1e-14)
    with pytest.raises(UnitError, match="cannot be turned"):
        s.array("treg_percent", "pM")
    mixed = cohort.part(0, 2).changed({"il2_amount_per_miu": np.array([3990.0, 2000.0])})
    other = il2.simulate("imodals-2miu", save=[0, 7], cohort=mixed, summary=True)
    with pytest.raises(UnitError, match="differs between the subjects"):
        other.array("il2_plasma", "IU/mL")
    assert other["il2_plasma"].attrs["units"] == "pM"


def test_whoever_is_left_out_is_told_each_time(half_sick):
    for _ in range(2):
        with pytest.warns(il2.IncompleteWarning, match="5 of 10"):
            s = il2.simulate("placebo", until=640, save=[640], cohort=half_sick)
    assert s.left_out == 5
    assert "5 failed" in repr(s)
    text = "5 of 10 subjects left out; the first: These parameters are refused"
    for found in (s["survival"], s.to_xarray(["survival"]), s.to_dataframe(["survival"])):
        assert found.attrs["left_out"] == 5
        assert text in found.attrs["note"]
    assert s.manifest["left_out"] == 5
    words = [t.get_text() for f in (s.plot(["survival"]),) for t in f.texts]
    assert any("5 of 10 subjects" in w.replace("\n", " ") for w in words), words
    with pytest.warns(il2.IncompleteWarning, match="5 of 10"):
        short = il2.simulate("placebo", until=640, save=[640], cohort=half_sick, summary=True)
    assert short["survival"].attrs["left_out"] == 5


def test_a_whole_cohort_says_that_nobody_is_left_out(cohort):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = il2.simulate("imodals-1miu", save=[7], cohort=cohort.part(0, 4))
    assert s["survival"].attrs["left_out"] == 0
    assert "left out" not in s["survival"].attrs.get("note", "")


def test_a_failed_patient_that_is_not_raised_is_told():
    options = SolverOptions(max_steps=50)
    with pytest.warns(il2.IncompleteWarning, match="1 of 1"):
        s = il2.simulate("mirocals", options=options, raise_on_failure=False, save=[1, 600])
    assert s.left_out == 1
    assert s.status[0] == Status.MAX_STEPS
    assert "left out" in s["survival"].attrs["note"]


@pytest.mark.parametrize("plan", ["placebo", ["placebo", "imodals-1miu"], il2.Regimen.cyclic("8 MIU", 5)])
def test_warnings_name_the_line_of_the_caller(half_sick, plan):
    import inspect

    with pytest.warns(il2.IncompleteWarning) as caught:
        il2.simulate(plan, until=85, save=[1], cohort=half_sick)
    here = inspect.currentframe().f_lineno - 1
    assert len(caught) == (1 if plan == "placebo" else 2)
    assert {(w.filename, w.lineno) for w in caught} == {(__file__, here)}


def test_two_threads_give_what_one_gives(cohort):
    from concurrent.futures import ThreadPoolExecutor

    def one(k):
        return il2.simulate("imodals-2miu", save=[0, 7, 85], cohort=cohort.part(4 * k, 4 * k + 4), workers=1)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(one, range(8)))
    assert together == [one(k) for k in range(8)]


def test_numpys_own_generator_and_the_environment_stay(cohort):
    import os

    np.random.seed(5)  # noqa: NPY002
    before, environment = np.random.get_state()[1].copy(), dict(os.environ)  # noqa: NPY002
    il2.simulate("imodals-1miu", save=[7], draws=4)
    il2.simulate("imodals-1miu", save=[7], cohort=cohort.part(0, 4))
    il2.sensitivities("imodals-1miu", ["il2_clearance"], save=[7])
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert dict(os.environ) == environment


def test_labels_hold_units_of_every_kind(patient):
    data = patient.to_xarray(["treg_percent", "csf_pnfh"])
    assert isinstance(data, xr.Dataset)
    assert data["csf_pnfh"].attrs["units"] == "pg/mL"
    assert patient.to_dataframe(["csf_pnfh"]).attrs["units"] == {"csf_pnfh": "pg/mL"}
    draws = il2.simulate("imodals-1miu", save=[0, 7], draws=5)
    assert draws["survival"].dims == ("quantile", "time")
    assert np.isfinite(draws.balance.given).all()


def test_what_is_for_cohorts_is_refused_for_one_patient(tmp_path):
    for how in ({"summary": True}, {"folder": tmp_path / "x"}):
        with pytest.raises(InputError, match="has no effect on one patient"):
            il2.simulate("imodals-1miu", save=[7], **how)
    assert not (tmp_path / "x").exists()


def test_two_threads_load_the_plain_rendering_once():
    import subprocess
    import sys

    code = """
import sys
from concurrent.futures import ThreadPoolExecutor
import il2model as il2
def one(k):
    return il2.simulate("imodals-1miu", until=85, save=[85], engine="plain").values("survival")[0, 0]
with ThreadPoolExecutor(4) as pool:
    print(len(set(pool.map(one, range(4)))))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "1\n", found.stderr


def test_who_fails_on_the_way_is_in_no_statistic_at_any_time(cohort):
    """The last subject is the only one whose steps last: every number and line is its own."""
    some, save = cohort.part(0, 12), np.arange(0, 200.0)
    steps = il2.simulate("mirocals", cohort=some, save=save).steps
    last = int(np.argmin(steps))
    few = dict(save=save, options=SolverOptions(max_steps=int(steps[last])), raise_on_failure=False)
    with pytest.warns(il2.IncompleteWarning, match="11 of 12"):
        s = il2.simulate("mirocals", cohort=some, **few)
    with pytest.warns(il2.IncompleteWarning, match="11 of 12"):
        short = il2.simulate("mirocals", cohort=some, summary=True, **few)
    own = s.values("treg_percent")[last]
    assert np.isfinite(own).all() and np.isfinite(s.values("treg_percent")[:, 1]).all()
    (line,) = s.plot(["treg_percent"]).axes[0].get_lines()[:1]
    np.testing.assert_array_equal(line.get_ydata(), own)
    np.testing.assert_allclose(short["treg_percent"].sel(statistic="mean"), own, rtol=1e-14)
    np.testing.assert_array_equal(short.summaries["treg_percent"].count, 1)
    assert f"{own[-1]:.4g} ({own[-1]:.4g} to {own[-1]:.4g})" in s._repr_html_()


def test_of_nobody_every_statistic_is_missing(cohort):
    few = dict(save=[1, 200], options=SolverOptions(max_steps=200), raise_on_failure=False)
    with pytest.warns(il2.IncompleteWarning, match="3 of 3"):
        short = il2.simulate("mirocals", cohort=cohort.part(0, 3), summary=True, **few)
    assert np.isnan(short["treg_percent"]).all()
    with pytest.warns(il2.IncompleteWarning, match="3 of 3"):
        drawn = il2.simulate("mirocals", draws=3, **few)
    assert np.isfinite(drawn.values("treg_percent")[:, 0]).all() and np.isnan(drawn["treg_percent"]).all()


def test_a_figure_says_what_a_coarse_grid_hides(cohort):
    assert "apart" not in il2.simulate("imodals-1miu").plot().get_supxlabel()
    daily = il2.simulate("imodals-1miu", cohort=cohort.part(0, 2))
    assert "times 1 d apart: peaks between them are not shown" in daily.plot().get_supxlabel()


def test_one_name_is_a_name_and_not_its_letters():
    solution = il2.simulate("imodals-2miu", until=85, save=[0, 7])
    assert list(solution.to_dataframe("treg_percent")) == list(solution.to_xarray("treg_percent")) == ["treg_percent"]
    titles = [axes.get_title(loc="left") for axes in solution.plot("treg_percent").axes]
    assert [title for title in titles if title] == ["Treg among CD4 cells"]
