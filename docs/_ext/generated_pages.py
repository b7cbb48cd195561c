"""Write the equation and parameter pages from the objects that the code runs."""

from __future__ import annotations

import re
from pathlib import Path

import sympy as sp

HEAD = "% Generated from the package's own objects; edits are overwritten.\n\n"


def latex_names(model):
    return {sp.Symbol(q.id): q.latex for q in model.quantities.values()}


def show(expr, names):
    return sp.latex(expr, symbol_names=names, mul_symbol=r"\,", order="none")


def equations(model) -> str:
    names = latex_names(model)
    out = [HEAD, "# Equations\n\nPrinted from the SymPy objects that are compiled. Time is in days. "]
    out.append("An index 0 is the untreated state.\n")
    for id, title in model.pages:
        own = [q for q in model.quantities.values() if q.submodel == id]
        out.append(f"\n## {title}\n")
        derived = [q for q in own if q.id in model.derived]
        constants = [q for q in own if q.id in model.constants]
        states = [q for q in own if q.id in model.equations]
        for head, group, table in (
            ("At each time", derived, model.derived),
            ("Rates", states, model.equations),
            ("Untreated state, from the parameters", constants, model.constants),
        ):
            if not group:
                continue
            out.append(f"\n### {head}\n")
            for q in group:
                left = rf"\frac{{d{q.latex}}}{{dt}}" if table is model.equations else q.latex
                out.append(f"\n{q.name} (`{q.id}`, {q.unit}):\n\n$$\n{left} = {show(table[q.id], names)}\n$$\n")
        starts = [f"| `{q.id}` | ${q.latex}$ | ${show(model.baseline[q.id], names)}$ | {q.unit} |" for q in states]
        if starts:
            out.append(
                "\n### Start\n\n| state | symbol | untreated value | unit |\n|---|---|---|---|\n"
                + "\n".join(starts)
                + "\n"
            )
    out.append("\n## Conditions on the parameters\n\n")
    out += [f"- ${show(c.expression, names)} {'>' if c.strict else '>='} 0$: {c.sentence}\n" for c in model.constraints]
    return "".join(out)


def cite(key, entries):
    entry = entries.get(key, "")
    doi = re.search(r"doi = \{([^}]*)\}", entry)
    return f"[{key}](https://doi.org/{doi.group(1)})" if doi else key


def parameter_pages(model, parameters, entries) -> str:
    out = [
        HEAD,
        "# Parameters\n\nEvery number of the model. *Status*: measured, derived (from other numbers), calibrated ",
    ]
    out.append(
        "or assumed; *unconfirmed* marks a number that is recalled or assumed rather than seen in a public text. "
    )
    out.append("*Prior* is the uncertainty of the number, *patients* its spread between patients.\n")
    counts = {}
    for r in parameters.records.values():
        counts[r.status] = counts.get(r.status, 0) + 1
    out.append("\n" + ", ".join(f"{n} {s}" for s, n in sorted(counts.items())))
    out.append(f"; {sum(not r.confirmed for r in parameters.records.values())} unconfirmed.\n")
    titles = dict(model.pages)
    for mechanism in dict.fromkeys(r.mechanism for r in parameters.records.values()):
        out.append(f"\n## {titles.get(mechanism, mechanism.replace('_', ' ').capitalize())}\n")
        for r in (r for r in parameters.records.values() if r.mechanism == mechanism):
            symbol = f" (${model.quantities[r.id].latex}$)" if r.id in model.quantities else ""
            bounds = f"{r.bounds[0]:g} to {r.bounds[1]:g}" if r.bounds else "none"
            status = r.status + ("" if r.confirmed else ", unconfirmed")
            out.append(f"\n### `{r.id}`\n\n{r.name}{symbol}: **{r.value:g} {r.unit}**\n\n")
            out.append(f"- status: {status}; bounds: {bounds}; prior: {r.prior or 'fixed'}")
            out.append(f"; patients: {r.spread_text}\n" if r.spread else "\n")
            out.append(f"- {r.note}\n- sources: {', '.join(cite(s, entries) for s in r.sources)}\n")
    return "".join(out)


def symbols(model) -> str:
    out = [HEAD, "# Glossary and symbols\n\n"]
    out.append((Path(__file__).parents[1] / "reference" / "words.md.txt").read_text(encoding="utf8"))
    out.append("\n## From symbol to id\n\nSome letters mean different things in the two halves of the documents; ")
    out.append("ids do not.\n\n")
    out.append("| symbol | id | meaning | unit | kind |\n|---|---|---|---|---|\n")
    for q in model.quantities.values():
        out.append(f"| ${q.latex}$ | `{q.id}` | {q.name} | {q.unit} | {q.kind} |\n")
    return "".join(out)


def write(app) -> None:
    from il2model.model.assembly import builtin
    from il2model.parameters import bibliography, load_parameters
    from il2model.resources import data_dir

    model, parameters = builtin(), load_parameters()
    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "equations.md": equations(model),
        "parameters.md": parameter_pages(model, parameters, bibliography(data_dir("parameters"))),
        "glossary.md": symbols(model),
    }
    for name, text in pages.items():
        target = folder / name
        if not target.exists() or target.read_text(encoding="utf8") != text:
            target.write_text(text, encoding="utf8")


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
