"""A stage runs from the command line, is kept on resume, and says what is wrong."""

import json

import numpy as np
import pytest

from il2model.calibration import fit
from il2model.calibration.problem import Problem, Structure
from il2model.calibration.sampling import Effort, SamplerOptions
from il2model.calibration.simulator import Size
from il2model.cli.main import main
from il2model.dosing.regimen import Regimen
from il2model.errors import InputError, UnknownNameError
from il2model.runs import RunOptions
from il2model.simulation.run import solve
from il2model.solver.problem import SolverOptions
from il2model.uncertainty.coordinates import sobol_points
from il2model.uncertainty.posterior import Posterior

TINY = Effort("quick", Size(patients=64), {"pk": SamplerOptions(walkers=8, burn=4, steps=12, thin=2)}, False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit")
    fit.fit_stage("pk", path, TINY, run=RunOptions(workers=2))
    return path


def test_a_fit_leaves_tables_draws_and_a_manifest(folder):
    home = folder / "pk"
    for name in ("parameters.csv", "targets.csv", "covariance.csv", "estimate.json", "diagnostics.json"):
        assert (home / name).stat().st_size > 100, name
    posterior = Posterior.load("pk", folder)
    assert posterior.ids == ("il2_clearance", "il2_absorption_rate", "il2_lymph_rate", "il2_capillary_share")
    assert posterior.units[0] == "L/day"
    assert len(np.unique(posterior.pick(20, 1))) == 20
    assert sorted(posterior.order) == list(range(len(posterior)))
    assert json.loads((home / "manifest.json").read_text())["seed"] == 1


def test_one_seed_gives_one_posterior_for_one_and_two_workers(folder, tmp_path):
    again = fit.fit_stage("pk", tmp_path, TINY, run=RunOptions(workers=1))
    first = Posterior.load("pk", folder)
    assert np.array_equal(first.values, again.values)
    assert np.array_equal(first.log_posterior, again.log_posterior)
    assert (tmp_path / "pk" / "parameters.csv").read_bytes() == (folder / "pk" / "parameters.csv").read_bytes()


def test_a_finished_fit_is_kept_and_another_refused(folder, caplog):
    with caplog.at_level("INFO", "il2model"):
        fit.fit_stage("pk", folder, TINY)
    assert caplog.messages == ["pk: the stored fit is kept"]
    with pytest.raises(InputError, match="holds a fit already; resume it"):
        fit.fit_stage("pk", folder, TINY, run=RunOptions(folder=folder, resume=False))
    other = Effort("quick", Size(patients=64, rtol=1e-5), TINY.options, False)
    with pytest.raises(InputError, match="another model or other targets"):
        fit.fit_stage("pk", folder, other)


def test_stages_and_files_that_are_missing_are_named(folder, tmp_path, capsys):
    with pytest.raises(UnknownNameError, match="imodals"):
        fit.calibrate("imodal", tmp_path)
    with pytest.raises(InputError, match="no stored fit 'pk'"):
        fit.calibrate("imodals", tmp_path)
    assert main(["calibrate", "pk", "-o", str(tmp_path / "x"), "--workers", "0"]) == 2
    assert main(["calibrate", "all", "--targets", str(tmp_path)]) == 2
    assert main(["report", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert all(line.startswith("il2model: ") for line in lines)
    assert len(lines) == 3


def test_the_report_is_one_page_without_network(folder, tmp_path, capsys):
    assert main(["report", str(folder), "-o", str(tmp_path / "r.html")]) == 0
    text = (tmp_path / "r.html").read_text()
    assert "il2_clearance" in text
    assert "http" not in text
    assert text.count("<img") == text.count('alt="')


def test_no_point_of_the_cube_is_refused():
    for stage in ("pk", "progression"):
        assert Problem.pose(stage, size=Size(patients=64)).refused_share == 0.0


def test_a_structure_changes_one_thing():
    one = Problem.pose("pk", structure=Structure("x", "y", {"il2_capillary_share": 0.3}))
    assert "il2_capillary_share" not in one.coordinates
    assert one.table(np.zeros((2, 3)))["il2_capillary_share"].tolist() == [0.3, 0.3]


def test_the_natural_course_is_the_solution_of_the_equations():
    """Untreated motor units, hazard and survival without integration equal the solver's."""
    from il2model.calibration.progression import als_patients, cumulative

    p = Problem.pose("progression", size=Size(patients=64))
    patients = als_patients(p.simulator)
    rows = patients.rows(sobol_points(16, patients.width, 1))[0]
    days = np.arange(0, 641, 10.0)
    seen = patients.natural_course(rows, days)
    solved = solve(p.simulator.kernel, [Regimen.named("placebo")], rows, days, 640.0, options=SolverOptions(rtol=1e-9))
    np.testing.assert_allclose(seen["motor_units"], solved["motor_units"], rtol=1e-7)
    survival = np.exp(-cumulative(seen["hazard"], days))
    np.testing.assert_allclose(survival, np.exp(-solved["cumulative_hazard"]), atol=3e-4)


def test_six_patients_give_the_mean_and_spread_of_many():
    from il2model.calibration.simulator import IL2_SPREAD
    from il2model.population.patients import Patients

    p = Problem.pose("pk").simulator
    many = Patients(p.kernel, p.parameters, IL2_SPREAD)
    rows = many.rows(sobol_points(256, many.width, 3))[0]
    for patients, store in ((rows, []), (p.il2_patients({})[0], [])):
        course = p.observe(("imodals_1miu", "imodals_2miu"), patients, np.array([0.0, 7.0]), ("treg_percent",))
        for arm in course.values():
            change = arm["treg_percent"][:, 1] - arm["treg_percent"][:, 0]
            store += [change.mean(), change.std()]
        if len(patients) == 256:
            expected = store
        else:
            np.testing.assert_allclose(store, expected, rtol=0.02)


@pytest.mark.long
def test_the_short_cut_of_mirocals_is_the_full_cohort():
    from dataclasses import replace

    from il2model.calibration.mirocals import analyses, arms, full_cohort

    p = Problem.pose("mirocals").simulator
    short = analyses(arms(replace(p, size=Size(patients=256)), {})[0])
    full = analyses(full_cohort(replace(p, size=Size(patients=256)), {}, il2_spread=False))
    spread = analyses(full_cohort(replace(p, size=Size(patients=256)), {}, il2_spread=True))
    for name, value in full.items():
        assert short[name] == pytest.approx(value, abs=1e-3), name
        assert spread[name] == pytest.approx(value, abs=0.01), name


@pytest.mark.long
@pytest.mark.parametrize("stage", ["imodals", "mirocals"])
def test_known_parameters_are_recovered_from_simulated_summaries(stage):
    """Summaries simulated without noise from known parameters: the informed ones are found again."""
    from dataclasses import replace
    from types import MappingProxyType

    from il2model.calibration.optimum import optimize

    p = Problem.pose(stage, size=Size(patients=128))
    rng = np.random.default_rng(8)
    truth = np.zeros(len(p.coordinates))
    truth[p.steps :] = 0.8 * rng.standard_normal(len(truth) - p.steps)
    predicted = p.predict(p.table(truth[None]))
    new = {}
    for t in p.fitted:
        value = float(predicted[t.id][0])
        counts = (round(value * t.counts[1]), t.counts[1]) if t.form == "binomial" else t.counts
        # with a tenth of the noise the data win over the prior where they say anything
        new[t.id] = replace(t, estimate=value, se=0.1 * t.se, counts=counts, n=None if t.n is None else 100 * t.n)
    targets = replace(p.targets, targets=MappingProxyType({**p.targets.targets, **new}))
    best = optimize(replace(p, targets=targets), SamplerOptions(starts=2))
    again = p.predict(p.table(best.z[None]))
    for t in p.fitted:
        assert abs(again[t.id][0] - predicted[t.id][0]) < (0.5 * t.se if t.form == "normal" else 0.3), t.id
    sd = np.sqrt(np.diag(best.covariance))
    inside = np.abs(best.z - truth)[p.steps :] < 3 * sd[p.steps :]
    assert inside.mean() > 0.9


def test_a_cell_that_begins_like_a_formula_is_read_as_it_was(tmp_path):
    from il2model.calibration.tables import write_table
    from il2model.report.fits import read_table

    rows = [{"id": "=a", "unit": "-", "source": "@b", "value": -1.5, "note": "'quoted'"}]
    write_table(tmp_path / "t.csv", rows)
    assert "'=a" in (tmp_path / "t.csv").read_text()
    assert read_table(tmp_path / "t.csv") == rows
