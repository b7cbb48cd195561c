"""Published summaries as data: `calibration/targets/*.toml`, one file per trial, checked on reading.

A recalled estimate counts less, by one rule: its standard error is multiplied by
`WEIGHTS["recalled"]`, that of an assumed one by `WEIGHTS["assumed"]`. A number that is
read keeps its own, also where only its spread is recalled (the table says so).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..dosing.regimen import Dose, Regimen
from ..endpoints.registry import TARGETED
from ..endpoints.reported import STAGES
from ..errors import InputError, UnitError, unknown_name
from ..parameters.record import Distribution, distribution
from ..resources import data_dir
from ..units import factor, to_float

#: Factor on the standard error by status of the estimate.
WEIGHTS: Mapping[str, float] = {"read": 1.0, "derived": 1.0, "recalled": 1.5, "assumed": 2.0}
_NORMAL_95 = 2 * 1.959963984540054
_FIELDS = {
    "stage", "endpoint", "arm", "arms", "day", "estimate", "sd", "n", "se", "se_ln", "low", "high", "log", "count",
    "counts", "bound", "unit", "status", "spread_status", "source", "use", "drift", "noise", "joint", "note",
}  # fmt: skip
_FILE = {"trial", "stage", "arms", "nuisances", "targets", "joint"}
_ARM = {"amount", "days", "every", "cycles", "times", "route", "duration", "note"}


@dataclass(frozen=True)
class Nuisance:
    """A number of a study rather than of the model, with its prior."""

    id: str
    name: str
    prior: Distribution
    unit: str
    note: str


@dataclass(frozen=True)
class Joint:
    """Targets that come from the same patients: sampling correlations of `members`, in order.

    `given` names a binomial target fitted in an earlier stage; `given_correlation`
    is the correlation of each member with its number of deaths.
    """

    id: str
    members: tuple[str, ...]
    correlation: np.ndarray[Any, np.dtype[np.float64]]
    given: str | None
    given_correlation: tuple[float, ...]
    note: str


@dataclass(frozen=True)
class Target:
    """One published number in the unit of its endpoint.

    `form` says how it is compared: normal, lognormal (both with `se`), sd (with `n`),
    binomial (`counts` = deaths, patients), multinomial, at least, at most. Estimates
    with `log = true` are held as their logarithm.
    """

    id: str
    trial: str
    stage: str
    endpoint: str
    arms: tuple[str, ...]
    day: float | None
    form: str
    estimate: float
    se: float
    counts: tuple[int, ...]
    n: int | None
    unit: str
    log: bool
    status: str
    spread_status: str
    source: str
    use: str
    drift: str | None
    noise: str | None
    joint: str | None
    note: str
    file: str

    @property
    def weight(self) -> float:
        """Factor on the standard error."""
        return WEIGHTS[self.status]

    def text(self, value: float) -> str:
        """Return a prediction or estimate as the paper would print it."""
        if not math.isfinite(value):
            return "no value"
        shown = math.exp(value) if self.log else value
        return f"{shown:.3g}"


@dataclass(frozen=True)
class Targets:
    """All targets, arms and nuisances of a folder."""

    targets: Mapping[str, Target]
    arms: Mapping[str, Regimen]
    nuisances: Mapping[str, Nuisance]
    joints: Mapping[str, Joint]

    def of(self, stage: str, use: str | None = None) -> tuple[Target, ...]:
        """Return the targets of a stage, in order; only those used for `use` if given."""
        return tuple(t for t in self.targets.values() if t.stage == stage and use in (None, t.use))

    def nuisances_of(self, stage: str) -> tuple[str, ...]:
        """Return the nuisances that targets of a stage name."""
        named = [x for t in self.of(stage, "fit") for x in (t.drift, t.noise) if x]
        return tuple(dict.fromkeys(named))


def load_targets(folder: str | Path | None = None) -> Targets:
    """Read and check every target file of `folder` (by default those that ship).

    Raises
    ------
    InputError, UnknownNameError
        With the file, the row, and what is wrong with it: an unknown endpoint or
        field, a unit that does not fit, a missing standard error.
    """
    path = Path(folder) if folder is not None else data_dir("calibration") / "targets"
    files = sorted(path.glob("*.toml"))
    if not files:
        raise InputError(f"There are no target files (*.toml) in {path}.")
    targets: dict[str, Target] = {}
    arms: dict[str, Regimen] = {}
    nuisances: dict[str, Nuisance] = {}
    joints: dict[str, Joint] = {}
    for file in files:
        try:
            data = tomllib.loads(file.read_text(encoding="utf8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{file.name} is not valid TOML: {error}.") from None
        for key in data:
            if key not in _FILE:
                raise unknown_name(f"part of {file.name}", key, _FILE)
        if "trial" not in data:
            raise InputError(f"{file.name} does not name its 'trial'.")
        for id, row in data.get("arms", {}).items():
            with _place(file.name, "arm", id):
                _add(arms, id, _arm(id, row))
        for id, row in data.get("nuisances", {}).items():
            with _place(file.name, "nuisance", id):
                _add(nuisances, id, _nuisance(id, row))
        for id, row in data.get("joint", {}).items():
            with _place(file.name, "joint", id):
                _add(joints, id, _joint(id, row))
        for id, row in data.get("targets", {}).items():
            with _place(file.name, "target", id):
                _add(targets, id, _target(id, row, data, file.name))
    for t in targets.values():
        with _place(t.file, "target", t.id):
            for arm in t.arms:
                if arm not in arms:
                    raise unknown_name("arm", arm, arms)
            for nuisance in (t.drift, t.noise):
                if nuisance is not None and nuisance not in nuisances:
                    raise unknown_name("nuisance", nuisance, nuisances)
            if t.joint is not None and t.id not in (joints[t.joint].members if t.joint in joints else ()):
                raise InputError(f"the joint distribution {t.joint!r} does not hold it")
    return Targets(
        MappingProxyType(targets), MappingProxyType(arms), MappingProxyType(nuisances), MappingProxyType(joints)
    )


def _add(into: dict[str, Any], id: str, item: Any) -> None:
    if id in into:
        raise InputError("the name is used twice")
    into[id] = item


@contextmanager
def _place(file: str, kind: str, id: str) -> Iterator[None]:
    """Put file and row in front of an error."""
    try:
        yield
    except (InputError, TypeError, ValueError, KeyError) as error:
        text = str(error).rstrip(".")
        raise InputError(f"{file}, {kind} {id}: {text}.") from None


def _arm(id: str, row: Mapping[str, Any]) -> Regimen:
    for key in row:
        if key not in _ARM:
            raise unknown_name("field", key, _ARM)
    if "amount" not in row:
        raise InputError("it has no 'amount'")
    route, duration = row.get("route", "sc"), to_float(row.get("duration", 0.0), "day", what="duration")
    text = str(row["amount"])
    per_m2 = "/m2" in text
    amount = to_float(text, "MIU/m2" if per_m2 else "MIU", what="amount")
    if amount == 0:
        return Regimen.named("placebo")
    every, cycles = float(row.get("every", 28)), int(row.get("cycles", 1))
    times = [float(t) for t in row.get("times", range(int(row.get("days", 1))))]
    doses = tuple(Dose(every * c + t, amount, route, duration, per_m2) for c in range(cycles) for t in times)
    return Regimen(doses, id, every * cycles)


def _nuisance(id: str, row: Mapping[str, Any]) -> Nuisance:
    return Nuisance(
        id, row["name"], distribution(id, "prior", row["prior"], math.nan, None), row["unit"], row.get("note", "")
    )


def _joint(id: str, row: Mapping[str, Any]) -> Joint:
    members = tuple(row["members"])
    matrix = np.array(row["correlation"], dtype=float)
    if matrix.shape != (len(members),) * 2 or not np.allclose(matrix, matrix.T) or not (np.diag(matrix) == 1).all():
        raise InputError("the correlation must be a symmetric matrix with ones, a row per member")
    given = tuple(float(x) for x in row.get("given_correlation", ()))
    if row.get("given") and len(given) != len(members):
        raise InputError("given_correlation needs a number per member")
    whole = np.block([[np.ones((1, 1)), np.array([given])], [np.array([given]).T, matrix]]) if given else matrix
    if np.linalg.eigvalsh(whole).min() <= 0:
        raise InputError("the correlations contradict each other (not positive definite)")
    return Joint(id, members, matrix, row.get("given"), given, row.get("note", ""))


def _target(id: str, row: Mapping[str, Any], data: Mapping[str, Any], file: str) -> Target:
    for key in row:
        if key not in _FIELDS:
            raise unknown_name("field", key, _FIELDS)
    for key in ("endpoint", "unit", "status", "source", "use"):
        if key not in row:
            raise InputError(f"it has no {key!r}")
    if row["endpoint"] not in TARGETED:
        raise unknown_name("endpoint", str(row["endpoint"]), TARGETED)
    endpoint = TARGETED[row["endpoint"]]
    stage = row.get("stage", data.get("stage"))
    if stage not in STAGES:
        raise unknown_name("stage", str(stage), STAGES)
    if stage != endpoint.stage:
        raise InputError(f"{row['endpoint']} belongs to the stage {endpoint.stage!r}, not to {stage!r}")
    if row["status"] not in WEIGHTS:
        raise unknown_name("status", str(row["status"]), WEIGHTS)
    if row["use"] not in ("fit", "check"):
        raise unknown_name("use", str(row["use"]), ("fit", "check"))
    arms = tuple(row["arms"]) if "arms" in row else (row["arm"],) if "arm" in row else ()
    if endpoint.needs_arm and not arms:
        raise InputError(f"{row['endpoint']} needs an 'arm'")
    if endpoint.needs_day and "day" not in row:
        raise InputError(f"{row['endpoint']} needs a 'day'")
    try:
        scale = factor(row["unit"], endpoint.unit)
    except UnitError as error:
        raise InputError(
            f"the unit {row['unit']!r} does not fit {row['endpoint']} [{endpoint.unit}]: {error}"
        ) from None
    form, estimate, se, counts = _form(row, scale)
    return Target(
        id=id, trial=data["trial"], stage=stage, endpoint=row["endpoint"], arms=arms if endpoint.needs_arm else (),
        day=float(row["day"]) if "day" in row else None, form=form, estimate=estimate, se=se, counts=counts,
        n=int(row["n"]) if "n" in row else None, unit=endpoint.unit, log=bool(row.get("log", False)),
        status=row["status"], spread_status=row.get("spread_status", row["status"]), source=row["source"],
        use=row["use"], drift=row.get("drift"), noise=row.get("noise"), joint=row.get("joint"),
        note=row.get("note", ""), file=file,
    )  # fmt: skip


def _form(row: Mapping[str, Any], scale: float) -> tuple[str, float, float, tuple[int, ...]]:
    """Return how a target is compared, its estimate and standard error in the endpoint's unit, its counts."""
    if "counts" in row or "count" in row:
        counts = tuple(int(c) for c in row.get("counts", row.get("count")))
        if min(counts) < 0 or ("count" in row and (len(counts) != 2 or counts[0] > counts[1])):
            raise InputError("a count is [events, patients], counts are patients per class; none is negative")
        if "count" in row:
            return (
                "binomial",
                counts[0] / counts[1],
                math.sqrt(counts[0] * (counts[1] - counts[0]) / counts[1] ** 3),
                counts,
            )
        return "multinomial", math.nan, math.nan, counts
    if "estimate" not in row:
        raise InputError("it has no 'estimate'")
    estimate = float(row["estimate"]) * scale
    if "bound" in row:
        if row["bound"] not in ("at least", "at most"):
            raise unknown_name("bound", str(row["bound"]), ("at least", "at most"))
        return row["bound"], estimate, 0.0, ()
    if row["endpoint"].endswith("_sd") and "n" in row:
        return "sd", estimate, math.nan, ()
    if "se_ln" in row:
        return "lognormal", estimate, _positive(float(row["se_ln"])), ()
    low, high = row.get("low"), row.get("high")
    if row.get("log"):
        if estimate <= 0:
            raise InputError("the estimate must be above zero where log = true")
        if "se" in row:
            return "normal", math.log(estimate), _positive(float(row["se"])), ()
        if low is None or high is None:
            raise InputError("it has no standard error: give se (of the logarithm), or low and high (95 %)")
        return "normal", math.log(estimate), _positive(math.log(high / low) / _NORMAL_95), ()
    if "se" in row:
        return "normal", estimate, _positive(float(row["se"]) * scale), ()
    if "sd" in row and "n" in row:
        return "normal", estimate, _positive(float(row["sd"]) * scale / math.sqrt(row["n"])), ()
    if low is not None and high is not None:
        return "normal", estimate, _positive((high - low) * scale / _NORMAL_95), ()
    raise InputError("it has no standard error: give se, sd with n, low and high (95 %), or count")


def _positive(se: float) -> float:
    if not se > 0:
        raise InputError(f"the standard error is {se:g}; it must be above zero")
    return se
