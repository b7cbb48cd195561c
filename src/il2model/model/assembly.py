"""Join the pages into one frozen, checked Model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import TypeVar

import sympy as sp

from ..errors import ModelError
from . import effectors, il2_pk, inflammation, motor_neuron, receptors, survival, treg
from .dimensions import check_dimensions
from .language import TIME, Expr, Kind, Quantity, Submodel, ordered
from .limits import solve_all, written_out
from .model import Model
from .untreated import check_untreated

__all__ = ["PAGES", "Model", "assemble", "builtin"]

T = TypeVar("T")
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


def _check_symbols(model: Model) -> None:
    """Refuse a symbol that no page declares, or of a kind that its place may not use."""
    fixed = {Kind.PARAMETER, Kind.CONSTANT}
    moving = fixed | {Kind.STATE, Kind.INPUT, Kind.DERIVED}
    courses = {k: v for k, v in model.untreated.items() if v is not None}
    kinds = {id: q.kind for id, q in model.quantities.items()} | {TIME.name: Kind.TIME}
    for what, table, allowed in (
        ("The constant", model.constants, fixed),
        ("The baseline of", model.baseline, fixed),
        ("The constraint", {c.id: c.expression for c in model.constraints}, fixed),
        ("The untreated course of", courses, fixed | {Kind.STATE, Kind.TIME}),
        ("The derived quantity", model.derived, moving),
        ("The equation of", model.equations, moving),
        ("The observable", model.observables, moving),
    ):
        for id, expr in table.items():
            for name in sorted(s.name for s in expr.free_symbols):
                if name not in kinds:
                    raise ModelError(f"{what} {id!r} uses {name!r}, which no page declares.")
                if kinds[name] not in allowed:
                    raise ModelError(f"{what} {id!r} uses the {kinds[name]} {name!r}, which it may not.")


def _joined(tables: Iterable[Mapping[str, T]]) -> dict[str, T]:
    return {k: v for table in tables for k, v in table.items()}


def _declared(pages: Iterable[Submodel]) -> dict[str, Quantity]:
    quantities: dict[str, Quantity] = {}
    for page in pages:
        for id, quantity in page.quantities.items():
            if id in quantities:
                raise ModelError(f"{id!r} is declared by {quantities[id].submodel!r} and by {page.id!r}.")
            quantities[id] = quantity
    return quantities


def _check_starts(untreated: Mapping[str, Expr | None]) -> None:
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
    equations, baseline = _joined(p.equations for p in pages), _joined(p.baseline for p in pages)
    untreated = _joined(p.untreated for p in pages)
    for state in states:
        if state not in equations:
            raise ModelError(f"The state {state!r} has no equation.")
    defaults, scales = _joined(p.input_defaults for p in pages), _joined(p.scales for p in pages)
    model = Model(
        name=name,
        quantities=quantities,
        pages=tuple((page.id, page.title) for page in pages),
        states=states,
        parameters=of(Kind.PARAMETER),
        inputs=of(Kind.INPUT),
        input_defaults=tuple(defaults[i] for i in of(Kind.INPUT)),
        constants=ordered(_joined(p.constants for p in pages), "constants"),
        derived=ordered(_joined(p.derived for p in pages), "derived quantities"),
        equations={s: equations[s] for s in states},
        baseline={s: baseline[s] for s in states},
        untreated={s: untreated[s] for s in states},
        scales=tuple(scales[s] for s in states),
        observables=_joined(p.observables for p in pages),
        constraints=tuple(c for page in pages for c in page.constraints),
        limits={},
        routes={r.id: r for page in pages for r in page.routes},
        resettable=frozenset(s for page in pages for s in page.resettable),
        past={},
        holds=any(page.holds for page in pages),
    )
    _check_symbols(model)
    _check_starts(untreated)
    check_dimensions(model)
    check_untreated(model)
    return replace(
        model,
        limits=solve_all(model.constraints, model.constants, model.parameters),
        past=_checked_past(_joined(p.pasts for p in pages), baseline, model.constants),
    )


@cache
def builtin() -> Model:
    """Return the built-in model (assembled and checked once per process)."""
    return assemble([page() for page in PAGES])
