"""The likelihood of every stage: freeze it at fixed points, compare, and see what a point costs.

    python benchmarks/likelihood.py freeze old.npz       # with the il2model that Python finds
    python benchmarks/likelihood.py compare old.npz      # exit code 1 if a log likelihood moved by more than 1e-9
    python benchmarks/likelihood.py time --batch 96      # CPU ms a point, and the share of the compiled solver

A freeze holds on one machine: solvers and libraries choose other instructions on another.
"""

from __future__ import annotations

import os

for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from il2model.calibration.problem import Problem
from il2model.solver.fast import FastKernel

STAGES = ("pk", "imodals", "progression", "mirocals")
#: Largest relative difference that is no change.
TOLERANCE = 1e-9


def points(problem: Problem, count: int) -> np.ndarray:
    """Return points: the first half as the prior has them, the others nearer to its middle, the last ones far out."""
    z = np.random.Generator(np.random.Philox(22)).standard_normal((count, len(problem.coordinates)))
    z[count // 2 :] *= 0.3
    z[-count // 20 :] *= 10
    return z


def log_likelihoods(problem: Problem, count: int = 200, batch: int = 50) -> np.ndarray:
    """Return the log likelihood of the fixed points."""
    z = points(problem, count)
    return np.concatenate([problem.log_likelihood(z[k : k + batch]) for k in range(0, count, batch)])


def freeze(file: Path) -> int:
    """Store the log likelihoods of every stage."""
    np.savez(file, **{stage: log_likelihoods(Problem.pose(stage)) for stage in STAGES})
    return 0


def compare(file: Path) -> int:
    """Say how far each stage has moved from the stored numbers."""
    moved = False
    with np.load(file) as old:
        for stage in STAGES:
            before, now = old[stage], log_likelihoods(Problem.pose(stage))
            same = before == now
            with np.errstate(invalid="ignore"):
                apart = float(np.where(same, 0.0, np.abs(now - before) / np.abs(before)).max())
            moved |= not apart <= TOLERANCE
            failed = int(np.isneginf(before).sum())
            print(
                f"{stage:12} largest relative difference {apart:.1e}; {int(same.sum())} of {len(now)} have the same "
                f"bits; {failed} failed, {int(np.isneginf(now).sum())} now"
            )
    return int(moved)


def cost(stage: str, batch: int, rounds: int) -> tuple[float, float]:
    """Return the least CPU ms a point in some rounds, and the share of the compiled solver in it."""
    problem = Problem.pose(stage)
    z = points(problem, 4 * batch)[2 * batch : 3 * batch]
    solving = 0.0
    inner: Any = FastKernel._drive

    def drive(*arguments: Any) -> None:
        nonlocal solving
        begin = time.process_time()
        inner(*arguments)
        solving += time.process_time() - begin

    FastKernel._drive = drive  # type: ignore[method-assign]
    try:
        problem.log_likelihood(z)
        measured = []
        for _ in range(rounds):
            solving, begin = 0.0, time.process_time()
            problem.log_likelihood(z)
            measured.append((time.process_time() - begin, solving))
    finally:
        FastKernel._drive = inner  # type: ignore[method-assign]
    whole, part = min(measured)
    return 1e3 * whole / batch, part / whole


def main() -> int:
    """Run a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("freeze", "compare", "time"))
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stages", default=",".join(STAGES))
    args = parser.parse_args()
    if args.command == "time":
        for stage in args.stages.split(","):
            milliseconds, share = cost(stage, args.batch, args.rounds)
            print(f"{stage:12} {milliseconds:7.3f} ms a point, solver {share:4.0%}", flush=True)
        return 0
    if args.file is None:
        parser.error(f"{args.command} needs a file")
    return freeze(args.file) if args.command == "freeze" else compare(args.file)


if __name__ == "__main__":
    sys.exit(main())
