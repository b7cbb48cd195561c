"""Work and precision on stiff test problems, beside SciPy's Radau and LSODA; writes results/stiff.csv.

    python benchmarks/stiff.py

Every solver gets the same tolerances and an analytic Jacobian; SciPy calls Python functions, this package compiled
ones, so steps are the fair measure and time is what a user waits. One interleaved run, median of the rounds.
"""

from __future__ import annotations

import csv
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from scipy.integrate import solve_ivp
from tests.helpers.stiff_problems import PROBLEMS, digits, solve

RTOLS, ROUNDS = (1e-4, 1e-6, 1e-8, 1e-10), 5


def main() -> None:
    """Measure and write the table."""
    rows = []
    for name, p in PROBLEMS.items():
        f, jacobian = p.functions()

        def scipy(method, rtol, p=p, f=f, jacobian=jacobian):
            r = solve_ivp(
                f, (0, p.end), p.y0, method=method, jac=jacobian, rtol=rtol, atol=0.1 * rtol * np.array(p.scale)
            )
            return (r.y[:, -1] if r.success else np.full(len(p.y0), np.nan)), len(r.t) - 1

        solvers = {
            "il2model": lambda rtol, name=name: solve(name, rtol),
            "SciPy Radau": lambda rtol, run=scipy: run("Radau", rtol),
            "SciPy LSODA": lambda rtol, run=scipy: run("LSODA", rtol),
        }
        solve(name, 1e-4)
        for rtol in RTOLS:
            spent: dict[str, list[float]] = {s: [] for s in solvers}
            found = {}
            for _ in range(ROUNDS):
                for solver, run in solvers.items():
                    start = time.process_time()
                    found[solver] = run(rtol)
                    spent[solver].append(time.process_time() - start)
            for solver, (end, steps) in found.items():
                seconds = np.median(spent[solver])
                rows.append(
                    {"problem": name, "solver": solver, "rtol": rtol, "correct_digits": round(digits(p, end), 1),
                     "steps": steps, "cpu_ms": round(1e3 * seconds, 2)}
                )  # fmt: skip
        print(name, flush=True)
    with (HERE / "results" / "stiff.csv").open("w", newline="") as stream:
        stream.write(f"# il2model {version('il2model')}, scipy {version('scipy')}, numpy {version('numpy')}\n")
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
