"""Lanes, failures, cache and fallback of the compiled and the plain route."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import il2model as il2
from il2model.dosing.regimen import Regimen
from il2model.simulation.schedule import build_schedule, join
from il2model.solver import cache, fast
from il2model.solver.blueprint import VARIANTS
from il2model.solver.kernel import Kernel, builtin_kernel
from il2model.solver.problem import Problem, SolverOptions, Status
from tests.helpers.regimens import random_rows


def batch(kernel, rows, plan, until, save, poison=()):
    """A Problem of one regimen; `poison` are subjects whose parameters become NaN."""
    bp = kernel.blueprint
    constants = kernel.constants(rows)
    fixed = kernel.fixed(rows, constants)
    for s in poison:
        fixed[s] = np.nan
    names = [c.id for c in bp.constants]
    amounts = np.stack([constants[:, names.index(r.bolus)] for r in bp.routes.values()], axis=1)
    n = len(bp.states)
    return Problem(
        kernel.baseline(rows, constants), fixed, np.array(bp.input_defaults), amounts, np.zeros((len(rows), 1, n)),
        np.array(bp.resettable, dtype=np.int64), np.zeros(len(rows), np.int64),
        join([build_schedule(plan, bp, (0.0, 0.0), 1.88, until)]), np.asarray(save, float), until, np.arange(n),
    )  # fmt: skip


def test_a_patient_does_not_depend_on_who_shares_the_batch(kernel, parameters):
    rows = random_rows(kernel, parameters, 37, seed=4)
    plan, save = Regimen.named("imodals-2miu").until(10), np.arange(0, 15.0)
    for variant in ("batch", "single"):
        solver = kernel.variant(variant)
        whole = solver.solve(batch(kernel, rows, plan, 14.0, save), SolverOptions(rtol=1e-5))
        alone = solver.solve(batch(kernel, rows[30:31], plan, 14.0, save), SolverOptions(rtol=1e-5))
        turned = solver.solve(batch(kernel, rows[::-1], plan, 14.0, save), SolverOptions(rtol=1e-5))
        assert (whole.states[30] == alone.states[0]).all()
        assert (whole.states == turned.states[::-1]).all()
        assert (whole.steps == turned.steps[::-1]).all()


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_a_poisoned_patient_leaves_its_neighbours_untouched(kernel, parameters, variant):
    rows = random_rows(kernel, parameters, 12, seed=6)
    plan, save = Regimen.named("imodals-1miu").until(5), np.arange(0, 8.0)
    solver, options = kernel.variant(variant), SolverOptions(rtol=1e-5)
    clean = solver.solve(batch(kernel, rows, plan, 7.0, save), options)
    sick = solver.solve(batch(kernel, rows, plan, 7.0, save, poison=(2, 7)), options)
    assert (clean.status == Status.SUCCESS).all()
    assert sick.status[[2, 7]].tolist() == [Status.NOT_FINITE] * 2
    assert np.isnan(sick.states[[2, 7], 1:]).all()
    others = [i for i in range(12) if i not in (2, 7)]
    assert (clean.states[others] == sick.states[others]).all()


def test_the_step_cap_ends_a_patient_with_its_sentence():
    s = il2.simulate("mirocals", options=SolverOptions(max_steps=50), raise_on_failure=False, save=[1, 600])
    assert s.status[0] == Status.MAX_STEPS
    assert "max_steps" in s.messages[0]
    assert np.isnan(s.values("treg_percent")[0, -1])
    with pytest.raises(il2.SimulationError, match="max_steps"):
        il2.simulate("mirocals", options=SolverOptions(max_steps=50))


def test_every_status_has_a_sentence():
    for status in Status:
        assert status.sentence("treg_blood").endswith(".")


def test_step_counts_stay_where_they_were_measured(parameters):
    """A gate on work, which does not move with the machine: 2174 and 5774 steps were measured."""
    s = {
        r: il2.simulate("mirocals", save=[640], options=SolverOptions(rtol=r), parameters=parameters)
        for r in (1e-4, 1e-6)
    }
    assert s[1e-4].steps[0] <= 2400
    assert s[1e-6].steps[0] <= 6300
    assert s[1e-4].rejected[0] <= 0.05 * s[1e-4].steps[0]


def test_changing_a_rate_constant_compiles_nothing(parameters):
    il2.simulate("placebo", until=1)
    before = cache.entries()
    il2.simulate("placebo", until=1, parameters=parameters.replace(treg_loss_rate=0.09))
    assert cache.entries() == before


def test_several_processes_may_start_at_once_on_an_empty_cache(tmp_path):
    code = "import il2model as il2; print(repr(il2.simulate('imodals-1miu', save=[7]).values('treg_percent')[0, 0]))"
    environment = {**os.environ, "IL2MODEL_CACHE": str(tmp_path / "empty")}
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]
    answers = [p.communicate() for p in running]
    assert [p.returncode for p in running] == [0, 0, 0], answers
    assert len({out for out, _ in answers}) == 1


def test_two_threads_may_compile_at_once_and_touch_nothing_of_the_caller(tmp_path):
    """From an empty cache, two routes each; NumPy's generator and the environment stay as they were."""
    code = (
        "import os, numpy as np, il2model as il2\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "environment, state, gate = dict(os.environ), np.random.get_state()[1].tolist(), Barrier(4)\n"
        "def run(engine):\n"
        "    gate.wait()\n"
        "    return il2.simulate('imodals-1miu', save=[7], engine=engine).values('treg_percent')[0, 0]\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    a, b, c, d = pool.map(run, ['fast', 'fast', 'plain', 'plain'])\n"
        "assert a == b and c == d and abs(a / c - 1) < 1e-4, (a, b, c, d)\n"
        "assert os.environ == environment and np.random.get_state()[1].tolist() == state\n"
        "print(repr(a))"
    )
    environment = {**os.environ, "IL2MODEL_CACHE": str(tmp_path / "empty")}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert out.returncode == 0, out.stderr
    here = il2.simulate("imodals-1miu", save=[7]).values("treg_percent")[0, 0]
    assert out.stdout.strip() == repr(here)


def test_where_the_fast_route_cannot_run_the_plain_one_does(monkeypatch):
    kernel = Kernel(builtin_kernel().blueprint)

    def broken(*_, **__):
        raise OSError("no such processor")

    monkeypatch.setattr(fast.FastKernel, "load", broken)
    with pytest.warns(il2.IncompleteWarning, match="using the plain one"):
        s = il2.simulate("imodals-1miu", save=[7], model=kernel)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        il2.simulate("placebo", until=1, model=kernel)
    reference = il2.simulate("imodals-1miu", save=[7])
    np.testing.assert_allclose(s.values("treg_percent"), reference.values("treg_percent"), rtol=1e-5)


def test_an_unwritable_cache_still_runs(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    code = "import il2model as il2; il2.simulate('placebo', until=1); print('fine')"
    environment = {**os.environ, "IL2MODEL_CACHE": str(blocked), "TMPDIR": str(tmp_path)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert out.stdout.strip() == "fine", out.stderr


def test_any_variant_may_be_the_first_on_an_empty_cache(tmp_path):
    code = (
        "import il2model as il2; c = il2.Cohort.sample(3, seed=1); "
        "a, b = (il2.simulate('imodals-1miu', cohort=c, save=[7], precision=p).values('treg_percent')[:, 0] "
        "for p in ('float32', 'float64')); print(float(abs(a / b - 1).max()))"
    )
    environment = {**os.environ, "IL2MODEL_CACHE": str(tmp_path / "empty")}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert 0 < float(out.stdout) < 1e-3, out.stderr
