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
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dosing.regimen import Regimen
from ..errors import InputError, SimulationError, unknown_name
from ..parameters import ParameterSet
from ..solver.fast import StepTape
from ..solver.kernel import Kernel
from ..solver.problem import Floats, Problem, SolverOptions, Status
from ..units import factor
from .schedule import build_schedule, check_end, join

if TYPE_CHECKING:
    import xarray as xr

#: Relative size of a bump, and its size where the value is zero, relative to the bounds.
BUMP = 1e-5
#: Most steps that a nominal patient may take.
STEPS = 200_000


@dataclass(frozen=True)
class Sensitivities:
    """Derivatives of observables by parameters along one patient's course.

    values is (parameter, time, observable) in observable units per parameter unit
    (that of its record); nominal is (time, observable).
    """

    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    time: Floats
    values: Floats
    nominal: Floats
    units: tuple[tuple[str, ...], tuple[str, ...]]
    at: Floats  # parameter values, record units

    def array(self, observable: str) -> xr.DataArray:
        """Return d(observable)/d(parameter) with labels (parameter, time)."""
        import xarray as xr

        if observable not in self.observables:
            raise unknown_name("observable", observable, self.observables)
        k = self.observables.index(observable)
        coords: dict[str, Any] = {
            "parameter": list(self.parameters),
            "parameter_unit": ("parameter", list(self.units[0])),
            "time": ("time", self.time, {"units": "day"}),
        }
        attributes = {
            "units": f"{self.units[1][k]} per unit of the parameter",
            "long_name": f"d({observable})/d(parameter)",
        }
        return xr.DataArray(self.values[:, :, k], dims=("parameter", "time"), coords=coords, attrs=attributes)

    def relative(self, observable: str) -> Floats:
        """Return d ln(observable)/d ln(parameter): (parameter, time); NaN where the observable is zero."""
        if observable not in self.observables:
            raise unknown_name("observable", observable, self.observables)
        k = self.observables.index(observable)
        with np.errstate(all="ignore"):
            scaled = self.values[:, :, k] * self.at[:, None] / self.nominal[:, k]
        return np.asarray(np.where(self.nominal[:, k] != 0, scaled, np.nan))


def bumped_rows(kernel: Kernel, parameters: ParameterSet, ids: Sequence[str]) -> tuple[Floats, Floats]:
    """Return rows (1 + parameter, all parameters) in model units, and the bumps in record units."""
    items = kernel.blueprint.parameters
    names, units = [i.id for i in items], [i.unit for i in items]
    base = np.array(parameters.vector(names, units))
    rows = np.tile(base, (len(ids) + 1, 1))
    bumps = np.zeros(len(ids))
    for k, id in enumerate(ids):
        record = parameters.record(id)
        if id not in names:
            raise InputError(f"{id!r} does not enter the equations; it describes the population.")
        scale = factor(record.unit, units[names.index(id)])
        value = parameters[id]
        size = abs(value) if value else (record.bounds[1] - record.bounds[0] if record.bounds else 1.0)
        bumps[k] = BUMP * size
        if record.bounds and value + bumps[k] > record.bounds[1] and value - bumps[k] >= record.bounds[0]:
            bumps[k] = -bumps[k]
        rows[k + 1, names.index(id)] = scale * (value + bumps[k])
        bumps[k] = rows[k + 1, names.index(id)] / scale - value
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
    routes = list(bp.routes.values())
    for id in ids:
        if any(id == r.lag for r in routes):
            raise InputError(
                f"{id} moves the times of doses, so it has no derivative on shared steps; use differences."
            )
    check_end(regimen, until)
    rows, bumps = bumped_rows(kernel, parameters, ids)
    constants = kernel.constants(rows)
    refused = kernel.refusals(rows, constants)
    if refused:
        raise SimulationError(f"These parameters are refused: {next(iter(refused.values()))}")
    names, constant_names = [p.id for p in bp.parameters], [c.id for c in bp.constants]
    lags = tuple(float(rows[0, names.index(r.lag)]) if r.lag else 0.0 for r in routes)
    y0 = kernel.baseline(rows, constants)
    n = len(bp.states)
    # body surface and bioavailability act through amounts; one schedule serves all
    schedule = build_schedule(regimen, bp, lags, float(rows[0, names.index("body_surface")]), until)
    if schedule.steady:
        raise InputError("Sensitivities do not cover doses with ss = 1.")

    def problem(part: slice) -> Problem:
        return Problem(
            y0[part], kernel.fixed(rows[part], constants[part]), np.array(bp.input_defaults, dtype=float),
            np.stack([constants[part][:, constant_names.index(r.bolus)] for r in routes], axis=1),
            y0[part][:, None, :].copy(), np.array(bp.resettable, dtype=np.int64),
            np.zeros(len(y0[part]), np.int64), join([schedule]), times, until, np.arange(n),
        )  # fmt: skip

    scalar, batch = kernel.variant("scalar"), kernel.variant("batch")
    if scalar is None or batch is None:
        raise SimulationError("Sensitivities need the compiled solver, which cannot run here.")
    recorded = StepTape.record(1, STEPS)
    first = scalar.solve(problem(slice(0, 1)), options, recorded)
    result = batch.solve(problem(slice(None)), options, recorded.replay(np.zeros(len(rows), np.int64)))
    for status, state in (
        (first.status[0], first.status_state[0]),
        *zip(result.status, result.status_state, strict=True),
    ):
        if status != Status.SUCCESS:
            raise SimulationError(Status(int(status)).sentence(bp.states[int(state)].id))
    if recorded.length[0] >= STEPS:
        raise SimulationError(f"The nominal patient takes more than {STEPS} steps; loosen rtol.")
    inputs = np.array(bp.input_defaults, dtype=float)
    observed = kernel.observables(result.states, inputs, rows[:, None, :], constants[:, None, :])
    ids_observed, ids_states = [o.id for o in bp.observables], [s.id for s in bp.states]
    columns, out_units = [], []
    for o in observables:
        if o in ids_observed:
            columns.append(observed[..., ids_observed.index(o)])
            out_units.append(bp.observables[ids_observed.index(o)].unit)
        elif o in ids_states:
            columns.append(result.states[..., ids_states.index(o)])
            out_units.append(bp.states[ids_states.index(o)].unit)
        else:
            raise unknown_name("observable or state", o, [*ids_observed, *ids_states])
    table = np.stack(columns, axis=-1)
    values = (table[1:] - table[0]) / bumps[:, None, None]
    records = tuple(parameters.record(i).unit for i in ids)
    at = np.array([parameters[i] for i in ids])
    return Sensitivities(tuple(ids), tuple(observables), times, values, table[0], (records, tuple(out_units)), at)
