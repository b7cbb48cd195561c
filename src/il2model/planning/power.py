"""Power and sample size by enrichment, size and endpoint; assurance over the posterior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..endpoints.registry import TESTS
from ..errors import InputError, unknown_name
from ..parameters import ParameterSet, load_parameters
from ..solver.problem import Floats
from ..statistics import log_rank
from ..streams import derived_seed, stream
from ..trials.analysis import cafs
from ..trials.design import TrialDesign
from ..trials.pool import build_pool
from ..trials.replicate import draw_trial
from ..uncertainty.draws import draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Range = tuple[float, float] | None
#: Cut-offs of CSF pNFH that are tried by default, pg/mL.
CUTS: tuple[Range, ...] = (None, (0.0, 3700.0), (750.0, 3700.0), (750.0, 2500.0))


@dataclass(frozen=True)
class PowerStudy:
    """Power of designs: `table` has a row per cut-off, size and endpoint."""

    design: TrialDesign
    table: pd.DataFrame
    draws: int | None
    calibrated: bool

    def plot(self) -> Figure:
        """Draw a heat map of power, cut-offs against sizes, per endpoint."""
        from .figures import power_figure

        return power_figure(self)


def power_study(
    design: TrialDesign | str,
    *,
    cuts: Sequence[Range] = CUTS,
    sizes: Sequence[int] = (110, 200, 300, 400),
    endpoints: Sequence[str] = tuple(TESTS),
    replicates: int = 200,
    seed: int = 0,
    draws: int | None = None,
    hazard_ratio: float | None = None,
    parameters: ParameterSet | None = None,
    pool: int | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PowerStudy:
    """Estimate power over cut-offs of CSF pNFH, patients per arm and endpoints.

    Parameters
    ----------
    design : TrialDesign or str
        Its first treated arm is compared with the control.
    cuts : sequence of (low, high) or None
        Whom the trial takes in, by CSF pNFH in pg/mL; None is everybody.
    sizes : sequence of int
        Patients per arm.
    endpoints : sequence of {'log_rank', 'cafs'}
    replicates : int
        For each cut-off and size; spread over the draws.
    draws : int, optional
        Average over posterior draws: assurance, the chance of success given what is known.
    hazard_ratio : float, optional
        This ratio instead of the model's effect.

    Returns
    -------
    PowerStudy
        Columns: low, high (pg/mL), per_arm, endpoint, power, standard_error, deaths (mean of a trial),
        for_80_percent (patients per arm, from the mean of the statistic).

    Raises
    ------
    InputError, UnknownNameError
    """
    import pandas as pd

    plan = TrialDesign.named(design) if isinstance(design, str) else design
    for endpoint in endpoints:
        if endpoint not in TESTS:
            raise unknown_name("endpoint", endpoint, TESTS)
    if not sizes or min(sizes) < 2:
        raise InputError("A trial needs at least 2 patients an arm.")
    if not 1 <= replicates <= 100_000:
        raise InputError(f"replicates is {replicates}; it must be from 1 to 100000.")
    values = parameters if parameters is not None else load_parameters()
    sets = [values] if draws is None else draw(values, draws, seed).sets()
    size = pool if pool is not None else (1000 if draws is None else 256)
    rows: list[dict[str, Any]] = []
    total, done = len(cuts) * len(sizes) * replicates, 0
    for number, cut in enumerate(cuts):
        enriched = plan.replace(enrich=cut)
        found: dict[tuple[int, str], list[tuple[float, float]]] = {}
        deaths: dict[int, list[float]] = {}
        for k, one in enumerate(sets):
            people = build_pool(enriched, size, seed=derived_seed(seed, "pool", k), parameters=one, threads=threads)
            if hazard_ratio is not None:
                people = people.with_hazard_ratio(hazard_ratio)
            for n in sizes:
                sized = enriched.sized(n)
                for r in range(k, replicates, len(sets)):
                    data = draw_trial(people, sized, stream(seed, "power", number, sizes.index(n), r))
                    deaths.setdefault(n, []).append(float(data.died.sum()))
                    for endpoint in endpoints:
                        found.setdefault((n, endpoint), []).append(_test(data, endpoint))
                    done += 1
                    if progress is not None:
                        progress(done, total)
        for n in sizes:
            for endpoint in endpoints:
                z, p = np.array(found[n, endpoint]).T
                rows.append(_row(cut, n, endpoint, z, p, deaths[n], plan.alpha))
    frame = pd.DataFrame(rows)
    return PowerStudy(plan, frame, draws, values.calibrated)


def _test(data: Any, endpoint: str) -> tuple[float, float]:
    """Return z, above 0 where the treated do better, and p."""
    if endpoint == "log_rank":
        rows = data.arm <= 1
        z, p = log_rank(data.time[rows], data.died[rows], data.arm[rows] == 1)
        return -z, p
    return cafs(data)


def _row(cut: Range, n: int, endpoint: str, z: Floats, p: Floats, deaths: list[float], alpha: float) -> dict[str, Any]:
    from scipy.special import ndtri

    power = float(((p < alpha) & (z > 0)).mean())
    mean = float(np.nanmean(z))
    wanted = float(ndtri(1 - alpha / 2) + ndtri(0.8))
    return {
        "low": 0.0 if cut is None else cut[0], "high": float("inf") if cut is None else cut[1], "per_arm": n,
        "endpoint": endpoint, "power": power, "standard_error": float(np.sqrt(power * (1 - power) / len(p))),
        "deaths": float(np.mean(deaths)),
        "for_80_percent": float(np.ceil(n * (wanted / mean) ** 2)) if mean > 0.05 else float("nan"),
    }  # fmt: skip
