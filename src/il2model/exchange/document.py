"""An SBML Level 3 Version 2 document, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ..errors import InputError, ModelError
from ..model.language import Quantity
from .annotations import resources
from .formula import unit_id, unit_parts

#: Something of libsbml, which has no types.
Node: TypeAlias = Any
_SBO = {"volume": 468, "rate": 9, "dissociation": 282, "hill": 190, "other": 2, "protein": 252, "compartment": 290}


def libsbml() -> Node:
    """Return the library.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import libsbml as library
    except ImportError:
        raise InputError("SBML needs the package python-libsbml: pip install 'il2model[exchange]'.") from None
    return library


class Document:
    """An SBML document that is being written."""

    def __init__(self) -> None:
        self.lib = lib = libsbml()
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

    def math(self, text: str) -> Node:
        """Parse a formula."""
        node = self.lib.parseL3Formula(text)
        if node is None:
            raise ModelError(f"SBML cannot read the formula {text!r}: {self.lib.getLastParseL3Error()}")
        return node

    def text(self) -> str:
        """Return what is written so far."""
        return str(self.lib.writeSBMLToString(self.document))

    def describe(self, element: Node, name: str, sbo: int, about: tuple[str, ...]) -> None:
        """Set name, SBO term and resources."""
        element.setName(name)
        element.setSBOTerm(sbo)
        if about:
            element.setMetaId(f"meta_{element.getId()}")
            self.refer(element, self.lib.BQB_IS_VERSION_OF, about)

    def refer(self, element: Node, qualifier: int, about: tuple[str, ...]) -> None:
        """Say by resources what an element is."""
        term = self.lib.CVTerm(self.lib.BIOLOGICAL_QUALIFIER)
        term.setBiologicalQualifierType(qualifier)
        for uri in about:
            term.addResource(uri)
        element.addCVTerm(term)

    def compartment(self, id: str, about: tuple[str, ...]) -> None:
        """Add a compartment of one litre."""
        c = self.sbml.createCompartment()
        c.setId(id)
        c.setSpatialDimensions(3.0)
        c.setUnits(self.unit("L"))
        c.setConstant(True)
        c.setSize(1.0)
        self.describe(c, id.replace("_", " "), _SBO["compartment"], about)

    def species(self, q: Quantity, compartment: str) -> None:
        """Add a protein in a compartment: an amount where its unit is one, else a concentration."""
        s = self.sbml.createSpecies()
        s.setId(q.id)
        s.setCompartment(compartment)
        s.setSubstanceUnits(self.unit("pmol"))
        s.setHasOnlySubstanceUnits(q.unit == "pmol")
        s.setBoundaryCondition(False)
        s.setConstant(False)
        self.describe(s, q.name, _SBO["protein"], resources(q.id))

    def parameter(self, q: Quantity, *, constant: bool, value: float | None = None) -> Node:
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
