"""Join the pages into one frozen, checked Model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import sympy as sp

from ..errors import ModelError, unknown_name
from ..store import digest
from . import effectors, il2_pk, inflammation, motor_neuron, receptors, survival, treg
from .dimensions import check_dimensions
from .language import Constraint, Expr, Kind, Quantity, Route, Submodel

#: The mechanisms of the built-in model, in the order of the documents.
PAGES: tuple[Callable[[], Submodel], ...] = (
    il2_pk.build,
    receptors.build,
    treg.build,
    effectors.build,
    inflammation.build,
    motor_neuron.build,
    survival.build,
)


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
    scales: tuple[float, ...]
    observables: Mapping[str, Expr]
    constraints: tuple[Constraint, ...]
    routes: Mapping[str, Route]
    steady: frozenset[str]
    resettable: frozenset[str]

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


def _ordered(table: dict[str, Expr], what: str) -> dict[str, Expr]:
    """Sort definitions so that each one follows those it uses."""
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


def _check_symbols(
    quantities: Mapping[str, Quantity], tables: Mapping[str, tuple[Mapping[str, Expr], set[Kind]]]
) -> None:
    for what, (table, kinds) in tables.items():
        for id, expr in table.items():
            for symbol in sorted(expr.free_symbols, key=str):
                if symbol.name not in quantities:
                    raise ModelError(f"{what} {id!r} uses {symbol.name!r}, which no page declares.")
                kind = quantities[symbol.name].kind
                if kind not in kinds:
                    raise ModelError(f"{what} {id!r} uses the {kind} {symbol.name!r}, which it may not.")


def assemble(pages: Iterable[Submodel], name: str = "il2model") -> Model:
    """Join `pages` into a Model; check symbols, cycles and the units of every term.

    Raises
    ------
    ModelError
        If a symbol is undeclared or declared twice, definitions are circular, a
        state has no equation, or a term has another unit than its equation.
    """
    pages = list(pages)
    quantities: dict[str, Quantity] = {}
    for page in pages:
        for id, quantity in page.quantities.items():
            if id in quantities:
                raise ModelError(f"{id!r} is declared by {quantities[id].submodel!r} and by {page.id!r}.")
            quantities[id] = quantity

    def of(kind: Kind) -> tuple[str, ...]:
        return tuple(q.id for q in quantities.values() if q.kind is kind)

    def joined(attribute: str) -> dict[str, Expr]:
        return {k: v for page in pages for k, v in getattr(page, attribute).items()}

    states = of(Kind.STATE)
    equations, baseline = joined("equations"), joined("baseline")
    for state in states:
        if state not in equations:
            raise ModelError(f"The state {state!r} has no equation.")
    constants = _ordered(joined("constants"), "constants")
    derived = _ordered(joined("derived"), "derived quantities")
    observables = joined("observables")
    constraints = tuple(c for page in pages for c in page.constraints)

    fixed = {Kind.PARAMETER, Kind.CONSTANT}
    moving = fixed | {Kind.STATE, Kind.INPUT, Kind.DERIVED}
    _check_symbols(
        quantities,
        {
            "The constant": (constants, fixed),
            "The baseline of": (baseline, fixed),
            "The constraint": ({c.id: c.expression for c in constraints}, fixed),
            "The derived quantity": (derived, moving),
            "The equation of": (equations, moving),
            "The observable": (observables, moving),
        },
    )
    inputs = of(Kind.INPUT)
    defaults = {k: v for page in pages for k, v in page.input_defaults.items()}
    model = Model(
        name=name,
        quantities=quantities,
        pages=tuple((page.id, page.title) for page in pages),
        states=states,
        parameters=of(Kind.PARAMETER),
        inputs=inputs,
        input_defaults=tuple(defaults[i] for i in inputs),
        constants=constants,
        derived=derived,
        equations={s: equations[s] for s in states},
        baseline={s: baseline[s] for s in states},
        scales=tuple({k: v for page in pages for k, v in page.scales.items()}[s] for s in states),
        observables=observables,
        constraints=constraints,
        routes={r.id: r for page in pages for r in page.routes},
        steady=frozenset(s for page in pages for s in page.steady),
        resettable=frozenset(s for page in pages for s in page.resettable),
    )
    check_dimensions(model)
    return model


@cache
def builtin() -> Model:
    """Return the built-in model (assembled and checked once per process)."""
    return assemble([page() for page in PAGES])
