"""The words a mechanism page is written in: states, parameters, equations, constraints.

A page builds one `Submodel`; `assembly.assemble` joins pages into a frozen `Model`.
Symbols are joined by their id, so a page may name what another page declares.
Units are declared here once, checked once at assembly and then dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import sympy as sp

from ..errors import ModelError

#: A SymPy expression (the library has no complete types).
Expr: TypeAlias = Any
#: Days since day 0, in `untreated=`.
TIME = sp.Symbol("time")


class Kind(StrEnum):
    """What a symbol stands for."""

    STATE = "state"
    PARAMETER = "parameter"
    CONSTANT = "constant"  # follows from the parameters alone (closed form of the baseline)
    DERIVED = "derived"  # follows from states, inputs and parameters at one time
    INPUT = "input"  # piecewise constant in time, set by the regimen
    OBSERVABLE = "observable"
    TIME = "time"  # days since day 0, of the untreated course alone


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
    """A condition `expression > 0` (or `>= 0`) on the parameters, with the sentence of refusal.

    `limits` is the parameter that the condition bounds once the others are known,
    `room` the relative distance that drawn values keep from that limit; with
    `follows` a value that is not drawn is moved to its limit where it lies beyond.
    """

    id: str
    expression: Expr
    sentence: str
    strict: bool = True
    limits: str | None = None
    room: float = 0.0
    follows: bool = False


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
    untreated: dict[str, Expr | None] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    observables: dict[str, Expr] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    input_defaults: dict[str, float] = field(default_factory=dict)
    resettable: set[str] = field(default_factory=set)
    pasts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Whether the untreated state must hold: parameters at which a small push grows are refused.
    holds: bool = False

    def _declare(self, id: str, kind: Kind, unit: str, name: str, latex: str) -> sp.Symbol:
        words = id.replace("_", r"\_")
        quantity = Quantity(id, kind, unit, name, latex or rf"\mathrm{{{words}}}", self.id)
        if id == TIME.name:
            raise ModelError(f"{id!r} stands for the days since day 0 in `untreated=`; give the {kind} another id.")
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
        reset: bool = False,
    ) -> sp.Symbol:
        """Declare a state; `scale` is its typical size, `reset` says that it belongs to the half
        that evid 3 and 4 set back.
        """
        self.scales[id] = scale
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

    def equation(
        self, state: sp.Symbol, rate: Expr, *, baseline: Expr, untreated: Expr | Literal["steady"] | None = "steady"
    ) -> None:
        """Set d(state)/dt, the untreated value on day 0 and the untreated course.

        Parameters
        ----------
        state : Symbol
        rate : expression
            In the unit of the state per day.
        baseline : expression
            The value on day 0, from parameters and constants.
        untreated : expression, 'steady' or None
            The course with every input at its default, in closed form: an expression
            of `TIME` in days (negative before day 0), in which the symbol of a state
            is its value on day 0. 'steady': the state does not move. None: it moves,
            and has no closed form.
        """
        self.equations[state.name] = sp.sympify(rate)
        self.baseline[state.name] = sp.sympify(baseline)
        steady = isinstance(untreated, str)
        self.untreated[state.name] = state if steady else None if untreated is None else sp.sympify(untreated)

    def observe(self, id: str, unit: str, expr: Expr, name: str, latex: str = "") -> None:
        """Declare what an assay or a clinic reads; an id equal to a state is that state."""
        self.observables[id] = sp.sympify(expr)
        if id not in self.quantities:
            self._declare(id, Kind.OBSERVABLE, unit, name, latex)

    def require(
        self,
        id: str,
        positive: Expr,
        sentence: str,
        *,
        strict: bool = True,
        limits: str | None = None,
        room: float = 1e-6,
        follows: bool = False,
    ) -> None:
        """Refuse parameter sets where `positive` is not above zero (or is below, if not strict).

        Parameters
        ----------
        id : str
        positive : expression
            Of parameters and constants.
        sentence : str
            What the refusal says.
        strict : bool
        limits : str, optional
            The parameter that is drawn last of those in `positive`: between what the
            others leave. `positive` must be linear or quadratic in it.
        room : float
            Relative distance that drawn values keep from the limit.
        follows : bool
            A value of `limits` that is not drawn moves to the limit where it lies beyond.
        """
        self.constraints.append(Constraint(id, sp.sympify(positive), sentence, strict, limits, room, follows))

    def past(self, rate: sp.Symbol, *times: sp.Symbol) -> None:
        """Say that the baseline follows from `rate` at work for these times before day 0.

        Who multiplies the rate from day 0 on divides the times, and day 0 stays as it was.
        """
        self.pasts[rate.name] = tuple(t.name for t in times)

    def route(self, route: Route) -> None:
        """Declare a way to give the drug."""
        self.routes.append(route)


def ref(*ids: str) -> tuple[sp.Symbol, ...]:
    """Name quantities that other pages declare."""
    return tuple(sp.Symbol(i) for i in ids)


def ordered(table: Mapping[str, Expr], what: str) -> dict[str, Expr]:
    """Sort definitions so that each one follows those it uses; raise ModelError where they are circular."""
    done: dict[str, Expr] = {}
    active: list[str] = []

    def visit(id: str) -> None:
        if id in done:
            return
        if id in active:
            raise ModelError(f"The {what} {' -> '.join([*active, id])} depend on themselves.")
        active.append(id)
        for name in sorted(s.name for s in table[id].free_symbols):
            if name in table:
                visit(name)
        active.pop()
        done[id] = table[id]

    for id in table:
        visit(id)
    return done
