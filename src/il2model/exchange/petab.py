"""PEtab version 2 of the IL-2 half: experiments of the trials, observables, measurements, parameters with priors.

What PEtab can say: the value of an observable of one patient at one time. So a published mean is set
against the typical patient, and these stay out: hazard ratios and everything else about death, SDs
between patients, peaks and areas, values pooled over doses. `README.md` in the output names them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .._version import __version__
from ..calibration.targets import Target, load_targets
from ..dosing.regimen import Regimen
from ..endpoints.kinds import Course
from ..endpoints.registry import TARGETED
from ..errors import InputError
from ..model.assembly import builtin
from ..parameters import Distribution, ParameterSet, load_parameters
from ..simulation.schedule import build_schedule
from ..solver.kernel import builtin_kernel
from ..solver.problem import ADD
from ..store import WAY_OUT, unwritten, write_atomic
from ..units import factor
from .sbml import to_sbml

_STAGES = ("pk", "imodals")
_MECHANISMS = ("il2_pk", "receptors", "treg")
#: The law of the noise, by the form of a target.
_LAWS: Mapping[str, str] = {"normal": "normal", "lognormal": "log-normal"}


def _formula(t: Target) -> str | None:
    """Return the formula of a target that PEtab can hold: a value of one patient at one time; None of any other."""
    endpoint = TARGETED[t.endpoint]
    alone = len(t.arms) == 1 and t.day is not None and t.use == "fit" and t.form in _LAWS and not t.study.baseline
    return endpoint.formula if alone and isinstance(endpoint, Course) else None


def to_petab(values: ParameterSet | None = None) -> dict[str, str]:
    """Return the files of the problem, {name: text}; 'problem.yaml' is the one to open."""
    values = values or load_parameters()
    targets = load_targets()
    chosen: list[Target] = []
    left: list[Target] = []
    for stage in _STAGES:
        for t in targets.of(stage):
            (left if _formula(t) is None else chosen).append(t)
    arms = list(dict.fromkeys(t.arms[0] for t in chosen))
    conditions, experiments = _experiments({a: targets.arms[a] for a in arms}, chosen, values)
    free = [i for i in values.records if not values.record(i).fixed and values.record(i).mechanism in _MECHANISMS]
    free = [i for i in free if i in builtin().parameters]
    files = {
        "problem.yaml": _YAML,
        "model.xml": to_sbml("placebo", values=values),
        "conditions.tsv": _table(("conditionId", "targetId", "targetValue"), conditions),
        "experiments.tsv": _table(("experimentId", "time", "conditionId"), experiments),
        "observables.tsv": _observables(chosen),
        "measurements.tsv": _measurements(chosen),
        "parameters.tsv": _parameters(free, values),
    }
    return files | {"README.md": _readme(chosen, left, free, values)}


def write_petab(folder: Path, values: ParameterSet | None = None, *, overwrite: bool = False) -> Path:
    """Write the problem into a folder; return its problem.yaml.

    Raises
    ------
    InputError
        If the folder cannot be written, or holds a problem already and is not to be overwritten.
    """
    texts = to_petab(values)
    there = [name for name in texts if (folder / name).exists()]
    if there and not overwrite:
        raise InputError(f"{folder} holds {there[0]} already; {WAY_OUT}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_atomic(folder / name, text)
    except OSError as error:
        raise unwritten(folder, error) from None
    return folder / "problem.yaml"


_YAML = """format_version: 2.0.0
id: il2model_il2_half
parameter_files: [parameters.tsv]
model_files:
  il2model:
    location: model.xml
    language: sbml
condition_files: [conditions.tsv]
experiment_files: [experiments.tsv]
observable_files: [observables.tsv]
measurement_files: [measurements.tsv]
"""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return "\n".join("\t".join(map(str, r)) for r in (head, *rows)) + "\n"


def _experiments(
    arms: Mapping[str, Regimen], chosen: Sequence[Target], values: ParameterSet
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return conditions (a dose each) and experiments (when they are applied)."""
    bp = builtin_kernel().blueprint
    routes = list(bp.routes.values())
    lags = tuple(0.0 if r.lag is None else values[r.lag] * factor(values.record(r.lag).unit, "day") for r in routes)
    states, inputs = bp.states.ids, bp.inputs.ids
    conditions: dict[str, tuple[object, ...]] = {}
    experiments: list[tuple[object, ...]] = []
    for arm, plan in arms.items():
        last = max(t.day for t in chosen if t.arms[0] == arm and t.day is not None)
        rows = build_schedule(plan, bp, lags, values["body_surface"], math.inf).rows
        # what is added to a state has to find it: the untreated course begins before a dose on day 0
        experiments.append((arm, -1 if rows and rows[0][0] <= 0 else 0, ""))
        for time, kind, target, value, route in rows:
            if time > last:
                break
            if kind == ADD:
                name = states[target]
                word, text = f"dose_{routes[route].id}", f"{name} + {value!r} * {routes[route].bolus}"
            else:
                name = inputs[target]
                word, text = f"set_{name}", repr(value)
            id = f"{word}_{value:g}".replace(".", "p").replace("-", "m")
            conditions[id] = (id, name, text)
            experiments.append((arm, repr(float(time)), id))
    return list(conditions.values()), experiments


def _observables(chosen: Sequence[Target]) -> str:
    head = (
        *("observableId", "observableName", "observableFormula"),
        *("noiseFormula", "noiseDistribution", "noisePlaceholders"),
    )
    laws: dict[str, str] = {}
    rows = []
    for t in chosen:
        law, noise = _LAWS[t.form], f"se_{t.endpoint}"
        if t.endpoint not in laws:
            rows.append((t.endpoint, TARGETED[t.endpoint].meaning, _formula(t), noise, law, noise))
        elif law != laws[t.endpoint]:
            raise InputError(f"{t.id} is {law} and other targets of {t.endpoint} are not; PEtab has one law for both.")
        laws[t.endpoint] = law
    return _table(head, rows)


def _measurements(chosen: Sequence[Target]) -> str:
    head = ("observableId", "experimentId", "time", "measurement", "noiseParameters")
    return _table(head, [(t.endpoint, t.arms[0], t.day, t.estimate, f"{t.weight * t.se:.6g}") for t in chosen])


def _parameters(free: Sequence[str], values: ParameterSet) -> str:
    head = (
        *("parameterId", "parameterName", "lowerBound", "upperBound", "nominalValue", "estimate"),
        *("priorDistribution", "priorParameters"),
    )
    model = builtin()
    rows: list[tuple[object, ...]] = []
    for id in free:
        r = values.record(id)
        scale = factor(r.unit, model.quantities[id].unit)
        assert r.bounds is not None
        low, high = (b * scale for b in r.bounds)
        prior, numbers = _prior(r.prior, scale, low, high)
        rows.append((id, r.name, repr(low), repr(high), repr(values[id] * scale), "true", prior, numbers))
    drift = load_targets().nuisances["imodals_drift"].prior
    low, high = (drift["mean"] + k * drift["sd"] for k in (-5, 5))
    prior = f"{drift['mean']:g};{drift['sd']:g}"
    rows.append(
        ("imodals_drift", "change of Treg % common to the arms", low, high, drift["mean"], "true", "normal", prior)
    )
    pm = values["il2_amount_per_miu"] / 1e6 * 1e3  # pmol per MIU to pmol/L per IU/mL
    rows.append(("pm_per_iu_ml", "pM in one IU/mL", "", "", repr(pm), "false", "", ""))
    return _table(head, rows)


def _prior(prior: Distribution | None, scale: float, low: float, high: float) -> tuple[str, str]:
    """Return PEtab's distribution; uniform over the bounds where it has none of that kind."""
    kind = None if prior is None else prior.kind
    if prior is not None and kind == "lognormal":
        return "log-normal", f"{math.log(prior['median'] * scale)!r};{prior['sd']!r}"
    if prior is not None and kind == "normal":
        return "normal", f"{prior['mean'] * scale!r};{prior['sd'] * scale!r}"
    if prior is not None and kind == "uniform":
        return "uniform", f"{prior['low'] * scale!r};{prior['high'] * scale!r}"
    return "uniform", f"{low!r};{high!r}"


def _readme(chosen: Sequence[Target], left: Sequence[Target], free: Sequence[str], values: ParameterSet) -> str:
    others = [
        f"- `{i}`: {values.record(i).prior}"
        for i in free
        if (p := values.record(i).prior) is None or p.kind not in ("lognormal", "normal", "uniform")
    ]
    parts = [
        f"# IL-2 half of il2model {__version__}, PEtab 2.0\n",
        "A published mean is set against the typical patient, and parameters are numbers of the typical patient. Doses",
        "are conditions, applied after the absorption lag of the stored values. Units are those of `model.xml`.\n",
        "PEtab has no place for hazard ratios, so nothing about death is here. Left out of the IL-2 half, since they",
        "are no values of one patient at one time, are of patients with a baseline of their own, or are not fitted:\n",
        *(f"- `{t.id}`: {t.endpoint}, {t.use}" for t in left),
        "\nEffects of a trial of its own, which PEtab would need a parameter for, are at their middle in:\n",
        *([f"- `{t.id}`: {', '.join(t.study.words)}" for t in chosen if t.study.effects] or ["- none"]),
        "\nPriors of a kind that PEtab lacks are uniform over the bounds:\n",
        *(others or ["- none"]),
        "\nResearch use only; no clinical advice.",
    ]
    return "\n".join(parts) + "\n"
