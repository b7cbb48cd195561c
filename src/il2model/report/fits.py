"""What a page shows of one stage of a fit: its tables, its words and its figures."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..calibration.influence import influence
from ..calibration.psis import left_out
from ..endpoints.registry import TARGETED
from ..endpoints.words import axis_of as words_of
from ..parameters import load_parameters
from ..plotting.forest import ForestRow
from ..plotting.panels import UNIT_WORDS
from ..plotting.posteriors import Density
from ..spreadsheet import original
from ..uncertainty.nuisances import nuisance_words
from ..uncertainty.posterior import Posterior

Row = dict[str, Any]
#: Values on an axis that differ by this factor ask for a logarithmic one.
_APART = 20.0
#: Pairs that are shown: correlated more than this, and at most so many.
CONFOUNDED, _PAIRS = 0.5, 6
#: Numbers that are told of each parameter.
_TOLD = 3


def read_table(path: Path) -> list[Row]:
    """Read a CSV table; numbers become floats, units stay words (that of a ratio is '1')."""
    if not path.exists():
        return []
    with path.open(encoding="utf8") as stream:
        return [
            {k: original(v) if k == "unit" else _number(original(v)) for k, v in row.items()}
            for row in csv.DictReader(stream)
        ]


def _number(text: str) -> float | bool | str:
    if text in ("True", "False"):
        return text == "True"
    try:
        return float(text)
    except ValueError:
        return text


def read_json(path: Path) -> Row:
    """Read an object; an empty one where there is no file."""
    return dict(json.loads(path.read_text(encoding="utf8"))) if path.exists() else {}


@dataclass(frozen=True)
class Fit:
    """A stage of a folder."""

    folder: Path
    stage: str

    @property
    def home(self) -> Path:
        """Where its files lie."""
        return self.folder / self.stage

    @cached_property
    def posterior(self) -> Posterior:
        """Its draws."""
        return Posterior.load(self.stage, self.folder)

    @cached_property
    def targets(self) -> list[Row]:
        """Published numbers beside predictions, on the scale on which they were compared."""
        return read_table(self.home / "targets.csv")

    @cached_property
    def parameters(self) -> list[Row]:
        """Sampled numbers with their names, and which published numbers inform them most."""
        rows = read_table(self.home / "parameters.csv")
        study = nuisance_words()
        return [
            row
            | {"name": name_of(str(row["id"])), "unit": study.get(str(row["id"]), ("", row["unit"]))[1]}
            | {"informed_by": self.informants(str(row["id"]))}
            for row in rows
        ]

    @cached_property
    def details(self) -> Row:
        """What diagnostics.json says."""
        return read_json(self.home / "diagnostics.json")

    @property
    def fitted(self) -> int:
        """Targets of the likelihood, as the command counts them: the classes of one are one."""
        return len({_base(r) for r in self.targets if r["use"] == "fit"})

    @cached_property
    def z(self) -> dict[str, np.ndarray[Any, Any]]:
        """Draws on the coordinates, by name."""
        z = self.posterior.z.reshape(-1, len(self.posterior.coordinates))
        return {name: z[:, k] for k, name in enumerate(self.posterior.coordinates)}

    @cached_property
    def influence(self) -> list[Row]:
        """What each published number does to each coordinate: of the examination, or of the stored densities."""
        stored = [r for r in read_table(self.folder / "influence.csv") if r["stage"] == self.stage]
        if stored or not self.posterior.pointwise:
            return stored
        terms = {id: np.asarray(x).ravel() for id, x in self.posterior.pointwise.items()}
        return list(influence(np.column_stack(list(self.z.values())), terms, list(self.z)))

    def informants(self, id: str) -> list[tuple[str, float]]:
        """Return the published numbers that inform a parameter most, with the shift by more weight on each."""
        rows = [r for r in self.influence if r["coordinate"] == id and r["sensitivity"] > 3 * r["error"]]
        best = sorted(rows, key=lambda r: -float(r["sensitivity"]))[:_TOLD]
        return [(str(r["number"]), float(r["shift"])) for r in best]

    @cached_property
    def left_out(self) -> list[Row]:
        """Leave-one-out: of the examination, or by weights alone of the stored densities."""
        stored = [r for r in read_table(self.folder / "leave-one-out.csv") if r["stage"] == self.stage]
        if stored:
            return stored
        rows = []
        for id, x in self.posterior.pointwise.items():
            elpd, k = left_out(np.zeros(x.size), np.asarray(x).ravel())
            rows.append({"by": "target", "name": id, "points": id, "elpd": elpd, "error": "", "pareto_k": k})
            rows[-1] |= {"method": "psis", "converged": k <= 0.7, "fitted": "", "effective_draws": ""}
        return rows

    @cached_property
    def foretold(self) -> dict[tuple[str, str], Row]:
        """Each number as all others foretell it, by (what was left out, number)."""
        rows = read_table(self.folder / "foretold.csv")
        return {(str(r["by"]), str(r["target"])): r for r in rows if r["stage"] == self.stage}

    @cached_property
    def predictive(self) -> Row:
        """The predictive check: percentiles of the numbers, and the omnibus."""
        found: Row = read_json(self.folder / "predictive.json").get(self.stage, {})
        return found

    @property
    def met(self) -> dict[str, bool]:
        """Whether each fitted number lies inside the 95 % that the fit would publish, with every class; no bounds."""
        base = {str(r["id"]): _base(r) for r in self.targets}
        found: dict[str, bool] = {}
        for r in self.predictive.get("targets", []):
            if r["use"] == "fit" and r["percentile"] != "":
                id = base.get(str(r["target"]), str(r["target"]))
                found[id] = found.get(id, True) and 0.025 <= r["percentile"] <= 0.975
        return found

    def sentence(self) -> str:
        """Say in one sentence what came of the fit."""
        verdicts = [str(r["verdict"]) for r in self.parameters if r["verdict"]]
        parts = [f"{self.fitted} published numbers, {len(self.posterior.coordinates)} coordinates"]
        if met := self.met:
            parts.append(f"{sum(met.values())} of {len(met)} lie inside the 95 % that the fit would publish")
        if verdicts:
            count = verdicts.count("identifiable")
            parts.append(f"{count} of {len(verdicts)} parameters are bounded on both sides by the data")
        parts.append("the sampler converged" if self.details.get("converged") else "the sampler has NOT converged")
        return "; ".join(parts) + "."

    def densities(self, other: Fit | None = None) -> list[Density]:
        """Return what `densities` draws of each parameter; `other` is a second fit."""
        rows: list[Density] = []
        for r in self.parameters:
            id = str(r["id"])
            prior = (float(r["prior_q025"]), float(r["prior_median"]), float(r["prior_q975"]))
            row: Density = {
                "name": r["name"],
                "unit": unit_of(id, str(r["unit"])),
                "z": self.z[id],
                "prior": prior,
            }
            if r["verdict"]:
                row["verdict"] = str(r["verdict"])
            if other is not None and id in other.z:
                row["other"] = other.z[id]
            rows.append(row)
        return rows

    def confounded(self) -> list[tuple[str, str, float]]:
        """Return the pairs of parameters that the data tell apart least: ids and rank correlation."""
        ids = [str(r["id"]) for r in self.parameters]
        if len(ids) < 2:
            return []
        ranks = np.argsort(np.argsort(np.column_stack([self.z[i] for i in ids]), axis=0), axis=0)
        r = np.atleast_2d(np.corrcoef(ranks.T))
        found = [(ids[i], ids[j], float(r[i, j])) for i in range(len(ids)) for j in range(i)]
        return sorted((f for f in found if abs(f[2]) > CONFOUNDED), key=lambda f: -abs(f[2]))[:_PAIRS]


def _base(row: Row) -> str:
    return str(row["id"]).rpartition(" ")[0] if row["form"] == "multinomial" else str(row["id"])


def name_of(id: str) -> str:
    """Return the name of a parameter, or of a number of a study that ships; another id in words."""
    records = load_parameters("prior").records
    return records[id].name if id in records else nuisance_words().get(id, (id.replace("_", " "), ""))[0]


def unit_of(id: str, unit: str) -> str:
    """Return a unit as a figure says it."""
    return nuisance_words()[id][1] if id in nuisance_words() else UNIT_WORDS.get(unit, unit)


def axis_of(row: Row) -> str:
    """Return the unit of a target as an axis says it."""
    return words_of(str(row["endpoint"]), str(row["unit"]), log=row["log"] is True)


def is_spread(row: Row) -> bool:
    """Whether a target is a standard deviation."""
    endpoint = TARGETED.get(str(row["endpoint"]))
    return (
        row["form"] == "sd" or str(row["endpoint"]).endswith("_sd") or (endpoint is not None and endpoint.law == "sd")
    )


def groups(targets: Sequence[Row]) -> Mapping[tuple[str, str, bool], list[Row]]:
    """Group targets that share an axis: trial, unit, and whether they are standard deviations."""
    found: dict[tuple[str, str, bool], list[Row]] = {}
    for row in targets:
        found.setdefault((str(row["trial"]), axis_of(row), is_spread(row)), []).append(row)
    return found


def wants_log(rows: Sequence[ForestRow]) -> bool:
    """Whether sizes differ so much that a linear axis hides the small ones."""
    shown = [x for r in rows for x in (*r.get("posterior", ()), *r.get("published", ())) if math.isfinite(x)]
    return bool(shown) and min(shown) > 0 and max(shown) / min(shown) > _APART


def forest_row(row: Row) -> ForestRow:
    """Return a target as a forest plot shows it."""
    from scipy.stats import chi2

    scale = math.exp if row["log"] is True else float
    se = row["se"] if isinstance(row["se"], float) and not math.isnan(row["se"]) else float("nan")
    value = row["published"]
    reach = (value - 1.96 * se, value + 1.96 * se)
    if row["form"] == "binomial":
        reach = (max(reach[0], 0.0), min(reach[1], 1.0))
    if row["form"] == "lognormal":
        reach = (value * math.exp(-1.96 * se), value * math.exp(1.96 * se))
    if row["form"] == "sd" and isinstance(row["n"], float):  # of a chi-square law, as it was fitted
        freedom = (row["n"] - 1) / row["weight"] ** 2
        high, low = (value * math.sqrt(freedom / q) for q in chi2(freedom).ppf((0.025, 0.975)))
        reach, se = (low, high), 0.0
    return {
        "label": str(row["id"]).replace("_", " ") + (" (check)" if row["use"] == "check" else ""),
        "prior": (scale(row["prior_q025"]), scale(row["prior_q975"])),
        "posterior": (scale(row["posterior_q025"]), scale(row["posterior_median"]), scale(row["posterior_q975"])),
        "published": (scale(reach[0]) if se == se else se, scale(value), scale(reach[1]) if se == se else se),
        "check": row["use"] == "check",
    }
