"""Patients around the medians of a parameter set: spread, correlations, screening, riluzole run-in.

The functions work on many parameter sets at once, each with the same uniforms, so
that what a cohort shows is a smooth function of the medians and spreads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..parameters import Distribution, ParameterSet
from ..solver.kernel import Kernel
from ..solver.stability import largest_eigenvalue
from ..uncertainty.coordinates import quantile
from ..units import factor

Floats = NDArray[np.float64]

#: The anchor of the correlations, and the correlation record of each parameter tied to it.
ANCHOR = "motor_unit_loss_rate"
CORRELATED: Mapping[str, str] = {
    "csf_pnfh_untreated": "correlation_pnfh_loss_rate",
    "onset_to_screening": "correlation_onset_loss_rate",
    "plasma_nfl_untreated": "correlation_nfl_loss_rate",
}
RUN_IN_POINTS = 13
#: SD of SVC at screening, %.
SVC_ERROR = 2.0
MONTH = 30.4375


@dataclass(frozen=True)
class Screening:
    """What is known of candidates at screening and after the run-in; arrays (..., candidate)."""

    months: Floats  # from onset to screening
    svc: Floats  # % predicted at screening
    alive: Floats  # probability of surviving the run-in


class Patients:
    """Turn uniforms into rows of parameters.

    Parameters
    ----------
    kernel : Kernel
    parameters : ParameterSet
        Records (spreads, bounds) and the values that a table does not give.
    only : sequence of str, optional
        The parameters that vary between patients; all with a spread by default.
    compiled : bool
        Take natural courses from compiled text, many times as fast; last digits differ.
    """

    def __init__(
        self,
        kernel: Kernel,
        parameters: ParameterSet,
        only: tuple[str, ...] | None = None,
        *,
        compiled: bool = False,
    ) -> None:
        self.kernel, self.parameters, self.compiled = kernel, parameters, compiled
        self.axis = kernel.blueprint.parameters
        varied = [i for i in self.axis.ids if parameters.record(i).spread is not None]
        if only is not None:
            varied = [i for i in varied if i in only]
        first = [ANCHOR] if ANCHOR in varied else []
        rest = [i for i in varied if i not in first]
        # limits depend on the others, so what has one comes last; the order of uniforms follows
        limited = kernel.blueprint.limited
        self.ids = [*first, *(i for i in rest if i not in limited), *(i for i in limited if i in rest)]
        self.columns = tuple(self.axis.ats(self.ids))
        self.width = len(self.ids)

    def rows(self, u: Floats, table: Mapping[str, Floats] | None = None) -> Floats:
        """Return (set, patient, parameter) in model units.

        Parameters
        ----------
        u : (patient, width)
            Uniforms, the same for every set.
        table : mapping, optional
            Values of parameters and population records by id, each (set,), in the
            unit of the record; what is missing has its value of `parameters`.
        """
        from scipy.special import ndtr, ndtri

        u = np.clip(u, 1e-12, 1 - 1e-12)
        table = table or {}
        sets = max((len(v) for v in table.values()), default=1)

        def value(id: str) -> Floats:
            given = table.get(id)
            return np.full((sets, 1), self.parameters[id]) if given is None else np.asarray(given, float)[:, None]

        typical = [value(i.id) * factor(self.parameters.record(i.id).unit, i.unit) for i in self.axis]
        rows = np.repeat(np.stack(typical, axis=-1), len(u), axis=1)
        anchor = ndtri(u[:, 0])[None, :]
        for k, id in enumerate(self.ids):
            record = self.parameters.record(id)
            assert record.spread is not None
            q = u[None, :, k]
            if id in CORRELATED and self.ids[0] == ANCHOR:
                r = value(CORRELATED[id])
                q = ndtr(r * anchor + np.sqrt(1 - r * r) * ndtri(q))
            numbers = {key: value(ref) for key, ref in record.references.items()}
            column = self.columns[k]
            scale = factor(record.unit, self.axis[column].unit)
            rows[:, :, column] = scale * self._quantile(id, record.spread, numbers, value(id), q, rows, scale)
        bp = self.kernel.blueprint
        for id in bp.followers if set(bp.limited) & set(self.ids) else ():
            if id not in self.ids:
                # such as the division of conventional CD4 of a patient whose tissue holds more
                # IL-2 than the typical one's
                column = self.axis.at(id)
                rows[:, :, column] = np.clip(rows[:, :, column], *self.kernel.limits(id, rows))
        return rows

    def _quantile(
        self,
        id: str,
        spread: Distribution,
        numbers: Mapping[str, Floats],
        centre: Floats,
        q: Floats,
        rows: Floats,
        scale: float,
    ) -> Floats:
        """Return the q-quantile among patients around `centre`, in the unit of the record."""
        from scipy.special import ndtri

        limited = id in self.kernel.blueprint.limited
        low, high = (x / scale for x in self.kernel.limits(id, rows)) if limited else (-np.inf, np.inf)
        if spread.kind == "uniform":
            return quantile(spread, q, np.asarray(low), np.asarray(high))
        sd = numbers["sd"] if "sd" in numbers else spread["sd"]
        # on the scale of the normal law, cut to the limits
        if spread.kind == "lognormal":
            with np.errstate(divide="ignore"):
                a, b = (np.log(np.maximum(x, 0.0)) for x in (low, high))
            return np.asarray(np.exp(_cut_normal(np.log(centre), sd, q, a, b)))
        if np.isfinite(low).any() or np.isfinite(high).any():
            return np.asarray(_cut_normal(centre, sd, q, low, high))
        return np.asarray(centre + sd * ndtri(q))

    def screening(self, rows: Floats, points: int = RUN_IN_POINTS) -> Screening:
        """Return months since onset, SVC at screening and survival of the run-in, (..., patient) each."""
        column = self.axis.at
        since, run_in = rows[..., column("onset_to_screening")], rows[..., column("run_in")]
        at = np.linspace(0, 1, points)
        observed = self.natural_course(rows, (at - 1) * run_in[..., None], ("svc", "hazard"))
        hazard = observed["hazard"]
        mean = (hazard[..., 1:] + hazard[..., :-1]).mean(axis=-1) / 2
        return Screening(since / MONTH, observed["svc"][..., 0], np.asarray(np.exp(-mean * run_in)))

    def natural_course(self, rows: Floats, days: Floats, ids: Sequence[str] | None = None) -> dict[str, Floats]:
        """Return observables of untreated patients on riluzole, (..., patient, time).

        Untreated, the model has a closed form (see `Kernel.untreated`), so no
        integration is needed; `survival`, which has none, is NaN.

        Parameters
        ----------
        rows : (..., patient, parameter)
        days : (time,) or (..., patient, time)
            Days from day 0; negative in the run-in.
        ids : sequence of str, optional
            Some of the observables; all by default.
        """
        k = self.kernel
        ids = k.blueprint.observables.ids if ids is None else ids
        if self.compiled:
            return k.course(ids, rows, {"time": days})
        constants = k.constants(rows)
        states = k.untreated(rows, constants, days)
        inputs = np.array(k.blueprint.input_defaults)
        observed = k.observables(states, inputs, rows[..., None, :], constants[..., None, :])
        return {id: observed[..., k.blueprint.observables.at(id)] for id in ids}


def _cut_normal(centre: Floats, sd: Floats | float, q: Floats, low: Floats | float, high: Floats | float) -> Floats:
    from scipy.special import ndtr, ndtri

    a, b = ndtr((low - centre) / sd), ndtr((high - centre) / sd)
    return np.asarray(np.clip(centre + sd * ndtri(np.clip(a + q * (b - a), 1e-15, 1 - 1e-15)), low, high))


@dataclass(frozen=True)
class Weighted:
    """Quasi-random candidates of one parameter set, and the weight of each in a trial (sum 1).

    `refused` is the share of the weight that candidates had whose untreated state does not hold.
    """

    rows: Floats  # (patient, parameter), model units
    weight: Floats
    pnfh: Floats  # pg/mL
    refused: float


def weighted_patients(
    patients: Patients, u: Floats, table: Mapping[str, Floats] | None = None, *, refuse: bool = False
) -> list[Weighted]:
    """Return the candidates of every parameter set; the same uniforms for each.

    `refuse` leaves out those whose untreated state does not hold.

    A candidate's weight is his chance of meeting the criteria of MIROCALS and of surviving the
    run-in. SVC at screening has an error of `SVC_ERROR`, which makes inclusion a
    smooth function of the parameters.
    """
    from scipy.special import ndtr

    values = patients.parameters
    months, svc = values["inclusion_onset_max"], values["inclusion_svc_min"]
    found = []
    for rows in patients.rows(u, table):
        seen = patients.screening(rows, points=5)
        weight = (seen.months <= months) * ndtr((seen.svc - svc) / SVC_ERROR) * seen.alive
        holds = largest_eigenvalue(patients.kernel, rows) < 0 if refuse else np.full(len(rows), True)
        keep, total = holds & (weight > 1e-9), weight[holds].sum()
        rows, refused = rows[keep], 1 - float(total / weight.sum())
        found.append(Weighted(rows, weight[keep] / total, rows[:, patients.axis.at("csf_pnfh_untreated")], refused))
    return found
