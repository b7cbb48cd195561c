"""Run a trial many times: draw patients from the pool, let chance act, analyse as the trial did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..manifest import manifest
from ..parameters import ParameterSet, load_parameters
from ..solver.kernel import builtin_kernel
from ..solver.problem import Floats
from ..streams import checked_seed, derived_seed, stream
from ..uncertainty.draws import draw, source_of
from .analysis import TrialData
from .design import TrialDesign
from .pool import Pool, build_pool
from .replicate import analyse, draw_trial
from .trial import Trial

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Progress = Callable[[int, int], None]
#: Replicates between two writes of a stored run.
BLOCK = 50
#: Patients of the pool with one parameter set, and with posterior draws.
POOL, POOL_PER_DRAW = 2000, 256
GRID = np.arange(0, 3651, 20.0)


@dataclass(frozen=True)
class TrialResult:
    """Replicates of a trial, and of the same trial without an effect.

    Parameters
    ----------
    design : TrialDesign
    names : tuple of str
        Columns of `table` and `null`: ln HR by analysis, shares dead, tests, changes.
    table, null : (replicate, name)
    curves : (replicate, arm, day)
        Kaplan-Meier estimates on `days`.
    strata : {stratum: (arm, day)}
        Expected survival of the pool, overall and by CSF pNFH.
    hr_curve : (3, bin)
        CSF pNFH, expected HR of its bin, patients in the bin.
    manifest : mapping
    covariates : {name: (patient,)}
        Of the virtual patients (of the first parameter set).
    """

    design: TrialDesign
    names: tuple[str, ...]
    table: Floats
    null: Floats
    days: Floats
    curves: Floats
    strata: Mapping[str, Floats]
    hr_curve: Floats
    refused: int
    manifest: Mapping[str, Any]
    covariates: Mapping[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        """Return one column of the replicates."""
        from ..errors import unknown_name

        if name not in self.names:
            raise unknown_name("result", name, self.names)
        return self.table[:, self.names.index(name)]

    def quantiles(self, name: str, probabilities: Sequence[float] = (0.025, 0.5, 0.975)) -> Floats:
        """Return quantiles over the replicates that have an estimate."""
        return np.asarray(np.nanquantile(self[name], probabilities))

    def power(self, name: str = "log_rank_p") -> tuple[float, float]:
        """Return the share of replicates with a p below alpha in favour of the arm, and its standard error."""
        better = {"log_rank_p": ("log_rank_z", -1), "cafs_p": ("cafs_z", 1), "slope_p": ("slope_difference", 1)}
        p = self[name] < self.design.alpha
        if name in better:
            column, sign = better[name]
            p &= sign * self[column] > 0
        share = float(p.mean())
        return share, float(np.sqrt(share * (1 - share) / len(p)))

    def type_one_error(self) -> float:
        """Return the share of replicates without an effect in which the log-rank test rejects."""
        return float((self.null[:, self.names.index("log_rank_p")] < self.design.alpha).mean())

    def summary(self) -> pd.DataFrame:
        """Return a row per analysis: hazard ratio, median and 95 % of the replicates, published value beside it."""
        import pandas as pd

        from .published import comparison

        return pd.DataFrame(comparison(self)).set_index("analysis")

    def baseline(self) -> pd.DataFrame:
        """Return what the virtual patients are like on day 0, published values beside them."""
        import pandas as pd

        from .published import baseline_rows

        frame = pd.DataFrame(baseline_rows(self.covariates, self.design)).set_index("name")
        return frame.drop(columns="published") if frame["published"].isna().all() else frame

    def plot(self) -> Figure:
        """Draw survival overall and by stratum, and the hazard ratio against CSF pNFH."""
        from .figures import trial_figure

        return trial_figure(self)


def run_trial(
    design: TrialDesign | Trial | str | Path,
    replicates: int = 200,
    seed: int = 0,
    *,
    draws: int | None = None,
    parameters: ParameterSet | None = None,
    pool: int | None = None,
    hazard_ratio: float | None = None,
    directory: str | Path | None = None,
    resume: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> TrialResult:
    """Run a trial many times.

    Parameters
    ----------
    design : TrialDesign, Trial, str or path
        A design, a trial, its name (`TrialDesign.names()`), or a trial file of your own.
    replicates : int
    seed : int
        Replicate number i of a seed is the same trial however many there are.
    draws : int, optional
        Use so many draws of the posterior; replicate i takes draw i modulo that number.
    parameters : ParameterSet, optional
    pool : int, optional
        Virtual patients that replicates draw from (2000; 256 for each draw).
    hazard_ratio : float, optional
        Take this ratio instead of the model's effect: for tests of the analysis.
    directory : path, optional
        Store replicates there, block by block.
    resume : bool
        Go on with what is stored there.
    threads : int, optional
        The result does not depend on it.
    progress : callable, optional
        `progress(done, total)` in replicates.

    Raises
    ------
    InputError, UnknownNameError, SimulationError
    """
    plan = TrialDesign.of(design)
    if replicates != int(replicates) or not 1 <= replicates <= 1_000_000:
        raise InputError(f"replicates is {replicates}; it must be a whole number from 1 to 1000000.")
    checked_seed(seed)
    if pool is not None and not 2 <= pool <= 1_000_000:
        raise InputError(f"The pool has {pool} patients; it needs 2 to 1000000.")
    if hazard_ratio is not None and not 0 < hazard_ratio < 100:
        raise InputError(f"The hazard ratio is {hazard_ratio}; it must be above 0.")
    values = parameters if parameters is not None else load_parameters()
    sets = [values] if draws is None else draw(values, draws, seed).sets()
    size = pool if pool is not None else (POOL if draws is None else POOL_PER_DRAW)
    record = manifest(
        model_hash=builtin_kernel().blueprint.fingerprint, parameter_hash=values.fingerprint(),
        parameter_set=values.name, calibrated=values.calibrated,
        details={
            "trial": repr(plan), "seed": seed, "draws": draws, "pool": size, "hazard_ratio": hazard_ratio,
            "drawn_from": None if draws is None else source_of(values),
        },
    )  # fmt: skip
    store = _Store(directory, record, resume)
    days = GRID[plan.follow_up >= GRID]
    rows: dict[int, dict[str, float]] = {}
    nulls: dict[int, dict[str, float]] = {}
    curves: dict[int, Floats] = {}
    strata: list[Mapping[str, Floats]] = []
    shapes: list[Floats] = []
    refused, done = 0, 0
    first_covariates: Mapping[str, Floats] = {}
    for number, one in enumerate(sets):
        # the patients of a draw are his own: the pool's seed goes with the draw
        people = build_pool(plan, size, seed=derived_seed(seed, "pool", number), parameters=one, threads=threads)
        if people.hazard[..., -1].max() <= 0:
            raise InputError("No event is possible in this trial: every hazard is zero.")
        refused += people.refused
        first_covariates = people.covariates if number == 0 else first_covariates
        if hazard_ratio is not None:
            people = people.with_hazard_ratio(hazard_ratio)
        strata.append(_expected(people, plan, days))
        shapes.append(_hr_curve(people))
        empty = people.without_effect()
        for k in range(number, replicates, len(sets)):
            saved = store.get(k)
            if saved is not None:
                rows[k], nulls[k], curves[k] = saved
            else:
                data = draw_trial(people, plan, stream(seed, "replicate", k))
                rows[k], curves[k] = analyse(data, plan), _km(data, plan, days)
                null = draw_trial(empty, plan, stream(seed, "replicate_without_effect", k))
                nulls[k] = analyse(null, plan)
                store.put(k, rows[k], nulls[k], curves[k])
            done += 1
            if progress is not None:
                progress(done, replicates)
    store.flush()
    names = tuple(rows[0])
    order = range(replicates)
    return TrialResult(
        plan, names, np.array([[rows[k][n] for n in names] for k in order]),
        np.array([[nulls[k][n] for n in names] for k in order]), days, np.array([curves[k] for k in order]),
        {key: np.mean([s[key] for s in strata], axis=0) for key in strata[0]}, _mean_curve(shapes), refused,
        record, first_covariates,
    )  # fmt: skip


def _km(data: TrialData, design: TrialDesign, days: Floats) -> Floats:
    from ..statistics import kaplan_meier

    return np.array(
        [kaplan_meier(data.time[data.arm == k], data.died[data.arm == k]).at(days) for k in range(len(design.arms))]
    )


def _expected(pool: Pool, design: TrialDesign, days: Floats) -> Mapping[str, Floats]:
    """Return expected survival (arm, day) overall and by stratum of CSF pNFH."""
    pnfh, (first, second) = pool.covariates["csf_pnfh"], design.cuts
    groups = {
        "all": np.full(len(pool), True), f"< {first:g}": pnfh < first,
        f"{first:g} to {second:g}": (pnfh >= first) & (pnfh <= second), f"> {second:g}": pnfh > second,
    }  # fmt: skip
    survival = pool.survival()
    found = {}
    for name, mask in groups.items():
        if mask.any():
            mean = survival[:, mask].mean(axis=1)
            found[name] = np.array([np.interp(days, pool.times, m) for m in mean])
        else:
            found[name] = np.full((len(design.arms), len(days)), np.nan)
    return found


def _hr_curve(pool: Pool, bins: int = 8) -> Floats:
    """Return CSF pNFH (median), expected HR and patients of equal bins."""
    from ..statistics import expected_log_hazard_ratio

    pnfh = pool.covariates["csf_pnfh"]
    survival = pool.survival()
    edges = np.quantile(pnfh, np.linspace(0, 1, bins + 1))
    found = np.full((3, bins), np.nan)
    for k in range(bins):
        mask = (pnfh >= edges[k]) & ((pnfh < edges[k + 1]) | (k == bins - 1))
        if mask.sum() >= 2:
            ratio = np.exp(expected_log_hazard_ratio(survival[0][mask], survival[1][mask], np.ones(int(mask.sum()))))
            found[:, k] = np.median(pnfh[mask]), ratio, mask.sum()
    return found


def _mean_curve(shapes: Sequence[Floats]) -> Floats:
    """Average the curves of draws; NaN where no draw has patients."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(shapes, axis=0))


class _Store:
    """Replicates on disk, in blocks; a run that is killed goes on."""

    def __init__(self, folder: str | Path | None, record: Mapping[str, Any], resume: bool) -> None:
        self.folder = None if folder is None else Path(folder)
        self.waiting: dict[int, Any] = {}
        self.found: dict[int, Any] = {}
        if self.folder is None:
            return
        parts = {
            k: record[k] for k in ("model_hash", "parameter_hash", "trial", "seed", "draws", "pool", "hazard_ratio")
        }
        self.design = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        files = sorted(self.folder.glob("replicates-*.json"))
        if files and not resume:
            raise InputError(f"{self.folder} holds replicates already; go on with --resume, or give another folder.")
        for file in files:
            try:
                block = json.loads(file.read_text())
            except (OSError, ValueError):
                raise InputError(f"{file} is damaged; remove it, and --resume makes it again.") from None
            if block["design"] != self.design:
                raise InputError(f"{file} belongs to another trial, seed or model; give another folder.")
            self.found |= {int(k): (r, n, np.array(c)) for k, (r, n, c) in block["replicates"].items()}

    def get(self, number: int) -> Any:
        """Return a stored replicate, or None."""
        return self.found.get(number)

    def put(self, number: int, row: dict[str, float], null: dict[str, float], curve: Floats) -> None:
        """Keep a replicate; a full block goes to disk."""
        if self.folder is None:
            return
        self.waiting[number] = (row, null, curve.tolist())
        if len(self.waiting) >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self.folder is None or not self.waiting:
            return
        target = self.folder / f"replicates-{min(self.waiting):07d}-{max(self.waiting):07d}.json"
        temporary = target.with_suffix(".part")
        temporary.write_text(json.dumps({"design": self.design, "replicates": self.waiting}))
        temporary.replace(target)
        self.waiting = {}
