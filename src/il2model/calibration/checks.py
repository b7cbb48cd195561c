"""Checks of a finished calibration: what must hold for the default and for every draw, and trial replicates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..dosing.regimen import Regimen
from ..simulation.run import solve
from ..solver.problem import Floats, SolverOptions
from ..solver.stability import refused
from ..streams import stream
from ..trials.design import TrialDesign
from ..uncertainty.posterior import Posterior
from .mirocals import NAMES, Arms, Trait, arms
from .problem import Problem
from .replicates import replicate
from .simulator import Simulator
from .structures import Given
from .tables import Row

#: The trial of two doses on whose days CCL2 and Treg are looked at, and its treated arms.
DOSES = TrialDesign.of("imodals")
TREATED = DOSES.arms[1:]
CCL2_DAYS = tuple(visit.day for visit in DOSES.visits[1:])
#: A rise above this multiple of baseline is counted as an exception.
CCL2_SLACK = 1.001


def untreated_residual(simulator: Simulator, table: Mapping[str, Floats]) -> Floats:
    """Return how far the untreated immune and glial state moves in 28 days without drug, (set,), relative."""
    k = simulator.kernel
    rows = simulator.rows(table)
    bp = k.blueprint
    steady = np.flatnonzero(bp.steady)
    start = k.baseline(rows, k.constants(rows))[:, steady]
    ids = [bp.states.ids[i] for i in steady]
    plan, day = Regimen.named("placebo"), 28.0
    course = solve(k, [plan], rows, np.array([day]), day, ids, options=SolverOptions(rtol=1e-6), batch=True)
    scale = np.array(bp.scales)[steady]
    return np.asarray(np.abs((course.stack(ids)[:, 0] - start) / scale).max(axis=1))


def ccl2_and_treg(simulator: Simulator, table: Mapping[str, Floats], block: int = 256) -> dict[str, Floats]:
    """Return plasma CCL2 and tissue Treg relative to baseline, (set, treated arm, day)."""
    ids = ("plasma_ccl2", "treg_tissue")
    n = max((len(v) for v in table.values()), default=1)
    parts: dict[str, list[Floats]] = {i: [] for i in ids}
    for first in range(0, n, block):
        rows = simulator.rows({i: v[first : first + block] for i, v in table.items()})
        days = np.array([0.0, *CCL2_DAYS])
        course = simulator.observe([arm.regimen for arm in TREATED], rows, days, ids)
        for i in ids:
            both = np.stack([course[arm.regimen.name][i] for arm in TREATED], axis=1)
            parts[i].append(both[..., 1:] / both[..., :1])
    return {i: np.concatenate(p) for i, p in parts.items()}


def trial_replicates(
    problem: Problem, draws: Mapping[str, Floats], n: int, seed: int, trait: Trait | None = None
) -> Floats:
    """Return (replicate, analysis) of n random trials, each from one posterior draw; see `NAMES`."""
    found = np.full((n, len(NAMES)), np.nan)
    count = len(next(iter(draws.values())))
    which = np.arange(n) % count
    rng = stream(seed, "sampling_law")
    for first in range(0, count, 16):
        some = {i: v[first : first + 16] for i, v in draws.items()}
        trials: list[Arms | None] = arms(problem.simulator, some, trait=trait)
        for k, a in enumerate(trials):
            if a is None:
                continue
            for row in np.flatnonzero(which == first + k):
                result = replicate(a, rng)
                found[row] = [result[name] for name in NAMES]
    return found


def replicate_rows(problem: Problem, table: Floats, label: str) -> list[Row]:
    """Return a row per published figure: replicate interval, and the percentile at which the figure falls."""
    rows: list[Row] = []
    targets = [t for t in problem.targets.of("mirocals")] + [problem.targets.targets["dead_placebo"]]
    for t in targets:
        x = table[:, NAMES.index(t.endpoint)]
        x = x[np.isfinite(x)]
        low, middle, high = np.quantile(x, (0.025, 0.5, 0.975))
        share = float((x < t.estimate - 1e-9).mean() + 0.5 * (np.abs(x - t.estimate) <= 1e-9).mean())
        rows.append(
            {
                "version": label,
                "id": t.id,
                "published": t.text(t.estimate),
                "q025": t.text(float(low)),
                "median": t.text(float(middle)),
                "q975": t.text(float(high)),
                "percentile": share,
                "inside": bool(low <= t.estimate <= high),
                "without_estimate": int(len(table) - len(x)),
            }
        )
    return rows


def check_fit(
    folder: str | Path | None = None,
    *,
    targets: Given = None,
    draws: int = 400,
    replicates: int = 1000,
    seed: int = 3,
) -> dict[str, object]:
    """Run every check of a finished calibration.

    Parameters
    ----------
    folder : path, optional
        The fits; those that ship by default.
    targets : path, name, Trial, or several of them, optional
        What they were fitted to, as in `calibrate`.
    draws : int
        Posterior draws for the replicates.
    replicates : int

    Returns
    -------
    dict
        Plain data: counts, extremes, and the table of replicates.
    """
    problem = Problem.pose("mirocals", results=folder, targets=targets)
    simulator = problem.simulator
    posterior = Posterior.load("mirocals", folder)
    every = posterior.table(np.arange(len(posterior)))
    rows = simulator.rows(every)
    markers = ccl2_and_treg(simulator, every)
    ccl2, treg = markers["plasma_ccl2"], markers["treg_tissue"]
    more = (ccl2[:, 1] <= ccl2[:, 0] * (1 + 1e-9)) | ~np.isfinite(ccl2[:, 1])
    found: dict[str, object] = {
        "draws": len(posterior),
        "refused": len(refused(simulator.kernel, rows)),
        "failed": int((~np.isfinite(ccl2)).any(axis=(1, 2)).sum()),
        "untreated_residual_max": float(np.nanmax(untreated_residual(simulator, every))),
        "ccl2_above_baseline": int((ccl2 > CCL2_SLACK).any(axis=(1, 2)).sum()),
        "ccl2_max": float(np.nanmax(ccl2)),
        "ccl2_2miu_not_below_1miu": int((~more).any(axis=1).sum()),
        "treg_not_above_baseline": int((treg <= 1).any(axis=(1, 2)).sum()),
        "ccl2_change_day8": {
            arm.name: [float(q) for q in np.nanquantile(100 * (ccl2[:, k, 0] - 1), (0.025, 0.5, 0.975))]
            for k, arm in enumerate(TREATED)
        },
    }
    some = posterior.table(posterior.pick(draws, seed))
    table = trial_replicates(problem, some, replicates, seed)
    capped = trial_replicates(problem, some, replicates, seed, Trait(pnfh_cap=6000.0))
    effects = ("hazard_inflammation", "effector_damage")
    none = {**some, "inflammatory_damage_max": np.full(draws, 1e-9), **dict.fromkeys(effects, np.zeros(draws))}
    null = trial_replicates(problem, none, replicates, seed)
    found["replicates"] = [
        *replicate_rows(problem, table, "model"),
        *replicate_rows(problem, capped, "pNFH capped at 6000 pg/mL"),
        *replicate_rows(problem, null, "no effect"),
    ]
    low, high = (problem.targets.targets[id].estimate for id in ("hr_low", "hr_high"))
    both = (table[:, NAMES.index("ln_hr_low")] <= low) & (table[:, NAMES.index("ln_hr_high")] >= high)
    found["share_with_low_and_high_as_extreme"] = float(both.mean())
    return found
