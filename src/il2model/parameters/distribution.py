"""A distribution of a record: of its uncertainty, or between patients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InputError, unknown_name
from ..units import to_finite

DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "lognormal": ("sd",),
    "logitnormal": ("sd",),
    "normal": ("mean", "sd"),
    "halfnormal": ("sd",),
    "beta": ("a", "b"),
    "uniform": ("low", "high"),
}
#: What the centre of a distribution is called; it is the record's value where it is not given.
_CENTRE = {"lognormal": "median", "logitnormal": "median", "normal": "mean"}
#: The median of the absolute value of a standard normal number.
_HALF_NORMAL_MEDIAN = 0.6744897501960817


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

    @property
    def reach(self) -> tuple[float, ...]:
        """What has to lie within the bounds: both ends of a uniform law, the middle of the others."""
        if self.kind == "uniform":
            return self["low"], self["high"]
        if self.kind == "beta":
            return (self["a"] / (self["a"] + self["b"]),)
        if self.kind == "halfnormal":
            return (_HALF_NORMAL_MEDIAN * self["sd"],)
        return (self[_CENTRE[self.kind]],)


def distribution(id: str, key: str, table: object, value: float, bounds: tuple[float, float] | None) -> Distribution:
    """Build a distribution from its TOML table.

    Raises
    ------
    InputError
        With one sentence that names record and key: a distribution or number that does not exist, one that is
        missing or impossible, or a distribution that lies outside the bounds.
    """
    where = f"{id}.{key}"
    if not isinstance(table, dict) or "distribution" not in table:
        raise InputError(f"{where} needs a table with a 'distribution'.")
    kind = table["distribution"]
    if not isinstance(kind, str) or kind not in DISTRIBUTIONS:
        raise unknown_name("distribution", str(kind), DISTRIBUTIONS, where=where)
    centre = _CENTRE.get(kind)
    allowed = tuple(dict.fromkeys((*DISTRIBUTIONS[kind], *([centre] if centre else []))))
    numbers = {}
    for name, given in table.items():
        if name != "distribution":
            if name not in allowed:
                raise unknown_name(f"number of a {kind} law", name, allowed, where=where)
            numbers[name] = to_finite(given, f"{where}.{name}")
    if centre and math.isfinite(value):  # NaN: there is no value to lie around
        numbers.setdefault(centre, value)
    missing = [k for k in allowed if k not in numbers]
    if missing:
        raise InputError(f"{where} is {kind}, which needs {', '.join(missing)}.")
    _check_numbers(where, kind, numbers)
    made = Distribution(kind, numbers)
    if bounds is not None and not all(bounds[0] <= x <= bounds[1] for x in made.reach):
        raise InputError(f"{where} is {made}, which lies outside the bounds {bounds[0]:g} to {bounds[1]:g}.")
    return made


def _check_numbers(where: str, kind: str, numbers: Mapping[str, float]) -> None:
    """Refuse numbers that make no distribution."""
    for name in ("sd", "a", "b"):
        if numbers.get(name, 1.0) <= 0:
            raise InputError(f"{where}.{name} is {numbers[name]:g}; it must be above zero.")
    if kind == "uniform" and not numbers["low"] < numbers["high"]:
        raise InputError(f"{where} is from {numbers['low']:g} to {numbers['high']:g}; low must be below high.")
    if kind == "lognormal" and numbers["median"] <= 0:
        raise InputError(f"{where} is lognormal around {numbers['median']:g}; its median must be above zero.")
    if kind == "logitnormal" and not 0 < numbers["median"] < 1:
        raise InputError(f"{where} is logitnormal around {numbers['median']:g}; its median must lie between 0 and 1.")
