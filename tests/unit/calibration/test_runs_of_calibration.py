"""A calibration goes on after a kill to the same bits, and does not depend on who works."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

import il2model as il2
from il2model.calibration import fit
from il2model.calibration.sampling import Effort, SamplerOptions
from il2model.calibration.simulator import Size
from il2model.errors import InputError, UnknownNameError

OPTIONS = {"pk": SamplerOptions(ensembles=2, walkers=8, burn=4, steps=16, thin=2, starts=2, checkpoint=5)}
TINY = Effort("quick", Size(patients=64), OPTIONS, profiles=False)
JUDGED = Effort("quick", Size(patients=64), OPTIONS, profiles=True)
FILES = ("parameters.csv", "targets.csv", "covariance.csv", "estimate.json", "diagnostics.json", "manifest.json")


METHODS = pytest.mark.parametrize("sampler", ["importance", "emcee"])
#: Where progress ends, how far a killed run gets, and what lies there then.
ENDS = {"importance": (30, 6, "rounds/round-00.npz"), "emcee": (40, 10, "chains/ensemble-0.npz")}


def run(folder, effort=TINY, **more):
    kept, fit.EFFORTS["quick"] = fit.EFFORTS["quick"], effort
    try:
        return il2.calibrate("pk", folder, quick=True, **more)["pk"]
    finally:
        fit.EFFORTS["quick"] = kept


@cache
def whole(sampler):
    folder = Path(mkdtemp())
    told = []
    environment, state = dict(os.environ), np.random.get_state()[1].copy()  # noqa: NPY002
    posterior = run(folder, sampler=sampler, workers=2, progress=lambda *p: told.append(p))
    assert dict(os.environ) == environment
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    return posterior, {name: (folder / "pk" / name).read_bytes() for name in FILES}, told


def assert_same(posterior, folder, sampler):
    first, files, _ = whole(sampler)
    assert np.array_equal(posterior.values, first.values)
    assert np.array_equal(posterior.log_posterior, first.log_posterior)
    for name, content in files.items():
        assert (Path(folder) / "pk" / name).read_bytes() == content, name


@METHODS
def test_progress_counts_all_stages_and_nothing_global_is_touched(sampler):
    told, end = whole(sampler)[2], ENDS[sampler][0]
    assert told[0] == (0, end) and told[-1] == (end, end)
    assert [d for d, _ in told] == sorted(d for d, _ in told)


@METHODS
def test_an_executor_gives_the_same_fit(tmp_path, sampler):
    with ThreadPoolExecutor(2) as executor:
        assert_same(run(tmp_path, sampler=sampler, executor=executor), tmp_path, sampler)


def test_the_files_say_what_the_method_found():
    posterior, files, _ = whole("importance")
    said = json.loads(files["diagnostics.json"])
    assert said["sampler"] == "importance" and said["converged"] and said["accepted"]
    assert said["effective_draws"] >= 800 and said["pareto_k"] < 0.5
    evidence = said["evidence"]
    assert abs(evidence["log"] - evidence["bridge"]["log"]) < 4 * (evidence["error"] + evidence["bridge"]["error"])
    assert posterior.manifest["converged"] is True
    total = sum(posterior.pointwise.values()) - 0.5 * (posterior.z**2).sum(axis=-1)
    np.testing.assert_allclose(total, posterior.log_posterior, atol=1e-9)
    emcee, files, _ = whole("emcee")
    said = json.loads(files["diagnostics.json"])
    assert said["sampler"] == "emcee" and not said["accepted"] and not said["converged"], "sixteen steps are few"
    assert emcee.manifest["converged"] is False


SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
import test_runs_of_calibration as t
def slow(done, total):
    print(done, flush=True)
    time.sleep(0.5 if done >= int(sys.argv[4]) else 0.0)
if __name__ == "__main__":
    t.run(sys.argv[2], sampler=sys.argv[3], workers=2, progress=slow)
"""


@METHODS
def test_a_killed_calibration_goes_on_to_the_same_bits(tmp_path, sampler):
    _, far, block = ENDS[sampler]
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    folder = tmp_path / "fit"
    command = [sys.executable, str(script), os.path.dirname(__file__), str(folder), sampler, str(far)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        if int(line) >= far:
            break
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()  # closes its pipe
    assert (folder / "pk" / block).exists() and not (folder / "pk" / "posterior.nc").exists()
    stored = (folder / "pk" / block).read_bytes()
    with pytest.raises(InputError, match="holds a fit already; resume it"):
        run(folder, sampler=sampler, resume=False)
    told = []
    assert_same(run(folder, sampler=sampler, workers=1, progress=lambda *p: told.append(p)), folder, sampler)
    if sampler == "emcee":
        assert told[0][0] >= far, "it went on from the checkpoints"
    else:
        assert (folder / "pk" / block).read_bytes() == stored


def test_a_fit_by_another_method_or_seed_is_not_taken_for_this_one(tmp_path):
    run(tmp_path, sampler="emcee", workers=1)
    with pytest.raises(InputError, match="holds a fit by emcee and seed 1, not by importance and seed 1"):
        run(tmp_path)
    with pytest.raises(InputError, match="holds a fit by emcee and seed 1, not by emcee and seed 2"):
        run(tmp_path, sampler="emcee", seed=2)
    with pytest.raises(UnknownNameError, match="did you mean 'emcee'"):
        run(tmp_path, sampler="emce")


def test_another_seed_or_target_in_a_begun_folder_is_refused(tmp_path):
    class Stop(Exception):
        pass

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        run(tmp_path, sampler="emcee", workers=1, progress=stop)
    with pytest.raises(InputError, match="holds another job: its seed is 1, here 2"):
        run(tmp_path, sampler="emcee", workers=1, seed=2)


@pytest.mark.long
@METHODS
def test_a_cluster_with_a_killed_worker_loses_nothing(tmp_path, sampler):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        killed = []

        def kill_one(done, total):
            if done >= total // 4 and not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        there = run(tmp_path / "there", JUDGED, sampler=sampler, executor=client, progress=kill_one)
    here = run(tmp_path / "here", JUDGED, sampler=sampler, workers=2)
    assert killed
    assert np.array_equal(there.values, here.values)
    for name in FILES:
        assert (tmp_path / "there" / "pk" / name).read_bytes() == (tmp_path / "here" / "pk" / name).read_bytes(), name
