"""Whose patients draws describe: those of the trial of reference, or those of a new trial.

The same course gives different gains in different trials. A fit estimates by how much (`between_study_gain`, the SD of
the logarithm) and the effect of each of its trials; the largest rate of division that it stores is that of IMODALS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from ..errors import InputError, unknown_name
from ..parameters import ParameterSet
from ..solver.kernel import Kernel
from ..solver.problem import Floats
from ..streams import stream
from ..units import factor
from .coordinates import Coordinates

Study = Literal["imodals", "new"]
STUDIES: tuple[Study, ...] = get_args(Study)
#: What differs between trials, the record of its ln SD, and the effect of the trial of reference.
PARAMETER, SIZE, REFERENCE = "treg_division_max", "between_study_gain", "imodals_effect"
#: How a figure and a page call them.
WORDS: Mapping[Study, str] = {"imodals": "patients of IMODALS", "new": "patients of a new trial"}


def checked_study(study: str, *, drawn: bool) -> Study:
    """Return whose patients are asked for.

    Raises
    ------
    InputError, UnknownNameError
        If there is no such choice, or nothing is drawn to which it applies.
    """
    for known in STUDIES:
        if study == known:
            if known == "new" and not drawn:
                raise InputError("A new trial differs from IMODALS by chance: study='new' goes with draws.")
            return known
    raise unknown_name("study", study, STUDIES)


def of_new_study(table: Mapping[str, Floats], values: ParameterSet, kernel: Kernel, seed: int) -> dict[str, Floats]:
    """Return draws with the effect of a trial that nobody has seen in the place of that of IMODALS.

    Parameters
    ----------
    table : {id: (draw,)}
        Draws of a fit, in the units of the records.
    values : ParameterSet
        What is not drawn.
    kernel : Kernel
        Its conditions cut what would have no untreated state, as they cut priors.
    seed : int

    Raises
    ------
    InputError
        If the fit does not tell trials apart.
    """
    if REFERENCE not in table or PARAMETER not in table:
        raise InputError(
            "The draws do not tell trials apart: a new trial needs those of a fit with the effect of each trial, and "
            "treg_division_max left as it is."
        )
    effect = stream(seed, "new_study").standard_normal(len(table[REFERENCE]))
    size = np.asarray(table[SIZE] if SIZE in table else values[SIZE])
    moved = table[PARAMETER] * np.exp(size * (effect - table[REFERENCE]))
    rows = Coordinates(kernel, values, (), {}).rows(table, len(effect))
    record = values.record(PARAMETER)
    scale = factor(record.unit, kernel.blueprint.parameters.item(PARAMETER).unit)
    low, high = record.bounds or (-np.inf, np.inf)
    _, most = kernel.limits(PARAMETER, rows)
    return {**table, PARAMETER: np.clip(moved, low, np.minimum(high, np.asarray(most) / scale * (1 - 1e-6)))}
