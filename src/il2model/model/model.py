"""A model in symbols: the pages joined, frozen, in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from ..errors import unknown_name
from ..store import digest
from .language import Constraint, Expr, Quantity, Route
from .limits import Limit


@dataclass(frozen=True)
class Model:
    """The equations, ready to be printed; every tuple is in a fixed order."""

    name: str
    quantities: Mapping[str, Quantity]
    pages: tuple[tuple[str, str], ...]
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    input_defaults: tuple[float, ...]
    constants: Mapping[str, Expr]  # in order of evaluation
    derived: Mapping[str, Expr]  # in order of evaluation
    equations: Mapping[str, Expr]
    baseline: Mapping[str, Expr]
    untreated: Mapping[str, Expr | None]  # of TIME and the states on day 0; None has no closed form
    scales: tuple[float, ...]
    observables: Mapping[str, Expr]
    constraints: tuple[Constraint, ...]
    limits: Mapping[str, tuple[Limit, ...]]  # by parameter, in the order in which they are drawn
    routes: Mapping[str, Route]
    resettable: frozenset[str]
    past: Mapping[str, tuple[str, ...]]  # rate: the times before day 0 that it was at work
    holds: bool  # parameters at which a small push from the untreated state grows are refused

    @property
    def steady(self) -> frozenset[str]:
        """States that do not move without drug."""
        return frozenset(s for s, course in self.untreated.items() if course == sp.Symbol(s))

    def quantity(self, id: str) -> Quantity:
        """Return the quantity called `id`; raise UnknownNameError with the nearest name."""
        try:
            return self.quantities[id]
        except KeyError:
            raise unknown_name("quantity", id, self.quantities) from None

    def fingerprint(self) -> str:
        """Return a hash of every equation, unit and constraint."""
        parts = [repr((q.id, q.kind, q.unit)) for q in self.quantities.values()]
        for table in (self.constants, self.derived, self.equations, self.baseline, self.observables):
            parts += [f"{k}={sp.srepr(e)}" for k, e in table.items()]
        parts += [f"{c.id}:{sp.srepr(c.expression)}:{c.strict}" for c in self.constraints]
        return digest(*parts)
