"""SBML Level 3 Version 2, written from the SymPy objects that the kernels are compiled from.

Drug states are species in compartments; all other states are parameters with rate
rules, since their units (cells per microlitre, receptors per cell) are no amounts.
What follows from parameters alone is an initial assignment, what follows from states an
assignment rule, a dose an event. Every number and every quantity has a unit.
"""

from __future__ import annotations

from collections.abc import Mapping

from .._version import __version__
from ..dosing.regimen import Regimen
from ..errors import InputError
from ..model.assembly import Model, builtin
from ..model.language import Kind
from ..parameters import ParameterSet, load_parameters
from ..simulation.schedule import build_schedule
from ..solver.blueprint import Blueprint
from ..solver.kernel import builtin_kernel
from ..solver.problem import ADD, SET_INPUT
from .annotations import COMPARTMENTS, MODEL, uris
from .document import Document, libsbml
from .formula import formula

#: Where drug states live: species id, compartment, and the constant or parameter that is its volume (None: 1 L).
_SPECIES = {
    "il2_depot": ("injection_site", None),
    "il2_lymph": ("draining_lymph", None),
    "il2_plasma": ("plasma", "il2_plasma_volume"),
    "il2_tissue": ("tissue", "il2_tissue_volume"),
    "il2_absorbed": ("plasma", "il2_plasma_volume"),
}


def to_sbml(
    regimen: str | Regimen = "placebo",
    *,
    values: ParameterSet | None = None,
) -> str:
    """Return the model under a regimen as SBML.

    Parameters
    ----------
    regimen : str or Regimen
        Doses become events (per square metre: for the body surface of `values`); doses at steady
        state and resets cannot.
    values : ParameterSet, optional
        (default: the calibrated values)

    Raises
    ------
    InputError
        If python-libsbml is missing or the regimen has no SBML form.
    """
    plan = Regimen.named(regimen) if isinstance(regimen, str) else regimen
    blueprint = builtin_kernel().blueprint
    numbers = blueprint.parameters.convert(values or load_parameters()).tolist()
    row = dict(zip(blueprint.parameters.ids, numbers, strict=True))
    document = Document()
    _head(document, plan)
    _quantities(document, builtin(), row)
    _dynamics(document, builtin())
    _doses(document, blueprint, plan, row)
    return document.text()


def _head(document: Document, plan: Regimen) -> None:
    m = document.sbml
    m.setId("il2model")
    m.setName(f"Low-dose interleukin-2 in ALS: {plan.name}")
    m.setTimeUnits(document.unit("day"))
    m.setSubstanceUnits(document.unit("pmol"))
    m.setExtentUnits(document.unit("pmol"))
    m.setVolumeUnits(document.unit("L"))
    m.setMetaId("meta_model")
    document.refer(m, document.lib.BQB_IS, uris(MODEL))
    m.setNotes(
        '<body xmlns="http://www.w3.org/1999/xhtml"><p>'
        f"Written by il2model {__version__}. Regimen: {plan}. Time in days since the first planned dose. "
        "Research use only; not a medical device and no clinical advice.</p></body>"
    )


def _quantities(document: Document, model: Model, row: Mapping[str, float]) -> None:
    places: dict[str, str | None] = {}
    for id, (place, volume) in _SPECIES.items():
        if id in model.quantities:
            places.setdefault(place, volume)
    for place, volume in places.items():
        document.compartment(place, uris(COMPARTMENTS.get(place, ())))
        if volume is not None:
            document.initial(place, volume)
    for id in model.parameters:
        document.parameter(model.quantities[id], constant=True, value=row[id])
    for id, expr in model.constants.items():
        q = model.quantities[id]
        document.parameter(q, constant=True)
        document.initial(id, formula(expr, q.unit))
    for id, default in zip(model.inputs, model.input_defaults, strict=True):
        document.parameter(model.quantities[id], constant=False, value=default)
    for id in model.states:
        q = model.quantities[id]
        if id in _SPECIES:
            document.species(q, _SPECIES[id][0])
        else:
            document.parameter(q, constant=False)
        document.initial(id, formula(model.baseline[id], q.unit))


def _dynamics(document: Document, model: Model) -> None:
    for id, expr in model.derived.items():
        document.parameter(model.quantities[id], constant=False)
        document.rule(id, formula(expr, model.quantities[id].unit), rate=False)
    for id, expr in model.equations.items():
        document.rule(id, formula(expr, model.quantities[id].unit), rate=True)
    for id, expr in model.observables.items():
        q = model.quantities[id]
        if q.kind is Kind.OBSERVABLE:
            document.parameter(q, constant=False)
            document.rule(id, formula(expr, q.unit), rate=False)


def _doses(document: Document, bp: Blueprint, plan: Regimen, row: Mapping[str, float]) -> None:
    if plan.resets or any(d.reset or d.ss for d in plan.doses):
        raise InputError("Resets (evid 3, 4) and doses at steady state (ss) have no SBML form here; give plain doses.")
    routes = list(bp.routes.values())
    lags = tuple(row[r.lag] if r.lag is not None else 0.0 for r in routes)
    schedule = build_schedule(plan, bp, lags, row["body_surface"], float("inf"))
    states, inputs = bp.states.ids, bp.inputs
    numbers: dict[str, int] = {}
    for time, kind, target, value, route in schedule.rows:
        if kind == ADD:
            r = routes[route]
            word = f"dose_{r.id}"
            day = round(time - lags[route], 10)
            when = f"{day!r} day" if r.lag is None else f"{day!r} day + {r.lag}"
            changes = {states[target]: f"{states[target]} + {value!r} {document.unit('MIU')} * {r.bolus}"}
            name = f"{value:g} MIU {r.name}, day {day:g}"
        else:
            assert kind == SET_INPUT
            id, unit = inputs[target].id, inputs[target].unit
            word = f"set_{id}"
            when = f"{time!r} day"
            changes = {id: f"{value!r} {document.unit(unit)}"}
            name = f"{id} = {value:g} {unit if unit != '1' else ''}".rstrip()
        numbers[word] = numbers.get(word, 0) + 1
        document.event(f"{word}_{numbers[word]}", name, when, changes)


def check_sbml(text: str) -> list[str]:
    """Return what libsbml finds wrong or worth a warning, units included; [] for a clean document."""
    lib = libsbml()
    document = lib.readSBMLFromString(text)
    document.setConsistencyChecks(lib.LIBSBML_CAT_UNITS_CONSISTENCY, True)
    document.setConsistencyChecks(lib.LIBSBML_CAT_MODELING_PRACTICE, True)
    document.checkConsistency()
    return [
        f"{document.getError(k).getSeverityAsString()} {document.getError(k).getErrorId()}: "
        f"{document.getError(k).getMessage().strip()}"
        for k in range(document.getNumErrors())
    ]
