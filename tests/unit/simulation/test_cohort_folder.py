"""Cohorts in a folder go on after a kill; blocks run wherever there is a submit."""

import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError
from il2model.runs import RunOptions
from il2model.simulation.cohort import Task, solve_cohort
from il2model.solver.problem import SolverOptions

KEYWORDS = dict(until=85, save=[0, 7, 85], observables=["treg_percent", "il2_plasma", "survival"])
CODE = """
import os, signal, sys
import il2model as il2
def die(done, total):
    if done >= 128:
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    people = il2.Cohort.sample(260, seed=2)
    il2.simulate("imodals-2miu", cohort=people, until=85, save=[0, 7, 85], workers=2, progress=die,
                 observables=["treg_percent", "il2_plasma", "survival"], folder=sys.argv[1])
"""


@pytest.fixture(scope="module")
def people():
    return il2.Cohort.sample(260, seed=2)


@pytest.fixture(scope="module")
def whole(people):
    return il2.simulate("imodals-2miu", cohort=people, **KEYWORDS)


def test_a_killed_cohort_goes_on_to_the_same_bits(people, whole, tmp_path):
    folder = tmp_path / "people"
    killed = subprocess.run([sys.executable, "-c", CODE, str(folder)], capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    before = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.npz")}
    assert 2 <= len(before) < 5
    told = []
    found = il2.simulate(
        "imodals-2miu", cohort=people, folder=folder, progress=lambda d, n: told.append((d, n)), **KEYWORDS
    )
    assert found == whole
    assert told[-1] == (260, 260)
    after = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.npz")}
    assert len(after) == 5
    assert {k: after[k] for k in before} == before
    again = il2.simulate("imodals-2miu", cohort=people, folder=folder, summary=True, **KEYWORDS)
    assert again == il2.simulate("imodals-2miu", cohort=people, summary=True, workers=1, **KEYWORDS)


def test_a_damaged_block_and_another_cohort_are_refused(people, tmp_path):
    some = people.part(0, 100)
    il2.simulate("imodals-2miu", cohort=some, folder=tmp_path / "x", **KEYWORDS)
    with pytest.raises(InputError, match="holds another job"):
        il2.simulate("imodals-2miu", cohort=people.part(100, 200), folder=tmp_path / "x", **KEYWORDS)
    with pytest.raises(InputError, match="holds results"):
        il2.simulate("imodals-2miu", cohort=some, folder=tmp_path / "x", resume=False, **KEYWORDS)
    block = tmp_path / "x" / "000000064.npz"
    block.write_bytes(block.read_bytes()[:-40])
    with pytest.raises(InputError, match="damaged"):
        il2.simulate("imodals-2miu", cohort=some, folder=tmp_path / "x", **KEYWORDS)


def test_regimens_of_a_list_have_folders_of_their_own(people, tmp_path):
    arms = il2.simulate(["placebo", "imodals-2miu"], cohort=people.part(0, 8), folder=tmp_path / "x", **KEYWORDS)
    assert sorted(p.name for p in (tmp_path / "x").iterdir()) == ["0", "1"]
    assert (arms[0].values("treg_percent") != arms[1].values("treg_percent")).any()


def test_blocks_run_in_other_processes(people, whole):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert il2.simulate("imodals-2miu", cohort=people, executor=executor, **KEYWORDS) == whole
        with pytest.raises(InputError, match="workers"):
            il2.simulate("imodals-2miu", cohort=people, executor=executor, workers=0, **KEYWORDS)


def test_another_model_travels_too():
    from il2model.solver.kernel import kernel_of
    from tests.verification.test_another_model import VALUES, limit

    kernel = kernel_of(limit())
    twin = pickle.loads(pickle.dumps(kernel))
    assert twin is kernel  # one kernel of a model in a process
    assert kernel_of(limit()) is kernel
    task = Task(kernel=kernel, plans=[il2.Regimen()], save=np.array([0.5, 2.0]), until=2.0, ids=["L", "R"],
                options=SolverOptions())  # fmt: skip
    rows = np.tile(kernel.blueprint.parameters.convert(VALUES), (70, 1))
    rows[:, kernel.blueprint.parameters.at("L_0")] = np.linspace(1, 20, 70)
    here = solve_cohort(task, rows.__getitem__, np.zeros(70, np.int64))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        there = solve_cohort(task, rows.__getitem__, np.zeros(70, np.int64), RunOptions(executor=executor))
    assert (here["L"] == there["L"]).all()
    assert len(np.unique(here["L"][:, 0])) == 70


def test_blocks_run_on_a_dask_cluster(people, whole):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert il2.simulate("imodals-2miu", cohort=people, executor=client, **KEYWORDS) == whole
