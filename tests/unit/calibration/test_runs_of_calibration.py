"""A calibration goes on after a kill to the same bits, and does not depend on who works."""

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
from il2model.errors import InputError

OPTIONS = {"pk": SamplerOptions(ensembles=2, walkers=8, burn=4, steps=16, thin=2, starts=2, checkpoint=5)}
TINY = Effort("quick", Size(patients=64), OPTIONS, profiles=False)
JUDGED = Effort("quick", Size(patients=64), OPTIONS, profiles=True)
FILES = ("parameters.csv", "targets.csv", "covariance.csv", "estimate.json", "diagnostics.json", "manifest.json")


def run(folder, effort=TINY, **more):
    kept, fit.EFFORTS["quick"] = fit.EFFORTS["quick"], effort
    try:
        return il2.calibrate("pk", folder, quick=True, **more)["pk"]
    finally:
        fit.EFFORTS["quick"] = kept


@cache
def whole():
    folder = Path(mkdtemp())
    told = []
    environment, state = dict(os.environ), np.random.get_state()[1].copy()  # noqa: NPY002
    posterior = run(folder, workers=2, progress=lambda *p: told.append(p))
    assert dict(os.environ) == environment
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    return posterior, {name: (folder / "pk" / name).read_bytes() for name in FILES}, told


def assert_same(posterior, folder):
    first, files, _ = whole()
    assert np.array_equal(posterior.values, first.values)
    assert np.array_equal(posterior.log_posterior, first.log_posterior)
    for name, content in files.items():
        assert (Path(folder) / "pk" / name).read_bytes() == content, name


def test_progress_counts_the_steps_of_all_stages_and_nothing_global_is_touched():
    told = whole()[2]
    assert told[0] == (0, 40) and told[-1] == (40, 40)
    assert [d for d, _ in told] == sorted(d for d, _ in told)


def test_an_executor_gives_the_same_fit(tmp_path):
    with ThreadPoolExecutor(2) as executor:
        assert_same(run(tmp_path, executor=executor), tmp_path)


SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
import test_runs_of_calibration as t
def slow(done, total):
    print(done, flush=True)
    time.sleep(0.5)
if __name__ == "__main__":
    t.run(sys.argv[2], workers=2, progress=slow)
"""


def test_a_killed_calibration_goes_on_to_the_same_bits(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    folder = tmp_path / "fit"
    command = [sys.executable, str(script), os.path.dirname(__file__), str(folder)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        if int(line) >= 10:
            break
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()  # closes its pipe
    assert (folder / "pk" / "chains" / "ensemble-0.npz").exists() and not (folder / "pk" / "posterior.nc").exists()
    optimum = (folder / "pk" / "optimum" / "optimum.npz").stat().st_mtime_ns
    with pytest.raises(InputError, match="holds a fit already; resume it"):
        run(folder, resume=False)
    told = []
    assert_same(run(folder, workers=1, progress=lambda *p: told.append(p)), folder)
    assert told[0][0] >= 10, "it went on from the checkpoints"
    assert (folder / "pk" / "optimum" / "optimum.npz").stat().st_mtime_ns == optimum


def test_another_seed_or_target_in_a_begun_folder_is_refused(tmp_path):
    class Stop(Exception):
        pass

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        run(tmp_path, workers=1, progress=stop)
    with pytest.raises(InputError, match="holds another job: its seed is 1, here 2"):
        run(tmp_path, workers=1, seed=2)


@pytest.mark.long
def test_a_cluster_with_a_killed_worker_loses_nothing(tmp_path):
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

        there = run(tmp_path / "there", JUDGED, executor=client, progress=kill_one)
    here = run(tmp_path / "here", JUDGED, workers=2)
    assert killed
    assert np.array_equal(there.values, here.values)
    for name in FILES:
        assert (tmp_path / "there" / "pk" / name).read_bytes() == (tmp_path / "here" / "pk" / name).read_bytes(), name
