"""Random regimens and parameter rows."""

import numpy as np

from il2model.dosing.regimen import Dose, Regimen
from il2model.uncertainty.coordinates import Coordinates, sobol_points


def random_regimen(rng: np.random.Generator, until: float) -> Regimen:
    """Boluses, infusions, both routes, coincident and decimal times, now and then a reset."""
    doses = []
    for _ in range(int(rng.integers(1, 9))):
        time = round(float(rng.uniform(0, until)), int(rng.integers(0, 4)))
        time = min(max(time, 0.0), until)
        duration = float(rng.choice([0.0, 0.0, 0.0, 0.1, 0.7, 3.0]))
        route = "iv" if rng.random() < 0.2 else "sc"
        doses.append(Dose(time, float(np.round(rng.uniform(0, 3), 2)), route, duration))
    resets = (round(float(rng.uniform(0, until)), 2),) if rng.random() < 0.2 else ()
    riluzole = ((0.0, float("inf")),) if rng.random() < 0.7 else ((3.0, 11.5),)
    return Regimen(tuple(doses), "random", until, riluzole, resets)


def random_rows(kernel, parameters, count: int, seed: int, *, wide: bool = True):
    """Rows of valid parameters in model units, over all parameters with bounds."""
    coordinates = Coordinates.of(kernel, parameters, wide=wide)
    return coordinates.matrix(sobol_points(count, len(coordinates.ids), seed))
