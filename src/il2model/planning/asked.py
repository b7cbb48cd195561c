"""What a power study is asked, checked: cut-offs, sizes, endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from ..endpoints.registry import TESTS
from ..errors import InputError, unknown_name
from ..units import to_float, to_whole

Range = tuple[float, float] | None
T = TypeVar("T")
#: Tests whose statistic is a normal score.
ENDPOINTS = tuple(id for id, test in TESTS.items() if test.score)


def _listed(what: str, given: Iterable[T]) -> list[T]:
    """Return several values as a list."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"{what} is {given!r}; a list is needed, such as [{given!r}].")
    return list(given)


def _once(what: str, values: list[T]) -> tuple[T, ...]:
    if not values:
        raise InputError(f"{what} is empty; name one or more.")
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{value} stands twice in {what}; name each once.")
    return tuple(values)


def sizes_of(given: Iterable[int]) -> tuple[int, ...]:
    """Return patients per arm."""
    return _once("sizes", [to_whole(n, "A size", 2, 1_000_000) for n in _listed("sizes", given)])


def endpoints_of(given: Iterable[str]) -> tuple[str, ...]:
    """Return tests that exist."""
    wanted = _listed("endpoints", given)
    for id in wanted:
        if id not in ENDPOINTS:
            raise unknown_name("endpoint", str(id), ENDPOINTS)
    return _once("endpoints", wanted)


def cuts_of(given: Iterable[Range]) -> tuple[Range, ...]:
    """Return cut-offs as None or two numbers, pg/mL."""
    cuts: list[Range] = []
    for cut in _listed("cuts", given):
        if cut is not None and (isinstance(cut, str) or not isinstance(cut, Sequence) or len(cut) != 2):
            raise InputError(f"A cut-off is {cut!r}; it must be (low, high) in pg/mL, or None for everybody.")
        low_high = None if cut is None else [to_float(c, "pg/mL", what="a cut-off") for c in cut]
        cuts.append(None if low_high is None else (low_high[0], low_high[1]))
    return _once("cuts", cuts)
