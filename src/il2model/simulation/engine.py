"""Which solver runs a problem."""

from __future__ import annotations

from ..errors import InputError, unknown_name
from ..solver.kernel import Kernel
from ..solver.problem import BatchResult, Problem, SolverOptions

#: SciPy's methods by engine.
_SCIPY = {"scipy": "LSODA", "scipy-lsoda": "LSODA", "scipy-radau": "Radau", "scipy-bdf": "BDF"}
ENGINES = ("fast", "plain", *_SCIPY)
PRECISIONS = ("float64", "float32")


def check_engine(engine: str, precision: str) -> None:
    """Raise an error for an engine or precision that does not exist, or that do not go together."""
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    if precision == "float32" and engine != "fast":
        raise InputError(f"float32 is a variant of engine 'fast', and has no effect on {engine!r}; leave it out.")


def check_options(engine: str, options: SolverOptions) -> None:
    """Raise an error for a limit that SciPy's solvers do not know."""
    usual = SolverOptions()
    idle = [n for n in ("max_steps", "h_min", "growth_limit") if getattr(options, n) != getattr(usual, n)]
    if engine in _SCIPY and idle:
        raise InputError(f"{idle[0]} has no effect on engine {engine!r}, whose solver has no such limit; leave it out.")


def hand_over(
    kernel: Kernel,
    problem: Problem,
    options: SolverOptions,
    engine: str = "fast",
    precision: str = "float64",
    batch: bool = False,
) -> BatchResult:
    """Give a problem to its engine; `batch` takes the lane solver even for one subject."""
    if engine in _SCIPY:
        from ..solver.scipy import solve_scipy

        return solve_scipy(kernel.blueprint, problem, options, _SCIPY[engine])
    variant = "single" if precision == "float32" else "batch" if batch or problem.subjects > 1 else "scalar"
    return kernel.solve(problem, options, engine, variant)
