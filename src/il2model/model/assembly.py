"""Join the pages into one frozen, checked Model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import sympy as sp

from ..errors import ModelError
from . import effectors, il2_pk, inflammation, motor_neuron, receptors, survival, treg
from .dimensions import check_dimensions
from .language import TIME, Expr, Kind, Quantity, Submodel, ordered
from .limits import solve_all, written_out
from .model import Model
from .untreated import check_untreated

__all__ = ["PAGES", "Model", "assemble", "builtin"]

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


def _joined(pages: Iterable[Submodel], attribute: str) -> dict[str, Any]:
    return {k: v for page in pages for k, v in getattr(page, attribute).items()}


def _declared(pages: Iterable[Submodel]) -> dict[str, Quantity]:
    quantities: dict[str, Quantity] = {}
    for page in pages:
        for id, quantity in page.quantities.items():
            if id in quantities:
                raise ModelError(f"{id!r} is declared by {quantities[id].submodel!r} and by {page.id!r}.")
            quantities[id] = quantity
    return quantities


def _check_untreated(untreated: Mapping[str, Expr | None]) -> None:
    for state, course in untreated.items():
        if course is not None and sp.simplify(course.subs(TIME, 0) - sp.Symbol(state)) != 0:
            raise ModelError(f"The untreated course of {state!r} is {course}; on day 0 it must be {state} itself.")


def _checked_past(
    pasts: Mapping[str, tuple[str, ...]], baseline: Mapping[str, Expr], constants: Mapping[str, Expr]
) -> dict[str, tuple[str, ...]]:
    """Return `pasts` where the untreated state stays as it is under them, else raise ModelError."""
    factor = sp.Dummy("factor", positive=True)
    for rate, times in pasts.items():
        change = {sp.Symbol(rate): factor * sp.Symbol(rate)} | {sp.Symbol(t): sp.Symbol(t) / factor for t in times}
        for state, start in baseline.items():
            full = written_out(start, sp.Symbol(rate), constants)
            if sp.simplify(full.xreplace(change) - full) != 0:
                times_text = ", ".join(times)
                raise ModelError(
                    f"The baseline of {state!r} moves where {rate} is multiplied and {times_text} divided."
                )
    return dict(pasts)


def assemble(pages: Iterable[Submodel], name: str = "il2model") -> Model:
    """Join `pages` into a Model; check symbols, cycles, limits and the units of every term.

    Raises
    ------
    ModelError
        If a symbol is undeclared or declared twice, definitions are circular, a
        state has no equation, a limit cannot be solved for its parameter, a term has
        another unit than its equation, or a state without drug moves otherwise than
        its page says.
    """
    pages = list(pages)
    quantities = _declared(pages)

    def of(kind: Kind) -> tuple[str, ...]:
        return tuple(q.id for q in quantities.values() if q.kind is kind)

    states = of(Kind.STATE)
    equations, baseline, untreated = (_joined(pages, a) for a in ("equations", "baseline", "untreated"))
    for state in states:
        if state not in equations:
            raise ModelError(f"The state {state!r} has no equation.")
    constants = ordered(_joined(pages, "constants"), "constants")
    derived = ordered(_joined(pages, "derived"), "derived quantities")
    observables = _joined(pages, "observables")
    constraints = tuple(c for page in pages for c in page.constraints)

    fixed = {Kind.PARAMETER, Kind.CONSTANT}
    moving = fixed | {Kind.STATE, Kind.INPUT, Kind.DERIVED}
    time = Quantity(TIME.name, Kind.TIME, "day", "days since day 0", "t", "")
    _check_symbols(
        {**quantities, time.id: time},
        {
            "The constant": (constants, fixed),
            "The baseline of": (baseline, fixed),
            "The constraint": ({c.id: c.expression for c in constraints}, fixed),
            "The untreated course of": (
                {k: v for k, v in untreated.items() if v is not None},
                fixed | {Kind.STATE, Kind.TIME},
            ),
            "The derived quantity": (derived, moving),
            "The equation of": (equations, moving),
            "The observable": (observables, moving),
        },
    )
    _check_untreated(untreated)
    defaults, scales = _joined(pages, "input_defaults"), _joined(pages, "scales")
    model = Model(
        name=name,
        quantities=quantities,
        pages=tuple((page.id, page.title) for page in pages),
        states=states,
        parameters=of(Kind.PARAMETER),
        inputs=of(Kind.INPUT),
        input_defaults=tuple(defaults[i] for i in of(Kind.INPUT)),
        constants=constants,
        derived=derived,
        equations={s: equations[s] for s in states},
        baseline={s: baseline[s] for s in states},
        untreated={s: untreated[s] for s in states},
        scales=tuple(scales[s] for s in states),
        observables=observables,
        constraints=constraints,
        limits=solve_all(constraints, constants, of(Kind.PARAMETER)),
        routes={r.id: r for page in pages for r in page.routes},
        resettable=frozenset(s for page in pages for s in page.resettable),
        past=_checked_past(_joined(pages, "pasts"), baseline, constants),
    )
    check_dimensions(model)
    check_untreated(model)
    return model


@cache
def builtin() -> Model:
    """Return the built-in model (assembled and checked once per process)."""
    return assemble([page() for page in PAGES])
