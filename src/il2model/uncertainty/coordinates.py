"""The unit cube to parameter sets, so that every point of the cube is a valid patient.

Each coordinate is a quantile of a prior. Where the untreated state sets a limit
(division slower than loss, clearance between the two i.v. rates, ...), the prior
is cut at the limit that the parameters before it leave: a Rosenblatt map. No row
has to be refused or drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import Distribution, Parameter, ParameterSet
from ..solver.kernel import Kernel
from ..streams import stream
from ..units import factor

Floats = NDArray[np.float64]

#: Records that say how far studies differ.
BETWEEN_STUDIES = "between_study_"


def quantile(prior: Distribution, u: Floats, low: Floats, high: Floats) -> Floats:
    """Return the u-quantile of `prior` cut to low..high (arrays of the shape of u)."""
    cdf, inverse = _functions(prior)
    a, b = cdf(low), cdf(high)
    flat = b - a < 1e-12  # the limits leave no weight: spread the rest evenly
    with np.errstate(all="ignore"):
        x = inverse(a + u * (b - a))
    bounded = np.isfinite(low) & np.isfinite(high)
    even = np.where(bounded, low, 0.0) + u * (np.where(bounded, high, 0.0) - np.where(bounded, low, 0.0))
    x = np.where(bounded & (flat | ~np.isfinite(x)), even, x)
    return np.asarray(np.clip(x, low, high))


def _functions(prior: Distribution) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    from scipy.special import betainc, betaincinv, expit, logit, ndtr, ndtri

    kind = prior.kind
    if kind == "uniform":
        a, b = prior["low"], prior["high"]
        return (lambda x: np.clip((x - a) / (b - a), 0, 1)), (lambda q: a + q * (b - a))
    if kind == "beta":
        return (lambda x: betainc(prior["a"], prior["b"], np.clip(x, 0, 1))), (
            lambda q: betaincinv(prior["a"], prior["b"], q)
        )
    sd = prior["sd"]
    if kind == "halfnormal":
        return (lambda x: 2 * ndtr(np.maximum(x, 0) / sd) - 1), (lambda q: sd * ndtri((1 + q) / 2))
    if kind == "normal":
        mean = prior["mean"]
        return (lambda x: ndtr((x - mean) / sd)), (lambda q: mean + sd * ndtri(q))
    if kind == "lognormal":
        centre = np.log(prior["median"])
        return (lambda x: ndtr((np.log(np.maximum(x, 1e-300)) - centre) / sd)), (
            lambda q: np.exp(centre + sd * ndtri(q))
        )
    centre = logit(prior["median"])
    return (lambda x: ndtr((logit(np.clip(x, 1e-12, 1 - 1e-12)) - centre) / sd)), (
        lambda q: expit(centre + sd * ndtri(q))
    )


def support(prior: Distribution) -> float:
    """Return the lowest value that `prior` can give."""
    return {"normal": -np.inf, "uniform": prior.numbers.get("low", 0.0)}.get(prior.kind, 0.0)


def _wide(record: Parameter) -> Distribution | None:
    """A distribution for a fixed number: even over its bounds, on the log scale where it can be."""
    if record.bounds is None or record.bounds[0] == record.bounds[1]:
        return None
    low, high = record.bounds
    if low <= 0:
        return Distribution("uniform", {"low": low, "high": high})
    sd = np.log(high / low) / 4
    return Distribution("lognormal", {"median": float(np.sqrt(low * high)), "sd": float(sd)})


@dataclass(frozen=True)
class Coordinates:
    """A map from the unit cube to parameter matrices.

    Parameters
    ----------
    kernel : Kernel
    parameters : ParameterSet
        Values of everything that is not sampled.
    ids : tuple of str
        Sampled parameters; the cube has as many dimensions.
    priors : mapping
        Distribution of each, in the unit of its record.
    """

    kernel: Kernel
    parameters: ParameterSet
    ids: tuple[str, ...]
    priors: Mapping[str, Distribution]

    @classmethod
    def of(
        cls, kernel: Kernel, parameters: ParameterSet, *, wide: bool = False, ids: Sequence[str] | None = None
    ) -> Coordinates:
        """Return the coordinates of all numbers that are not fixed (`wide`: of all with bounds).

        Records of the population (spreads, correlations) belong to them, but not how far studies differ, which
        changes no course; `ids` names some numbers instead.

        Raises
        ------
        InputError
            If a named record is fixed.
        """
        known = kernel.blueprint.parameters
        priors = {}
        for id in [i for i in parameters.records if not i.startswith(BETWEEN_STUDIES)] if ids is None else ids:
            record = parameters.record(id)
            prior = record.prior or (_wide(record) if wide else None)
            if prior is None and ids is not None:
                raise InputError(f"{id} is fixed; a record needs a prior to be sampled.")
            if prior is not None and (id in known or record.mechanism == "population"):
                priors[id] = prior
        return cls(kernel, parameters, tuple(priors), priors)

    def values(self, u: Floats, given: Mapping[str, Floats] | None = None) -> dict[str, Floats]:
        """Return the sampled numbers (row,) by id, in the units of their records.

        Parameters
        ----------
        u : (row, dimension)
            Points of the unit cube.
        given : mapping, optional
            Numbers that differ between rows and are not sampled here, by id.

        Raises
        ------
        InputError
            If u has another width, or leaves the cube.
        """
        u = np.asarray(u, dtype=float)
        if u.ndim != 2 or u.shape[1] != len(self.ids):
            raise InputError(f"The points have shape {u.shape}; {len(self.ids)} columns are needed.")
        if not ((u >= 0) & (u <= 1)).all():
            raise InputError("The points must lie in the unit cube.")
        table = dict(given or {})
        late = [i for i in self.kernel.blueprint.limited if i in self.ids]
        for id in [*(i for i in self.ids if i not in late), *late]:
            record = self.parameters.record(id)
            low, high = record.bounds if record.bounds else (-np.inf, np.inf)
            lows, highs = np.full(len(u), low), np.full(len(u), high)
            if id in late:
                lows, highs = self._cut(id, self.rows(table, len(u)), lows, highs)
            x = np.clip(u[:, self.ids.index(id)], 1e-12, 1 - 1e-12)
            table[id] = quantile(self.priors[id], x, lows, highs)
        return {id: table[id] for id in self.ids}

    def rows(self, table: Mapping[str, Floats], n: int) -> Floats:
        """Return (row, parameter) in model units: values of `table` where given, else of the parameter set."""
        axis = self.kernel.blueprint.parameters
        rows = np.tile(axis.convert(self.parameters), (n, 1))
        for column, item in enumerate(axis):
            if item.id in table:
                rows[:, column] = table[item.id] * factor(self.parameters.record(item.id).unit, item.unit)
        for id in self.kernel.blueprint.followers if table else ():
            if id not in table:
                rows[:, axis.at(id)] = np.clip(rows[:, axis.at(id)], *self.kernel.limits(id, rows))
        return rows

    def matrix(self, u: Floats) -> Floats:
        """Return (row, parameter) in model units for points u (row, dimension) of the cube.

        Raises
        ------
        InputError
            If u has another width, or leaves the cube.
        """
        return self.rows(self.values(u), len(u))

    def _cut(self, id: str, rows: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        scale = factor(self.parameters.record(id).unit, self.kernel.blueprint.parameters.item(id).unit)
        least, most = (x / scale for x in self.kernel.limits(id, rows))
        least = np.maximum(least, support(self.priors[id]))
        high = np.minimum(high, most)
        low = np.where(np.maximum(low, least) < high, np.maximum(low, least), least)
        return low, high


def sobol_points(n: int, dimensions: int, seed: int) -> Floats:
    """Return n scrambled Sobol points (the first n of the next power of two)."""
    from scipy.stats import qmc

    power = max(0, int(np.ceil(np.log2(max(n, 1)))))
    points: Floats = qmc.Sobol(dimensions, seed=stream(seed, "sobol")).random_base2(power)
    return points[:n]
