"""Write the generated pages: what they show comes from the objects that the code runs, how from `pages/*.md`."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from il2model.calibration.targets import WEIGHTS, load_targets
from il2model.endpoints import STAGES
from il2model.endpoints.registry import TARGETED
from il2model.exchange.latex import expression, latex_names
from il2model.model.assembly import builtin
from il2model.parameters import bibliography, load_parameters
from il2model.report.calibration import read_table, short
from il2model.resources import data_dir
from il2model.trials.trial import Trial

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BENCHMARKS = ROOT / "benchmarks" / "results"
#: Predictions shown of each structure, by stage.
STRUCTURES = {"imodals": ("imodals_1miu", "imodals_2miu"), "mirocals": ("hr_all", "hr_low", "hr_high")}


def cite(key: str, entries: dict[str, str]) -> str:
    doi = re.search(r"doi = \{([^}]*)\}", entries.get(key, ""))
    return f"[{key}](https://doi.org/{doi.group(1)})" if doi else key


def natural(row, column: str) -> str:
    """A number of a table of targets, not on the log scale."""
    return short((math.exp if row["log"] is True else float)(row[column]))


def published(target) -> str:
    return ", ".join(map(str, target.counts)) if target.counts else f"{target.text(target.estimate)} {target.unit}"


def render(name: str, entries: dict[str, str], **context) -> str:
    environment = Environment(
        loader=FileSystemLoader(HERE / "pages"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, comment_start_string="{##", comment_end_string="##}",
    )  # fmt: skip
    environment.filters |= {
        "cite": lambda key: cite(key, entries), "short": short, "natural": natural, "published": published,
        "cell": lambda text: text.replace("|", r"\|").replace("<", "&lt;"),
    }  # fmt: skip
    return environment.get_template(f"{name}.md").render(context)


def course(model, q, names) -> str:
    """The untreated course of a state, in words or as a formula of its value on day 0."""
    if q.id in model.steady:
        return "stays"
    formula = model.untreated[q.id]
    return "no closed form" if formula is None else f"${expression(formula, names)}$"


def equations(model) -> dict:
    names = latex_names(model)

    def group(own, table, rate=False):
        left = (lambda q: rf"\frac{{d{q.latex}}}{{dt}}") if rate else (lambda q: q.latex)
        return [(q, left(q), expression(table[q.id], names)) for q in own if q.id in table]

    pages = []
    for id, title in model.pages:
        own = [q for q in model.quantities.values() if q.submodel == id]
        groups = [
            ("At each time", group(own, model.derived)),
            ("Rates", group(own, model.equations, rate=True)),
            ("Untreated state, from the parameters", group(own, model.constants)),
        ]
        states = [
            (q, expression(model.baseline[q.id], names), course(model, q, names))
            for q in own
            if q.id in model.equations
        ]
        pages.append((title, [g for g in groups if g[1]], states))
    return {"pages": pages, "conditions": [(c, expression(c.expression, names)) for c in model.constraints]}


def parameters(model, values) -> dict:
    records = list(values.records.values())
    titles = dict(model.pages)
    statuses = sorted({r.status for r in records})
    return {
        "counts": ", ".join(f"{sum(r.status == s for r in records)} {s}" for s in statuses),
        "unconfirmed": sum(not r.confirmed for r in records),
        "quantities": model.quantities,
        "mechanisms": [
            (titles.get(m, m.replace("_", " ").capitalize()), [r for r in records if r.mechanism == m])
            for m in dict.fromkeys(r.mechanism for r in records)
        ],
    }


def targets() -> dict:
    found = load_targets()
    return {
        "rule": ", ".join(f"{status} x {w:g}" for status, w in WEIGHTS.items()),
        "stages": [(stage, found.of(stage)) for stage in STAGES],
        "endpoints": TARGETED,
        "nuisances": found.nuisances.values(),
    }


def fits() -> dict:
    home = data_dir("calibration") / "results"
    tables = [(s, home / s) for s in STAGES if (home / s / "parameters.csv").exists()]
    structures = [(s, read_table(home / f"structures-{s}.csv"), shown) for s, shown in STRUCTURES.items()]
    return {
        "stages": [
            (
                s,
                json.loads((f / "timing.json").read_text()),
                *(read_table(f / f"{t}.csv") for t in ("parameters", "targets")),
            )
            for s, f in tables
        ],
        "structures": [s for s in structures if s[1]],
        "left_out": read_table(home / "leave-one-out.csv"),
        "schedules": read_table(home / "schedules.csv"),
        "daily": read_table(home / "daily.csv"),
        "coverage": read_table(home / "trials-coverage.csv"),
        "foretold": read_table(home / "trials-foretold.csv"),
        "sampler": synthetic_trials(),
        "replicates": replicates(),
    }


def synthetic_trials() -> dict:
    path = data_dir("calibration") / "results" / "calibration_of_sampler.json"
    return json.loads(path.read_text()) if path.exists() else {}


def replicates() -> list[dict]:
    path = data_dir("calibration") / "results" / "checks.json"
    return json.loads(path.read_text())["replicates"] if path.exists() else []


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf8") as stream:
        return list(csv.DictReader(line for line in stream if not line.startswith("#")))


def agreement() -> dict:
    rows = read_rows(BENCHMARKS / "agreement.csv")
    record = json.loads((BENCHMARKS / "agreement.json").read_text(encoding="utf8"))

    def worst(**wanted):
        some = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
        return max(some, key=lambda r: float(r["largest_scaled_difference"]))

    return {
        "sets": rows[0]["sets"],
        "engines": list(dict.fromkeys(r["engine"] for r in rows)),
        "regimens": list(dict.fromkeys(r["regimen"] for r in rows)),
        "states": list({r["state"]: r["unit"] for r in rows}.items()),
        "command": record["command"],
        "versions": ", ".join(f"{k} {v}" for k, v in record["versions"].items()),
        "worst": worst,
    }


def verification() -> dict:
    tests = ROOT / "tests"
    files = []
    for path in sorted(
        p for folder in ("analytic", "verification", "invariants") for p in tests.glob(f"{folder}/test_*.py")
    ):
        text = path.read_text(encoding="utf8")
        words = text.split('"""')[1].strip().split("\n\n")[0].replace("\n", " ")
        files.append((path.relative_to(tests), words, text.count("\ndef test_")))
    rows = read_rows(BENCHMARKS / "stiff.csv")
    pairs = dict.fromkeys((r["problem"], r["rtol"]) for r in rows)
    return {
        "files": files,
        "solvers": list(dict.fromkeys(r["solver"] for r in rows)),
        "problems": [
            (
                problem,
                f"{float(rtol):.0e}",
                {r["solver"]: r for r in rows if (r["problem"], r["rtol"]) == (problem, rtol)},
            )
            for problem, rtol in pairs
        ],
    }


def validation() -> dict:
    home = data_dir("calibration") / "results"
    known = {t.id: t for stage in STAGES for t in load_targets().of(stage)}
    rows = [r for stage in STAGES for r in read_table(home / stage / "targets.csv") if r["use"] == "check"]
    return {"checks": [(r, known[r["id"]]) for r in rows], "replicates": replicates()}


def pages() -> dict[str, str]:
    """Return the text of every generated page by name."""
    model, entries = builtin(), bibliography(data_dir("parameters"))
    words = (HERE.parent / "reference" / "words.md.txt").read_text(encoding="utf8")
    contexts = {
        "equations": equations(model),
        "parameters": parameters(model, load_parameters()),
        "glossary": {"words": words, "quantities": model.quantities.values()},
        "targets": targets(),
        "trials": {"trials": [Trial.load(name) for name in Trial.names()]},
        "fits": fits(),
        "agreement": agreement(),
        "verification": verification(),
        "validation": validation(),
    }
    return {name: render(name, entries, **context) for name, context in contexts.items()}


def write(app) -> None:
    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        target = folder / f"{name}.md"
        if not target.exists() or target.read_text(encoding="utf8") != text:
            target.write_text(text, encoding="utf8")


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
