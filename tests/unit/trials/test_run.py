"""A trial is the same on any machine, goes on after a stop, and its result is a value that says whom it leaves out."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from functools import cache

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError, UnknownNameError
from il2model.trials import recipe
from il2model.trials.pool import build_pool

ARGUMENTS = dict(replicates=30, seed=2, pool=24)


@cache
def whole():
    return il2.run_trial("mirocals", **ARGUMENTS)


@cache
def drawn():
    return il2.run_trial("mirocals", 7, 1, draws=3, pool=12)


def test_replicate_k_is_the_same_however_many_there_are(tmp_path):
    few = il2.run_trial("mirocals", 6, 2, pool=24, folder=tmp_path)
    assert np.array_equal(few.table, whole().table[:6], equal_nan=True)
    more = il2.run_trial("mirocals", **ARGUMENTS, folder=tmp_path)
    assert more == whole()
    assert il2.run_trial("mirocals", 6, 2, pool=24, folder=tmp_path, workers=1) == few


def test_a_stopped_trial_goes_on_without_running_again_what_is_stored(tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def stop(done, total):
        if done >= 25:
            raise Stop

    with pytest.raises(Stop):
        il2.run_trial("mirocals", **ARGUMENTS, folder=tmp_path, progress=stop)
    with pytest.raises(InputError, match="is not finished"):
        il2.TrialResult.load(tmp_path)
    with pytest.raises(InputError, match="holds results already"):
        il2.run_trial("mirocals", **ARGUMENTS, folder=tmp_path, resume=False)
    told = []
    again = il2.run_trial("mirocals", **ARGUMENTS, folder=tmp_path, progress=lambda *p: told.append(p))
    assert told == [(25, 30), (30, 30)]
    assert again == whole()
    monkeypatch.setattr(recipe, "build_pool", None)  # a stored trial simulates nobody
    assert il2.run_trial("mirocals", **ARGUMENTS, folder=tmp_path) == whole()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(seed=3), "its seed is 2, here 3"),
        (dict(pool=20), "its pool is 24, here 20"),
        (dict(hazard_ratio=0.5), "its hazard ratio is null, here 0.5"),
        (dict(parameters=il2.load_parameters().replace(il2_clearance="0.3 L/min")), "its parameters"),
        (dict(design=il2.TrialDesign.named("mirocals").sized(50)), "its design differs"),
    ],
)
def test_a_folder_of_another_trial_is_refused(tmp_path, change, words):
    il2.run_trial("mirocals", 1, 2, pool=24, folder=tmp_path)
    with pytest.raises(InputError, match=f"holds another job: {words}"):
        il2.run_trial(**(dict(design="mirocals", **ARGUMENTS, folder=tmp_path) | change))


def test_a_damaged_block_is_one_sentence_and_can_be_made_again(tmp_path):
    il2.run_trial("mirocals", **ARGUMENTS, folder=tmp_path)
    block = tmp_path / "replicates-00000-0000025.npz"
    block.write_bytes(block.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"0000025\.npz is damaged; remove it and resume"):
        il2.TrialResult.load(tmp_path)
    block.unlink()
    assert il2.run_trial("mirocals", **ARGUMENTS, folder=tmp_path) == whole()


def test_a_result_does_not_depend_on_executor_or_draw_blocks(tmp_path):
    with ThreadPoolExecutor(2) as executor:
        assert il2.run_trial("mirocals", **ARGUMENTS, executor=executor) == whole()
        assert il2.run_trial("mirocals", 7, 1, draws=3, pool=12, folder=tmp_path, executor=executor) == drawn()
    assert il2.TrialResult.load(tmp_path) == drawn()


def test_draws_without_a_replicate_still_count_in_the_expected_curves():
    few = il2.run_trial("mirocals", 1, 1, draws=3, pool=12)
    assert all(np.array_equal(few.strata[k], drawn().strata[k], equal_nan=True) for k in few.strata)


def test_a_trial_is_a_value():
    result = whole()
    for twin in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert twin == result
        assert twin.quantiles("all").tolist() == result.quantiles("all").tolist()
    assert result != replace(result, table=result.table + 1)
    assert result != "result"
    assert repr(result) == "TrialResult('mirocals', 30 replicates of 220)"
    assert "hazard ratio" in result._repr_html_()
    assert "log_rank_p" in result._ipython_key_completions_()
    assert len(result) == 30
    with pytest.raises(FrozenInstanceError):
        result.refused = 3
    with pytest.raises(UnknownNameError, match="log_rank_p"):
        result["log_rank"]


def test_whom_a_trial_leaves_out_is_said_in_the_value_its_table_and_its_figure(monkeypatch):
    def loses_some(*arguments, **keywords):
        return replace(build_pool(*arguments, **keywords), refused=3)

    assert whole().left_out == "" and whole().notes == ()  # before a pool is made that loses some
    recipe.forget_pools()
    monkeypatch.setattr(recipe, "build_pool", loses_some)
    for _ in range(2):  # each time, not once a process
        result = il2.run_trial("mirocals", 4, 2, pool=24)
        sentence = "3 of 24 virtual patients could not be run and are in no replicate."
        assert result.left_out == sentence and result.notes == (sentence,)
        assert "3 of 24 virtual patients left out" in repr(result)
        assert sentence in result._repr_html_()
        assert result.summary().attrs["notes"] == (sentence,)
        assert sentence in result.plot().get_suptitle()


def test_uncalibrated_parameters_are_said():
    result = il2.run_trial("imodals", 2, pool=8, parameters=il2.load_parameters("prior"))
    assert result.notes == ("Uncalibrated parameters.",)
    assert repr(result).endswith("uncalibrated parameters)")


def test_a_folder_without_a_trial_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no stored trial"):
        il2.TrialResult.load(tmp_path / "nothing")


def test_two_threads_run_trials_at_once_and_touch_nothing_global():
    environment, state = dict(os.environ), np.random.get_state()[1].copy()  # noqa: NPY002
    results = {}

    def run(name, seed):
        results[name] = il2.run_trial("mirocals", 5, seed, pool=24)

    threads = [threading.Thread(target=run, args=(k, 2 + k % 2)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results[0] == results[2] and results[1] == results[3] and results[0] != results[1]
    assert np.array_equal(results[0].table, whole().table[:5], equal_nan=True)
    assert dict(os.environ) == environment
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


SCRIPT = """
import sys, time
import il2model as il2
def slow(done, total):
    print(done, flush=True)
    time.sleep(float(sys.argv[2]))
if __name__ == "__main__":
    il2.run_trial("mirocals", 7, 1, draws=3, pool=12, folder=sys.argv[1], progress=slow)
"""


def test_a_killed_trial_goes_on_to_the_same_bits(tmp_path):
    running = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path), "5"], stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        if int(line) >= 3:
            break
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()  # closes its pipe
    stored = len(list(tmp_path.glob("replicates-*.npz")))
    assert 1 <= stored < 3, "it was killed in the middle"
    assert il2.run_trial("mirocals", 7, 1, draws=3, pool=12, folder=tmp_path) == drawn()


@pytest.mark.long
def test_a_cluster_with_a_killed_worker_loses_nothing(tmp_path):
    from distributed import Client, LocalCluster

    arguments = dict(replicates=48, seed=1, draws=24, pool=48)
    here = il2.run_trial("mirocals", **arguments)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        killed = []

        def kill_one(done, total):
            if done >= total // 4 and not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        there = il2.run_trial("mirocals", **arguments, folder=tmp_path, executor=client, progress=kill_one)
        time.sleep(0)
    assert killed
    assert there == here
