"""A stored fit opens in ArviZ, comes back to the bit, and says what it is in a table, a frame and a figure."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import il2model as il2
from il2model.errors import UnknownNameError
from il2model.parameters import load_parameters


@pytest.fixture(scope="module")
def posterior():
    fit = il2.Posterior.load("imodals")
    rng = np.random.default_rng(3)
    return replace(fit, pointwise={"imodals_1miu": rng.normal(size=fit.log_posterior.shape)})


@pytest.fixture
def stored(posterior, tmp_path):
    (tmp_path / "imodals").mkdir()
    posterior.save(tmp_path / "imodals" / "posterior.nc")
    return tmp_path


def test_a_fit_comes_back_to_the_bit_and_is_the_same_file_twice(posterior, stored):
    loaded = il2.Posterior.load("imodals", stored)
    assert loaded == posterior
    assert loaded.beside == posterior.beside
    assert dict(loaded.manifest) == dict(posterior.manifest)
    first = (stored / "imodals" / "posterior.nc").read_bytes()
    loaded.save(stored / "imodals" / "posterior.nc")
    assert (stored / "imodals" / "posterior.nc").read_bytes() == first


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_arviz_opens_the_file(posterior, stored):
    import arviz as az

    data = az.from_netcdf(stored / "imodals" / "posterior.nc")
    assert {"posterior", "sample_stats", "log_likelihood", "unconstrained_posterior"} <= set(data.groups())
    assert data.posterior["il2_clearance"].attrs["units"] == "L/day"
    np.testing.assert_array_equal(data.posterior["il2_clearance"].values, posterior.values[..., 0])
    np.testing.assert_array_equal(data.log_likelihood["imodals_1miu"].values, posterior.pointwise["imodals_1miu"])
    mine = posterior.to_arviz()
    assert float(az.ess(mine, var_names=["signal_hill"])["signal_hill"]) > 100


def test_a_flat_file_of_before_still_loads():
    """The fits that ship: draws, verdicts and priors of their tables."""
    fit = il2.Posterior.load("mirocals")
    assert fit.pointwise == {}
    summary = fit.summary()
    table = pd.read_csv(il2_results("imodals"), index_col="id")
    assert summary.loc["signal_hill", "verdict"] == table.loc["signal_hill", "verdict"]
    assert summary.loc["signal_hill", "prior_q975"] == table.loc["signal_hill", "prior_q975"]
    assert set(summary.index[summary["verdict"] == "prior only"]) == set(fit.prior_only)


def il2_results(stage):
    from il2model.resources import data_dir

    return data_dir("calibration") / "results" / stage / "parameters.csv"


def test_the_summary_is_that_of_the_draws(posterior):
    row = posterior.summary().loc["il2_clearance"]
    x = posterior.flat[:, posterior.ids.index("il2_clearance")]
    assert row["mean"] == pytest.approx(x.mean())
    assert row["sd"] == pytest.approx(x.std(ddof=1))
    assert row["q025"] == np.quantile(x, 0.025)
    assert row["name"] == load_parameters().records["il2_clearance"].name
    assert row["unit"] == "L/day"


def test_a_frame_has_a_row_per_draw(posterior):
    frame = posterior.to_dataframe()
    assert frame.shape == (len(posterior), 1 + len(posterior.ids))
    assert frame.loc[(1, 2), "il2_clearance"] == posterior.values[1, 2, 0]
    assert frame.loc[(1, 2), "log_posterior"] == posterior.log_posterior[1, 2]


def test_a_figure_shows_what_is_asked_for(posterior):
    assert sum(ax.get_visible() for ax in posterior.plot(["signal_hill", "il2_clearance"]).axes) == 2
    with pytest.raises(UnknownNameError, match="signal_hill"):
        posterior.plot(["signal_hil"])


def test_a_summary_says_what_was_held_and_what_is_points():
    fit = il2.Posterior.load("imodals")
    values = fit.values.copy()
    values[..., fit.ids.index("treg_affinity")] = 30.0
    table = replace(fit, values=values).summary()
    assert table.loc["treg_affinity", "verdict"] == "held" and table.loc["treg_affinity", "sd"] == 0
    assert (table["verdict"].drop("treg_affinity") != "held").all()
    assert table.loc["imodals_drift", "unit"] == "percentage points" and "IMODALS" in table.loc["imodals_drift", "name"]
