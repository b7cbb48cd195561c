"""A model ready to run: the one door between names and arrays.

`Kernel` turns parameter sets into arrays, checks the conditions of the untreated
state and hands a batch to a route: 'fast' or 'plain'.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache as memo
from typing import TYPE_CHECKING

import numpy as np

from .. import memory
from ..display import notice
from ..errors import unknown_name, warn_incomplete
from . import cache, closed, fast, plain
from .blueprint import VARIANTS, Blueprint, load_blueprint
from .problem import BatchResult, Floats, Problem, SolverOptions

if TYPE_CHECKING:
    from ..model.assembly import Model

_COMPILING = "compiling the model for this machine; this happens once."
_LOCK = threading.Lock()
#: Kernels of other models in this process, by key.
_OTHERS: dict[str, Kernel] = {}


@dataclass(eq=False)
class Kernel:
    """Compiled functions of one model; variants are compiled when first used.

    Kernels of one model are equal. A kernel travels as the name of its model, or as
    the model's text, and is compiled where it arrives.
    """

    blueprint: Blueprint
    _fast: dict[str, fast.FastKernel] = field(default_factory=dict)
    _closed: dict[tuple[tuple[str, ...], tuple[str, ...]], closed.ClosedKernel] = field(default_factory=dict)
    _driver: fast.DriverText | None = None
    fast_route: bool = True
    _told: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __repr__(self) -> str:
        return f"Kernel({self.blueprint.key!r})"

    def __eq__(self, other: object) -> bool:
        return self.blueprint.key == other.blueprint.key if isinstance(other, Kernel) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.blueprint.key)

    def __reduce__(self) -> tuple[Callable[..., Kernel], tuple[object, ...]]:
        key = self.blueprint.key
        if key == _builtin_key():
            return builtin_kernel, ()
        return _kernel_from, (key, self.blueprint.texts())

    def constants(self, parameters: Floats) -> Floats:
        """Closed form of the untreated state: (subject, parameter) -> (subject, constant)."""
        # NumPy rounds exp and log otherwise for rows laid out backwards
        parameters = np.ascontiguousarray(parameters)
        with np.errstate(all="ignore"):
            result: Floats = self.blueprint.plain_module().constants(parameters)
        return result

    def baseline(self, parameters: Floats, constants: Floats) -> Floats:
        """Initial states: (subject, state)."""
        parameters, constants = np.ascontiguousarray(parameters), np.ascontiguousarray(constants)
        with np.errstate(all="ignore"):
            result: Floats = self.blueprint.plain_module().baseline(parameters, constants)
        return result

    def limits(self, id: str, parameters: Floats) -> tuple[Floats, Floats]:
        """Return what the untreated state leaves of a parameter, given the others.

        Parameters
        ----------
        id : str
            One of `blueprint.limited`.
        parameters : (..., parameter)
            In model units; the value of `id` itself does not matter.

        Returns
        -------
        low, high : (...)
            In model units, with the room that drawn values keep; infinite where a side is open.

        Raises
        ------
        UnknownNameError
            If no condition limits the parameter.
        """
        bp = self.blueprint
        if id not in bp.limited:
            raise unknown_name("parameter with a limit", id, bp.limited)
        with np.errstate(all="ignore"):
            both = bp.plain_module().limits(parameters, self.constants(parameters))
            low, high = np.full(both.shape[:-1], -np.inf), np.full(both.shape[:-1], np.inf)
            for k, limit in enumerate(bp.limits):
                if limit.parameter == id:
                    least, most = both[..., 2 * k], both[..., 2 * k + 1]
                    inward, outward = 1 + limit.room, 1 - limit.room
                    low = np.maximum(low, least * np.where(least < 0, outward, inward))
                    high = np.minimum(high, most * np.where(most < 0, inward, outward))
        return low, high

    def untreated(self, parameters: Floats, constants: Floats, days: Floats, baseline: Floats | None = None) -> Floats:
        """Return the untreated course in closed form, (..., time, state).

        Parameters
        ----------
        parameters, constants : (..., parameter), (..., constant)
        days : (time,) or (..., time)
            Days from day 0; negative before it.
        baseline : (..., state), optional
            The states on day 0; those of the parameters by default.

        Returns
        -------
        (..., time, state)
            NaN for a state that moves and has no closed form.
        """
        start = self.baseline(parameters, constants) if baseline is None else baseline
        days = np.broadcast_to(days, (*parameters.shape[:-1], np.shape(days)[-1]))
        with np.errstate(all="ignore"):
            course: Floats = self.blueprint.plain_module().untreated(
                start[..., None, :], days, parameters[..., None, :], constants[..., None, :]
            )
        return course

    def refusals(self, parameters: Floats, constants: Floats) -> dict[int, str]:
        """Return the sentence for every subject whose parameters break a condition."""
        with np.errstate(all="ignore"):
            margins = self.blueprint.plain_module().margins(parameters, constants)
        found: dict[int, str] = {}
        for column, condition in enumerate(self.blueprint.conditions):
            bad = ~(margins[..., column] > 0) if condition.strict else ~(margins[..., column] >= 0)
            for subject in np.flatnonzero(bad):
                found.setdefault(int(subject), condition.sentence)
        for subject in np.flatnonzero(~np.isfinite(constants).all(axis=-1)):
            found.setdefault(int(subject), "the untreated state has no finite value for these parameters.")
        return found

    def fixed(self, parameters: Floats, constants: Floats) -> Floats:
        """Pick the terms that the compiled functions need, in their order."""
        joined = np.concatenate([parameters, constants], axis=-1)
        return np.ascontiguousarray(np.take(joined, self.blueprint.fixed_columns, axis=1))

    def observables(self, states: Floats, inputs: Floats, parameters: Floats, constants: Floats) -> Floats:
        """Observables of (..., state); parameters and constants must broadcast against it."""
        with np.errstate(all="ignore"):
            result: Floats = self.blueprint.plain_module().observables(states, inputs, parameters, constants)
        return result

    def course(self, ids: Sequence[str], parameters: Floats, given: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return observables over time, compiled; last digits differ from those of `observables`.

        Parameters
        ----------
        ids : sequence of str
            Observables.
        parameters : (..., parameter)
        given : {name: (..., time)}
            Courses of states and inputs, and `time`: days from day 0. A state that is not given follows
            its untreated course, an input has its default.

        Returns
        -------
        {id: (..., time)}
            NaN for what needs a state that moves and has no closed form, or a time that is not given.
        """
        key = (tuple(ids), tuple(given))
        if self.fast_route and key not in self._closed:
            try:
                self._closed[key] = closed.ClosedKernel.load(self.blueprint, *key)
            except Exception as error:
                self.fall_back(error)
        if not self.fast_route:
            return self.plain_course(ids, parameters, given)
        return self._closed[key](parameters, given)

    def plain_course(self, ids: Sequence[str], parameters: Floats, given: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return what `course` does through the plain text."""
        bp, constants = self.blueprint, self.constants(parameters)
        shape = (*parameters.shape[:-1], np.shape(next(iter(given.values())))[-1])
        states = self.untreated(parameters, constants, given.get("time", np.full(shape, np.nan)))
        inputs = np.broadcast_to(bp.input_defaults, (*shape, len(bp.inputs))).copy()
        for axis, array in ((bp.states, states), (bp.inputs, inputs)):
            for id in set(given) & set(axis.ids):
                array[..., axis.at(id)] = given[id]
        seen = self.observables(states, inputs, parameters[..., None, :], constants[..., None, :])
        return {id: seen[..., bp.observables.at(id)] for id in ids}

    def variant(self, name: str) -> fast.FastKernel | None:
        """Return a compiled variant, or None where the fast route cannot run (warns once)."""
        with self._lock:
            if not self.fast_route:
                return None
            if name not in self._fast:
                try:
                    if not self._told and not fast.is_warm(self.blueprint.key, name):
                        self._told = True
                        memory.reserve()
                        notice(_COMPILING)
                    self._fast[name] = fast.FastKernel.load(self.blueprint, name, self._driver)
                    if not VARIANTS[name][1]:
                        self._driver = None
                except Exception as error:
                    self.fall_back(error)
                    return None
            return self._fast[name]

    def fall_back(self, error: Exception) -> None:
        """Leave the fast route for good, and say so."""
        if memory.is_short(error):  # the plain one takes more
            raise MemoryError from error
        self.fast_route = False
        warn_incomplete(f"The fast solver cannot run here ({type(error).__name__}: {error}); using the plain one.")

    def solve(
        self, problem: Problem, options: SolverOptions, engine: str = "fast", variant: str = "batch"
    ) -> BatchResult:
        """Integrate a batch by a route, on this thread."""
        if engine == "fast":
            compiled = self.variant(variant)
            if compiled is not None:
                return compiled.solve(problem, options)
        return plain.solve(self.blueprint, problem, options)


def _make_builtin() -> Model:
    from ..model.assembly import builtin

    return builtin()


def _builtin_key() -> str:
    return f"il2model-{cache.source_hash('model', 'codegen', 'solver')}"


def builtin_kernel() -> Kernel:
    """Return the kernel of the built-in model."""
    with _LOCK:
        return _load_builtin()


@memo
def _load_builtin() -> Kernel:
    driver: list[fast.DriverText] = []

    def before() -> None:
        notice(_COMPILING)
        # lower the driver in a second process while SymPy derives the model here;
        # where that fails, loading the variant says so
        with contextlib.suppress(Exception):
            driver.append(fast.DriverText(single=False))

    blueprint = load_blueprint(_builtin_key(), _make_builtin, before)
    return Kernel(blueprint, _driver=driver[0] if driver else None, _told=bool(driver))


def kernel_of(model: Model) -> Kernel:
    """Return the kernel of any assembled model."""
    # what a blueprint holds besides the equations
    limits = [(i, [(x.room, x.follows) for x in limits]) for i, limits in model.limits.items()]
    how = (model.scales, model.input_defaults, model.routes, model.untreated, model.past, model.holds)
    rest = repr((*how, limits, sorted(model.resettable)))
    key = f"{model.name}-{cache.text_hash(model.fingerprint(), rest, cache.source_hash('codegen', 'solver'))}"
    with _LOCK:
        if key not in _OTHERS:
            _OTHERS[key] = Kernel(load_blueprint(key, lambda: model))
        return _OTHERS[key]


def _kernel_from(key: str, texts: tuple[tuple[str, bytes], ...]) -> Kernel:
    """Return the kernel of a model that another process generated."""
    with _LOCK:
        if key not in _OTHERS:
            for name, text in texts:
                if cache.read(name) != text:
                    cache.write(name, text)
            _OTHERS[key] = Kernel(load_blueprint(key))
        return _OTHERS[key]
