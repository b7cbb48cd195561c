"""What a user changes in a fit: numbers held, the few that are estimated, priors, and the structure of the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from ..errors import InputError, unknown_name
from ..parameters import Distribution, Parameter, ParameterSet, load_parameters
from ..parameters.distribution import DISTRIBUTIONS, distribution
from ..uncertainty.coordinates import quantile
from ..units import to_finite
from .mixture import AVERAGE
from .problem import PARAMETERS, Structure
from .structures import AVERAGED, BY_STAGE
from .target import JOINT

_LAW = re.compile(r"^\s*([a-z]+)\s*\((.*)\)\s*$", re.S)
#: Numbers of a law in the order in which they are written.
_ORDER: Mapping[str, tuple[str, ...]] = {
    kind: (*({"lognormal": ("median",), "logitnormal": ("median",)}.get(kind, ())), *names)
    for kind, names in DISTRIBUTIONS.items()
}
#: Those that are in the unit of the record; an SD is so where the law is of the number itself.
_IN_UNIT = {"median", "mean", "low", "high"}


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What differs from the fit that ships, checked against the parameter records.

    Parameters
    ----------
    fix : {parameter: value}
        In the units of the records.
    only : tuple of str, optional
        The parameters that are estimated; every other keeps its value.
    priors : {parameter: Distribution}
    structure : Structure
    of_stage : str, optional
        The one stage that the structure belongs to.
    averaged : bool
        Whether the stages that are averaged over their structures by default are so here.
    """

    fix: Mapping[str, float] = field(default_factory=dict)
    only: tuple[str, ...] | None = None
    priors: Mapping[str, Distribution] = field(default_factory=dict)
    structure: Structure = field(default_factory=Structure)
    of_stage: str | None = None
    averaged: bool = False

    @classmethod
    def of(
        cls,
        stages: Sequence[str],
        parameters: ParameterSet | None,
        *,
        fix: Mapping[str, float | str] | None = None,
        only: Iterable[str] | None = None,
        prior: Mapping[str, str | Distribution] | None = None,
        structure: str | Structure | None = None,
    ) -> Choices:
        """Check what was asked of a fit of some stages.

        Raises
        ------
        InputError, UnknownNameError
        """
        values = parameters if parameters is not None else load_parameters("prior")
        if not isinstance(values, ParameterSet):
            raise InputError(
                f"parameters is of type {type(values).__name__}; a ParameterSet is needed (load_parameters())."
            )
        held = {id: values.record(id).check(value) for id, value in (fix or {}).items()}
        estimated = [i for s in stages for i in PARAMETERS[s]]
        chosen, of_stage = _structure(structure, stages)
        averaged = structure == AVERAGE or (structure is None and only is None)
        if averaged:
            _check_average(stages, [*held, *(prior or {})], named=structure == AVERAGE)
        laws = {id: _prior(values.record(id), law) for id, law in (prior or {}).items()}
        elsewhere = {i: s for s, ids in PARAMETERS.items() for i in ids if s not in stages}
        for id in laws:
            if id in held:
                raise InputError(f"{id} is held and has a prior; one of both.")
            if id in elsewhere:
                raise InputError(f"{id} is estimated in the stage {elsewhere[id]!r}, which is not fitted here.")
        some = None if only is None else tuple([only] if isinstance(only, str) else only)
        for id in some or ():
            if id not in (*estimated, *laws):
                raise unknown_name("parameter that these stages estimate", id, (*estimated, *laws))
            if id in held:
                raise InputError(f"{id} is held and to be estimated; one of both.")
        for stage in stages:
            left = [i for i in (*PARAMETERS[stage], *laws) if i not in held and (some is None or i in some)]
            if not left:
                raise InputError(f"Nothing is left to estimate in the stage {stage!r}; leave it out, or hold less.")
        if some is not None:
            held |= {i: values[i] for i in estimated if i not in some and i not in held}
        return cls(
            fix=held,
            only=some,
            priors=MappingProxyType(laws),
            structure=chosen,
            of_stage=of_stage,
            averaged=averaged,
        )

    def structures_of(self, stage: str, *, first: bool) -> tuple[Structure, ...]:
        """Return the structures of a stage: several where it is averaged over them."""
        if self.averaged and stage in AVERAGED:
            return tuple(replace(self, structure=s).structure_of(stage, first=first) for s in BY_STAGE[stage])
        return (self.structure_of(stage, first=first),)

    def structure_of(self, stage: str, *, first: bool) -> Structure:
        """Return the structure of a stage; a parameter that no stage estimates is estimated in the first."""
        base = self.structure if self.of_stage in (None, stage) or stage == JOINT else Structure()
        both = sorted(set(self.fix) & set(base.free))
        if both:
            raise InputError(f"{both[0]} is held, and the structure {base.name!r} estimates it.")
        known = {i for ids in PARAMETERS.values() for i in ids}
        mine = {
            i: d
            for i, d in self.priors.items()
            if stage == JOINT or i in PARAMETERS[stage] or (first and i not in known)
        }
        free = {**base.free, **{i: (d.kind, dict(d.numbers)) for i, d in mine.items()}}
        return replace(base, fix={**base.fix, **self.fix}, free=free)


def _check_average(stages: Sequence[str], changed: Sequence[str], *, named: bool) -> None:
    """Refuse an average of no stage, and changes of what its structures differ in."""
    mine = [s for s in AVERAGED if s in stages]
    if named and not mine:
        raise InputError(f"An average over structures is of the stage {AVERAGED[0]!r}, which is not fitted here.")
    for stage in mine:
        differ = {i for s in BY_STAGE[stage] for i in (*s.fix, *s.free)}
        for id in changed:
            if id in differ:
                raise InputError(
                    f"{id} is what the structures of the stage {stage!r} differ in; name one of them (structure) to "
                    "change it."
                )


def _structure(given: str | Structure | None, stages: Sequence[str]) -> tuple[Structure, str | None]:
    if given is None or isinstance(given, Structure) or given == AVERAGE:
        return given if isinstance(given, Structure) else Structure(), None
    known = {s.name: (s, stage) for stage, some in BY_STAGE.items() for s in some if s.name != "default"}
    if given == "default":
        return Structure(), None
    if given not in known:
        raise unknown_name("structure", given, (AVERAGE, "default", *known))
    structure, stage = known[given]
    if stage not in stages:
        raise InputError(f"The structure {given!r} is of the stage {stage!r}, which is not fitted here.")
    return structure, stage


def _prior(record: Parameter, given: str | Distribution) -> Distribution:
    """Return a prior, of which 95 % must lie within the bounds of its record: it is refused, not cut."""
    where = f"The prior of {record.id}"
    if record.bounds is None:
        raise InputError(f"{record.id} is a constant ({record.value:g} {record.unit}); it has no prior.")
    law = given if isinstance(given, Distribution) else _law(record, given, where)
    low, high = record.bounds
    endless = np.full(2, np.inf)
    ends = quantile(law, np.array([0.025, 0.975]), -endless, endless)
    if not (low <= ends[0] and ends[1] <= high):
        raise InputError(
            f"{where} is {law}, 95 % from {ends[0]:.4g} to {ends[1]:.4g} {record.unit}; that leaves its bounds "
            f"{low:g} to {high:g} {record.unit}."
        )
    return law


def _law(record: Parameter, text: str, where: str) -> Distribution:
    """Read 'lognormal(0.3 L/min, 0.2)' or 'lognormal(median=0.3, sd=0.2)'."""
    match = _LAW.match(text)
    if match is None:
        raise InputError(
            f"{where} is {text!r}; a law with its numbers is needed, such as lognormal({record.value:g}, 0.3)."
        )
    kind, inside = match.group(1), [p.strip() for p in match.group(2).split(",") if p.strip()]
    if kind not in _ORDER:
        raise unknown_name(f"distribution (of {record.id})", kind, _ORDER)
    if len(inside) > len(_ORDER[kind]):
        raise InputError(f"{where} has {len(inside)} numbers; {kind} takes {', '.join(_ORDER[kind])}.")
    numbers: dict[str, float] = {}
    for place, part in enumerate(inside):
        name, equals, value = (x.strip() for x in part.partition("="))
        name, value = (name, value) if equals else (_ORDER[kind][place], part)
        own = name in _IN_UNIT or (name == "sd" and kind in ("normal", "halfnormal"))
        numbers[name] = to_finite(value, f"{where}, {name},", record.unit if own else "1")
    return distribution(record.id, "prior", {"distribution": kind, **numbers}, record.value, record.bounds)
