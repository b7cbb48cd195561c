"""Units and expressions in SBML's words: every number and every quantity has a unit."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
from sympy.printing.str import StrPrinter

from ..errors import ModelError
from ..model.language import Expr

#: Base units of the model in SBML's words: (kind, exponent, power of ten, multiplier). Cells, molecules
#: and doses are counted; points of a score have no dimension.
_UNITS: Mapping[str, tuple[tuple[str, int, int, float], ...]] = {
    "day": (("second", 1, 0, 86400.0),),
    "L": (("litre", 1, 0, 1.0),),
    "uL": (("litre", 1, -6, 1.0),),
    "mL": (("litre", 1, -3, 1.0),),
    "m2": (("metre", 2, 0, 1.0),),
    "pmol": (("mole", 1, -12, 1.0),),
    "pM": (("mole", 1, -12, 1.0), ("litre", -1, 0, 1.0)),
    "pg": (("gram", 1, -12, 1.0),),
    "MIU": (("item", 1, 6, 1.0),),
    "cell": (("item", 1, 0, 1.0),),
    "molecule": (("item", 1, 0, 1.0),),
    "percent": (("dimensionless", 1, -2, 1.0),),
    "point": (("dimensionless", 1, 0, 1.0),),
    "1": (("dimensionless", 1, 0, 1.0),),
}


def unit_id(text: str) -> str:
    """Return the id of a unit definition: 'pmol*uL/molecule' gives 'pmol_uL_per_molecule'."""
    if text in ("1", ""):
        return "dimensionless"
    return text.replace("1/", "per_").replace("*", "_").replace("/", "_per_")


def unit_parts(text: str) -> list[tuple[str, int, int, float]]:
    """Split 'a*b/c/d' into SBML units."""
    found = []
    for k, piece in enumerate(text.split("/")):
        for name in piece.split("*"):
            if name not in _UNITS:
                raise ModelError(f"The unit {text!r} has no SBML form: {name!r} is not in the table of units.")
            sign = 1 if k == 0 else -1
            found += [(kind, sign * e, scale, m) for kind, e, scale, m in _UNITS[name]]
    return found


class _Formula(StrPrinter):
    """A SymPy expression in SBML's L3 infix, every number with a unit."""

    def _print_Integer(self, expr: Expr) -> str:
        return f"({int(expr)} dimensionless)" if expr < 0 else f"{int(expr)} dimensionless"

    _print_One = _print_Zero = _print_NegativeOne = _print_Integer  # noqa: N815

    def _print_Rational(self, expr: Expr) -> str:
        return f"({int(expr.p)} dimensionless / {int(expr.q)} dimensionless)"

    _print_Half = _print_Rational  # noqa: N815

    def _print_Add(self, expr: Expr, order: str | None = None) -> str:
        text = ""
        for term in self._as_ordered_terms(expr, order=order):
            minus = term.could_extract_minus_sign()
            text += (" - " if minus else " + ") + f"({self._print(-term if minus else term)})"
        return text[3:] if text.startswith(" + ") else f"-{text[3:]}"

    def _print_Mul(self, expr: Expr) -> str:
        up: list[Expr] = []
        down: list[Expr] = []
        for factor_ in expr.as_ordered_factors():
            base, power = factor_.as_base_exp()
            negative = power.is_number and power.is_negative and base != sp.E
            target = down if negative else up
            piece = sp.Pow(base, -power) if negative else factor_
            if piece != 1:
                target.append(piece)

        def joined(pieces: list[Expr]) -> str:
            return " * ".join(f"({self._print(p)})" for p in pieces)

        if not down:
            return joined(up) or "1 dimensionless"
        return f"({joined(up) or '1 dimensionless'}) / ({joined(down)})"

    def _print_Pow(self, expr: Expr, rational: bool = False) -> str:
        base, power = expr.as_base_exp()
        if base == sp.E:
            return f"exp({self._print(power)})"
        if power.is_number and power.is_negative:
            return f"1 dimensionless / ({self._print(sp.Pow(base, -power))})"
        return f"({self._print(base)})^({self._print(power)})"

    def _print_exp(self, expr: Expr) -> str:
        return f"exp({self._print(expr.args[0])})"

    def _print_log(self, expr: Expr) -> str:
        return f"ln({self._print(expr.args[0])})"


def formula(expr: Expr, unit: str = "1") -> str:
    """Return an expression in SBML's L3 infix; a bare number has the unit of what it defines."""
    if expr.is_number and not expr.free_symbols and expr.is_Integer:
        return f"{int(expr)} {unit_id(unit)}"
    return str(_Formula({"order": "none"}).doprint(expr))
