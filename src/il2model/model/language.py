"""The words a mechanism page is written in: states, parameters, equations, constraints.

A page builds one `Submodel`; `assembly.assemble` joins pages into a frozen `Model`.
Symbols are joined by their id, so a page may name what another page declares.
Units are declared here once, checked once at assembly and then dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

import sympy as sp

#: A SymPy expression (the library has no complete types).
Expr: TypeAlias = Any


class Kind(StrEnum):
    """What a symbol stands for."""

    STATE = "state"
    PARAMETER = "parameter"
    CONSTANT = "constant"  # follows from the parameters alone (closed form of the baseline)
    DERIVED = "derived"  # follows from states, inputs and parameters at one time
    INPUT = "input"  # piecewise constant in time, set by the regimen
    OBSERVABLE = "observable"


@dataclass(frozen=True)
class Quantity:
    """A symbol with its meaning: id, kind, unit, name, LaTeX form and home page."""

    id: str
    kind: Kind
    unit: str
    name: str
    latex: str
    submodel: str

    @property
    def symbol(self) -> sp.Symbol:
        """The SymPy symbol, equal to every other symbol of the same id."""
        return sp.Symbol(self.id)


@dataclass(frozen=True)
class Constraint:
    """A condition `expression > 0` (or `>= 0`) on the parameters, with the sentence of refusal."""

    id: str
    expression: Expr
    sentence: str
    strict: bool = True


@dataclass(frozen=True)
class Route:
    """A way to give the drug: where a dose of 1 MIU goes, and with which lag."""

    id: str
    state: str
    bolus: str  # constant: what 1 MIU adds to `state`
    input: str  # input that carries an infusion, in MIU/day
    bioavailability: str | None  # parameter; None means all of it arrives
    lag: str | None  # parameter; None means at once
    name: str


@dataclass
class Submodel:
    """One mechanism: what it declares and the equations it holds."""

    id: str
    title: str
    quantities: dict[str, Quantity] = field(default_factory=dict)
    constants: dict[str, Expr] = field(default_factory=dict)
    derived: dict[str, Expr] = field(default_factory=dict)
    equations: dict[str, Expr] = field(default_factory=dict)
    baseline: dict[str, Expr] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    observables: dict[str, Expr] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    input_defaults: dict[str, float] = field(default_factory=dict)
    steady: set[str] = field(default_factory=set)
    resettable: set[str] = field(default_factory=set)

    def _declare(self, id: str, kind: Kind, unit: str, name: str, latex: str) -> sp.Symbol:
        words = id.replace("_", r"\_")
        quantity = Quantity(id, kind, unit, name, latex or rf"\mathrm{{{words}}}", self.id)
        if id in self.quantities:
            raise ValueError(f"{id!r} is declared twice in {self.id!r}")
        self.quantities[id] = quantity
        return quantity.symbol

    def state(
        self,
        id: str,
        unit: str,
        name: str,
        latex: str = "",
        *,
        scale: float,
        steady: bool = True,
        reset: bool = False,
    ) -> sp.Symbol:
        """Declare a state; `scale` is its typical size, `steady` says the baseline is exact,
        `reset` says that it belongs to the half that evid 3 and 4 set back.
        """
        self.scales[id] = scale
        if steady:
            self.steady.add(id)
        if reset:
            self.resettable.add(id)
        return self._declare(id, Kind.STATE, unit, name, latex)

    def parameter(self, id: str, unit: str, name: str, latex: str = "") -> sp.Symbol:
        """Declare a parameter; its value comes from the record of the same id."""
        return self._declare(id, Kind.PARAMETER, unit, name, latex)

    def input(self, id: str, unit: str, name: str, latex: str = "", *, default: float = 0.0) -> sp.Symbol:
        """Declare a piecewise constant input."""
        self.input_defaults[id] = default
        return self._declare(id, Kind.INPUT, unit, name, latex)

    def constant(self, id: str, unit: str, expr: Expr, name: str, latex: str = "") -> sp.Symbol:
        """Declare a quantity that follows from the parameters alone."""
        self.constants[id] = sp.sympify(expr)
        return self._declare(id, Kind.CONSTANT, unit, name, latex)

    def derive(self, id: str, unit: str, expr: Expr, name: str, latex: str = "") -> sp.Symbol:
        """Declare a quantity that follows from the states."""
        self.derived[id] = sp.sympify(expr)
        return self._declare(id, Kind.DERIVED, unit, name, latex)

    def equation(self, state: sp.Symbol, rate: Expr, *, baseline: Expr) -> None:
        """Set d(state)/dt and the untreated value."""
        self.equations[state.name] = sp.sympify(rate)
        self.baseline[state.name] = sp.sympify(baseline)

    def observe(self, id: str, unit: str, expr: Expr, name: str, latex: str = "") -> None:
        """Declare what an assay or a clinic reads; an id equal to a state is that state."""
        self.observables[id] = sp.sympify(expr)
        if id not in self.quantities:
            self._declare(id, Kind.OBSERVABLE, unit, name, latex)

    def require(self, id: str, positive: Expr, sentence: str, *, strict: bool = True) -> None:
        """Refuse parameter sets where `positive` is not above zero (or is below, if not strict)."""
        self.constraints.append(Constraint(id, sp.sympify(positive), sentence, strict))

    def route(self, route: Route) -> None:
        """Declare a way to give the drug."""
        self.routes.append(route)


def ref(*ids: str) -> tuple[sp.Symbol, ...]:
    """Name quantities that other pages declare."""
    return tuple(sp.Symbol(i) for i in ids)
