"""The plain route: the readable text compiled by Numba, one subject at a time.

Slow to compile (tens of seconds, once) and independent of the fast route in its
equations' text, its linear algebra and its treatment of saved times.
"""

from __future__ import annotations

import inspect
import sys
import threading
from enum import IntEnum
from types import ModuleType

import numpy as np

from ..codegen import tableau
from . import cache, plain_stepper
from .blueprint import Blueprint
from .problem import BatchResult, EventKind, Floats, Problem, SolverOptions, Status

#: What Numba compiles: functions of the plain module, and those of the stepper behind them.
_EQUATIONS = ("power", "rhs", "jacobian")
_STEPPER = ("lu_factor", "lu_solve", "integrate")
#: Functions written into their caller, or LLVM would work through the equations at each level of calls.
_INLINE = ("act", "attempt", "measure", "save_due", "next_stop", "growth")
_JIT = '@njit(cache=True, error_model="numpy"{})\n'
_LOCK = threading.Lock()


def _enum_text(kind: type[IntEnum]) -> str:
    members = "".join(f"    {item.name} = {item.value}\n" for item in kind)
    return f"class {kind.__name__}(IntEnum):\n{members}"


def jit_text(plain: str) -> str:
    """Return the plain text with the stepper behind it, as one file for Numba."""
    head = (
        "from __future__ import annotations\n\nfrom enum import IntEnum\n\nimport numpy as np\nfrom numba import njit\n"
    )
    text = plain.replace("import numpy as np\n", head, 1)
    for name in _EQUATIONS:
        text = text.replace(f"\ndef {name}(", f"\n{_JIT.format('')}def {name}(", 1)
    parts = [_enum_text(kind) for kind in (EventKind, Status)]
    parts += [_JIT.format(', inline="always"') + inspect.getsource(getattr(plain_stepper, name)) for name in _INLINE]
    parts += [_JIT.format("") + inspect.getsource(getattr(plain_stepper, name)) for name in _STEPPER]
    return "\n\n".join([text, *parts])


def jit_module(blueprint: Blueprint) -> ModuleType:
    """Return the module whose functions Numba compiles and caches."""
    import numba

    text = jit_text(blueprint.plain_text())
    stem = f"jit-{cache.text_hash(text)}"
    name = f"il2model_{stem.replace('-', '_')}"
    with _LOCK:  # Numba looks the module up by name while it is being loaded
        if name in sys.modules:
            return sys.modules[name]
        folder = cache.cache_dir()
        if cache.read(f"{stem}.py") != text.encode():
            cache.write(f"{stem}.py", text)
        if folder is not None and cache.prepare_numba(stem):
            path = str(folder / f"{stem}.py")
        else:
            text, path = text.replace("cache=True, ", ""), f"{stem}.py"
        module = ModuleType(name)
        module.__file__ = path
        sys.modules[name] = module
        # another folder that the user gave to Numba would be read unchecked
        elsewhere, numba.config.CACHE_DIR = numba.config.CACHE_DIR, ""
        try:
            exec(compile(text, path, "exec"), vars(module))
        finally:
            numba.config.CACHE_DIR = elsewhere
        return module


def _method() -> tuple[float, Floats, Floats]:
    """Return gamma and the square tables A and C."""
    A, C = np.zeros((tableau.STAGES, tableau.STAGES)), np.zeros((tableau.STAGES, tableau.STAGES))
    for table, rows in ((A, tableau.rows()), (C, tableau.C)):
        for i, row in enumerate(rows):
            table[i, : len(row)] = row
    return tableau.GAMMA, A, C


def solve(blueprint: Blueprint, problem: Problem, options: SolverOptions) -> BatchResult:
    """Integrate every subject of `problem` with the plain rendering."""
    module, method = jit_module(blueprint), _method()
    steps = (options.max_steps, options.h_first, options.h_min, options.h_max)
    limits = (options.rtol, options.absolute, *steps, options.growth_limit)
    scales = np.array(blueprint.scales)
    count = problem.subjects
    out = np.full((count, len(problem.save), len(blueprint.states)), np.nan)
    final = np.array(problem.y0, dtype=float)
    counts = np.zeros((count, 4), np.int64)
    ev = problem.events
    for s in range(count):
        k = problem.schedule[s]
        part = slice(ev.bounds[k], ev.bounds[k + 1])
        events = tuple(column[part] for column in (ev.time, ev.kind, ev.target, ev.value, ev.scale))
        inputs, t_end = problem.inputs0.copy(), float(problem.t_end)
        given = (problem.amounts[s], problem.loads[s], problem.load_mask, events)
        end = (problem.save, t_end, scales, limits, method, out[s], counts[s])
        module.integrate(problem.fixed[s], final[s], inputs, *given, *end)
    states = np.ascontiguousarray(out[:, :, problem.out_index])
    if any(getattr(module, name).stats.cache_misses for name in (*_EQUATIONS, *_STEPPER)):
        cache.know(module.__name__.removeprefix("il2model_").replace("_", "-"))
    return BatchResult(states, final, counts[:, 0], counts[:, 1], counts[:, 2], counts[:, 3])
