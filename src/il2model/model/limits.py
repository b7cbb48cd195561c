"""What a condition on the parameters leaves of the one that it limits.

`m.require(..., limits="p")` says that p is bounded once the other parameters are
known. The condition is solved here for p, which must stand in it linearly or
quadratically; constants that depend on p are written out, the others stay symbols.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy as sp

from ..errors import ModelError, unknown_name
from .language import Constraint, Expr, ordered


@dataclass(frozen=True)
class Limit:
    """A condition solved for one parameter.

    With one root, the parameter lies above it where `slope` is positive and below it
    where `slope` is negative; with two, it lies between them.
    """

    parameter: str
    constraint: str
    roots: tuple[Expr, ...]
    slope: Expr
    room: float
    follows: bool


def written_out(expr: Expr, parameter: sp.Symbol, constants: Mapping[str, Expr]) -> Expr:
    """Replace the constants in `expr` that depend on `parameter`, directly or not."""
    moving: set[sp.Symbol] = {parameter}
    for id, definition in constants.items():
        if definition.free_symbols & moving:
            moving.add(sp.Symbol(id))
    for id, definition in reversed(list(constants.items())):
        if sp.Symbol(id) in moving:
            expr = expr.xreplace({sp.Symbol(id): definition})
    return expr


def _sign(expr: Expr) -> int:
    """Return 1 or -1 where every positive value of the symbols gives that sign, else 0."""
    some = expr.xreplace({s: sp.Dummy(s.name, positive=True) for s in expr.free_symbols})
    return 1 if some.is_positive else -1 if some.is_negative else 0


def _quadratic(numerator: Expr, p: sp.Symbol) -> tuple[Expr, ...]:
    """Return the roots of a polynomial of degree two: of its factors where it has any."""
    factors = [f for f, _ in sp.factor_list(numerator, p)[1] if p in f.free_symbols]
    if len(factors) == 2:
        return tuple(-f.xreplace({p: sp.Integer(0)}) / f.diff(p) for f in factors)
    a, b, c = sp.Poly(numerator, p).all_coeffs()
    half = sp.sqrt(b**2 - 4 * a * c) / (2 * a)
    return (-b / (2 * a) - half, -b / (2 * a) + half)


def solve(constraint: Constraint, constants: Mapping[str, Expr]) -> Limit:
    """Return `constraint` solved for the parameter it limits.

    Raises
    ------
    ModelError
        If the parameter does not stand in the condition, stands in it neither
        linearly nor quadratically, or the condition leaves more than one range.
    """
    assert constraint.limits is not None
    p = sp.Symbol(constraint.limits)
    where = f"The condition {constraint.id!r}"
    expr = written_out(constraint.expression, p, constants)

    def limit(slope: Expr, *roots: Expr) -> Limit:
        return Limit(p.name, constraint.id, roots, slope, constraint.room, constraint.follows)

    if p not in expr.free_symbols:
        raise ModelError(f"{where} does not depend on {p.name!r}, which it is said to limit.")
    slope = sp.diff(expr, p)
    if p not in slope.free_symbols:
        return limit(slope, -expr.xreplace({p: sp.Integer(0)}) / slope)
    numerator, denominator = sp.fraction(sp.together(expr))
    degree = sp.degree(numerator, p) if numerator.is_polynomial(p) else None
    if degree not in (1, 2):
        raise ModelError(f"{where} is neither linear nor quadratic in {p.name!r}, which it is said to limit.")
    lead = sp.Poly(numerator, p).LC()
    if p in denominator.free_symbols:
        if _sign(denominator) == 0:
            raise ModelError(f"{where} divides by {denominator}, which is not of one sign for positive {p.name!r}.")
        lead *= _sign(denominator)
    else:
        lead *= denominator
    if degree == 1:
        return limit(lead, -sp.Poly(numerator, p).nth(0) / sp.Poly(numerator, p).LC())
    if _sign(lead) != -1:
        raise ModelError(f"{where} does not leave one range of {p.name!r}: its square has the factor {lead}.")
    return limit(lead, *_quadratic(numerator, p))


def solve_all(
    constraints: Iterable[Constraint], constants: Mapping[str, Expr], parameters: Iterable[str]
) -> dict[str, tuple[Limit, ...]]:
    """Return the limits of every limited parameter, in the order in which the parameters are drawn.

    Raises
    ------
    ModelError
        If a limit names no parameter, cannot be solved, or two depend on each other.
    """
    names = tuple(parameters)
    found: dict[str, tuple[Limit, ...]] = {}
    for constraint in constraints:
        if constraint.limits is None:
            continue
        if constraint.limits not in names:
            raise ModelError(f"The condition {constraint.id!r}: {unknown_name('parameter', constraint.limits, names)}")
        found[constraint.limits] = (*found.get(constraint.limits, ()), solve(constraint, constants))

    def needs(limits: tuple[Limit, ...]) -> Expr:
        symbols = {s for limit in limits for root in (*limit.roots, limit.slope) for s in root.free_symbols}
        for id, definition in reversed(list(constants.items())):
            if sp.Symbol(id) in symbols:
                symbols |= definition.free_symbols
        return sp.Tuple(*sorted(symbols, key=str))

    return {p: found[p] for p in ordered({p: needs(limits) for p, limits in found.items()}, "limits of")}
