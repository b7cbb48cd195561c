"""The only home of the unit library: parse at the door, then plain floats.

The registry is small and closed, so that cells, molecules and points are
dimensions of their own and a missing conversion factor is an error: the check of
the equations (`il2model.model.dimensions`) compares scale as well as dimension.
"""

from __future__ import annotations

import math
import re
from functools import cache
from numbers import Integral
from typing import TYPE_CHECKING

from .errors import InputError, UnitError

if TYPE_CHECKING:
    import pint

DEFINITIONS = """
day = [time] = d = days
hour = day / 24 = h = hours
minute = hour / 60 = min = minutes
second = minute / 60 = s = seconds
week = 7 * day = weeks
month = 30.4375 * day = months
year = 365.25 * day = a = years
liter = [volume] = L = l = litre
milliliter = liter / 1000 = mL = ml
deciliter = liter / 10 = dL
microliter = liter / 1000000 = uL = ul
picomole = [substance] = pmol
nanomole = 1000 * picomole = nmol
micromole = 1000000 * picomole = umol
mole = 1000000000000 * picomole = mol
picomolar = picomole / liter = pM
nanomolar = nanomole / liter = nM
picogram = [mass] = pg
nanogram = 1000 * picogram = ng
microgram = 1000000 * picogram = ug
milligram = 1000000000 * picogram = mg
gram = 1000000000000 * picogram = g
kilogram = 1000 * gram = kg
dalton = gram / mole = Da
meter = [length] = m
MIU = [activity] = million_international_unit
IU = MIU / 1000000 = international_unit
kIU = MIU / 1000
cell = [cellnumber] = cells
molecule = [molecules] = molecules
point = [score] = points
percent = 0.01 = percents
fraction = 1 = fractions
"""

#: Words a user may write for a unit of the model, without loading the library.
_ALIASES = {
    "d": "day",
    "days": "day",
    "1/d": "1/day",
    "%": "percent",
    "": "1",
    "dimensionless": "1",
    "fraction": "1",
    "points": "point",
    "cells/uL": "cell/uL",
    "miu": "MIU",
    "µg": "ug",
    "μg": "ug",
    "MIU/m²": "MIU/m2",
}

#: Factors needed on every start, so that the library stays unloaded; a test holds
#: each of them against it.
_COMMON = {
    ("min", "day"): 1 / 1440,
    ("hour", "day"): 1 / 24,
    ("h", "day"): 1 / 24,
    ("week", "day"): 7.0,
    ("month", "day"): 30.4375,
    ("1/month", "1/day"): 1 / 30.4375,
    ("L/min", "L/day"): 1440.0,
}

_QUANTITY = re.compile(
    r"^\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?:nan|inf))\s*(.*?)\s*$", re.I
)


@cache
def registry() -> pint.UnitRegistry[float]:
    """Load the closed unit registry (the only import of the unit library)."""
    import pint

    ureg: pint.UnitRegistry[float] = pint.UnitRegistry(None)
    for line in DEFINITIONS.strip().splitlines():
        ureg.define(line)
    return ureg


def normalise(unit: str) -> str:
    """Spell a unit the way the model does, as far as this needs no library."""
    unit = unit.strip()
    return _ALIASES.get(unit, unit)


@cache
def parse_unit(unit: str) -> pint.Unit:
    """Return the unit-library object of a unit string; raise UnitError if it is unknown."""
    text = normalise(unit)
    if text == "1":
        return registry().Unit("dimensionless")
    text = re.sub(r"\bm2\b|m²", "m**2", text).replace("%", "percent")
    try:
        return registry().Unit(text)
    except Exception:  # the library raises many kinds; each means the same to a user
        known = "day, hour, min, L, mL, uL, pmol, nmol, pM, pg, ug, MIU, IU, cell, molecule, point, percent, m2"
        raise UnitError(f"The unit {unit!r} is not known; units are built from {known}.") from None


@cache
def _names() -> frozenset[str]:
    """Return every name of a unit, without the library."""
    return frozenset(re.findall(r"[A-Za-z_]+", re.sub(r"\[\w+\]", "", DEFINITIONS))) | {"1", "m2"}


def check_unit(unit: str) -> None:
    """Refuse a unit that is not known; the library is loaded only for one that is spelled in an odd way.

    Raises
    ------
    UnitError
    """
    text = normalise(unit)
    if not _names().issuperset(re.split("[/*]", text)):
        parse_unit(text)


@cache
def factor(unit: str, into: str) -> float:
    """Return the number by which a value in `unit` is multiplied to be in `into`."""
    a, b = normalise(unit), normalise(into)
    if a == b:
        return 1.0
    if (a, b) in _COMMON:
        return _COMMON[a, b]
    try:
        return float((1.0 * parse_unit(a)).to(parse_unit(b)).magnitude)
    except UnitError:
        raise
    except Exception:
        raise UnitError(f"The unit {unit!r} cannot be turned into {into!r}.") from None


def split_quantity(text: str) -> tuple[float, str]:
    """Split '0.30 L/min' into (0.30, 'L/min'); the unit is '' where there is none."""
    match = _QUANTITY.match(text)
    if match is None:
        raise UnitError(f"{text!r} is not a number with a unit, such as '2 MIU' or '640 day'.")
    return float(match.group(1)), match.group(2)


def _in(unit: str) -> str:
    return "" if unit == "1" else f" in {unit!r}"


def to_float(value: float | int | str, unit: str, *, what: str = "value") -> float:
    """Return `value` as a float in `unit`; a bare number is already in it.

    Raises
    ------
    UnitError
        If the text is not a number with a unit, or its unit does not fit.
    """
    if isinstance(value, str):
        try:
            number, given = split_quantity(value)
        except UnitError as error:
            raise UnitError(f"{what}: {error}") from None
        if given:
            try:
                number *= factor(given, unit)
            except UnitError as error:
                raise UnitError(f"{what} is {value!r}: {error}") from None
    else:
        try:
            if isinstance(value, bool):
                raise TypeError
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise UnitError(f"{what} is {value!r}, which is not a number{_in(unit)}.") from None
    if math.isnan(number):
        raise UnitError(f"{what} is NaN; a number{_in(unit)} is needed.")
    return number


def to_finite(value: object, what: str, unit: str = "1") -> float:
    """Return `value`, a number or a text with its unit, as a finite float in `unit`.

    Raises
    ------
    UnitError, InputError
    """
    number = to_float(value, unit, what=what)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise InputError(f"{what} is {number}; it must be finite.")
    return number


def to_whole(value: int, what: str, least: int, most: int) -> int:
    """Return `value` as an int if it is a whole number (Python's or NumPy's) from least to most.

    Raises
    ------
    InputError
        With one sentence that names `what`; a number with a decimal point or a truth value is none.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= value <= most:
        raise InputError(f"{what} is {value!r}; it must be a whole number from {least} to {most}.")
    return int(value)
