"""Effective draws per likelihood and per second: importance sampling, emcee, and a nested sampler, in one run.

    python benchmarks/samplers.py [STAGE ...] [--nested LIVE] [-o FILE]

Every sampler has the same log likelihood, one process and one thread, and batches of its own. Effective draws: of
importance and nested sampling by the weights, of emcee the smallest bulk ESS over the coordinates. The nested sampler
is nautilus (Lange 2023; pip install nautilus-sampler).
"""

import argparse
import csv
import time
from concurrent.futures import Future
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from il2model.calibration.bridge import bridged_chains
from il2model.calibration.diagnostics import convergence
from il2model.calibration.importance import explore
from il2model.calibration.optimum import optimize
from il2model.calibration.problem import Problem
from il2model.calibration.sampler import sample
from il2model.calibration.sampling import ImportanceOptions, SamplerOptions
from il2model.runs import RunOptions

#: Steps of emcee: long enough for a figure, far too short for a fit.
CHAINS = SamplerOptions(ensembles=2, walkers=48, burn=60, steps=160, thin=1, starts=1, checkpoint=220)
BLOCK = 96


class Here:
    """An executor that works at once, in this process."""

    def submit(self, function, *arguments):
        """Return a future that is done."""
        future = Future()
        future.set_result(function(*arguments))
        return future


class Counted:
    """A problem that counts its evaluations."""

    def __init__(self, stage):
        self.problem, self.count = Problem.pose(stage), 0
        self.coordinates, self.steps = self.problem.coordinates, self.problem.steps

    def log_likelihood(self, z):
        """Return the log likelihood (point,), block by block."""
        self.count += len(z)
        parts = [self.problem.log_likelihood(z[k : k + BLOCK]) for k in range(0, len(z), BLOCK)]
        return np.concatenate(parts)


def importance(problem, run):
    """Return effective draws, ln evidence and its error."""
    drawn = explore(lambda: problem, None, ImportanceOptions(seed=1), run)
    return drawn.effective_draws, *drawn.evidence


def emcee(problem, run):
    """Return the same of short chains; the evidence by a bridge."""
    best = optimize(problem, CHAINS)
    chains = sample(lambda: problem, None, CHAINS, optimum=best, executor=run.executor)
    worth = min(convergence(chains.z[..., k]).ess_bulk for k in range(chains.z.shape[-1]))
    second = bridged_chains(lambda: problem, None, {}, chains, ImportanceOptions(), run)
    return worth, second.log, second.error


def nested(problem, run, live):
    """Return the same of nautilus; its error is what the weights say."""
    from nautilus import Sampler

    def value(z):
        found = problem.log_likelihood(np.atleast_2d(z))
        return np.where(np.isfinite(found), found, -1e10)

    sampler = Sampler(
        lambda u: ndtri(np.clip(u, 1e-12, 1 - 1e-12)),
        value,
        n_dim=len(problem.coordinates),
        n_live=live,
        n_batch=2 * BLOCK,
        vectorized=True,
        pass_dict=False,
        seed=1,
    )
    sampler.run(verbose=False, n_eff=1000)
    return sampler.n_eff, sampler.log_z, 1 / np.sqrt(sampler.n_eff)


def main():
    """Run every sampler on every stage asked for, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", default=["pk", "progression", "imodals"])
    parser.add_argument("--nested", type=int, default=600, help="live points")
    parser.add_argument("-o", type=Path, default=Path(__file__).parent / "results" / "samplers.csv")
    args = parser.parse_args()
    run, rows = RunOptions(executor=Here()), []
    names = {
        "importance": importance,
        f"emcee {version('emcee')}": emcee,
        f"nautilus {version('nautilus-sampler')}, {args.nested} live points": partial(nested, live=args.nested),
    }
    for stage in args.stages:
        Problem.pose(stage).log_likelihood(np.zeros((2, len(Problem.pose(stage).coordinates))))
        for name, sampler in names.items():
            problem = Counted(stage)
            wall, cpu = time.perf_counter(), time.process_time()
            worth, log_evidence, error = sampler(problem, run)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            row = {
                "stage": stage,
                "coordinates": len(problem.coordinates),
                "sampler": name,
                "evaluations": problem.count,
                "effective_draws": round(worth),
                "effective_per_1000_evaluations": round(1000 * worth / problem.count, 1),
                "effective_per_cpu_second": round(worth / cpu, 1),
                "cpu_seconds": round(cpu, 1),
                "wall_seconds": round(wall, 1),
                "ln_evidence": round(log_evidence, 3),
                "error": round(error, 3),
            }
            print(row, flush=True)
            rows.append(row)
            with args.o.open("w", newline="", encoding="utf8") as stream:
                writer = csv.DictWriter(stream, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
