"""A population as a few numbers: typical values of its patients, in place of those of the parameters."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import InputError
from ..parameters import ParameterSet, load_parameters

#: Numbers by id; a text carries its unit.
Population = Mapping[str, float | str]


def typical_values(given: Population, values: ParameterSet | None = None) -> dict[str, float]:
    """Return the typical values of a population, each in the unit of its record.

    Raises
    ------
    InputError
        If it is no mapping, or a value lies outside the bounds of its record.
    UnknownNameError
        If there is no such parameter.
    """
    if not isinstance(given, Mapping):
        raise InputError(
            f"population is {given!r}; it must map parameters to typical values, such as {{'cd4_untreated': 300}}."
        )
    records = (values if values is not None else load_parameters()).record
    return {id: records(id).check(value) for id, value in given.items()}


def told(population: Mapping[str, float]) -> str:
    """Return a population as a text, without a full stop; '' where it is that of the parameters."""
    records = load_parameters().records
    numbers = (f"{id} {value:g} {records[id].unit}".removesuffix(" 1") for id, value in population.items())
    return f"population with {', '.join(numbers)}" if population else ""
