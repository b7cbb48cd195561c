"""Readings of one arm against another, and of one day against another: their ratio or their difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import InputError
from .kinds import Course, Endpoint
from .reductions import Floats

#: What is read between arms and between days: a change as a difference, a value above zero as a ratio.
BASES = (
    *("treg_points", "treg_gain", "cd25_change", "treg_count_fold", "treg_teff_ratio", "nk_count_fold"),
    *("eosinophil_count_fold", "ccl2_fold"),
)
Pair = Literal["arms", "days"]
_WORDS: Mapping[Pair, str] = {"arms": "first arm {} second", "days": "day {} the day that it is held against"}


@dataclass(frozen=True, kw_only=True)
class Between(Endpoint):
    """A reading of the typical patient in two arms on a day, or on two days of an arm, one against the other.

    Parameters
    ----------
    base : Course
        What is read in each: their ratio where its values lie above zero, else their difference.
    pair : {'arms', 'days'}
        The first arm that a target names over (or minus) the second; its `day` over (or minus) the day `against`.
    """

    base: Course
    pair: Pair
    needs_arm: bool = True
    needs_day: bool = True

    @property
    def observables(self) -> tuple[str, ...]:
        """Those of its base."""
        return self.base.observables

    @property
    def is_ratio(self) -> bool:
        """Whether it is a ratio, and not a difference."""
        return self.base.law == "positive"

    def of_two(self, first: Floats, second: Floats) -> Floats:
        """Return the ratio or the difference of two readings of the base."""
        return np.asarray(first / second if self.is_ratio else first - second)


def between(known: Mapping[str, Endpoint]) -> Iterator[Between]:
    """Yield the pairs of `BASES`, of arms and of days."""
    for name in BASES:
        base = known[name]
        assert isinstance(base, Course)
        ratio = base.law == "positive"
        for pair, words in _WORDS.items():
            yield Between(
                id=f"{name}_between_{pair}",
                unit="1" if ratio else base.unit,
                meaning=f"{words.format('over' if ratio else 'minus')}: {base.meaning}",
                stage=base.stage,
                law=base.law,
                base=base,
                pair=pair,
            )


def check_arms(endpoint: Endpoint, arms: Sequence[str], day: float | None, against: float | None) -> None:
    """Refuse arms and days that an endpoint cannot be of.

    Raises
    ------
    InputError
    """
    pair = endpoint.pair if isinstance(endpoint, Between) else None
    if pair == "arms" and (len(arms) != 2 or arms[0] == arms[1]):
        raise InputError(f"{endpoint.id} is of two arms: arms = [first, second], in this order")
    if pair == "days" and (len(arms) != 1 or against is None or against == day):
        raise InputError(f"{endpoint.id} is of two days of one arm: give 'arm', 'day', and the other day as 'against'")
    if pair != "days" and against is not None:
        raise InputError(f"'against' is the other of two days; {endpoint.id} has one")
    if pair is None and len(arms) > 1 and endpoint.law == "sd":
        raise InputError(f"{endpoint.id} is of the patients of one arm, and it names {len(arms)}")
