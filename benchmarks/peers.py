"""How each solver is driven. Every peer restarts at each dose, saves the same times and returns the same outputs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any

import numpy as np
from problem import OUTPUTS, SAVE, UNTIL, Case

from il2model.solver.problem import SolverOptions


def spans(case: Case) -> list[tuple[float, float, np.ndarray]]:
    """Segments between doses: from, to, and the numbers of the saved times inside."""
    edges = np.concatenate([[0.0], case.doses, [UNTIL]])
    return [(a, b, np.flatnonzero((a < SAVE) & (b >= SAVE))) for a, b in pairwise(edges)]


class Peer(ABC):
    """A solver: `prepare` once, then `run` patients at a tolerance."""

    name = ""
    how = ""
    tolerances: tuple[float, ...] = ()
    patients = 8

    @abstractmethod
    def prepare(self, case: Case) -> None:
        """Compile or load; not timed here."""

    @abstractmethod
    def run(self, count: int, rtol: float) -> np.ndarray:
        """Return (patient, time, output) of the first `count` patients."""


class Ours(Peer):
    """This package."""

    patients = 64
    tolerances = (1e-3, 3e-4, 1.5e-4, 1e-4, 3e-5, 1e-5, 1e-6, 1e-7)

    def __init__(self, variant: str) -> None:
        self.variant = variant
        names = {"scalar": "il2model, one patient", "batch": "il2model, 4 lanes", "single": "il2model, float32"}
        self.name = names[variant]
        self.how = "Rodas5P, atol = rtol/10"
        if variant == "single":
            self.tolerances = (1e-3, 3e-4, 1.5e-4, 1e-4, 5e-5)
        if variant == "scalar":
            self.patients = 16

    def prepare(self, case: Case) -> None:
        """Load the compiled variant."""
        self.case, self.solver = case, case.kernel.variant(self.variant)

    def run(self, count: int, rtol: float) -> np.ndarray:
        """One batch."""
        return self.solver.solve(self.case.part(0, count), SolverOptions(rtol=rtol)).states


def _plain_source(case: Case) -> str:
    """The text of the plain right-hand side, with the inputs filled in."""
    from pathlib import Path

    text = Path(case.kernel.blueprint.plain_module().__file__).read_text()
    body = text[text.index("def rhs(") : text.index("def jacobian(")]
    for i, value in enumerate(case.kernel.blueprint.input_defaults):
        body = body.replace(f"= u[{i}]\n", f"= {float(value)!r}\n")
    return body


class NumbaLsoda(Peer):
    """numbalsoda: LSODA in C++, right-hand side and dose loop compiled by Numba."""

    name = "numbalsoda"
    how = "loop over doses in Numba, atol = 1e-3 rtol (1 to 1e-4 rtol tried: the same within noise)"
    tolerances = (1e-4, 4e-5, 2e-5, 1e-5, 1e-6, 3e-7, 1e-7, 1e-8)

    def prepare(self, case: Case) -> None:
        """Compile the right-hand side and the loop."""
        import numba as nb
        from numbalsoda import lsoda, lsoda_sig

        @nb.njit(inline="always")
        def power(a, b):
            return math.exp(b * math.log(a)) if a > 0.0 else 0.0

        names: dict[str, Any] = {"exp": math.exp, "log": math.log, "power": power}
        exec(_plain_source(case).replace("def rhs(y, u, f, dy)", "def rhs(t, y, dy, f)"), names)
        self.function = nb.cfunc(lsoda_sig, error_model="numpy")(names["rhs"])
        pointer = self.function.address

        @nb.njit
        def loop(y0, p, rtol, atol, edges, save, jump, out, index):
            y = y0.copy()
            good, i = True, 0
            for k in range(len(edges) - 1):
                a, b = edges[k], edges[k + 1]
                if k > 0:
                    y[0] += jump
                start = i
                while i < len(save) and save[i] <= b:
                    i += 1
                n = i - start
                m = n + 2 if (n == 0 or save[i - 1] < b) else n + 1
                te = np.empty(m)
                te[0] = a
                for j in range(n):
                    te[1 + j] = save[start + j]
                te[m - 1] = b
                u, s = lsoda(pointer, y, te, p, rtol, atol)
                good = good and s
                for j in range(n):
                    for o in range(len(index)):
                        out[start + j, o] = u[1 + j, index[o]]
                y[:] = u[m - 1]
            return good

        self.loop, self.case = loop, case
        self.edges = np.concatenate([[0.0], case.doses, [UNTIL]])
        self.run(1, 1e-3)

    def run(self, count: int, rtol: float) -> np.ndarray:
        """Patient by patient."""
        p = self.case.problem
        out = np.zeros((count, len(SAVE), len(OUTPUTS)))
        for i in range(count):
            good = self.loop(
                p.y0[i], p.fixed[i], rtol, 1e-3 * rtol, self.edges, SAVE, self.case.jumps[i], out[i], self.case.outputs
            )
            assert good
        return out


class ScipyLsoda(Peer):
    """solve_ivp(LSODA) with the compiled right-hand side of this package."""

    name, how = "scipy LSODA, our compiled rhs", "solve_ivp per segment, atol = 1e-3 rtol x typical size"
    tolerances = (1e-4, 3e-5, 1e-6, 1e-7)
    patients = 1

    def prepare(self, case: Case) -> None:
        """Wrap the compiled right-hand side with the least overhead that ctypes allows."""
        import ctypes

        from il2model.solver.fast import _aligned

        self.case = case
        fast = case.kernel.variant("scalar")
        lo = case.kernel.blueprint.layouts["scalar"]
        self.work = _aligned(lo["size"], False)
        self.lo, base = lo, self.work.ctypes.data
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(fast.addresses["rhs"])
        self.ready = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(fast.addresses["prepare"])
        y, f = (self.work[lo[k] : lo[k] + lo["states"]] for k in ("Y", "N"))
        at_y, at_f = base + 8 * lo["Y"], base + 8 * lo["N"]

        def rhs(t, v):
            y[:] = v
            call(base, at_y, at_f)
            return f.copy()

        self.rhs, self.base = rhs, base

    def run(self, count: int, rtol: float) -> np.ndarray:
        """Segment by segment."""
        from scipy.integrate import solve_ivp

        p, lo = self.case.problem, self.lo
        out = np.zeros((count, len(SAVE), len(OUTPUTS)))
        atol = 1e-3 * rtol * np.array(self.case.kernel.blueprint.scales)
        for i in range(count):
            self.work[lo["P"] : lo["P"] + lo["fixed"]] = p.fixed[i]
            self.work[lo["IN"] : lo["IN"] + lo["inputs"]] = p.inputs0
            self.ready(self.base)
            y = p.y0[i].copy()
            for k, (a, b, inside) in enumerate(spans(self.case)):
                if k:
                    y[0] += self.case.jumps[i]
                points = np.unique(np.append(SAVE[inside], b))
                r = solve_ivp(self.rhs, (a, b), y, "LSODA", t_eval=points, rtol=rtol, atol=atol)
                out[i, inside] = r.y[self.case.outputs][:, : len(inside)].T
                y = r.y[:, -1].copy()
        return out


class Sundae(Peer):
    """scikit-sundae: CVODE (BDF) with a Numba-compiled right-hand side as callback."""

    name, how = "scikit-sundae CVODE", "BDF, dense, Numba right-hand side as callback, atol = 1e-3 rtol"
    tolerances = (1e-4, 1e-5, 3e-6, 1e-7)
    patients = 1

    def prepare(self, case: Case) -> None:
        """Compile the right-hand side."""
        import numba as nb

        @nb.njit(inline="always")
        def power(a, b):
            return math.exp(b * math.log(a)) if a > 0.0 else 0.0

        names: dict[str, Any] = {"exp": math.exp, "log": math.log, "power": power}
        exec(_plain_source(case).replace("def rhs(y, u, f, dy)", "def rhs(y, f, dy)"), names)
        self.rhs, self.case = nb.njit(error_model="numpy")(names["rhs"]), case
        self.rhs(case.problem.y0[0], case.problem.fixed[0], np.zeros(len(case.problem.y0[0])))

    def run(self, count: int, rtol: float) -> np.ndarray:
        """Segment by segment."""
        from sksundae.cvode import CVODE

        p = self.case.problem
        out = np.zeros((count, len(SAVE), len(OUTPUTS)))
        for i in range(count):
            f, y = p.fixed[i], p.y0[i].copy()

            def rhs(t, v, dv):
                self.rhs(v, f, dv)  # noqa: B023 - used within this round only

            solver = CVODE(rhs, rtol=rtol, atol=1e-3 * rtol, max_num_steps=10**6)
            for k, (a, b, inside) in enumerate(spans(self.case)):
                if k:
                    y[0] += self.case.jumps[i]
                points = np.unique(np.concatenate([[a], SAVE[inside], [b]]))
                if len(points) == 2:
                    points = np.array([a, 0.5 * (a + b), b])
                r = solver.solve(points, y)
                where = np.searchsorted(points, SAVE[inside])
                out[i, inside] = r.y[where][:, self.case.outputs]
                y = r.y[-1].copy()
        return out


def antimony_text(case: Case, events: bool) -> str:
    """The model as Antimony, from its symbols; doses as events, or left to a loop."""
    from il2model.model.assembly import builtin

    model, bp = builtin(), case.kernel.blueprint

    def spell(expr: Any) -> str:
        return str(expr).replace("**", "^").replace("log(", "ln(")

    lines = ["model il2()"]
    lines += [f"{s}' = {spell(e)};" for s, e in model.equations.items()]
    used = {x.name for e in (*model.equations.values(), *model.derived.values()) for x in e.free_symbols}
    lines += [f"{d} := {spell(e)};" for d, e in model.derived.items() if d in used]
    lines += [f"{s} = {float(v)!r};" for s, v in zip(model.states, case.problem.y0[0], strict=True)]
    lines += [f"{f} = {float(v)!r};" for f, v in zip(bp.fixed, case.problem.fixed[0], strict=True)]
    lines += [f"{i} = {float(v)!r};" for i, v in zip(model.inputs, model.input_defaults, strict=True)]
    lines.append(f"dose = {float(case.jumps[0])!r};")
    if events:
        depot = model.states[0]
        lines += [f"E{k}: at (time >= {float(t)!r}): {depot} = {depot} + dose;" for k, t in enumerate(case.doses)]
    return "\n".join([*lines, "end"])


def sbml_text(case: Case, events: bool) -> str:
    """The same as SBML."""
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(antimony_text(case, events)) < 0:
        raise RuntimeError(antimony.getLastError())
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


class RoadRunner(Peer):
    """libRoadRunner: CVODE on compiled SBML."""

    tolerances = (3e-5, 1e-5, 3e-6, 3e-7, 1e-7, 3e-8)
    patients = 2

    def __init__(self, events: bool) -> None:
        self.events = events
        self.name = f"libroadrunner, {'events' if events else 'dose loop'}"
        self.how = "CVODE, atol = 1e-2 rtol, doses as " + ("SBML events" if events else "a loop in Python")

    def prepare(self, case: Case) -> None:
        """Load the SBML."""
        import roadrunner

        roadrunner.Logger.disableLogging()  # "t + h = t" at cycle starts; harmless
        self.case = case
        self.model = roadrunner.RoadRunner(sbml_text(case, self.events))
        states = [s.id for s in case.kernel.blueprint.states]
        self.model.timeCourseSelections = ["time", *states]
        self.model.integrator.maximum_num_steps = 10**6
        self.states = states
        self.changing = [k for k in range(case.problem.fixed.shape[1]) if np.ptp(case.problem.fixed[:, k]) > 0]

    def run(self, count: int, rtol: float) -> np.ndarray:
        """Patient by patient."""
        r, p, bp = self.model, self.case.problem, self.case.kernel.blueprint
        r.integrator.relative_tolerance = rtol
        r.integrator.absolute_tolerance = 1e-2 * rtol
        out = np.zeros((count, len(SAVE), len(OUTPUTS)))
        for i in range(count):
            r.reset()
            for k in self.changing:
                r[bp.fixed[k]] = p.fixed[i, k]
            r["dose"] = self.case.jumps[i]
            for s, v in zip(self.states, p.y0[i], strict=True):
                r[s] = v
            if self.events:
                rows = np.array(r.simulate(times=[0.0, *SAVE]))[1:, 1:]
                out[i] = rows[:, self.case.outputs]
                continue
            for k, (a, b, inside) in enumerate(spans(self.case)):
                if k:
                    r[self.states[0]] = r[self.states[0]] + self.case.jumps[i]
                points = np.unique(np.concatenate([[a], SAVE[inside], [b]]))
                rows = np.array(r.simulate(times=list(points)))[:, 1:]
                out[i, inside] = rows[np.searchsorted(points, SAVE[inside])][:, self.case.outputs]
        return out


class Amici(Peer):
    """AMICI: CVODES on C++ generated from SBML, doses as events."""

    name, how = "AMICI", "CVODES, KLU, SBML events, atol = 1e-3 rtol"
    tolerances = (1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 1e-7, 3e-8)
    patients = 4

    def prepare(self, case: Case) -> None:
        """Generate and compile the model (minutes, once per process)."""
        import tempfile
        from pathlib import Path

        import amici
        import amici.sim.sundials as sundials
        from amici import SbmlImporter

        folder = Path(tempfile.mkdtemp())
        (folder / "il2.xml").write_text(sbml_text(case, events=True))
        bp = case.kernel.blueprint
        changing = [k for k in range(case.problem.fixed.shape[1]) if np.ptp(case.problem.fixed[:, k]) > 0]
        free = {bp.fixed[k] for k in changing} | {"dose"}
        constant = [n for n in (*bp.fixed, *(i.id for i in bp.inputs)) if n not in free]
        importer = SbmlImporter(str(folder / "il2.xml"))
        importer.sbml2amici(
            "il2amici", str(folder / "model"), fixed_parameters=constant, generate_sensitivity_code=False
        )
        self.module = amici.import_model_module("il2amici", str(folder / "model"))
        self.model, self.case = self.module.get_model(), case
        self.model.set_timepoints(list(SAVE))
        self.solver = self.model.create_solver()
        self.solver.set_max_steps(10**6)
        self.simulate = sundials.run_simulation
        get = getattr(self.model, "get_free_parameter_ids", None) or self.model.get_parameter_ids
        self.free = list(get())
        self.put = getattr(self.model, "set_free_parameters", None) or self.model.set_parameters
        self.states = list(self.model.get_state_ids())

    def run(self, count: int, rtol: float) -> np.ndarray:
        """Patient by patient."""
        p, bp = self.case.problem, self.case.kernel.blueprint
        self.solver.set_relative_tolerance(rtol)
        self.solver.set_absolute_tolerance(1e-3 * rtol)
        ids = [s.id for s in bp.states]
        back = [self.states.index(o) for o in OUTPUTS]
        out = np.zeros((count, len(SAVE), len(OUTPUTS)))
        for i in range(count):
            value = {**dict(zip(bp.fixed, p.fixed[i], strict=True)), "dose": self.case.jumps[i]}
            self.put([float(value[n]) for n in self.free])
            start = dict(zip(ids, p.y0[i], strict=True))
            self.model.set_initial_state([float(start.get(s, 0.0)) for s in self.states])
            r = self.simulate(self.model, self.solver)
            assert r["status"] == 0
            out[i] = np.array(r["x"])[:, back]
        return out


class Diffrax(Peer):
    """diffrax Kvaerno3 in JAX, float64, four patients at a time (Kvaerno5 compiles for over five minutes)."""

    name, how = (
        "diffrax Kvaerno3",
        "PID control, atol = 1e-3 rtol, scan over doses, vmap over 4 patients, after compilation",
    )
    tolerances = (1e-4, 1e-5)
    patients = 4

    def prepare(self, case: Case) -> None:
        """Trace the model; compilation happens per tolerance on the first call."""
        import jax

        jax.config.update("jax_enable_x64", True)
        import jax.numpy as jnp

        def power(a, b):
            return jnp.where(a > 0, jnp.abs(a) ** b, 0.0)

        body = _plain_source(case).replace("def rhs(y, u, f, dy):", "def rhs(t, y, f):\n    dy = [0.0] * len(STATES)")
        body += "    return jnp.stack(dy)\n"
        names: dict[str, Any] = {"jnp": jnp, "exp": jnp.exp, "log": jnp.log, "power": power}
        names["STATES"] = [s.id for s in case.kernel.blueprint.states]
        exec(body, names)
        self.rhs, self.case, self.compiled = names["rhs"], case, {}

    def run(self, count: int, rtol: float) -> np.ndarray:
        """One vmapped call."""
        import diffrax
        import jax
        import jax.numpy as jnp

        parts = spans(self.case)
        width = max(len(i) for _, _, i in parts) + 1
        slots = np.array([np.concatenate([SAVE[i], np.full(width - len(i), b)]) for _, b, i in parts])
        begin, end = (np.array([s[k] for s in parts]) for k in (0, 1))
        jumps = np.concatenate([[0.0], np.ones(len(parts) - 1)])

        def one(y0, f, jump):
            def segment(y, x):
                a, b, points, on = x
                y = y.at[0].add(on * jump)
                s = diffrax.diffeqsolve(
                    diffrax.ODETerm(self.rhs), diffrax.Kvaerno3(), a, b, 1e-3, y, f,
                    saveat=diffrax.SaveAt(ts=points, t1=True), max_steps=100_000, adjoint=diffrax.ForwardMode(),
                    stepsize_controller=diffrax.PIDController(rtol=rtol, atol=1e-3 * rtol),
                )  # fmt: skip
                return s.ys[-1], s.ys[:-1]

            return jax.lax.scan(segment, y0, (begin, end, slots, jumps))[1]

        if rtol not in self.compiled:
            self.compiled[rtol] = jax.jit(jax.vmap(one))
        p = self.case.problem
        given = [jnp.array(a[:count]) for a in (p.y0, p.fixed, self.case.jumps)]
        found = np.array(self.compiled[rtol](*given))
        out = np.zeros((count, len(SAVE), len(OUTPUTS)))
        for k, (_, _, inside) in enumerate(parts):
            out[:, inside] = found[:, k, : len(inside)][..., self.case.outputs]
        return out


def all_peers() -> list[Peer]:
    """Everything that is measured."""
    return [
        Ours("batch"), Ours("scalar"), Ours("single"), NumbaLsoda(), RoadRunner(events=True), RoadRunner(events=False),
        Amici(), ScipyLsoda(), Sundae(), Diffrax(),
    ]  # fmt: skip
