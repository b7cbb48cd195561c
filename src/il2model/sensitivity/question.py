"""The question of a study: outputs of a model under a regimen, and the parameters they may depend on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

from ..clock import day_of
from ..dosing.regimen import Regimen
from ..endpoints.registry import CONTRASTS
from ..errors import InputError, unknown_name
from ..parameters import ParameterSet, load_parameters
from ..solver.kernel import Kernel, builtin_kernel, kernel_of
from ..solver.problem import SolverOptions
from ..trial_files import REFERENCE
from ..units import to_whole
from .outputs import Output, is_series, resolve, visits

if TYPE_CHECKING:
    from ..model.assembly import Model

#: Regimen of a study of one patient.
DOSES = "imodals-2miu"
#: Patients of a cohort that every row is judged on.
PATIENTS = 128
#: Relative tolerance of a run: of the survival difference it costs 3e-5, of a spread of 0.1.
RTOL = 1e-4


def _listed(given: object) -> list[object]:
    return list(given) if isinstance(given, Iterable) else [given]


def _regimen(given: str | Regimen) -> Regimen:
    return Regimen.named(given) if isinstance(given, str) else given


@dataclass(frozen=True)
class Question:
    """What is run for every row of a study; its fields are those of `SensitivityStudy`."""

    outputs: Sequence[str]
    _: KW_ONLY
    parameters: Sequence[str] | None = None
    regimen: str | Regimen | None = None
    control: str | Regimen = "placebo"
    until: float | str | None = None
    times: Sequence[float] = ()  # texts with a unit are taken too
    patients: int = PATIENTS
    rtol: float = RTOL
    base: ParameterSet | None = None
    model: Model | None = None

    def __post_init__(self) -> None:
        self._check_kinds()
        put = object.__setattr__  # sequences become tuples, so that equal questions are equal
        put(self, "outputs", (self.outputs,) if isinstance(self.outputs, str) else tuple(self.outputs))
        put(self, "times", tuple(sorted({day_of(t, "a time") for t in self.times})))
        put(self, "rtol", SolverOptions(rtol=self.rtol).rtol)
        put(self, "patients", to_whole(self.patients, "patients", 2, 1_000_000))
        if self.parameters is not None:
            put(self, "parameters", (self.parameters,) if isinstance(self.parameters, str) else tuple(self.parameters))
        if not 1 <= self.days <= 3650:
            raise InputError(f"until is {self.days} days; it must lie from 1 to 3650.")
        bad = [t for t in self.times if not 0 <= t <= self.days]
        if bad:
            raise InputError(f"The time {bad[0]:g} lies outside 0 to {self.days:g} days.")
        for name, usual in (("control", "placebo"), ("patients", PATIENTS)):
            if not self.compares and getattr(self, name) != usual:
                raise InputError(f"{name} has no effect without a difference between arms; leave it out.")
        if self.compares and not all(name in CONTRASTS for name in self.outputs):
            raise InputError("Differences between arms need a study of their own: they run a cohort for every row.")
        if self.model is not None and self.base is None:
            raise InputError("A study of another model needs its parameters: give them as base.")
        if self.model is not None and self.compares:
            raise InputError("Differences between arms need the built-in model: it alone has a population.")
        _ = self.inputs, self.columns

    def _check_kinds(self) -> None:
        """Refuse what is no name, list or set of parameters."""
        for name in ("outputs", "parameters", "times"):
            given = getattr(self, name)
            names = name == "times" or isinstance(given, str | None) or all(isinstance(x, str) for x in _listed(given))
            if (name == "outputs" and given is None) or isinstance(given, bytes) or not names:
                raise InputError(f"{name} is {given!r}; a list of names is needed, such as ['treg_percent'].")
            if name == "times" and not isinstance(given, Iterable):
                raise InputError(f"times is {given!r}; a list of days is needed, such as [7, 28].")
        if self.base is not None and not isinstance(self.base, ParameterSet):
            raise InputError(f"base is {self.base!r}; it must be a ParameterSet, such as load_parameters('prior').")

    def __getstate__(self) -> dict[str, object]:
        """Travel to a worker without what can be computed there."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def kernel(self) -> Kernel:
        """The compiled model."""
        return builtin_kernel() if self.model is None else kernel_of(self.model)

    @cached_property
    def values(self) -> ParameterSet:
        """What is not varied."""
        return self.base if self.base is not None else load_parameters()

    @cached_property
    def columns(self) -> tuple[Output, ...]:
        """The outputs, one per column of the results."""
        times = tuple(self.times) or (visits(self.plan, self.days) if self.series else ())
        columns = resolve(self.outputs, times, self.kernel)
        for c in columns:
            if c.observable not in self.kernel.blueprint.observables:
                raise InputError(f"{c.name} is read off {c.observable}, which the model does not observe.")
        return columns

    @property
    def series(self) -> tuple[str, ...]:
        """The outputs that are observables, with a value on each of the times."""
        return tuple(o for o in self.outputs if is_series(o))

    @property
    def compares(self) -> bool:
        """Whether the outputs are differences between arms."""
        return any(name in CONTRASTS for name in self.outputs)

    @property
    def usual(self) -> str:
        """The regimen where none is given: of the trial of deaths where arms differ, else of one of doses."""
        return REFERENCE if self.compares else DOSES

    @cached_property
    def days(self) -> float:
        """Length of the simulated course, day: by default as long as the usual regimen is planned to last."""
        if self.until is None:
            return float(Regimen.named(self.usual).length)
        return day_of(self.until, "until")

    @cached_property
    def asked(self) -> Regimen:
        """The doses of the (treated) arm."""
        default = Regimen() if self.model is not None else self.usual
        return _regimen(self.regimen if self.regimen is not None else default)

    @cached_property
    def plan(self) -> Regimen:
        """What of them is given by the end."""
        return self.asked.until(self.days)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the regimens must know: doses beyond the end, and what was not studied."""
        plans = (self.asked, _regimen(self.control)) if self.compares else (self.asked,)
        studied = self.model is None
        return tuple(f"{p.name}: {note}." for p in plans for note in p.notes(self.days, studied=studied))

    @cached_property
    def control_plan(self) -> Regimen:
        """The doses of the control arm."""
        return _regimen(self.control).until(self.days)

    @property
    def candidates(self) -> tuple[str, ...]:
        """Every parameter with a prior that the outputs can depend on."""
        known = {p.id for p in self.kernel.blueprint.parameters}
        return tuple(i for i, r in self.values.records.items() if not r.fixed and (i in known or self.compares))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The varied parameters, in order."""
        if self.parameters is None:
            return self.candidates
        records = self.values.records
        for id in self.parameters:
            if id not in records:
                raise unknown_name("parameter", id, records)
            if records[id].fixed:
                raise InputError(f"{id} is fixed: it has no prior to vary it over.")
            if id not in self.candidates:
                raise InputError(f"{id} acts between patients; only differences between arms depend on it.")
        if len(set(self.parameters)) < len(self.parameters):
            raise InputError("A parameter is named twice.")
        return tuple(self.parameters)

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Columns of the inputs by mechanism."""
        found: dict[str, list[int]] = {}
        for k, id in enumerate(self.inputs):
            found.setdefault(self.values.record(id).mechanism, []).append(k)
        return {name: tuple(columns) for name, columns in found.items()}

    @property
    def simulations(self) -> int:
        """Simulated patients of one row."""
        return 2 * self.patients if self.compares else 1
