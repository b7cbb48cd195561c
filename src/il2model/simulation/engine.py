"""Which solver runs a problem."""

from __future__ import annotations

from ..errors import unknown_name
from ..solver.kernel import Kernel
from ..solver.problem import BatchResult, Problem, SolverOptions
from ..solver.scipy import METHODS, solve_scipy

ENGINES = ("fast", "plain", "scipy", *(f"scipy-{m.lower()}" for m in METHODS))
PRECISIONS = ("float64", "float32")


def check_engine(engine: str, precision: str) -> None:
    """Raise UnknownNameError for an engine or precision that does not exist."""
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)


def hand_over(
    kernel: Kernel,
    problem: Problem,
    options: SolverOptions,
    engine: str = "fast",
    precision: str = "float64",
    batch: bool = False,
) -> BatchResult:
    """Give a problem to its engine; `batch` takes the lane solver even for one subject."""
    if engine.startswith("scipy"):
        name = engine.partition("-")[2] or "lsoda"
        method = next(m for m in METHODS if m.lower() == name)
        return solve_scipy(kernel.blueprint, problem, options, method)
    variant = "single" if precision == "float32" else "batch" if batch or problem.subjects > 1 else "scalar"
    return kernel.solve(problem, options, engine, variant)
