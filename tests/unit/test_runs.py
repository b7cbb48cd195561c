"""Tasks come back in order, at most a few at a time, wherever they run; options are checked; progress is shown."""

import io
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from il2model.errors import InputError, SimulationError
from il2model.runs import RunOptions, crew, ordered, pool, shown, worked


def slow_square(k):
    time.sleep(0.002 * (7 - k % 7))
    return k * k


def fail_at_three(k):
    if k == 3:
        raise ValueError("three")
    time.sleep(0.01)
    return k


def die(k):
    os.kill(os.getpid(), signal.SIGKILL)


def environment(k):
    return os.environ.get("OPENBLAS_NUM_THREADS")


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(kind, workers):
    found = list(ordered(slow_square, range(20), RunOptions(workers=workers), kind=kind))
    assert found == [k * k for k in range(20)]


def test_an_executor_takes_the_tasks():
    with ThreadPoolExecutor(3) as executor:
        assert list(ordered(slow_square, range(9), RunOptions(executor=executor))) == [k * k for k in range(9)]


def test_items_are_taken_only_as_there_is_room():
    taken = []

    def items():
        for k in range(100):
            taken.append(k)
            yield k

    results = ordered(slow_square, items(), RunOptions(workers=2))
    next(results)
    assert len(taken) <= 5
    results.close()
    assert len(taken) <= 5


def test_an_error_ends_the_run_and_nothing_further_starts():
    begun = []

    def task(k):
        begun.append(k)
        return fail_at_three(k)

    with pytest.raises(ValueError, match="three"):
        list(ordered(task, range(1000), RunOptions(workers=2)))
    assert len(begun) < 12


def test_a_worker_process_that_dies_is_one_sentence():
    with pytest.raises(SimulationError, match="worker process died"):
        list(ordered(die, range(4), RunOptions(workers=2), kind="processes"))


def test_workers_have_one_thread_of_linear_algebra_and_the_caller_keeps_its_environment():
    before = dict(os.environ)
    if "OPENBLAS_NUM_THREADS" not in before:
        assert set(ordered(environment, range(3), RunOptions(workers=2), kind="processes")) == {"1"}
    assert dict(os.environ) == before


ORPHANS = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from test_runs import where
from il2model.runs import RunOptions, pool
if __name__ == "__main__":
    with pool(RunOptions(workers=2), kind="processes") as (submit, _):
        futures = [submit(where, k) for k in range(4)]
        print(*{f.result() for f in futures}, flush=True)
        time.sleep(60)
"""


def where(k):
    time.sleep(0.3)
    return os.getpid()


def test_worker_processes_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(ORPHANS)
    running = subprocess.Popen([sys.executable, script, os.path.dirname(__file__)], stdout=subprocess.PIPE, text=True)
    children = [int(p) for p in running.stdout.readline().split()]
    assert children
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    deadline = time.time() + 10
    while any(_alive(p) for p in children) and time.time() < deadline:
        time.sleep(0.05)
    assert not any(_alive(p) for p in children)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workers": 0}, "workers is 0; it must be a whole number, 1 or more"),
        ({"workers": 1.5}, "workers is 1.5"),
        ({"workers": True}, "workers is True"),
        ({"executor": 3}, "The executor, of type int, has no submit"),
        ({"progress": 3}, "progress must be a function"),
        ({"folder": 3}, "folder is 3; it must be the path"),
    ],
)
def test_options_are_checked(given, words):
    with pytest.raises(InputError, match=words):
        RunOptions(**given)


def test_a_folder_below_a_file_or_without_permission_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        RunOptions(folder=tmp_path / "file" / "deeper")
    (tmp_path / "locked").mkdir(mode=0o500)
    if not os.access(tmp_path / "locked", os.W_OK):
        with pytest.raises(InputError, match="no permission"):
            RunOptions(folder=str(tmp_path / "locked" / "x"))
    assert RunOptions(folder=str(tmp_path)).folder == tmp_path


def test_progress_without_a_terminal_is_a_line_at_every_tenth(capsys):
    with shown("replicates") as progress:
        for done in range(1001):
            progress(done, 1000)
        logging.getLogger("il2model").info("pk: kept")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "il2model: replicates: 0 of 1000"
    assert lines[5].startswith("il2model: replicates: 500 of 1000, ") and lines[5].endswith(" left")
    assert lines[10] == "il2model: replicates: 1000 of 1000" and lines[11] == "il2model: pk: kept"
    assert len(lines) == 12
    logging.getLogger("il2model").info("nobody listens")
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal_is_a_bar_with_the_time_left(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with shown("replicates") as progress:
        progress(500, 1000)
        progress(1000, 1000)
    assert "replicates" in screen.getvalue() and "1000/1000" in screen.getvalue() and "left" in screen.getvalue()


def test_two_threads_run_pools_at_once():
    found = {}

    def run(name):
        found[name] = list(ordered(slow_square, range(15), RunOptions(workers=2)))

    threads = [threading.Thread(target=run, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(v == [k * k for k in range(15)] for v in found.values()) and len(found) == 3


def test_what_waits_is_cancelled_when_a_pool_is_left():
    begun = []

    def task(k):
        begun.append(k)
        time.sleep(0.05)

    def interrupted():
        with pool(RunOptions(workers=1), kind="threads") as (submit, _):
            for k in range(50):
                submit(task, k)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(begun) <= 2


def test_tasks_run_on_a_dask_client():
    from distributed import Client

    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as client:
        assert list(ordered(slow_square, range(70), RunOptions(executor=client))) == [k * k for k in range(70)]
        with pytest.raises(ValueError, match="three"):
            list(ordered(fail_at_three, range(70), RunOptions(executor=client)))


def test_an_error_of_the_caller_stops_what_was_submitted():
    begun = []

    def task(k):
        begun.append(k)
        time.sleep(0.02)
        return k

    def listens(results):
        for k in results:
            if k == 1:
                raise KeyError("the caller's own")

    def run():
        with worked(task, range(1000), RunOptions(workers=2), kind="threads") as results:
            listens(results)

    with pytest.raises(KeyError):
        run()
    count = len(begun)
    time.sleep(0.1)
    assert len(begun) == count < 12


def test_a_task_under_which_cluster_workers_die_is_one_sentence():
    class KilledWorker(Exception):
        pass

    class Dying:
        def submit(self, function, *arguments):
            return self

        def result(self):
            raise KilledWorker

    with pytest.raises(SimulationError, match="worker process died"):
        list(ordered(slow_square, range(3), RunOptions(executor=Dying())))


def process(k):
    time.sleep(0.05)
    return os.getpid()


def test_a_crew_works_for_many_runs_and_ends_with_them():
    with crew(RunOptions(workers=2)) as crewed:
        first, then = (set(ordered(process, range(8), crewed, kind="processes")) for _ in range(2))
        assert first | then <= set(crewed.executor._processes) and len(first | then) <= 2
    assert not any(_alive(p) for p in first | then)
    with ThreadPoolExecutor(1) as executor, crew(RunOptions(executor=executor)) as crewed:
        assert crewed.executor is executor
