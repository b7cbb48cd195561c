"""Stiff problems of the IVP test set (Mazzia and Magherini 2008), written in the package's own model language.

Reference values at the end are those of the test set. They were typed from memory;
`tests/verification/test_stiff_problems.py` compares them with SciPy's Radau at 1e-12.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy as sp

from il2model.dosing.regimen import Regimen
from il2model.model.assembly import assemble
from il2model.model.language import Submodel
from il2model.simulation.run import solve as solve_rows
from il2model.solver.kernel import kernel_of
from il2model.solver.problem import SolverOptions, Status


@dataclass(frozen=True)
class Stiff:
    """A problem: rates as text over y1.. and named constants."""

    name: str
    constants: dict[str, float]
    rates: tuple[str, ...]
    y0: tuple[float, ...]
    scale: tuple[float, ...]
    end: float
    expected: tuple[float, ...]
    h_first: float

    def expressions(self):
        names = {f"y{k + 1}": sp.Symbol(f"y{k + 1}") for k in range(len(self.y0))}
        names |= {k: sp.Symbol(k) for k in self.constants}
        return [sp.sympify(r, locals=names) for r in self.rates]

    def model(self):
        """The problem as a page of the model layer; start values are parameters."""
        m = Submodel(self.name, self.name)
        states = [m.state(f"y{k + 1}", "1", f"y{k + 1}", scale=s) for k, s in enumerate(self.scale)]
        for id in self.constants:
            m.parameter(id, "1/day", id)
        starts = [m.parameter(f"start_{k + 1}", "1", f"start of y{k + 1}") for k in range(len(states))]
        for s, rate, start in zip(states, self.expressions(), starts, strict=True):
            m.equation(s, rate, baseline=start, untreated=None)
        return m

    def functions(self):
        """Right-hand side and Jacobian as plain NumPy functions, for SciPy."""
        y = [sp.Symbol(f"y{k + 1}") for k in range(len(self.y0))]
        rates = [e.subs(self.constants) for e in self.expressions()]
        f = sp.lambdify([y], rates, "numpy", cse=True)
        J = sp.lambdify([y], sp.Matrix(rates).jacobian(y), "numpy", cse=True)
        return (lambda t, v: np.array(f(v))), (lambda t, v: np.array(J(v), float))


def digits(problem, y):
    """Correct digits: -log10 of the largest error relative to the reference (states below 1e-14 left out)."""
    expected = np.array(problem.expected)
    some = np.abs(expected) > 1e-14
    return float(-np.log10(np.max(np.abs(y - expected)[some] / np.abs(expected[some])) + 1e-16))


@cache
def kernel(name):
    return kernel_of(_assembled(name))


def _assembled(name):
    # pages of the test set mix units freely, so the check of units does not apply to them
    import il2model.model.assembly as assembly

    check = assembly.check_dimensions
    assembly.check_dimensions = lambda model: None
    try:
        return assemble([PROBLEMS[name].model()], name=f"stiff-{name}")
    finally:
        assembly.check_dimensions = check


def solve(name, rtol):
    """State at the end, and steps, by the package's stepper."""
    p = PROBLEMS[name]
    values = {**p.constants, **{f"start_{i + 1}": v for i, v in enumerate(p.y0)}}
    options = SolverOptions(rtol=rtol, h_first=p.h_first, h_min=1e-16, growth_limit=1e12)
    k = kernel(name)
    row = k.blueprint.parameters.convert(values)[None]
    course = solve_rows(k, [Regimen()], row, np.array([p.end]), p.end, options=options)
    assert course.status[0] == Status.SUCCESS, course.messages
    return course.stack(k.blueprint.states.ids)[0, -1], int(course.steps[0])


_K = dict(
    k1=0.35, k2=26.6, k3=12300.0, k4=0.00086, k5=0.00082, k6=15000.0, k7=0.00013, k8=24000.0, k9=16500.0, k10=9000.0,
    k11=0.022, k12=12000.0, k13=1.88, k14=16300.0, k15=4.8e6, k16=0.00035, k17=0.0175, k18=1e8, k19=4.44e11,
    k20=1240.0, k21=2.1, k22=5.78, k23=0.0474, k24=1780.0, k25=3.12,
)  # fmt: skip
_R = {
    1: "k1*y1", 2: "k2*y2*y4", 3: "k3*y5*y2", 4: "k4*y7", 5: "k5*y7", 6: "k6*y7*y6", 7: "k7*y9", 8: "k8*y9*y6",
    9: "k9*y11*y2", 10: "k10*y11*y1", 11: "k11*y13", 12: "k12*y10*y2", 13: "k13*y14", 14: "k14*y1*y6", 15: "k15*y3",
    16: "k16*y4", 17: "k17*y4", 18: "k18*y16", 19: "k19*y16", 20: "k20*y17*y6", 21: "k21*y19", 22: "k22*y19",
    23: "k23*y1*y4", 24: "k24*y19*y1", 25: "k25*y20",
}  # fmt: skip
_F = [
    "-r1-r10-r14-r23-r24+r2+r3+r9+r11+r12+r22+r25", "-r2-r3-r9-r12+r1+r21", "-r15+r1+r17+r19+r22",
    "-r2-r16-r17-r23+r15", "-r3+2*r4+r6+r7+r13+r20", "-r6-r8-r14-r20+r3+2*r18", "-r4-r5-r6+r13", "r4+r5+r6+r7",
    "-r7-r8", "-r12+r7+r9", "-r9-r10+r8+r11", "r9", "-r11+r10", "-r13+r12", "r14", "-r18-r19+r16", "-r20", "r20",
    "-r21-r22-r24+r23+r25", "-r25+r24",
]  # fmt: skip


def _pollution():
    import re

    return tuple(re.sub(r"r(\d+)", lambda m: f"({_R[int(m.group(1))]})", f) for f in _F)


def _start(n, **values):
    return tuple(values.get(f"y{k + 1}", 0.0) for k in range(n))


_POLLU_END = (
    0.5646255480022769e-1, 0.1342484130422339, 0.4139734331099427e-8, 0.5523140207484359e-2, 0.2018977262302196e-6,
    0.1464541863493966e-6, 0.7784249118997964e-1, 0.3245075353396018, 0.7494013383880406e-2, 0.1622293157301561e-7,
    0.1135863833257075e-7, 0.2230505975721359e-2, 0.2087162882798630e-3, 0.1396921016840158e-4, 0.8964884856898295e-2,
    0.4352846369330103e-17, 0.6899219696263405e-2, 0.1007803037365946e-3, 0.1772146513969984e-5, 0.5682943292316392e-4,
)  # fmt: skip

PROBLEMS = {
    p.name: p
    for p in (
        Stiff(
            "robertson", {"k1": 0.04, "k2": 3e7, "k3": 1e4},
            ("-k1*y1 + k3*y2*y3", "k1*y1 - k3*y2*y3 - k2*y2**2", "k2*y2**2"), (1.0, 0.0, 0.0), (1e-7, 1e-13, 1.0), 1e11,
            (0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050), 1e-5,
        ),
        Stiff(
            "hires",
            {"a": 1.71, "b": 0.43, "c": 8.32, "d": 0.0007, "e": 8.75, "f": 10.03, "g": 0.035, "h": 1.12, "i": 1.745,
             "j": 280.0, "k": 0.69, "l": 1.81},
            ("-a*y1 + b*y2 + c*y3 + d", "a*y1 - e*y2", "-f*y3 + b*y4 + g*y5", "c*y2 + a*y3 - h*y4",
             "-i*y5 + b*y6 + b*y7", "-j*y6*y8 + k*y4 + a*y5 - b*y6 + k*y7", "j*y6*y8 - l*y7", "-j*y6*y8 + l*y7"),
            (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057), (1.0, 1e-1, 1e-2, 1e-1, 1e-1, 1e-1, 1e-2, 1e-2), 321.8122,
            (0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
             0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2), 1e-4,
        ),
        Stiff(
            "orego", {"s": 77.27, "q": 8.375e-6, "w": 0.161},
            ("s*(y2 + y1*(1 - q*y1 - y2))", "(y3 - (1 + y1)*y2)/s", "w*(y1 - y3)"), (1.0, 2.0, 3.0), (1.0, 1.0, 1.0),
            360.0, (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3), 1e-5,
        ),
        Stiff(
            "pollu", _K, _pollution(), _start(20, y2=0.2, y4=0.04, y7=0.1, y8=0.3, y9=0.01, y17=0.007),
            tuple(max(abs(v), 1e-12) for v in _POLLU_END), 60.0, _POLLU_END, 1e-8,
        ),
        Stiff(
            "vdpol", {"eps": 1e-6}, ("y2", "((1 - y1**2)*y2 - y1)/eps"), (2.0, 0.0), (1.0, 1.0), 2.0,
            (0.1706167732170483e1, -0.8928097010247975), 1e-7,
        ),
    )
}  # fmt: skip
