"""The exported SBML in other simulators, beside our kernel, on random patients and regimens."""

from __future__ import annotations

import os
import tempfile
import warnings
from contextlib import contextmanager

import numpy as np

import il2model as il2
from il2model.exchange.sbml import to_sbml
from il2model.model.assembly import builtin
from il2model.sensitivity.study import EDGE
from il2model.solver.kernel import builtin_kernel
from il2model.uncertainty.coordinates import Coordinates, sobol_points

UNTIL = 85.0
#: Never the time of a dose: engines differ in whether they save before or after it.
TIMES = np.unique(np.concatenate([[0.1, 0.6, 1.1, 4.3, 5.3, 28.1, 29.2], np.arange(2.7, UNTIL, 3.5), [UNTIL]]))


def regimens():
    """Placebo, the trial, daily i.v. boluses, infusions that overlap, riluzole stopped."""
    return {
        "placebo": il2.Regimen.named("placebo").until(UNTIL),
        "2 MIU s.c. x 5, three cycles": il2.Regimen.named("imodals-2miu").until(UNTIL),
        "1 MIU i.v. x 3, every 14 days": il2.Regimen.cyclic("1 MIU", 3, 14, 3, route="iv"),
        "overlapping infusions": il2.Regimen(
            (
                il2.Dose(0.0, "2 MIU", "sc", 1.0),
                il2.Dose(0.4, "1 MIU", "sc", 0.8),
                il2.Dose(10.0, "0.5 MIU", "iv", 2.0),
                il2.Dose(10.5, "1 MIU"),
            ),
            "overlapping infusions",
        ),
        "1 MIU s.c. daily for 20 days, off riluzole": il2.Regimen.cyclic("1 MIU", 20, 28, 1).off_riluzole(),
    }


def parameter_sets(count, seed=7):
    """Random valid sets over the priors, in the units of the records: {id: (set,)}."""
    coordinates = Coordinates.of(builtin_kernel(), il2.load_parameters())
    u = EDGE + (1 - 2 * EDGE) * sobol_points(count, len(coordinates.ids), seed)
    return coordinates.values(u)


@contextmanager
def _quiet():
    """Silence a library that writes to the file descriptors."""
    saved = [os.dup(k) for k in (1, 2)]
    with tempfile.TemporaryFile() as sink:
        for k in (1, 2):
            os.dup2(sink.fileno(), k)
        try:
            yield
        finally:
            for k, fd in zip((1, 2), saved, strict=True):
                os.dup2(fd, k)
                os.close(fd)


def names():
    """Ids and units of the states."""
    model = builtin()
    return [(id, model.quantities[id].unit) for id in model.states]


class RoadRunner:
    """libRoadRunner: CVODE on the SBML."""

    name = "libRoadRunner (CVODE)"

    def __init__(self, text):
        import roadrunner

        roadrunner.Logger.disableLogging()
        self.model = roadrunner.RoadRunner(text)
        self.model.timeCourseSelections = ["time"] + [f"[{i}]" if u == "pM" else i for i, u in names()]
        self.model.integrator.relative_tolerance = 1e-10
        self.model.integrator.absolute_tolerance = 1e-12
        self.model.integrator.maximum_num_steps = 10**6

    def run(self):
        return np.array(self.model.simulate(times=[0.0, *TIMES]))[1:, 1:]


class Copasi:
    """COPASI: LSODA on the SBML."""

    name = "COPASI (LSODA)"

    def __init__(self, text):
        import COPASI

        self.module = COPASI
        self.data = COPASI.CRootContainer.addDatamodel()
        if not self.data.importSBMLFromString(text):
            raise RuntimeError(COPASI.CCopasiMessage.getAllMessageText())

    def run(self):
        c, model = self.module, self.data.getModel()
        task = self.data.getTask("Time-Course")
        task.setMethodType(c.CTaskEnum.Method_deterministic)
        problem, method = task.getProblem(), task.getMethod()
        problem.setAutomaticStepSize(False)
        problem.setUseValues(True)
        problem.setValues(" ".join(repr(float(t)) for t in TIMES))
        problem.setDuration(float(TIMES[-1]))
        problem.setTimeSeriesRequested(True)
        for name, value in (
            ("Relative Tolerance", 1e-10),
            ("Absolute Tolerance", 1e-12),
            ("Max Internal Steps", 10**7),
        ):
            method.getParameter(name).setValue(value)
        if not task.process(True):
            raise RuntimeError(task.getProcessError())
        series = task.getTimeSeries()
        columns = {series.getSBMLId(k, self.data): k for k in range(series.getNumVariables())}
        rows = range(series.getRecordedSteps())
        time = np.array([series.getData(r, 0) for r in rows])
        at = [int(np.abs(time - t).argmin()) for t in TIMES]
        assert np.allclose(time[at], TIMES, atol=1e-9)
        out = np.array([[series.getConcentrationData(r, columns[i]) for i, _ in names()] for r in at])
        for k, (id, unit) in enumerate(names()):
            if unit == "pmol":  # a species counted as an amount
                metabolite = next(m for m in model.getMetabolites() if m.getSBMLId() == id)
                out[:, k] *= metabolite.getCompartment().getInitialValue()
        self.module.CRootContainer.removeDatamodel(self.data)
        return out


def ours(plan, values):
    """States under a regimen, (time, state)."""
    options = il2.SolverOptions(rtol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", il2.IncompleteWarning)
        solution = il2.simulate(plan, until=UNTIL, save=TIMES, parameters=values, options=options)
    return np.stack([solution.values(i)[0] for i in builtin().states], axis=-1)


def compare(engine, count, seed=7):
    """Largest scaled difference |a - b| / (scale + |b|) over sets and times: {regimen: (state,)}."""
    table = parameter_sets(count, seed)
    scale = np.array(builtin().scales)
    found = {}
    for name, plan in regimens().items():
        worst = np.zeros(len(scale))
        for k in range(count):
            values = il2.load_parameters().replace({id: float(v[k]) for id, v in table.items()})
            with _quiet():
                there = engine(to_sbml(plan, values=values)).run()
            here = ours(plan, values)
            worst = np.maximum(worst, (np.abs(there - here) / (scale + np.abs(here))).max(axis=0))
        found[name] = worst
    return found
