"""The plain route: the readable text compiled by Numba, one subject at a time.

Slow to compile (tens of seconds, once) and independent of the fast route in its
equations' text, its linear algebra and its treatment of saved times.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..codegen import tableau
from . import cache, plain_stepper
from .blueprint import Blueprint
from .problem import BatchResult, Problem, SolverOptions


def jit_module(blueprint: Blueprint) -> ModuleType:
    """Return the module whose functions Numba compiles and caches, as one file."""
    text = (cache.cache_dir() / f"plain-{blueprint.key}.py").read_text(encoding="utf8")
    stepper = Path(plain_stepper.__file__).read_text(encoding="utf8")
    text = text.replace("from math import exp, log\n", "from math import exp, log\nfrom numba import njit\n", 1)
    for name in ("power", "rhs", "jacobian"):
        text = text.replace(f"\ndef {name}(", f'\n@njit(cache=True, error_model="numpy")\ndef {name}(', 1)
    for name in ("lu_factor", "lu_solve", "integrate"):
        stepper = stepper.replace(f"\ndef {name}(", f'\n@njit(cache=True, error_model="numpy")\ndef {name}(', 1)
    text += "\n\n" + stepper
    key = cache.text_hash(text)
    name = f"il2model_jit_{key}"
    if name in sys.modules:
        return sys.modules[name]
    path = cache.cache_dir() / f"jit-{key}.py"
    if not path.exists():
        path = cache.write(f"jit-{key}.py", text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def solve(blueprint: Blueprint, problem: Problem, options: SolverOptions) -> BatchResult:
    """Integrate every subject of `problem` with the plain rendering."""
    module: Any = jit_module(blueprint)
    stages = tableau.STAGES
    A, C = np.zeros((stages, stages)), np.zeros((stages, stages))
    for table, rows in ((A, tableau.rows()), (C, tableau.C)):
        for i, row in enumerate(rows):
            table[i, : len(row)] = row
    n = len(blueprint.states)
    count = problem.subjects
    out = np.full((count, len(problem.save), n), np.nan)
    final = np.array(problem.y0, dtype=float)
    counts = np.zeros((count, 4), np.int64)
    ev = problem.events
    for s in range(count):
        k = problem.schedule[s]
        part = slice(ev.bounds[k], ev.bounds[k + 1])
        module.integrate(
            problem.fixed[s], final[s], problem.inputs0.copy(), problem.amounts[s], problem.loads[s],
            problem.load_mask, ev.time[part], ev.kind[part], ev.target[part], ev.value[part], ev.scale[part],
            problem.save, float(problem.t_end), np.array(blueprint.scales), options.rtol, options.absolute,
            options.max_steps, options.h_first, options.h_min, options.h_max, options.growth_limit,
            tableau.GAMMA, A, C, out[s], counts[s],
        )  # fmt: skip
    states = np.ascontiguousarray(out[:, :, problem.out_index])
    return BatchResult(states, final, counts[:, 0], counts[:, 1], counts[:, 2], counts[:, 3])
