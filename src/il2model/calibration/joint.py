"""All stages as one problem: where its sampler starts, from the draws of the stages fitted one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..endpoints import STAGES
from ..solver.problem import Floats
from ..streams import stream
from ..uncertainty.posterior import Posterior
from .problem import Problem

_PICKS = "draw_of_"


def unrolled(fit: str, draws: Floats, fits: Mapping[str, Posterior]) -> dict[str, Floats]:
    """Return the coordinates behind draws (draw, coordinate) of a fit, with those of the earlier draws it picks."""
    found: dict[str, Floats] = {}
    for k, name in enumerate(fits[fit].coordinates):
        if name.startswith(_PICKS):
            earlier = name.removeprefix(_PICKS)
            z = fits[earlier].z.reshape(len(fits[earlier]), -1)
            found |= unrolled(earlier, z[fits[earlier].at(draws[:, k])], fits)
        else:
            found[name] = draws[:, k]
    return found


def stagewise_draws(problem: Problem, folder: Path, seed: int) -> Floats:
    """Return the draws of the last stage on the coordinates of the joint problem, (draw, coordinate).

    Raises
    ------
    InputError
        If a stage is missing in the folder.
    """
    fits = {stage: Posterior.load(stage, folder) for stage in STAGES}
    last = fits[STAGES[-1]]
    z = last.z.reshape(len(last), -1)
    known = unrolled(STAGES[-1], z, fits)
    fresh = stream(seed, "prior_point").standard_normal((len(z), len(problem.coordinates)))
    return np.column_stack([known.get(name, fresh[:, k]) for k, name in enumerate(problem.coordinates)])
