"""What would not fit in memory is refused before work begins, with the way out; what the system says is believed."""

import os
import subprocess
import sys

import numpy as np
import pytest

import il2model as il2
from il2model import memory
from il2model.cli.main import main
from il2model.errors import InputError

MACHINE = "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable: 5000000 kB\n"


def place(tmp_path, monkeypatch, files):
    """Let these files stand for those of the system."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf8")
    monkeypatch.setattr(memory, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_of_process", lambda: None)
    monkeypatch.delenv(memory.VARIABLE, raising=False)


def test_the_machine_says_what_is_available(tmp_path, monkeypatch):
    place(tmp_path, monkeypatch, {"proc/meminfo": MACHINE})
    assert memory.available() == memory.limit() == 5_000_000 * 1024


def test_a_control_group_may_allow_less(tmp_path, monkeypatch):
    files = {
        "proc/meminfo": MACHINE,
        "proc/self/cgroup": "0::/job/step\n",
        "groups/job/memory.max": "2000000000\n",
        "groups/job/memory.current": "1500000000\n",
        "groups/job/memory.stat": "anon 7\ninactive_file 300000000\n",
        "groups/job/step/memory.max": "max\n",
        "groups/job/step/memory.current": "5\n",
    }
    place(tmp_path, monkeypatch, files)
    assert memory.available() == 800_000_000


def test_control_groups_of_version_one_are_read(tmp_path, monkeypatch):
    files = {
        "proc/meminfo": MACHINE,
        "proc/self/cgroup": "3:cpu:/\n4:cpuset,memory:/box\n0::/\n",
        "groups/memory/box/memory.limit_in_bytes": "3000000000",
        "groups/memory/box/memory.usage_in_bytes": "1000000000",
    }
    place(tmp_path, monkeypatch, files)
    assert memory.available() == 2_000_000_000


def test_a_machine_that_says_nothing_has_something(tmp_path, monkeypatch):
    place(tmp_path, monkeypatch, {})
    assert memory.available() > 1e8


@pytest.mark.parametrize(
    ("text", "size"), [("4 GB", 4e9), ("250MB", 2.5e8), ("1e9", 1e9), ("2 GiB", 2.0**31), (" 1.5 tb ", 1.5e12)]
)
def test_a_variable_says_another_limit(monkeypatch, text, size):
    monkeypatch.setenv(memory.VARIABLE, text)
    assert memory.limit() == size


@pytest.mark.parametrize("text", ["much", "-1 GB", "0", "4 kg", "", "nan", "inf GB"])
def test_a_variable_that_is_no_amount_is_refused(monkeypatch, text):
    monkeypatch.setenv(memory.VARIABLE, text)
    with pytest.raises(InputError, match=r"IL2MODEL_MEMORY is .* such as '4 GB'"):
        memory.limit()


@pytest.fixture
def little(monkeypatch):
    monkeypatch.setenv(memory.VARIABLE, "200 MB")


PEOPLE = ["treg_percent", "survival"]
BIG = {
    "draws": lambda: il2.simulate("mirocals", draws=2000),
    "a cohort": lambda: il2.simulate("mirocals", cohort=il2.Cohort.sample(30_000)),
    "summaries": lambda: il2.simulate(
        "mirocals", cohort=il2.Cohort.sample(64), summary=True, save=np.linspace(0, 640, 8000), observables=PEOPLE
    ),
    "many times of one patient": lambda: il2.simulate("mirocals", save=np.linspace(0, 640, 400_000)),
    "a sample": lambda: il2.Cohort.sample(5_000_000),
    "a pool": lambda: il2.run_trial("mirocals", 2, pool=200_000),
    "replicates": lambda: il2.run_trial("mirocals", 200_000, pool=50),
    "patients": lambda: il2.run_trial(il2.TrialDesign.named("mirocals").sized(500_000), 2, pool=50),
    "sizes": lambda: il2.power_study("mirocals", sizes=[500_000], replicates=2, pool=50),
    "a pool for power": lambda: il2.power_study("mirocals", sizes=[50], replicates=2, pool=500_000),
    "a search": lambda: il2.optimize(patients=100_000, draws=0, generations=1),
    "a study": lambda: il2.run_study(il2.SensitivityStudy(["treg_percent"], n=2**18)),
    "a study of cohorts": lambda: il2.run_study(il2.SensitivityStudy(["survival_difference"], n=64, patients=500_000)),
}


@pytest.mark.parametrize("asked", BIG)
def test_what_would_not_fit_is_refused_before_work_begins(little, monkeypatch, asked):
    def solve(*_, **__):
        raise AssertionError("work began")

    monkeypatch.setattr("il2model.simulation.cohort.solve", solve)
    monkeypatch.setattr("il2model.request.solve", solve)
    with pytest.raises(InputError, match=r"would need about .* of memory, and 0.2 GB are free: .*\(IL2MODEL_MEMORY="):
        BIG[asked]()


def test_the_shell_says_so_in_one_sentence(little, capsys, tmp_path):
    words = ["simulate", "--regimen", "mirocals", "--draws", "5000", "-o", str(tmp_path / "x.csv")]
    assert main(words) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if "note:" not in line]
    assert len(error) == 1 and "keep fewer observables or times" in error[0]
    assert not (tmp_path / "x.csv").exists()


def test_a_table_of_draws_keeps_only_what_it_prints(little, capsys):
    assert main(["simulate", "--regimen", "imodals-1miu", "--draws", "12", "--until", "28"]) == 0
    printed = capsys.readouterr().out
    whole = il2.simulate("imodals-1miu", draws=12, until=28)["treg_percent"].sel(time=7, quantile=0.5)
    row = next(line for line in printed.splitlines() if line.split()[:1] == ["7"])
    assert row.split()[1] == f"{float(whole):.4g}"


def test_subjects_that_are_worked_on_in_parts_have_the_same_bits(monkeypatch):
    people = il2.Cohort.sample(70, seed=3)
    steady = il2.Regimen((il2.Dose(1, 2, ss=True, ii=7),))
    for plan in ("imodals-2miu", steady):
        ask = {"until": 40, "save": [0, 3, 20, 40], "observables": ["treg_percent", "il2_plasma"]}
        whole = [il2.simulate(plan, cohort=people, **ask), il2.simulate(plan, draws=20, seed=2, **ask)]
        with monkeypatch.context() as patch:
            patch.setattr("il2model.simulation.cohort.AT_A_TIME", 1.0)
            parts = [il2.simulate(plan, cohort=people, **ask), il2.simulate(plan, draws=20, seed=2, **ask)]
        for one, other in zip(whole, parts, strict=True):
            assert (one.status == other.status).all() and one.balance == other.balance
            assert all((one.values(i) == other.values(i)).all() for i in one)


@pytest.mark.long
@pytest.mark.parametrize(
    "call",
    [
        "il2.simulate('mirocals', draws=600)",
        "il2.simulate('mirocals', cohort=il2.Cohort.sample(4000))",
        "il2.run_trial('mirocals', 2, pool=12_000)",
        "il2.power_study('mirocals', sizes=[60_000], cuts=[None], replicates=2, pool=60)",
    ],
)
def test_the_estimate_is_near_what_is_taken(call):
    text = f"""
import resource, warnings
import il2model as il2
from il2model import memory
warnings.simplefilter("ignore")
il2.simulate("imodals-1miu", cohort=il2.Cohort.sample(16))
told, check = [], memory.check
memory.check = lambda need, *words: told.append(need) or check(need, *words)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{call}
print(max(told), 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, env=os.environ)
    told, taken = map(float, run.stdout.split())
    assert 0.5 * taken < told < 4 * taken + 2e8
