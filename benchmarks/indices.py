"""Sobol indices of many outputs, beside a loop of SALib: one interleaved run; writes results/indices.csv.

    python benchmarks/indices.py            # 200 outputs, 25 parameters, 200 resamples, N = 1024; some minutes

Both get the same runs of a test function; the largest distance of the indices is written beside the times.
"""

from __future__ import annotations

import csv
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from SALib.analyze import sobol
from SALib.sample import sobol as design

from il2model.sensitivity.methods.sobol import sobol_indices

OUTPUTS, PARAMETERS, RESAMPLES, N, ROUNDS = 200, 25, 200, 1024, 3
#: Outputs that SALib's loop is timed on; its time is proportional to them.
PART = 20


def main() -> None:
    """Time both, in turns, and write the table."""
    names = [f"x{k}" for k in range(PARAMETERS)]
    problem = {"num_vars": PARAMETERS, "names": names, "bounds": [[0, 1]] * PARAMETERS}
    X = design.sample(problem, N, calc_second_order=False, seed=1)
    weights = np.random.default_rng(0).standard_normal((PARAMETERS, OUTPUTS))
    Y = X @ weights + np.sin(5 * X[:, :1]) * X[:, 1:2]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        start, cpu = time.perf_counter(), time.process_time()
        found = sobol_indices(Y, PARAMETERS, resamples=RESAMPLES, seed=1)
        ours.append((time.perf_counter() - start, time.process_time() - cpu))
        start, cpu = time.perf_counter(), time.process_time()
        loop = [
            sobol.analyze(problem, Y[:, k], calc_second_order=False, num_resamples=RESAMPLES, seed=1)
            for k in range(PART)
        ]
        scale = OUTPUTS / PART
        theirs.append((scale * (time.perf_counter() - start), scale * (time.process_time() - cpu)))
    apart = max(np.abs(found["ST"][:, k] - s["ST"]).max() for k, s in enumerate(loop))
    widths = np.median([found["ST_half"][:, k] / s["ST_conf"] for k, s in enumerate(loop)])
    a, b = np.median(ours, axis=0), np.median(theirs, axis=0)
    row = {
        "outputs": OUTPUTS, "parameters": PARAMETERS, "resamples": RESAMPLES, "N": N,
        "il2model_wall_s": round(a[0], 2), "il2model_cpu_s": round(a[1], 2), "SALib_loop_wall_s": round(b[0], 1),
        "SALib_loop_cpu_s": round(b[1], 1), "ratio_wall": round(b[0] / a[0], 1),
        "largest_distance_of_ST": float(f"{apart:.2g}"), "median_ratio_of_half_widths": round(float(widths), 3),
        "il2model": version("il2model"), "SALib": version("SALib"), "numpy": version("numpy"),
        "machine": platform.machine(), "python": platform.python_version(),
    }  # fmt: skip
    print(row)
    with (Path(__file__).parent / "results" / "indices.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, row)
        writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
