"""SBML Level 3 Version 2, written from the SymPy objects that the kernels are compiled from.

Drug states are species in compartments; all other states are parameters with rate
rules, since their units (cells per microlitre, receptors per cell) are no amounts.
What follows from parameters alone is an initial assignment, what follows from states an
assignment rule, a dose an event. Every number and every quantity has a unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from .._version import __version__
from ..dosing.regimen import Regimen
from ..errors import InputError, ModelError
from ..model.assembly import Model, builtin
from ..model.language import Expr, Kind, Quantity
from ..parameters import ParameterSet, load_parameters
from ..simulation.schedule import build_schedule
from ..solver.blueprint import Blueprint
from ..solver.kernel import builtin_kernel
from ..solver.problem import ADD, SET_INPUT
from ..units import factor
from .annotations import COMPARTMENTS, MODEL, resources, uris

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
#: Where drug states live: species id, compartment, and the constant or parameter that is its volume (None: 1 L).
_SPECIES = {
    "il2_depot": ("injection_site", None),
    "il2_lymph": ("draining_lymph", None),
    "il2_plasma": ("plasma", "il2_plasma_volume"),
    "il2_tissue": ("tissue", "il2_tissue_volume"),
    "il2_absorbed": ("plasma", "il2_plasma_volume"),
}
_SBO = {"volume": 468, "rate": 9, "dissociation": 282, "hill": 190, "other": 2, "protein": 252, "compartment": 290}


def _libsbml() -> Any:
    try:
        import libsbml
    except ImportError:
        raise InputError("SBML needs the package python-libsbml: pip install 'il2model[exchange]'.") from None
    return libsbml


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

    def _print_Integer(self, expr: Any) -> str:
        return f"({int(expr)} dimensionless)" if expr < 0 else f"{int(expr)} dimensionless"

    _print_One = _print_Zero = _print_NegativeOne = _print_Integer  # noqa: N815

    def _print_Rational(self, expr: Any) -> str:
        return f"({int(expr.p)} dimensionless / {int(expr.q)} dimensionless)"

    _print_Half = _print_Rational  # noqa: N815

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        text = ""
        for term in self._as_ordered_terms(expr, order=order):
            minus = term.could_extract_minus_sign()
            text += (" - " if minus else " + ") + f"({self._print(-term if minus else term)})"
        return text[3:] if text.startswith(" + ") else f"-{text[3:]}"

    def _print_Mul(self, expr: Any) -> str:
        up: list[Any] = []
        down: list[Any] = []
        for factor_ in expr.as_ordered_factors():
            base, power = factor_.as_base_exp()
            negative = power.is_number and power.is_negative and base != sp.E
            target = down if negative else up
            piece = sp.Pow(base, -power) if negative else factor_
            if piece != 1:
                target.append(piece)

        def joined(pieces: list[Any]) -> str:
            return " * ".join(f"({self._print(p)})" for p in pieces)

        if not down:
            return joined(up) or "1 dimensionless"
        return f"({joined(up) or '1 dimensionless'}) / ({joined(down)})"

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, power = expr.as_base_exp()
        if base == sp.E:
            return f"exp({self._print(power)})"
        if power.is_number and power.is_negative:
            return f"1 dimensionless / ({self._print(sp.Pow(base, -power))})"
        return f"({self._print(base)})^({self._print(power)})"

    def _print_exp(self, expr: Any) -> str:
        return f"exp({self._print(expr.args[0])})"

    def _print_log(self, expr: Any) -> str:
        return f"ln({self._print(expr.args[0])})"


def formula(expr: Expr, unit: str = "1") -> str:
    """Return an expression in SBML's L3 infix; a bare number has the unit of what it defines."""
    if expr.is_number and not expr.free_symbols and expr.is_Integer:
        return f"{int(expr)} {unit_id(unit)}"
    return str(_Formula({"order": "none"}).doprint(expr))


class _Writer:
    """Builds one document."""

    def __init__(self, lib: Any, model: Model) -> None:
        self.lib, self.model = lib, model
        self.document = lib.SBMLDocument(3, 2)
        self.sbml = self.document.createModel()
        self.known: set[str] = set()

    def unit(self, text: str) -> str:
        """Return the id of a unit, defined on first use."""
        id = unit_id(text)
        if id != "dimensionless" and id not in self.known:
            self.known.add(id)
            definition = self.sbml.createUnitDefinition()
            definition.setId(id)
            definition.setName(text)
            for kind, exponent, scale, multiplier in unit_parts(text):
                u = definition.createUnit()
                u.setKind(self.lib.UnitKind_forName(kind))
                u.setExponent(exponent)
                u.setScale(scale)
                u.setMultiplier(multiplier)
        return id

    def math(self, text: str) -> Any:
        """Parse a formula."""
        node = self.lib.parseL3Formula(text)
        if node is None:
            raise ModelError(f"SBML cannot read the formula {text!r}: {self.lib.getLastParseL3Error()}")
        return node

    def describe(self, element: Any, name: str, sbo: int, about: tuple[str, ...]) -> None:
        """Set name, SBO term and resources."""
        element.setName(name)
        element.setSBOTerm(sbo)
        if about:
            element.setMetaId(f"meta_{element.getId()}")
            term = self.lib.CVTerm(self.lib.BIOLOGICAL_QUALIFIER)
            term.setBiologicalQualifierType(self.lib.BQB_IS_VERSION_OF)
            for uri in about:
                term.addResource(uri)
            element.addCVTerm(term)

    def parameter(self, q: Quantity, *, constant: bool, value: float | None = None) -> Any:
        """Add a parameter."""
        p = self.sbml.createParameter()
        p.setId(q.id)
        p.setConstant(constant)
        p.setUnits(self.unit(q.unit))
        if value is not None:
            p.setValue(value)
        self.describe(p, q.name, _sbo(q), resources(q.id))
        return p

    def initial(self, id: str, text: str) -> None:
        """Add an initial assignment."""
        a = self.sbml.createInitialAssignment()
        a.setSymbol(id)
        a.setMath(self.math(text))

    def rule(self, id: str, text: str, *, rate: bool) -> None:
        """Add a rate rule or an assignment rule."""
        r = self.sbml.createRateRule() if rate else self.sbml.createAssignmentRule()
        r.setVariable(id)
        r.setMath(self.math(text))

    def event(self, id: str, name: str, when: str, changes: Mapping[str, str]) -> None:
        """Add an event at a time."""
        e = self.sbml.createEvent()
        e.setId(id)
        e.setName(name)
        e.setUseValuesFromTriggerTime(False)
        trigger = e.createTrigger()
        trigger.setInitialValue(False)
        trigger.setPersistent(True)
        trigger.setMath(self.math(f"time >= {when}"))
        for variable, text in changes.items():
            a = e.createEventAssignment()
            a.setVariable(variable)
            a.setMath(self.math(text))


def _sbo(q: Quantity) -> int:
    if q.unit == "L":
        return _SBO["volume"]
    if q.unit == "1/day":
        return _SBO["rate"]
    if "affinity" in q.id:
        return _SBO["dissociation"]
    if q.id in ("signal_hill", "pnfh_exponent", "suppression_exponent"):
        return _SBO["hill"]
    return _SBO["other"]


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
    lib = _libsbml()
    blueprint = builtin_kernel().blueprint
    plan = Regimen.named(regimen) if isinstance(regimen, str) else regimen
    values = values or load_parameters()
    row = {p.id: values[p.id] * factor(values.record(p.id).unit, p.unit) for p in blueprint.parameters}
    w = _Writer(lib, builtin())
    _head(w, plan)
    _quantities(w, row)
    _dynamics(w)
    _doses(w, blueprint, plan, row)
    return str(lib.writeSBMLToString(w.document))


def _head(w: _Writer, plan: Regimen) -> None:
    m = w.sbml
    m.setId("il2model")
    m.setName(f"Low-dose interleukin-2 in ALS: {plan.name}")
    m.setTimeUnits(w.unit("day"))
    m.setSubstanceUnits(w.unit("pmol"))
    m.setExtentUnits(w.unit("pmol"))
    m.setVolumeUnits(w.unit("L"))
    m.setMetaId("meta_model")
    term = w.lib.CVTerm(w.lib.BIOLOGICAL_QUALIFIER)
    term.setBiologicalQualifierType(w.lib.BQB_IS)
    for uri in uris(MODEL):
        term.addResource(uri)
    m.addCVTerm(term)
    m.setNotes(
        '<body xmlns="http://www.w3.org/1999/xhtml"><p>'
        f"Written by il2model {__version__}. Regimen: {plan}. Time in days since the first planned dose. "
        "Research use only; not a medical device and no clinical advice.</p></body>"
    )


def _quantities(w: _Writer, row: Mapping[str, float]) -> None:
    model = w.model
    places: dict[str, str | None] = {}
    for id, (place, volume) in _SPECIES.items():
        if id in model.quantities:
            places.setdefault(place, volume)
    for place, volume in places.items():
        c = w.sbml.createCompartment()
        c.setId(place)
        c.setSpatialDimensions(3.0)
        c.setUnits(w.unit("L"))
        c.setConstant(True)
        c.setSize(1.0)
        w.describe(c, place.replace("_", " "), _SBO["compartment"], uris(COMPARTMENTS.get(place, ())))
        if volume is not None:
            w.initial(place, volume)
    for id in model.parameters:
        w.parameter(model.quantities[id], constant=True, value=row[id])
    for id, expr in model.constants.items():
        q = model.quantities[id]
        w.parameter(q, constant=True)
        w.initial(id, formula(expr, q.unit))
    for id, default in zip(model.inputs, model.input_defaults, strict=True):
        w.parameter(model.quantities[id], constant=False, value=default)
    for id in model.states:
        q = model.quantities[id]
        if id in _SPECIES:
            s = w.sbml.createSpecies()
            s.setId(id)
            s.setCompartment(_SPECIES[id][0])
            s.setSubstanceUnits(w.unit("pmol"))
            s.setHasOnlySubstanceUnits(q.unit == "pmol")
            s.setBoundaryCondition(False)
            s.setConstant(False)
            w.describe(s, q.name, _SBO["protein"], resources(id))
        else:
            w.parameter(q, constant=False)
        w.initial(id, formula(model.baseline[id], q.unit))


def _dynamics(w: _Writer) -> None:
    model = w.model
    for id, expr in model.derived.items():
        w.parameter(model.quantities[id], constant=False)
        w.rule(id, formula(expr, model.quantities[id].unit), rate=False)
    for id, expr in model.equations.items():
        w.rule(id, formula(expr, model.quantities[id].unit), rate=True)
    for id, expr in model.observables.items():
        q = model.quantities[id]
        if q.kind is Kind.OBSERVABLE:
            w.parameter(q, constant=False)
            w.rule(id, formula(expr, q.unit), rate=False)


def _doses(w: _Writer, bp: Blueprint, plan: Regimen, row: Mapping[str, float]) -> None:
    if plan.resets or any(d.reset or d.ss for d in plan.doses):
        raise InputError("Resets (evid 3, 4) and doses at steady state (ss) have no SBML form here; give plain doses.")
    routes = list(bp.routes.values())
    lags = tuple(row[r.lag] if r.lag is not None else 0.0 for r in routes)
    schedule = build_schedule(plan, bp, lags, row["body_surface"], float("inf"))
    states = [s.id for s in bp.states]
    inputs = [i.id for i in bp.inputs]
    numbers: dict[str, int] = {}
    for time, kind, target, value, route in schedule.rows:
        if kind == ADD:
            r = routes[route]
            word = f"dose_{r.id}"
            lag = 0.0 if r.lag is None else row[r.lag]
            day = round(time - lag, 10)
            when = f"{day!r} day" if r.lag is None else f"{day!r} day + {r.lag}"
            changes = {states[target]: f"{states[target]} + {value!r} {w.unit('MIU')} * {r.bolus}"}
            name = f"{value:g} MIU {r.name}, day {day:g}"
        else:
            assert kind == SET_INPUT
            word = f"set_{inputs[target]}"
            unit = bp.inputs[target].unit
            when = f"{time!r} day"
            changes = {inputs[target]: f"{value!r} {w.unit(unit)}"}
            name = f"{inputs[target]} = {value:g} {unit if unit != '1' else ''}".rstrip()
        numbers[word] = numbers.get(word, 0) + 1
        w.event(f"{word}_{numbers[word]}", name, when, changes)


def check_sbml(text: str) -> list[str]:
    """Return what libsbml finds wrong or worth a warning, units included; [] for a clean document."""
    lib = _libsbml()
    document = lib.readSBMLFromString(text)
    document.setConsistencyChecks(lib.LIBSBML_CAT_UNITS_CONSISTENCY, True)
    document.setConsistencyChecks(lib.LIBSBML_CAT_MODELING_PRACTICE, True)
    document.checkConsistency()
    return [
        f"{document.getError(k).getSeverityAsString()} {document.getError(k).getErrorId()}: "
        f"{document.getError(k).getMessage().strip()}"
        for k in range(document.getNumErrors())
    ]
