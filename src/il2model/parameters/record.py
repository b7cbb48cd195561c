"""One parameter: its value with unit, uncertainty, status and sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError, unknown_name
from ..units import to_float

STATUSES = ("measured", "derived", "calibrated", "assumed")
DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "lognormal": ("sd",),
    "logitnormal": ("sd",),
    "normal": ("mean", "sd"),
    "halfnormal": ("sd",),
    "beta": ("a", "b"),
    "uniform": ("low", "high"),
}
_FIELDS = {
    "name",
    "value",
    "unit",
    "bounds",
    "prior",
    "fixed",
    "spread",
    "status",
    "confirmed",
    "sources",
    "note",
    "calibrated",
    "fit",
}


@dataclass(frozen=True)
class Distribution:
    """A distribution by name; sd of log- and logit-normal is on the transformed scale."""

    kind: str
    numbers: Mapping[str, float]

    def __getitem__(self, key: str) -> float:
        return self.numbers[key]

    def __hash__(self) -> int:
        return hash((self.kind, *sorted(self.numbers.items())))

    def __str__(self) -> str:
        inside = ", ".join(f"{k} {v:g}" for k, v in self.numbers.items())
        return f"{self.kind}({inside})"


@dataclass(frozen=True)
class Parameter:
    """A record of `parameters/*.toml`; numbers are in `unit`.

    `references` names the population records that numbers of the spread come from;
    `calibrated` is the value that the fit `fit` gave.
    """

    id: str
    name: str
    value: float
    unit: str
    status: str
    confirmed: bool
    sources: tuple[str, ...]
    note: str
    mechanism: str
    bounds: tuple[float, float] | None = None
    prior: Distribution | None = None
    spread: Distribution | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    calibrated: float | None = None
    fit: str | None = None

    def __hash__(self) -> int:
        return hash((self.id, self.value, self.unit))

    @property
    def fixed(self) -> bool:
        """True where the number is not estimated or sampled."""
        return self.prior is None

    @property
    def spread_text(self) -> str:
        """The spread between patients, with the names of records its numbers come from."""
        if self.spread is None:
            return "none"
        inside = ", ".join(f"{k} {self.references.get(k, f'{v:g}')}" for k, v in self.spread.numbers.items())
        return f"{self.spread.kind}({inside})"

    def check(self, value: float | int | str) -> float:
        """Return `value` in this parameter's unit.

        Raises
        ------
        InputError
            If it is not a number in a fitting unit, or outside the bounds.
        """
        number = to_float(value, self.unit, what=self.id)
        if not math.isfinite(number):
            raise InputError(f"{self.id} is {number}; it must be finite.")
        if self.bounds is not None:
            low, high = self.bounds
            slack = 1e-12 * max(abs(low), abs(high))
            if not low - slack <= number <= high + slack:
                raise InputError(
                    f"{self.id} = {number:g} {self.unit} is outside its bounds {low:g} to {high:g} {self.unit}."
                )
        elif number != self.value:
            raise InputError(f"{self.id} is a constant ({self.value:g} {self.unit}) and cannot be changed.")
        return number


def distribution(id: str, key: str, table: object, value: float, bounds: tuple[float, float] | None) -> Distribution:
    """Build a distribution from its TOML table; raise InputError that names record and key."""
    if not isinstance(table, dict) or "distribution" not in table:
        raise InputError(f"{id}: {key} needs a table with a 'distribution'.")
    kind = table["distribution"]
    if kind not in DISTRIBUTIONS:
        raise unknown_name(f"distribution (in {id}.{key})", str(kind), DISTRIBUTIONS)
    numbers = {k: float(v) for k, v in table.items() if k != "distribution"}
    if kind in ("lognormal", "logitnormal"):
        numbers.setdefault("median", value)
    if kind == "normal":
        numbers.setdefault("mean", value)
    missing = [k for k in DISTRIBUTIONS[kind] if k not in numbers]
    if missing:
        raise InputError(f"{id}: {key} is {kind}, which needs {', '.join(missing)}.")
    if numbers.get("sd", 1.0) <= 0:
        raise InputError(f"{id}: the sd of {key} must be above zero.")
    return Distribution(kind, numbers)


def _check_fields(id: str, table: Mapping[str, object]) -> None:
    """Refuse a record with an unknown field, or without one that it needs."""
    for key in table:
        if key not in _FIELDS:
            raise unknown_name(f"field in the record {id!r}", key, _FIELDS)
    for key in ("name", "value", "unit", "status", "confirmed", "sources", "note"):
        if key not in table:
            raise InputError(f"The record {id!r} has no {key!r}.")
    if table["status"] not in STATUSES:
        raise InputError(f"{id}: the status is {table['status']!r}; allowed are {', '.join(STATUSES)}.")
    if not table["sources"]:
        raise InputError(f"{id}: at least one source is needed.")
    if "prior" not in table and not table.get("fixed", False):
        raise InputError(f"{id}: a record needs either 'prior' or 'fixed = true'.")
    if "calibrated" in table and "fit" not in table:
        raise InputError(f"{id}: a calibrated value needs the name of its 'fit'.")


def _spread(
    id: str, given: object, value: float, bounds: tuple[float, float] | None
) -> tuple[Distribution, dict[str, str]]:
    """Return the spread, and the records of the population that its numbers come from."""
    if not isinstance(given, dict):
        return distribution(id, "spread", given, value, bounds), {}
    references = {k: v for k, v in given.items() if k != "distribution" and isinstance(v, str)}
    return distribution(id, "spread", given | {k: 1.0 for k in references}, value, bounds), references


def parameter_from_table(id: str, table: Mapping[str, Any], mechanism: str) -> Parameter:
    """Build one record from its TOML table.

    Raises
    ------
    InputError
        With one sentence that names the record and what is missing or wrong.
    """
    _check_fields(id, table)
    value = to_float(table["value"], table["unit"], what=id)
    bounds = None
    if "bounds" in table:
        low, high = (float(b) for b in table["bounds"])
        bounds = (low, high)
        if not low <= value <= high:
            raise InputError(f"{id}: the value {value:g} is outside its bounds {low:g} to {high:g}.")
    prior = distribution(id, "prior", table["prior"], value, bounds) if "prior" in table else None
    spread, references = _spread(id, table["spread"], value, bounds) if "spread" in table else (None, {})
    calibrated = to_float(table["calibrated"], table["unit"], what=id) if "calibrated" in table else None
    if calibrated is not None and bounds is not None and not bounds[0] <= calibrated <= bounds[1]:
        raise InputError(f"{id}: the calibrated value {calibrated:g} is outside its bounds.")
    return Parameter(
        id=id,
        name=table["name"],
        value=value,
        unit=table["unit"],
        status=table["status"],
        confirmed=bool(table["confirmed"]),
        sources=tuple(table["sources"]),
        note=table["note"],
        mechanism=mechanism,
        bounds=bounds,
        prior=prior,
        spread=spread,
        references=references,
        calibrated=calibrated,
        fit=table.get("fit"),
    )
