"""A trial beside the model without fitting it: what each published number would be, chance of sampling included."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..endpoints import STAGES
from ..endpoints.registry import TARGETED
from ..endpoints.words import axis_of
from ..errors import InputError
from ..resources import data_dir
from ..solver.problem import Floats
from ..spreadsheet import original
from ..streams import checked_seed, stream
from ..uncertainty.posterior import Posterior
from ..units import to_whole
from .likelihood import LAWS
from .problem import Problem
from .target import Target, share_error
from .targets import Source, load_targets

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


#: How a bound is written, by form.
BOUNDS: Mapping[str, str] = {"at least": "≥ ", "at most": "≤ "}


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Predictions of published numbers by the draws of a fit.

    Parameters
    ----------
    targets : tuple of Target
    model : {target: (draw,) or (draw, class)}
        What the model gives: for infinitely many patients.
    replicated : {target: (draw,) or (draw, class)}
        The same with the sampling error of the publication: another trial of this size.
    fit, draws : str, int
    seen : tuple of str
        Targets that the fit, or one that it starts from, was fitted to: of them this is a check, and no forecast.
    """

    targets: tuple[Target, ...]
    model: Mapping[str, Floats]
    replicated: Mapping[str, Floats]
    fit: str
    draws: int
    seen: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = field(init=False)

    def __post_init__(self) -> None:
        rows = [
            row | {"seen": t.id in self.seen}
            for t in self.targets
            for row in _rows(t, self.model[t.id], self.replicated[t.id])
        ]
        object.__setattr__(self, "rows", tuple(rows))

    def __repr__(self) -> str:
        outside = sum(r["inside"] is False for r in self.rows)
        return f"Prediction({len(self.rows)} published numbers, {outside} outside their 95 %, {self.draws} draws)"

    @property
    def notes(self) -> tuple[str, ...]:
        """How many numbers are inside, how many the fit has seen, and of how many a draw could not be run."""
        inside, failed = sum(r["inside"] for r in self.rows), max((r["failed"] for r in self.rows), default=0)
        told = [f"{inside} of {len(self.rows)} published numbers are inside the 95 % of another trial."]
        if seen := sum(r["seen"] for r in self.rows):
            told.append(f"The fit was fitted to {seen} of them: a check of the fit, no forecast.")
        return (*told, *((f"Up to {failed} of {self.draws} draws have no prediction.",) if failed else ()))

    def summary(self) -> pd.DataFrame:
        """Return a row per published number: unit, published with its 95 %, the model's 95 %, that of another trial of
        this size, the percentile at which the published number falls in it, and whether it is inside.
        """
        import pandas as pd

        return pd.DataFrame(list(self.rows)).set_index("id")

    def plot(self) -> Figure:
        """Draw published numbers beside the model's, each in units of the width of its predictive interval."""
        from ..plotting.forest import forest

        def scaled(row: Mapping[str, Any], *keys: str) -> Any:
            half = (row["predictive_q975"] - row["predictive_q025"]) / 2 or 1.0
            return tuple((row[k] - row["median"]) / half for k in keys)

        found: list[Any] = [
            {
                "label": f"{row['id'].replace('_', ' ')} [{row['axis']}]",
                "prior": scaled(row, "predictive_q025", "predictive_q975"),
                "posterior": scaled(row, "q025", "median", "q975"),
                "published": scaled(row, "published_low", "published", "published_high"),
            }
            for row in self.rows
            if np.isfinite(row["published"])
        ]
        return forest(
            found,
            title="Published and predicted",
            axis="distance from the prediction, in half widths of the 95 % interval of another trial of this size",
            zero=0.0,
            thin="another trial of this size, 95 %",
        )


def check_trial(trial: Source, *, draws: int = 200, seed: int = 1, folder: str | Path | None = None) -> Prediction:
    """Predict what a trial published, without fitting it.

    Parameters
    ----------
    trial : path, name, Trial, data frame or mapping
        A file of your own, or a trial that ships.
    draws : int
        Of the posterior.
    seed : int
    folder : path, optional
        Fits of your own, with all stages; those that ship by default.

    Returns
    -------
    Prediction

    Raises
    ------
    InputError, UnknownNameError
    """
    found = load_targets(trial)
    if not found.targets:
        raise InputError("The trial reports no target; a file needs a table [targets.ID] for each published number.")
    n, seed = to_whole(draws, "draws", 10, 10_000), checked_seed(seed)
    posterior = Posterior.load(folder=folder)
    table = posterior.table(posterior.pick(n, seed))
    rng = stream(seed, "sampling_law")
    for id, nuisance in found.nuisances.items():
        if id not in table:  # of this trial alone: what its prior says
            table[id] = nuisance.at(rng.random(n))
    model: dict[str, Floats] = {}
    for stage in STAGES:
        if found.of(stage):
            problem = Problem.pose(stage, targets=trial, results=folder)
            model |= problem.predict(table, checks=True)
    replicated = {t.id: _replicated(t, model[t.id], rng) for t in found.targets.values()}
    fitted = _fitted(Path(folder) if folder is not None else data_dir("calibration") / "results")
    return Prediction(
        targets=tuple(found.targets.values()),
        model=model,
        replicated=replicated,
        fit=posterior.fit,
        draws=n,
        seen=tuple(t.id for t in found.targets.values() if {(t.trial, t.id), (t.trial, f"{t.id} 1")} & fitted),
    )


def _fitted(folder: Path) -> set[tuple[str, str]]:
    """Return trial and id of every number that the stages of a folder were fitted to."""
    found: set[tuple[str, str]] = set()
    for path in (folder / stage / "targets.csv" for stage in STAGES):
        if path.exists():
            with path.open(encoding="utf8", newline="") as stream:
                rows = csv.DictReader(stream)
                found |= {(original(r["trial"]), original(r["id"])) for r in rows if r["use"] == "fit"}
    return found


def _replicated(t: Target, predicted: Floats, rng: np.random.Generator) -> Floats:
    """Return the numbers that another trial of the same size would have published, one per draw."""
    law = LAWS[t.form]
    found = []
    for value in predicted:
        drawn = law.draw(replace(t, joint=None), value, rng) if np.isfinite(value).all() else None
        if drawn is None:
            found.append(np.full(np.shape(value), np.nan))
        elif t.form == "multinomial":
            found.append(np.array(drawn.counts) / sum(drawn.counts))
        elif t.form == "binomial":
            found.append(np.array(drawn.counts[0] / drawn.counts[1]))
        else:
            found.append(np.array(value if t.form in ("at least", "at most") else drawn.estimate))
    return np.array(found)


def _rows(t: Target, model: Floats, replicated: Floats) -> list[dict[str, Any]]:
    """Return a row per number: on the natural scale."""
    if t.form == "multinomial":
        whole = sum(t.counts)
        parts = [
            (f"{t.id} {k + 1}", c / whole, share_error(c, whole), model[:, k], replicated[:, k])
            for k, c in enumerate(t.counts)
        ]
    else:
        parts = [(t.id, t.estimate, t.se, model, replicated)]
    return [_row(t, *part) for part in parts]


def _row(t: Target, id: str, value: float, se: float, model: Floats, replicated: Floats) -> dict[str, Any]:
    natural = np.exp if t.log else np.asarray
    half = 1.96 * se if se > 0 else np.nan
    ends = (value * np.exp(-half), value * np.exp(half)) if t.form == "lognormal" else (value - half, value + half)
    if t.counts:
        ends = max(ends[0], 0.0), min(ends[1], 1.0)
    low, middle, high = np.nanquantile(model, (0.025, 0.5, 0.975))
    least, most = np.nanquantile(replicated, (0.025, 0.975))
    x = replicated[np.isfinite(replicated)]
    bound = t.form in ("at least", "at most")
    met = value <= middle if t.form == "at least" else value >= middle
    return {
        "id": id,
        "meaning": TARGETED[t.endpoint].sentence,
        "arm": " ".join(t.arms),
        "day": t.day,
        "against": t.against,
        "unit": t.unit,
        "axis": axis_of(t.endpoint, t.unit, log=t.log),
        "use": t.use,
        "form": t.form,
        "published": float(natural(value)),
        "published_low": float(natural(ends[0])),
        "published_high": float(natural(ends[1])),
        "median": float(natural(middle)),
        "q025": float(natural(low)),
        "q975": float(natural(high)),
        "predictive_q025": float(natural(least)),
        "predictive_q975": float(natural(most)),
        "percentile": float((x < value).mean() + 0.5 * (x == value).mean()) if len(x) and not bound else np.nan,
        "inside": bool(met) if bound else bool(least <= value <= most),
        "failed": int(len(replicated) - len(x)),
    }
