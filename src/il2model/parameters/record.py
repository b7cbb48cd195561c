"""One parameter: its value with unit, uncertainty, status and sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError, UnitError, unknown_name
from ..units import check_unit, to_finite
from .distribution import Distribution, distribution

STATUSES = ("measured", "derived", "calibrated", "assumed")
#: Laws between patients.
SPREADS = ("lognormal", "normal", "uniform")
#: Fields of a record and their types; None for what is read further down.
_FIELDS: Mapping[str, type | None] = {
    "name": str,
    "value": None,
    "unit": str,
    "bounds": list,
    "prior": None,
    "fixed": bool,
    "spread": None,
    "status": str,
    "confirmed": bool,
    "sources": list,
    "note": str,
    "calibrated": None,
    "fit": str,
}
_WORDS = {str: "a text", bool: "true or false", list: "a list"}


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
        number = to_finite(value, self.id, self.unit)
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


def _check_fields(id: str, table: Mapping[str, object]) -> None:
    """Refuse a record with an unknown field, without one that it needs, or with one of another type."""
    if not id.isidentifier():
        raise InputError(f"{id!r} is no id of a record: letters, digits and _ make one.")
    for key in table:
        if key not in _FIELDS:
            raise unknown_name("field of a record", key, _FIELDS, where=id)
    for key in ("name", "value", "unit", "status", "confirmed", "sources", "note"):
        if key not in table:
            raise InputError(f"The record {id!r} has no {key!r}.")
    for key, value in table.items():
        kind = _FIELDS[key]
        if kind is not None and not isinstance(value, kind):
            raise InputError(f"{id}.{key} is {value!r}; it must be {_WORDS[kind]}.")


def _check_together(id: str, table: Mapping[str, Any]) -> None:
    """Refuse fields that contradict each other or miss each other."""
    if table["status"] not in STATUSES:
        raise InputError(f"{id}: the status is {table['status']!r}; allowed are {', '.join(STATUSES)}.")
    sources = table["sources"]
    if not sources or not all(isinstance(s, str) for s in sources):
        raise InputError(f"{id}.sources is {sources!r}; at least one source is needed, a key of references.bib each.")
    if ("prior" in table) == bool(table.get("fixed", False)):
        both = "has both; give one" if "prior" in table else "has neither"
        raise InputError(f"{id}: a record needs either 'prior' or 'fixed = true', and this one {both}.")
    if "prior" in table and "bounds" not in table:
        raise InputError(f"{id}: a number with a prior needs 'bounds'.")
    if ("calibrated" in table) != ("fit" in table):
        raise InputError(f"{id}: a calibrated value and the name of its 'fit' go together; one is missing.")


def _bounds(id: str, given: Sequence[object], unit: str) -> tuple[float, float]:
    """Return the bounds of a record."""
    if len(given) != 2:
        raise InputError(f"{id}.bounds is {given!r}; two numbers are needed, the lower first.")
    low, high = (to_finite(b, f"{id}.bounds", unit) for b in given)
    if low > high:
        raise InputError(f"{id}.bounds is {low:g} to {high:g}; the lower comes first.")
    if id.startswith("correlation_") and not -1 < low <= high < 1:
        raise InputError(f"{id}.bounds is {low:g} to {high:g}; a correlation lies between -1 and 1.")
    return low, high


def _spread(
    id: str, given: object, value: float, bounds: tuple[float, float] | None
) -> tuple[Distribution, dict[str, str]]:
    """Return the spread, and the records of the population that its numbers come from."""
    if not isinstance(given, dict):
        return distribution(id, "spread", given, value, bounds), {}
    references = {k: v for k, v in given.items() if k != "distribution" and isinstance(v, str)}
    if set(references) - {"sd"}:
        raise InputError(
            f"{id}.spread: only sd may be the name of a record; {next(iter(set(references) - {'sd'}))!r} is a number."
        )
    made = distribution(id, "spread", given | {k: 1.0 for k in references}, value, bounds)
    if made.kind not in SPREADS:
        raise InputError(f"{id}.spread is {made.kind}; between patients it is {', '.join(SPREADS)}.")
    if made.kind != "uniform" and made.reach != (value,):
        raise InputError(f"{id}.spread is around {made.reach[0]:g}; patients lie around the value, {value:g}.")
    return made, references


def parameter_from_table(id: str, table: Mapping[str, Any], mechanism: str) -> Parameter:
    """Build one record from its TOML table.

    Raises
    ------
    InputError
        With one sentence that names the record and what is missing or wrong.
    """
    _check_fields(id, table)
    _check_together(id, table)
    unit = table["unit"]
    try:
        check_unit(unit)
    except UnitError as error:
        raise UnitError(f"{id}.unit: {error}") from None
    value = to_finite(table["value"], f"{id}.value", unit)
    bounds = _bounds(id, table["bounds"], unit) if "bounds" in table else None
    calibrated = to_finite(table["calibrated"], f"{id}.calibrated", unit) if "calibrated" in table else None
    for what, number in {"value": value, "calibrated value": calibrated}.items():
        if bounds is not None and number is not None and not bounds[0] <= number <= bounds[1]:
            raise InputError(f"{id}: the {what} {number:g} is outside its bounds {bounds[0]:g} to {bounds[1]:g}.")
    prior = distribution(id, "prior", table["prior"], value, bounds) if "prior" in table else None
    spread, references = _spread(id, table["spread"], value, bounds) if "spread" in table else (None, {})
    return Parameter(
        id=id,
        name=table["name"],
        value=value,
        unit=unit,
        status=table["status"],
        confirmed=table["confirmed"],
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
