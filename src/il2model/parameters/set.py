"""An immutable set of parameter values with their records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..errors import InputError, unknown_name
from ..notebook import table
from ..units import factor
from .record import Parameter


@dataclass(frozen=True)
class Change:
    """One difference between two sets."""

    id: str
    before: float
    after: float
    unit: str

    def __str__(self) -> str:
        return f"{self.id}: {self.before:g} -> {self.after:g} {self.unit}"


@dataclass(frozen=True)
class ParameterSet(Mapping[str, float]):
    """Values by id, each in the unit of its record.

    A value: sets of equal numbers and records are equal, and may be keys. Use
    `replace` to get a changed copy, `diff` to compare two sets.
    """

    records: Mapping[str, Parameter]
    values_: Mapping[str, float]
    name: str
    calibrated: bool = False

    def __post_init__(self) -> None:
        for field in ("records", "values_"):
            object.__setattr__(self, field, MappingProxyType(dict(getattr(self, field))))

    def __reduce__(self) -> tuple[type[ParameterSet], tuple[object, ...]]:
        # read-only views do not travel
        return ParameterSet, (dict(self.records), dict(self.values_), self.name, self.calibrated)

    def __hash__(self) -> int:
        return hash((self.name, self.fingerprint()))

    def __getitem__(self, id: str) -> float:
        self.record(id)
        return self.values_[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def __repr__(self) -> str:
        state = "calibrated" if self.calibrated else "uncalibrated"
        return f"ParameterSet({self.name!r}, {len(self)} parameters, {state})"

    def _repr_html_(self) -> str:
        """Return the values as a table for a notebook."""
        rows = [(i, f"{v:.6g}", r.unit, r.status, r.name) for i, v in self.items() for r in [self.records[i]]]
        return table(repr(self), ("id", "value", "unit", "status", "meaning"), rows)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def record(self, id: str) -> Parameter:
        """Return the record of `id`; raise UnknownNameError with the nearest name."""
        try:
            return self.records[id]
        except KeyError:
            raise unknown_name("parameter", id, self.records) from None

    def replace(self, changes: Mapping[str, float | str] | None = None, /, **more: float | str) -> ParameterSet:
        """Return a copy with other values; a text may carry its unit.

        Parameters
        ----------
        changes, **more
            Values by id; a bare number is in the unit of the record.

        Raises
        ------
        UnknownNameError, UnitError, InputError
            For a name that does not exist, a unit that does not fit, or a value
            that is not finite or outside its bounds.
        """
        if changes is not None and not isinstance(changes, Mapping):
            raise InputError(f"The changes are {changes!r}; give a mapping of id to number, or il2_clearance=300.")
        new = dict(self.values_)
        for id, value in {**(changes or {}), **more}.items():
            new[id] = self.record(id).check(value)
        return replace(self, values_=new)

    def diff(self, other: ParameterSet) -> tuple[Change, ...]:
        """Return what changes from this set to `other`."""
        return tuple(
            Change(id, value, other[id], self.records[id].unit)
            for id, value in self.values_.items()
            if other[id] != value
        )

    def vector(self, ids: Sequence[str], units: Sequence[str]) -> list[float]:
        """Return the values of `ids`, each converted into its unit of `units`."""
        return [self[id] * factor(self.records[id].unit, unit) for id, unit in zip(ids, units, strict=True)]

    def fingerprint(self) -> str:
        """Return a hash of all ids, values and units."""
        from ..store import digest

        return digest(*(f"{i}={v!r} {self.records[i].unit}" for i, v in sorted(self.values_.items())))
