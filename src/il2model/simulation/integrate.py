"""Any assembled model without doses: from numbers by id to courses by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, SimulationError, unknown_name
from ..model.assembly import Model
from ..solver.kernel import Kernel, kernel_of
from ..solver.problem import Events, Floats, Problem, SolverOptions, Status


@dataclass(frozen=True)
class Course:
    """A course: (time,) and {id: (time,)} of states and observables, in the units of the model."""

    time: Floats
    values: Mapping[str, Floats]
    steps: int

    def __getitem__(self, id: str) -> Floats:
        if id not in self.values:
            raise unknown_name("quantity", id, self.values)
        return self.values[id]


def integrate(
    model: Model | Kernel,
    values: Mapping[str, float],
    save: Sequence[float] | Floats,
    options: SolverOptions | None = None,
) -> Course:
    """Integrate a model from its baseline, with inputs at their defaults.

    Parameters
    ----------
    model : Model or Kernel
    values : {parameter id: number in the model's unit}
    save : (time,)
        Increasing days.

    Raises
    ------
    InputError
        If a parameter has no number, a condition is broken or times do not increase.
    SimulationError
        If the solver gives up.
    """
    kernel = model if isinstance(model, Kernel) else kernel_of(model)
    bp = kernel.blueprint
    missing = [p.id for p in bp.parameters if p.id not in values]
    if missing:
        raise InputError(f"The parameter {missing[0]} has no number.")
    times = np.asarray(save, dtype=float)
    if times.ndim != 1 or len(times) == 0 or times[0] < 0 or np.any(np.diff(times) <= 0):
        raise InputError("The times must increase and not be negative.")
    row = np.array([[float(values[p.id]) for p in bp.parameters]])
    constants = kernel.constants(row)
    refused = kernel.refusals(row, constants)
    if refused:
        raise InputError(refused[0])
    y0 = kernel.baseline(row, constants)
    none, whole = np.zeros(0), np.zeros(0, np.int64)
    inputs = np.array(bp.input_defaults, dtype=float)
    problem = Problem(
        y0=y0, fixed=kernel.fixed(row, constants), inputs0=inputs, amounts=np.zeros((1, len(bp.routes))),
        loads=y0[:, None], load_mask=np.zeros(len(bp.states), np.int64), schedule=np.zeros(1, np.int64),
        events=Events(np.array([0, 0]), none, whole, whole, none, whole), save=times, t_end=float(times[-1]),
        out_index=np.arange(len(bp.states)),
    )  # fmt: skip
    result = kernel.solve(problem, options or SolverOptions(), variant="scalar")
    if result.status[0] != Status.SUCCESS:
        raise SimulationError(Status(result.status[0]).sentence(bp.states[int(result.status_state[0])].id))
    found = {s.id: result.states[0, :, k] for k, s in enumerate(bp.states)}
    seen = kernel.observables(result.states[0], inputs, row[0], constants[0])
    found |= {o.id: seen[:, k] for k, o in enumerate(bp.observables)}
    return Course(times, found, int(result.steps[0]))
