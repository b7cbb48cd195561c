"""One check of units over every equation, by dimension and by scale.

A unit here is (scale, dimension): litres and microlitres have one dimension and
different scales, so a forgotten factor of a million is found like a wrong unit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import sympy as sp

from ..errors import ModelError
from ..units import parse_unit, registry
from .language import TIME

if TYPE_CHECKING:
    from .model import Model


class Unit(NamedTuple):
    """Scale against the base units, and exponents of the base dimensions."""

    scale: float
    dimension: tuple[tuple[str, float], ...]

    def same(self, other: Unit) -> bool:
        """Tell whether both dimension and scale agree."""
        return self.dimension == other.dimension and math.isclose(self.scale, other.scale, rel_tol=1e-9)

    def __str__(self) -> str:
        parts = [f"{d.strip('[]')}^{e:g}" if e != 1 else d.strip("[]") for d, e in self.dimension]
        text = " ".join(parts) or "dimensionless"
        return text if math.isclose(self.scale, 1.0) else f"{self.scale:g} x {text}"


ONE = Unit(1.0, ())


def unit_of(text: str) -> Unit:
    """Return the Unit of a unit string."""
    quantity = (1.0 * registry().Quantity(1.0, parse_unit(text))).to_base_units()
    dimension = tuple(sorted((str(d), float(e)) for d, e in quantity.dimensionality.items()))
    return Unit(float(quantity.magnitude), dimension)


def _times(a: Unit, b: Unit, power: float = 1.0) -> Unit:
    exponents = dict(a.dimension)
    for d, e in b.dimension:
        exponents[d] = exponents.get(d, 0.0) + power * e
    return Unit(a.scale * b.scale**power, tuple(sorted((d, e) for d, e in exponents.items() if e != 0.0)))


def expression_unit(expr: sp.Expr, units: dict[str, Unit], where: str) -> Unit:
    """Return the unit of `expr`; raise ModelError naming the term that does not fit."""
    if expr.is_Symbol:
        return units[expr.name]
    if expr.is_number and not expr.free_symbols:
        return ONE
    if expr.is_Add:
        return _sum_unit(expr, units, where)
    if expr.is_Mul:
        total = ONE
        for factor in expr.args:
            total = _times(total, expression_unit(factor, units, where))
        return total
    if expr.is_Pow:
        return _power_unit(expr, units, where)
    if isinstance(expr, sp.exp | sp.log):
        inside = expression_unit(expr.args[0], units, where)
        if not inside.same(ONE):
            raise ModelError(f"{where}: {expr.func.__name__} of {expr.args[0]}, which has unit {inside}.")
        return ONE
    raise ModelError(f"{where}: the function {expr.func.__name__} is not part of the model language.")


def _sum_unit(expr: sp.Expr, units: dict[str, Unit], where: str) -> Unit:
    terms = [(term, expression_unit(term, units, where)) for term in expr.args]
    counts = [sum(u.same(other) for _, other in terms) for _, u in terms]
    common = terms[counts.index(max(counts))][1]
    for term, unit in terms:
        if not unit.same(common):
            raise ModelError(f"{where}: the term {term} has unit {unit}, the others have {common}.")
    return common


def _power_unit(expr: sp.Expr, units: dict[str, Unit], where: str) -> Unit:
    base = expression_unit(expr.base, units, where)
    if expr.exp.is_number:
        return _times(ONE, base, float(expr.exp))
    for part, name in ((base, expr.base), (expression_unit(expr.exp, units, where), expr.exp)):
        if not part.same(ONE):
            raise ModelError(f"{where}: in the power {expr}, {name} has unit {part}; it must have none.")
    return ONE


def _integers_only(expr: sp.Expr, where: str) -> None:
    for number in expr.atoms(sp.Number):
        if not (number.is_Integer and abs(int(number)) <= 3) and number != sp.Rational(1, 2):
            raise ModelError(f"{where}: the number {number} belongs in a parameter record.")


def check_dimensions(model: Model) -> None:
    """Check every definition and equation of `model`.

    Raises
    ------
    ModelError
        With the equation, the offending term, its unit and the unit expected; or
        if an equation holds a number other than a small integer.
    """
    units = {q.id: unit_of(q.unit) for q in model.quantities.values()}
    units[TIME.name] = day = unit_of("day")
    expected = {f"constant {k}": (e, units[k]) for k, e in model.constants.items()}
    expected |= {f"derived {k}": (e, units[k]) for k, e in model.derived.items()}
    expected |= {f"observable {k}": (e, units[k]) for k, e in model.observables.items()}
    expected |= {f"baseline of {k}": (e, units[k]) for k, e in model.baseline.items()}
    expected |= {f"untreated course of {k}": (e, units[k]) for k, e in model.untreated.items() if e is not None}
    expected |= {f"d({k})/dt": (e, _times(units[k], day, -1.0)) for k, e in model.equations.items()}
    for where, (expr, wanted) in expected.items():
        _integers_only(expr, where)
        unit = expression_unit(expr, units, where)
        if expr.is_number and (expr == 0 or wanted.same(ONE)):
            continue
        if not unit.same(wanted):
            raise ModelError(f"{where}: {expr} has unit {unit}; {wanted} is declared.")
    for constraint in model.constraints:
        expression_unit(constraint.expression, units, f"constraint {constraint.id}")
