"""Equations and parameters as a LaTeX document."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from .._version import __version__
from ..model.assembly import Model, builtin
from ..model.language import TIME, Expr, Quantity
from ..parameters import ParameterSet, load_parameters

_HEAD = r"""\documentclass[a4paper]{article}
\usepackage{amsmath,longtable,booktabs}
\usepackage[margin=2cm]{geometry}
\begin{document}
"""


def latex_names(model: Model) -> dict[sp.Symbol, str]:
    """Return the printed form of every symbol."""
    return {TIME: "t"} | {sp.Symbol(q.id): q.latex for q in model.quantities.values()}


def expression(expr: Expr, names: Mapping[sp.Symbol, str]) -> str:
    """Return an expression as LaTeX."""
    return str(sp.latex(expr, symbol_names=dict(names), mul_symbol=r"\,", order="none"))


def text(words: str) -> str:
    """Return words with LaTeX's special characters escaped."""
    for sign in "&%$#_{}":
        words = words.replace(sign, f"\\{sign}")
    return words.replace("^", r"\^{}")


def to_latex(*, model: Model | None = None, values: ParameterSet | None = None) -> str:
    """Return the model as a LaTeX document: equations by mechanism, then the parameter table."""
    model = model or builtin()
    values = values or load_parameters()
    names = latex_names(model)
    out = [
        _HEAD,
        f"\\section*{{il2model {__version__}: equations}}\nTime in days; an index 0 is the untreated state.\n",
    ]
    for id, title in model.pages:
        own = [q for q in model.quantities.values() if q.submodel == id]
        out.append(f"\n\\subsection*{{{text(title)}}}\n")
        for table in (model.derived, model.equations, model.constants):
            out += [_equation(q, table[q.id], names, table is model.equations) for q in own if q.id in table]
    out.append("\n\\section*{Untreated state}\n")
    out += [_line(f"{model.quantities[i].latex}(0)", expression(e, names)) for i, e in model.baseline.items()]
    out.append("\n\\section*{Parameters}\n\\begin{longtable}{llp{5.5cm}rll}\n\\toprule\n")
    out.append("symbol & id & meaning & value & unit & status \\\\\n\\midrule\n\\endhead\n")
    for id in model.parameters:
        r = values.record(id)
        cells = [f"${model.quantities[id].latex}$", text(id), text(r.name), f"{values[id]:.4g}", text(r.unit), r.status]
        out.append(" & ".join(cells) + " \\\\\n")
    out.append("\\bottomrule\n\\end{longtable}\nResearch use only; no clinical advice.\n\\end{document}\n")
    return "".join(out)


def _equation(q: Quantity, expr: Expr, names: Mapping[sp.Symbol, str], rate: bool) -> str:
    left = rf"\frac{{d{q.latex}}}{{dt}}" if rate else q.latex
    return f"{text(q.name)} ({text(q.unit)}):\n" + _line(left, expression(expr, names))


def _line(left: str, right: str) -> str:
    return f"\\[ {left} = {right} \\]\n"
