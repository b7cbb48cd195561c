"""Which published numbers inform which parameters: what a little more weight on each does to the posterior.

Power-scaling (Kallioinen and others 2024) raises the likelihood of one number to the power a. At a = 1 the
posterior of a coordinate moves by its covariance with the log density of that number, so that stored draws
tell it without a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..solver.problem import Floats
from .tables import Row


def influence(z: Floats, terms: Mapping[str, Floats], names: Sequence[str]) -> list[Row]:
    """Return a row per published number and coordinate.

    Parameters
    ----------
    z : (draw, coordinate)
        Draws of the posterior that count alike.
    terms : {target or joint law: (draw,)}
        Log density of each published number, or of those that were published together.
    names : sequence of str
        Of the coordinates.

    Returns
    -------
    list
        `shift`: derivative of the posterior mean by a, in posterior SD; `log_variance`: derivative of the
        log of the posterior variance; `sensitivity`: root of shift^2 + log_variance^2 / 2, the curvature by a of the
        divergence of the marginal (of its normal part); `error`: Monte Carlo error of the shift.
    """
    rows: list[Row] = []
    for id, term in terms.items():
        good = np.isfinite(term)
        x = (z[good] - z[good].mean(axis=0)) / z[good].std(axis=0)
        away = term[good] - term[good].mean()
        shift, wider = away @ x / len(x), away @ (x**2 - 1) / len(x)
        error = np.sqrt(((away[:, None] * x - shift) ** 2).mean(axis=0) / len(x))
        rows += [
            {
                "number": id,
                "coordinate": name,
                "shift": float(shift[k]),
                "log_variance": float(wider[k]),
                "sensitivity": float(np.hypot(shift[k], wider[k] / np.sqrt(2))),
                "error": float(error[k]),
            }
            for k, name in enumerate(names)
        ]
    return rows
