"""An axis of the model's arrays: ids in order, each with its unit; the one place where names become columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import InputError, unknown_name
from ..parameters import ParameterSet
from ..units import to_float
from .problem import Floats


@dataclass(frozen=True)
class Item:
    """A named quantity of the model."""

    id: str
    unit: str
    name: str
    latex: str
    page: str


@dataclass(frozen=True)
class Axis:
    """Quantities in the order of the columns of an array; iterating gives the items.

    Parameters
    ----------
    what : str
        What a column is, for sentences: 'state', 'parameter'.
    items : tuple of Item
    """

    what: str
    items: tuple[Item, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __getitem__(self, column: int) -> Item:
        return self.items[column]

    def __contains__(self, id: object) -> bool:
        return id in self._columns

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {item.id: k for k, item in enumerate(self.items)}

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(item.id for item in self.items)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Units of the columns."""
        return tuple(item.unit for item in self.items)

    def at(self, id: str) -> int:
        """Return the column of `id`; raise UnknownNameError with the nearest name."""
        try:
            return self._columns[id]
        except KeyError:
            raise unknown_name(self.what, id, self.ids) from None

    def ats(self, ids: Iterable[str]) -> list[int]:
        """Return the columns of some ids, in their order."""
        return [self.at(id) for id in ids]

    def item(self, id: str) -> Item:
        """Return the quantity called `id`."""
        return self.items[self.at(id)]

    def convert(self, values: ParameterSet | Mapping[str, float | str]) -> Floats:
        """Return (column,) numbers in the units of the axis.

        Parameters
        ----------
        values : ParameterSet or mapping
            A number of a mapping is in the unit of the axis; a text may carry its own
            unit. What the axis does not hold is passed over.

        Raises
        ------
        InputError, UnitError
            With the names that have no number, or the unit that does not fit.
        """
        missing = [id for id in self.ids if id not in values]
        if missing:
            more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
            raise InputError(f"Every {self.what} needs a number; missing: {', '.join(missing[:6])}{more}.")
        if isinstance(values, ParameterSet):
            return np.array(values.vector(self.ids, self.units))
        return np.array([to_float(values[i.id], i.unit, what=i.id) for i in self.items])
