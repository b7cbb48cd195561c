"""A model after code generation: names, units and texts, without SymPy.

The blueprint of the built-in model is named by the hash of the package's own
sources, so a warm process never imports SymPy.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from . import cache
from .axis import Axis, Item

if TYPE_CHECKING:
    from ..codegen.closed_text import ClosedForms
    from ..codegen.untreated_jacobian import UntreatedJacobian
    from ..model.model import Model

#: Lanes of the compiled variants: one patient, a batch in float64, a batch in float32.
VARIANTS: Mapping[str, tuple[int, bool]] = {"scalar": (1, False), "batch": (4, False), "single": (8, True)}

#: What is generated of a model besides: stems and endings of the files.
_TEXTS: Mapping[str, str] = {"blueprint": "json", "plain": "py", "closed": "json", "untreated": "json"}

#: How to derive the models of this process again, by key.
_MAKERS: dict[str, Callable[[], Model]] = {}


@dataclass(frozen=True)
class Condition:
    """A constraint on the parameters, with the sentence of refusal."""

    id: str
    sentence: str
    strict: bool


@dataclass(frozen=True)
class LimitInfo:
    """What one condition leaves of a parameter (see `model.limits.Limit`)."""

    parameter: str
    room: float
    follows: bool


@dataclass(frozen=True)
class RouteInfo:
    """A way to give the drug, by ids (see `model.language.Route`)."""

    id: str
    state: str
    bolus: str
    input: str
    bioavailability: str | None
    lag: str | None
    name: str


@dataclass(frozen=True)
class Blueprint:
    """Everything a solver needs to know of a model, besides its compiled functions."""

    key: str
    name: str
    fingerprint: str
    states: Axis
    scales: tuple[float, ...]
    steady: tuple[bool, ...]
    resettable: tuple[bool, ...]
    parameters: Axis
    constants: Axis
    inputs: Axis
    input_defaults: tuple[float, ...]
    observables: Axis
    conditions: tuple[Condition, ...]
    limits: tuple[LimitInfo, ...]
    routes: Mapping[str, RouteInfo]
    past: Mapping[str, tuple[str, ...]]
    holds: bool
    fixed: tuple[str, ...]
    layouts: Mapping[str, Mapping[str, Any]]
    counts: Mapping[str, int]

    @property
    def limited(self) -> tuple[str, ...]:
        """Parameters that a condition limits, in the order in which they are drawn: after what they depend on."""
        return tuple(dict.fromkeys(limit.parameter for limit in self.limits))

    @property
    def followers(self) -> tuple[str, ...]:
        """Limited parameters that move to their limit where they are not drawn."""
        return tuple(i for i in self.limited if any(x.follows for x in self.limits if x.parameter == i))

    @cached_property
    def fixed_columns(self) -> tuple[int, ...]:
        """Where the terms of `fixed` are among parameters and constants."""
        names = (*self.parameters.ids, *self.constants.ids)
        position = {name: i for i, name in enumerate(names)}
        return tuple(position[n] for n in self.fixed)

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """Every state and observable by id."""
        return {i.id: i for i in (*self.states, *self.observables)}

    def plain_module(self) -> ModuleType:
        """Import the plain text of the model (see `plain_text`)."""
        name = f"il2model_plain_{self.key.replace('-', '_')}"
        if name in sys.modules:
            return sys.modules[name]
        module = ModuleType(name)
        exec(self._plain_code(), vars(module))
        sys.modules[name] = module
        return module

    def _plain_code(self) -> CodeType:
        """Return the compiled plain text: from the cache, where Python's own would be read unchecked."""
        stored = f"plain-{self.key}-{importlib.util.MAGIC_NUMBER.hex()}.code"
        data = cache.read(stored)
        if data is not None:
            code: CodeType = marshal.loads(data)
            return code
        code = compile(self.plain_text(), f"plain-{self.key}.py", "exec")
        cache.write(stored, marshal.dumps(code))
        return code

    def plain_text(self) -> str:
        """Return the text of the plain module."""
        return self._text(f"plain-{self.key}.py").decode()

    def step_text(self, variant: str) -> str:
        """Return the LLVM text of a variant."""
        return self._text(f"step-{self.key}-{variant}.ll").decode()

    @cached_property
    def closed_forms(self) -> ClosedForms:
        """What needs no integration, on a tape."""
        from ..codegen.closed_text import ClosedForms

        return ClosedForms.from_dict(json.loads(self._text(f"closed-{self.key}.json")))

    @cached_property
    def untreated_jacobian(self) -> UntreatedJacobian:
        """The Jacobian at the untreated state, on a tape."""
        from ..codegen.untreated_jacobian import UntreatedJacobian

        return UntreatedJacobian.from_dict(json.loads(self._text(f"untreated-{self.key}.json")))

    def texts(self) -> tuple[tuple[str, bytes], ...]:
        """Return name and content of what was generated: metadata, plain text, forms on tapes, steps."""
        steps = (f"step-{self.key}-{variant}.ll" for variant in VARIANTS)
        names = (*(f"{stem}-{self.key}.{end}" for stem, end in _TEXTS.items()), *steps)
        return tuple((n, self._text(n)) for n in names)

    def _text(self, name: str) -> bytes:
        """Return a generated text; one that was lost since is generated again."""
        data = cache.read(name)
        if data is None and self.key in _MAKERS:
            _generate(self.key)
            data = cache.read(name)
        if data is None:
            raise FileNotFoundError(name)
        return data


def _encode(model: Model, key: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Generate the metadata and the texts of a model."""
    from ..codegen.closed_text import ClosedForms
    from ..codegen.plain_text import write_plain
    from ..codegen.step_text import StepWriter
    from ..codegen.tape import build_program
    from ..codegen.untreated_jacobian import UntreatedJacobian

    program = build_program(model)

    def items(ids: Any) -> list[list[str]]:
        return [[q.id, q.unit, q.name, q.latex, q.submodel] for q in (model.quantities[i] for i in ids)]

    texts = {f"plain-{key}.py": write_plain(model, program.fixed)}
    texts[f"closed-{key}.json"] = json.dumps(ClosedForms.of(model).to_dict())
    texts[f"untreated-{key}.json"] = json.dumps(UntreatedJacobian.of(model).to_dict())
    layouts = {}
    counts: dict[str, int] = {}
    for variant, (lanes, single) in VARIANTS.items():
        writer = StepWriter(program, lanes, single)
        texts[f"step-{key}-{variant}.ll"] = writer.text() + "\n" + writer.solve_text()
        layouts[variant] = writer.layout.as_dict()
        counts = {
            "jacobian": len(program.jacobian),
            "fill_ins": writer.lu.fill_ins,
            "factor": len(writer.lu.factor),
            "solve": len(writer.lu.solve),
            "rhs": sum(program.tape.moving[n] for n in program.tape.reach(program.rhs)),
        }
    data = {
        "key": key,
        "name": model.name,
        "fingerprint": model.fingerprint(),
        "states": items(model.states),
        "scales": model.scales,
        "steady": [s in model.steady for s in model.states],
        "resettable": [s in model.resettable for s in model.states],
        "parameters": items(model.parameters),
        "constants": items(model.constants),
        "inputs": items(model.inputs),
        "input_defaults": model.input_defaults,
        "observables": items(model.observables),
        "conditions": [[c.id, c.sentence, c.strict] for c in model.constraints],
        "limits": [[x.parameter, x.room, x.follows] for limits in model.limits.values() for x in limits],
        "routes": {
            r.id: [r.id, r.state, r.bolus, r.input, r.bioavailability, r.lag, r.name] for r in model.routes.values()
        },
        "past": model.past,
        "holds": model.holds,
        "fixed": program.fixed,
        "layouts": layouts,
        "counts": counts,
    }
    return data, texts


def _decode(data: Mapping[str, Any]) -> Blueprint:
    def axis(key: str) -> Axis:
        return Axis(key.removesuffix("s"), tuple(Item(*row) for row in data[key]))

    return Blueprint(
        key=data["key"],
        name=data["name"],
        fingerprint=data["fingerprint"],
        states=axis("states"),
        scales=tuple(data["scales"]),
        steady=tuple(data["steady"]),
        resettable=tuple(data["resettable"]),
        parameters=axis("parameters"),
        constants=axis("constants"),
        inputs=axis("inputs"),
        input_defaults=tuple(data["input_defaults"]),
        observables=axis("observables"),
        conditions=tuple(Condition(*row) for row in data["conditions"]),
        limits=tuple(LimitInfo(*row) for row in data["limits"]),
        routes=MappingProxyType({k: RouteInfo(*row) for k, row in data["routes"].items()}),
        past=MappingProxyType({k: tuple(v) for k, v in data["past"].items()}),
        holds=data["holds"],
        fixed=tuple(data["fixed"]),
        layouts=data["layouts"],
        counts=data["counts"],
    )


def load_blueprint(
    key: str, make: Callable[[], Model] | None = None, before: Callable[[], None] = lambda: None
) -> Blueprint:
    """Return the blueprint called `key`, generating it from `make()` where the cache lacks it.

    `before` is called once if there is something to generate.
    """
    raw = cache.read(f"blueprint-{key}.json")
    if make is not None:
        _MAKERS[key] = make
        if raw is None:
            before()
            raw = _generate(key)
    if raw is None:
        raise FileNotFoundError(f"blueprint-{key}.json")
    return _decode(json.loads(raw))


def _generate(key: str) -> bytes:
    """Write the texts of a model to the cache; return its metadata."""
    data, texts = _encode(_MAKERS[key](), key)
    for name, text in texts.items():
        cache.write(name, text)
    raw = json.dumps(data).encode()
    cache.write(f"blueprint-{key}.json", raw)
    return raw
