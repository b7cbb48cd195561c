"""Write the equation and parameter pages from the objects that the code runs."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

from il2model.exchange.latex import expression as show
from il2model.exchange.latex import latex_names

HEAD = "% Generated from the package's own objects; edits are overwritten.\n\n"


def course(model, q) -> str:
    """The untreated course of a state, in words or as a formula of its value on day 0."""
    if q.id in model.steady:
        return "stays"
    if model.untreated[q.id] is None:
        return "no closed form"
    return f"${show(model.untreated[q.id], latex_names(model))}$"


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
        starts = [
            f"| `{q.id}` | ${q.latex}$ | ${show(model.baseline[q.id], names)}$ | {course(model, q)} | {q.unit} |"
            for q in states
        ]
        if starts:
            out.append(
                "\n### Start\n\n| state | symbol | on day 0 | untreated course | unit |\n|---|---|---|---|---|\n"
                + "\n".join(starts)
                + "\n"
            )
    out.append("\n## Conditions on the parameters\n\n")
    for c in model.constraints:
        bound = f" It limits `{c.limits}`, which is drawn after the others." if c.limits else ""
        out.append(f"- ${show(c.expression, names)} {'>' if c.strict else '>='} 0$: {c.sentence}{bound}\n")
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
            value = f"**{r.value:g} {r.unit}**"
            if r.calibrated is not None:
                value = f"**{r.calibrated:.4g} {r.unit}** (fit {r.fit}; start {r.value:g})"
            out.append(f"\n### `{r.id}`\n\n{r.name}{symbol}: {value}\n\n")
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


def target_page(entries) -> str:
    from il2model.calibration.targets import WEIGHTS, load_targets
    from il2model.endpoints import STAGES
    from il2model.endpoints.registry import TARGETED

    found = load_targets()
    rule = ", ".join(f"{status} x {w:g}" for status, w in WEIGHTS.items())
    out = [HEAD, "# Targets\n\nEvery published number that the calibration reads (`calibration/trials/*.toml`). "]
    out.append(f"Its standard error is multiplied by one rule for its status: {rule}. *Fit* enters the likelihood, ")
    out.append(
        "*check* is only compared. Estimates and errors of hazard ratios are on the log scale in the likelihood.\n"
    )
    for stage in STAGES:
        out.append(f"\n## Stage {stage}\n\n")
        out.append("| target | trial | endpoint | arm, day | published | SE used | law | use | status | source |\n")
        out.append("|---|---|---|---|---|---|---|---|---|---|\n")
        for t in found.of(stage):
            where = " ".join(t.arms[:2]) + (" ..." if len(t.arms) > 2 else "")
            where += "" if t.day is None else f", t = {t.day:g}"
            published = ", ".join(map(str, t.counts)) if t.counts else f"{t.text(t.estimate)} {t.unit}"
            used = f"{t.weight * t.se:.3g}" if t.se == t.se and t.se > 0 and not t.counts else ""
            status = t.status + (f" (spread {t.spread_status})" if t.spread_status != t.status else "")
            law = t.form + (", joint" if t.joint else "")
            out.append(
                f"| `{t.id}` | {t.trial} | `{t.endpoint}` | {where} | {published} | {used} | {law} | {t.use} | "
                f"{status} | {cite(t.source, entries)} |\n"
            )
        notes = [f"- `{t.id}`: {t.note}\n" for t in found.of(stage) if t.note]
        out.append("\n" + "".join(notes))
    out.append("\n## Endpoints\n\n| endpoint | unit | stage | meaning |\n|---|---|---|---|\n")
    out += [f"| `{i}` | {e.unit} | {e.stage} | {e.sentence} |\n" for i, e in TARGETED.items()]
    out.append("\n## Nuisances of the studies\n\n| id | meaning | prior | unit |\n|---|---|---|---|\n")
    out += [f"| `{n.id}` | {n.name} | {n.prior} | {n.unit} |\n" for n in found.nuisances.values()]
    return "".join(out)


def fit_page() -> str:
    from il2model.endpoints import STAGES
    from il2model.report.calibration import read_table, short
    from il2model.resources import data_dir

    home = data_dir("calibration") / "results"
    out = [HEAD, "# Fits\n\nThe fits that ship, as `calibration/results/` holds them. Intervals are 2.5 to 97.5 %.\n"]
    for stage in STAGES:
        if not (home / stage / "parameters.csv").exists():
            continue
        timing = json.loads((home / stage / "timing.json").read_text())
        out.append(f"\n## Stage {stage}\n\n{timing['wall_seconds'] / 60:.0f} minutes on two cores, ")
        out.append(f"{timing['peak_memory_of_a_process_MB']:.0f} MB at most in a process.\n\n")
        out.append("| parameter | unit | median (interval) | prior | shift | contraction | verdict | R-hat | ESS |\n")
        out.append("|---|---|---|---|---|---|---|---|---|\n")
        for r in read_table(home / stage / "parameters.csv"):
            unit = short(r["unit"])
            out.append(
                f"| `{r['id']}` | {unit} | {short(r['q500'])} ({short(r['q025'])} to {short(r['q975'])}) | "
                f"{short(r['prior_q025'])} to {short(r['prior_q975'])} | {r['shift']:.2f} | {r['contraction']:.2f} | "
                f"{r['verdict']} | {r['rhat']:.4f} | {min(r['ess_bulk'], r['ess_tail']):.0f} |\n"
            )
        out.append("\n| target | use | published | model | distance [SE] |\n|---|---|---|---|---|\n")
        for r in read_table(home / stage / "targets.csv"):
            scale = math.exp if r["log"] is True else float
            a, b, c, d = (
                short(scale(r[k])) for k in ("published", "posterior_median", "posterior_q025", "posterior_q975")
            )
            out.append(f"| `{r['id']}` | {r['use']} | {a} | {b} ({c} to {d}) | {short(r['distance_in_se'])} |\n")
    for stage in ("imodals", "mirocals"):
        rows = read_table(home / f"structures-{stage}.csv")
        if not rows:
            continue
        shown = ("hr_all", "hr_low", "hr_high") if stage == "mirocals" else ("imodals_1miu", "imodals_2miu")
        out.append(f"\n## Structures, stage {stage}\n\n| structure | meaning | ln evidence | weight | ")
        out.append(" | ".join(shown) + " |\n|---|---|---|---|" + "---|" * len(shown) + "\n")
        for r in rows:
            cells = [
                f"{short(r[i])} ({short(r[i + '_q05'])} to {short(r[i + '_q95'])})" if r[i] != "" else "" for i in shown
            ]
            out.append(
                f"| {r['structure']} | {r['meaning']} | {short(r['ln_evidence'])} | {short(r['weight'])} | "
                + " | ".join(cells)
                + " |\n"
            )
        out.append("\nIntervals of structures are 5 to 95 %.\n")
    if (home / "checks.json").exists():
        checks = json.loads((home / "checks.json").read_text())
        out.append("\n## Trials of the published size\n\n| figure | version | published | median | interval | ")
        out.append("percentile | inside |\n|---|---|---|---|---|---|---|\n")
        for r in checks["replicates"]:
            out.append(
                f"| `{r['id']}` | {r['version']} | {r['published']} | {r['median']} | {r['q025']} to {r['q975']} | "
                f"{r['percentile']:.3f} | {short(r['inside'])} |\n"
            )
    return "".join(out)


BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "results"


def read_rows(path) -> list[dict[str, str]]:
    with path.open(encoding="utf8") as stream:
        return list(csv.DictReader(line for line in stream if not line.startswith("#")))


def table(head, rows) -> str:
    lines = ["| " + " | ".join(map(str, r)) + " |\n" for r in (head, ["---"] * len(head), *rows)]
    return "".join(lines) + "\n"


def agreement_page() -> str:
    rows = read_rows(BENCHMARKS / "agreement.csv")
    record = json.loads((BENCHMARKS / "agreement.json").read_text(encoding="utf8"))
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    engines, regimens = (list(dict.fromkeys(r[k] for r in rows)) for k in ("engine", "regimen"))
    sets = rows[0]["sets"]

    def worst(**wanted):
        some = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
        return max(some, key=lambda r: float(r["largest_scaled_difference"]))

    out = [
        HEAD,
        "# Agreement with other engines\n\nThe exported SBML in other simulators, beside the compiled kernel: ",
    ]
    out.append(
        f"{sets} random parameter sets from the priors on each of {len(regimens)} regimens, 85 days, every state. "
    )
    out.append(
        "Scaled difference: |a - b| / (typical size + |b|), the largest over sets and times. Tolerances 1e-9 here, "
    )
    out.append(f"1e-10 there. Required: below 1e-6. Written by `{record['command']}` with {versions}.\n\n")
    out.append("## By regimen\n\n")
    body = []
    for regimen in regimens:
        cells = [worst(engine=e, regimen=regimen) for e in engines]
        body.append([regimen, *(f"{c['largest_scaled_difference']} (`{c['state']}`)" for c in cells)])
    out.append(table(["regimen", *engines], body))
    out.append("## By state\n\n")
    body = []
    for state in dict.fromkeys(r["state"] for r in rows):
        cells = [worst(engine=e, state=state)["largest_scaled_difference"] for e in engines]
        body.append([f"`{state}`", next(r["unit"] for r in rows if r["state"] == state), *cells])
    out.append(table(["state", "unit", *engines], body))
    return "".join(out)


def verification_page() -> str:
    out = [
        HEAD,
        "# Verification\n\nIs the model solved right? Each line is a test that runs with the package or a table ",
    ]
    out.append("that a script wrote; none is edited by hand.\n\n## What the tests check\n\n")
    tests = Path(__file__).parents[2] / "tests"
    body = []
    for path in sorted(
        [*tests.glob("analytic/*.py"), *tests.glob("verification/*.py"), *tests.glob("invariants/*.py")]
    ):
        text = path.read_text(encoding="utf8")
        words = text.split('"""')[1].strip().split("\n\n")[0].replace("\n", " ")
        body.append([f"`tests/{path.relative_to(tests)}`", words, text.count("\ndef test_")])
    out.append(table(["file", "what it checks", "tests"], body))
    out.append("## Stiff test problems\n\nThe stepper on problems of the IVP test set, beside SciPy with the same ")
    out.append(
        "tolerances and an analytic Jacobian. SciPy calls Python functions and this package compiled ones, so steps "
    )
    out.append(
        "are the fair measure and time is what a user waits. Correct digits against the published reference.\n\n"
    )
    rows = read_rows(BENCHMARKS / "stiff.csv")
    solvers = list(dict.fromkeys(r["solver"] for r in rows))
    body = []
    for problem, rtol in dict.fromkeys((r["problem"], r["rtol"]) for r in rows):
        cells = {r["solver"]: r for r in rows if (r["problem"], r["rtol"]) == (problem, rtol)}
        texts = [
            f"{cells[k]['correct_digits']} digits, {cells[k]['steps']} steps, {cells[k]['cpu_ms']} ms" for k in solvers
        ]
        body.append([problem, f"{float(rtol):.0e}", *texts])
    out.append(table(["problem", "rtol", *solvers], body))
    out.append(
        "Engines against each other: {doc}`agreement`. Time against peers: {doc}`../../explanation/performance`.\n"
    )
    return "".join(out)


def validation_page() -> str:
    from il2model.calibration.targets import load_targets
    from il2model.endpoints import STAGES
    from il2model.report.calibration import read_table, short
    from il2model.resources import data_dir

    home = data_dir("calibration") / "results"
    targets = {t.id: t for stage in STAGES for t in load_targets().of(stage)}
    out = [
        HEAD,
        "# Validation\n\nIs it the right model? What the fits did not see, and what trials of the published size ",
    ]
    out.append(
        "would show. Everything that entered a likelihood is in {doc}`fits`.\n\n## Published numbers kept back\n\n"
    )
    body = []
    for stage in STAGES:
        for r in read_table(home / stage / "targets.csv"):
            if r["use"] != "check":
                continue
            scale = math.exp if r["log"] is True else float
            a, b, c, d = (
                short(scale(r[k])) for k in ("published", "posterior_median", "posterior_q025", "posterior_q975")
            )
            t = targets[r["id"]]
            body.append([f"`{r['id']}`", t.trial, t.unit, a, f"{b} ({c} to {d})", short(r["distance_in_se"]), t.status])
    head = ["target", "trial", "unit", "published", "model (95 %)", "distance [SE]", "status of the number"]
    out.append(table(head, body))
    checks = json.loads((home / "checks.json").read_text())
    inside = [r["inside"] for r in checks["replicates"]]
    out.append("## Trials of the published size\n\nEach figure of a trial among replicates of that trial. ")
    out.append(f"{sum(map(bool, inside))} of {len(inside)} lie inside the central 95 %.\n\n")
    body = [
        [f"`{r['id']}`", r["version"], r["published"], r["median"], f"{r['q025']} to {r['q975']}",
         f"{r['percentile']:.3f}", short(r["inside"])] for r in checks["replicates"]
    ]  # fmt: skip
    out.append(table(["figure", "version", "published", "median", "interval", "percentile", "inside"], body))
    out.append("What this does not show is in {doc}`../../explanation/limits`.\n")
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
        "targets.md": target_page(bibliography(data_dir("parameters"))),
        "fits.md": fit_page(),
        "agreement.md": agreement_page(),
        "verification.md": verification_page(),
        "validation.md": validation_page(),
    }
    for name, text in pages.items():
        target = folder / name
        if not target.exists() or target.read_text(encoding="utf8") != text:
            target.write_text(text, encoding="utf8")


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
