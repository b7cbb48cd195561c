"""What a calibration is asked, as a plan: the stages in order, how much work each is, and what does not go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from ..endpoints import STAGES
from ..errors import InputError, unknown_name
from ..units import to_whole
from .averages import floored
from .mixture import AVERAGE
from .problem import Structure
from .sampling import Effort, Sampler
from .simulator import Size
from .target import JOINT

#: What importance sampling of each stage takes, in thousandths of all.
SHARES = {"pk": 30, "imodals": 500, "progression": 150, "mirocals": 320, JOINT: 1000}


def size_of(stage: str, effort: Effort, sampler: Sampler) -> int:
    """Return how much work a stage is: steps of its chains, or its share."""
    options = effort.options.get(stage)
    if sampler == "importance" or options is None:
        return SHARES[stage]
    return options.ensembles * (options.burn + options.steps)


def order_of(stages: str | tuple[str, ...], sampler: Sampler, joint: bool) -> list[str]:
    """Return what is fitted, in order."""
    wanted = STAGES if stages == "all" else (stages,) if isinstance(stages, str) else tuple(stages)
    for stage in wanted:
        if stage not in STAGES:
            raise unknown_name("stage", stage, (*STAGES, "all"))
    if sampler not in get_args(Sampler):
        raise unknown_name("sampler", sampler, get_args(Sampler))
    if joint and sampler != "importance":
        raise InputError(f"The joint fit is sampled by importance, not by {sampler}; leave one of the two out.")
    return [stage for stage in (*STAGES, JOINT) if stage in wanted or (joint and stage == JOINT)]


def sized(effort: Effort, size: int | Size | None) -> Effort:
    """Return an effort whose likelihood has so many virtual patients."""
    if size is None:
        return effort
    patients = size if isinstance(size, Size) else replace(effort.size, patients=to_whole(size, "size", 8, 65536))
    return replace(effort, size=patients)


def structure_for(sampler: Sampler, structure: str | Structure | None) -> str | Structure | None:
    """Return the structure that is asked for: chains have no average, and take the default without one.

    Raises
    ------
    InputError
    """
    if sampler == "importance":
        return structure
    if structure == AVERAGE:
        raise InputError("An average over structures is sampled by importance, not by emcee; leave one of the two out.")
    return structure if structure is not None else Structure()


def check_together(
    structures: Mapping[str, Sequence[Structure]], *, joint: bool, floor: Mapping[str, float] | None
) -> None:
    """Refuse a joint fit of what it does not have, and a floor without an average or of a structure not in it.

    Raises
    ------
    InputError, UnknownNameError
    """
    for some in structures.values():
        if joint and len(some) == 1 and some[0].trait.follow_up is not None:
            raise InputError(f"The joint fit has no structure {some[0].name!r}; fit its stage alone.")
    if floor is None:
        return
    if not isinstance(floor, Mapping):
        raise InputError(f"floor is {floor!r}; it must map structures, joined by +, to their least weight together.")
    averaged = [some for some in structures.values() if len(some) > 1]
    if not averaged:
        raise InputError("A floor is of the structures of an average, and no stage here is one; leave it out.")
    for some in averaged:
        floored(np.full(len(some), 1 / len(some)), [s.name for s in some], floor)
