"""Forward sensitivities d(output)/d(parameter) on one shared step sequence.

The nominal patient records its accepted steps; the nominal and the bumped
patients then take exactly those steps, side by side in the lanes. The difference
quotient is thus the derivative of one smooth numerical map, and the noise of
step control does not enter. (Two freely stepping runs differ by their error,
divided by the bump: useless.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..dosing.regimen import Regimen
from ..errors import InputError, SimulationError, unknown_name
from ..notebook import table
from ..parameters import ParameterSet
from ..solver.fast import StepTape
from ..solver.kernel import Kernel
from ..solver.problem import Floats, SolverOptions, distinct
from ..units import factor
from ..values import same_fields
from .batch import Batch, check_ids

if TYPE_CHECKING:
    import xarray as xr

#: Relative size of a bump, and its size where the value is zero, relative to the bounds.
BUMP = 1e-5
#: Most steps that a nominal patient may take.
STEPS = 200_000


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Sensitivities:
    """Derivatives of observables by parameters along one patient's course.

    values is (parameter, time, observable) in observable units per parameter unit
    (that of its record); nominal is (time, observable). It can be pickled, copied and compared.
    """

    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    time: Floats
    values: Floats
    nominal: Floats
    units: tuple[tuple[str, ...], tuple[str, ...]]
    at: Floats  # parameter values, record units
    calibrated: bool
    notes: tuple[str, ...] = ()  # of the regimen: what a reader must know

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other) if isinstance(other, Sensitivities) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # arrays can change

    def __repr__(self) -> str:
        state = "calibrated" if self.calibrated else "uncalibrated"
        what = f"{', '.join(self.observables)} by {len(self.parameters)} parameter(s)"
        return f"Sensitivities({what}, {len(self.time)} times to day {self.time.max():g}, {state} parameters)"

    def _repr_html_(self) -> str:
        """Return relative derivatives on the last day as a table for a notebook, the largest first."""
        end = int(self.time.argmax())
        last = np.stack([self.relative(o)[:, end] for o in self.observables], axis=1)
        order = np.argsort(-np.nan_to_num(np.abs(last)).max(axis=1, initial=0.0))
        rows = [(self.parameters[k], *(f"{x:.3g}" for x in last[k])) for k in order]
        note = f"d ln / d ln on day {self.time[end]:g}"
        return table(repr(self), ("", *self.observables), rows, note)

    def _at(self, observable: str) -> int:
        for k, id in enumerate(self.observables):
            if id == observable:
                return k
        raise unknown_name("observable", observable, self.observables)

    def array(self, observable: str) -> xr.DataArray:
        """Return d(observable)/d(parameter) with labels (parameter, time)."""
        import xarray as xr

        k = self._at(observable)
        coords: dict[str, object] = {
            "parameter": list(self.parameters),
            "parameter_unit": ("parameter", list(self.units[0])),
            "time": ("time", self.time, {"units": "day"}),
        }
        attributes = {
            "units": f"{self.units[1][k]} per unit of the parameter",
            "long_name": f"d({observable})/d(parameter)",
        }
        if notes := [*["uncalibrated parameters"] * (not self.calibrated), *self.notes]:
            attributes["note"] = "; ".join(notes)
        return xr.DataArray(self.values[:, :, k], dims=("parameter", "time"), coords=coords, attrs=attributes)

    def relative(self, observable: str) -> Floats:
        """Return d ln(observable)/d ln(parameter): (parameter, time); NaN where the observable is zero."""
        k = self._at(observable)
        with np.errstate(all="ignore"):
            scaled = self.values[:, :, k] * self.at[:, None] / self.nominal[:, k]
        return np.asarray(np.where(self.nominal[:, k] != 0, scaled, np.nan))


def bumped_rows(kernel: Kernel, parameters: ParameterSet, ids: Sequence[str]) -> tuple[Floats, Floats]:
    """Return rows (1 + parameter, all parameters) in model units, and the bumps in record units."""
    axis = kernel.blueprint.parameters
    rows = np.tile(axis.convert(parameters), (len(ids) + 1, 1))
    bumps = np.zeros(len(ids))
    for k, id in enumerate(ids):
        record = parameters.record(id)
        if id not in axis:
            raise InputError(f"{id!r} does not enter the equations; it describes the population.")
        scale = factor(record.unit, axis.item(id).unit)
        value = parameters[id]
        size = abs(value) if value else (record.bounds[1] - record.bounds[0] if record.bounds else 1.0)
        bumps[k] = BUMP * size
        if record.bounds and value + bumps[k] > record.bounds[1] and value - bumps[k] >= record.bounds[0]:
            bumps[k] = -bumps[k]
        rows[k + 1, axis.at(id)] = scale * (value + bumps[k])
        bumps[k] = rows[k + 1, axis.at(id)] / scale - value
    return rows, bumps


def forward_sensitivities(
    kernel: Kernel,
    regimen: Regimen,
    parameters: ParameterSet,
    ids: Sequence[str],
    observables: Sequence[str],
    times: Floats,
    until: float,
    options: SolverOptions,
) -> Sensitivities:
    """Differentiate the course of one patient by the parameters `ids`.

    Raises
    ------
    InputError
        If a parameter shifts the times of doses (the absorption lag), or does not
        enter the equations.
    SimulationError
        If the nominal or a bumped patient fails.
    """
    bp = kernel.blueprint
    for id in ids:
        if any(id == r.lag for r in bp.routes.values()):
            raise InputError(
                f"{id} moves the times of doses, so it has no derivative on shared steps; use differences."
            )
    check_ids(kernel, observables)
    rows, bumps = bumped_rows(kernel, parameters, ids)
    batch = Batch.prepare(kernel, [regimen], rows, until=until)
    if batch.refused:
        raise SimulationError(f"These parameters are refused: {next(iter(batch.refused.values()))}")
    if any(s.steady for s in batch.schedules):
        raise InputError("Sensitivities do not cover doses with ss = 1.")
    courses = batch.observe(_shared_steps(batch, times, options), times, observables)
    table = np.stack([courses[o] for o in observables], axis=-1)
    return Sensitivities(
        parameters=tuple(ids),
        observables=tuple(observables),
        time=times,
        values=(table[1:] - table[0]) / bumps[:, None, None],
        nominal=table[0],
        units=(tuple(parameters.record(i).unit for i in ids), tuple(bp.items[o].unit for o in observables)),
        at=np.array([parameters[i] for i in ids]),
        calibrated=parameters.calibrated,
        notes=regimen.notes(until),
    )


def _shared_steps(batch: Batch, times: Floats, options: SolverOptions) -> Floats:
    """Return states (subject, time, state) of all subjects on the steps that the first one takes."""
    scalar, lanes = batch.kernel.variant("scalar"), batch.kernel.variant("batch")
    if scalar is None or lanes is None:
        raise SimulationError("Sensitivities need the compiled solver, which cannot run here.")
    recorded, grid = StepTape.record(1, STEPS), distinct(times)
    first = scalar.solve(batch.problem(grid, batch.untreated, slice(0, 1)), options, recorded)
    every = lanes.solve(batch.problem(grid, batch.untreated), options, recorded.replay(np.zeros(len(batch), np.int64)))
    for result in (first, every):
        for text in result.sentences(batch.kernel.blueprint.states.ids).values():
            raise SimulationError(text)
    if recorded.length[0] >= STEPS:
        raise SimulationError(f"The nominal patient takes more than {STEPS} steps; loosen rtol.")
    return every.states[:, np.searchsorted(grid, times)]
