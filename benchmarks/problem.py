"""The problem that every solver is given: MIROCALS, 640 days, the full model, varied patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from il2model.dosing.regimen import Regimen
from il2model.parameters import load_parameters
from il2model.simulation.schedule import build_schedule, join
from il2model.solver.kernel import Kernel, builtin_kernel
from il2model.solver.problem import Problem
from il2model.uncertainty.coordinates import Coordinates, sobol_points

OUTPUTS = (
    "il2_plasma", "treg_cd25", "treg_cd122_blood", "treg_blood", "tconv_blood", "nk_blood", "eosinophil_blood",
    "plasma_ccl2_relative", "motor_units", "motor_units_respiratory", "csf_pnfh", "plasma_nfl", "cumulative_hazard",
)  # fmt: skip
UNTIL = 640.0
SAVE = np.array([28.0 * c + d for c in range(20) for d in (0.25, 2.5, 5.0, 8.0, 22.0)] + [588.0, 616.0, 640.0])


@dataclass(frozen=True)
class Case:
    """A batch of patients with everything a peer needs."""

    kernel: Kernel
    problem: Problem
    doses: np.ndarray  # days on which the depot jumps, lag included
    jumps: np.ndarray  # (subject,) amount added to the depot
    outputs: np.ndarray  # indices of the saved states

    def part(self, first: int, last: int) -> Problem:
        """A smaller batch."""
        from dataclasses import replace

        p = self.problem
        rows = slice(first, last)
        return replace(p, y0=p.y0[rows], fixed=p.fixed[rows], amounts=p.amounts[rows], loads=p.loads[rows],
                       schedule=p.schedule[rows])  # fmt: skip


def make_case(patients: int, *, regimen: Regimen | None = None, seed: int = 1) -> Case:
    """Draw patients from the priors (47 parameters vary) and give them MIROCALS."""
    kernel = builtin_kernel()
    bp = kernel.blueprint
    coordinates = Coordinates.of(kernel, load_parameters("prior"))
    rows = coordinates.matrix(sobol_points(patients, len(coordinates.ids), seed))
    constants = kernel.constants(rows)
    names = [c.id for c in bp.constants]
    amounts = np.stack([constants[:, names.index(r.bolus)] for r in bp.routes.values()], axis=1)
    plan = regimen or Regimen.named("mirocals")
    lag = load_parameters("prior")["il2_lag"] / 1440
    schedule = build_schedule(plan, bp, (lag, 0.0), 1.88, UNTIL)
    n = len(bp.states)
    outputs = np.array([kernel.blueprint.states.at(o) for o in OUTPUTS])
    problem = Problem(
        kernel.baseline(rows, constants), kernel.fixed(rows, constants), np.array(bp.input_defaults), amounts,
        np.zeros((patients, 1, n)), np.zeros(n, np.int64), np.zeros(patients, np.int64), join([schedule]), SAVE, UNTIL,
        outputs,
    )  # fmt: skip
    doses = np.array([row[0] for row in schedule.rows if row[1] == 0])
    return Case(kernel, problem, doses, 2.0 * amounts[:, 0], outputs)


def error(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Error of each patient: max over times and outputs of |x - ref| / (|ref| + 1e-3 max_t |ref|)."""
    size = np.abs(reference) + 1e-3 * np.abs(reference).max(axis=1, keepdims=True)
    return (np.abs(found - reference) / size).max(axis=(1, 2))


def il2_half() -> tuple[Kernel, Problem]:
    """The IL-2 half alone (four pages), 64 patients under MIROCALS: for the cost against states."""
    from il2model.model import effectors, il2_pk, receptors, treg
    from il2model.model.assembly import assemble
    from il2model.solver.kernel import kernel_of

    kernel = kernel_of(assemble([p.build() for p in (il2_pk, receptors, treg, effectors)], "il2half"))
    bp = kernel.blueprint
    whole = builtin_kernel()
    coordinates = Coordinates.of(whole, load_parameters("prior"))
    rows = coordinates.matrix(sobol_points(64, len(coordinates.ids), 1))
    names = [p.id for p in whole.blueprint.parameters]
    rows = rows[:, [names.index(p.id) for p in bp.parameters]]
    constants = kernel.constants(rows)
    ids = [c.id for c in bp.constants]
    amounts = np.stack([constants[:, ids.index(r.bolus)] for r in bp.routes.values()], axis=1)
    schedule = build_schedule(Regimen.named("mirocals"), bp, (0.0187, 0.0), 1.88, UNTIL)
    n = len(bp.states)
    problem = Problem(
        kernel.baseline(rows, constants), kernel.fixed(rows, constants), np.array(bp.input_defaults), amounts,
        np.zeros((64, 1, n)), np.zeros(n, np.int64), np.zeros(64, np.int64), join([schedule]), SAVE, UNTIL,
        np.arange(13),
    )  # fmt: skip
    return kernel, problem
