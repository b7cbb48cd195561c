"""Runs for the likelihood: arms and patients for many parameter sets at once, on one thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..dosing.regimen import Regimen
from ..parameters import ParameterSet
from ..population.patients import Patients
from ..simulation.run import observed
from ..solver.kernel import Kernel
from ..solver.problem import Floats, SolverOptions
from ..solver.stability import largest_eigenvalue
from ..streams import fixed_seed
from ..trial_files import reference_cuts, reference_follow_up
from ..uncertainty.coordinates import Coordinates

#: Seed of the quasi-random patients: part of the likelihood, so that it is one function.
PATIENT_SEED = fixed_seed("patients_of_a_fit")
#: Between-patient spread that acts on the IL-2 half.
IL2_SPREAD = ("treg_share_untreated", "il2_clearance", "treg_division_max")


@dataclass(frozen=True)
class Size:
    """How finely the likelihood integrates: quasi-random ALS patients, nodes of share and sensitivity, solver rtol."""

    patients: int = 512
    shares: int = 3
    sensitivities: int = 3
    rtol: float = 3e-4


@dataclass(frozen=True)
class Simulator:
    """The model, the start values, the arms that targets name, and the trial whose deaths are predicted.

    Parameters
    ----------
    kernel, parameters
    arms : {name: Regimen}
    size : Size
    follow_up : float
        Days from randomisation, of the trial that the package refers to by default.
    cuts : (float, float)
        Its cut-offs of CSF pNFH, pg/mL.
    """

    kernel: Kernel
    parameters: ParameterSet
    arms: Mapping[str, Regimen]
    size: Size = field(default_factory=Size)
    follow_up: float = field(default_factory=reference_follow_up)
    cuts: tuple[float, float] = field(default_factory=reference_cuts)

    def at(self, id: str) -> int:
        """Return the column of a parameter of the model."""
        return self.kernel.blueprint.parameters.at(id)

    def rows(self, table: Mapping[str, Floats]) -> Floats:
        """Return the typical patient of every set: (set, parameter) in model units."""
        n = max((len(v) for v in table.values()), default=1)
        return Coordinates(self.kernel, self.parameters, (), {}).rows(table, n)

    def held(self, table: Mapping[str, Floats], found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return predictions, (set, ...) each, NaN where the untreated state of a set does not hold."""
        lost = np.flatnonzero(~(largest_eigenvalue(self.kernel, self.rows(table)) < 0))
        kept = {id: np.array(values, dtype=float) for id, values in found.items()} if len(lost) else dict(found)
        for values in kept.values() if len(lost) else ():
            values[lost] = np.nan
        return kept

    def il2_patients(self, table: Mapping[str, Floats]) -> Floats:
        """Return (set, patient, parameter): six patients that differ in the IL-2 half, equally weighted.

        The rule of degree three for the normal law: sqrt(3) to either side in each of
        the three numbers that differ. It gives the mean and SD over patients of
        IMODALS as well as 256 quasi-random patients do (tested).
        """
        from scipy.special import ndtr

        patients = Patients(self.kernel, self.parameters, IL2_SPREAD)
        axes = np.sqrt(patients.width) * np.eye(patients.width)
        return patients.rows(ndtr(np.concatenate([axes, -axes])), table)

    def observe(
        self,
        arms: Sequence[str | Regimen],
        rows: Floats,
        times: Floats,
        ids: Sequence[str],
        precision: str = "float64",
    ) -> dict[str, dict[str, Floats]]:
        """Simulate every arm for every row until the last time.

        Returns
        -------
        {arm: {state or observable: (row, time)}}
            NaN where a run failed.
        """
        seen = self.observe_each(arms, [rows] * len(arms), times, ids, precision)
        return {a if isinstance(a, str) else str(a.name): s for a, s in zip(arms, seen, strict=True)}

    def observe_each(
        self,
        arms: Sequence[str | Regimen],
        rows: Sequence[Floats],
        times: Floats,
        ids: Sequence[str],
        precision: str = "float64",
    ) -> list[dict[str, Floats]]:
        """Simulate every arm for rows of its own until the last time, in one call of the solver.

        Returns
        -------
        [{state or observable: (row, time)}, ...]
            By arm; NaN where a run failed.
        """
        plans = [(self.arms[a] if isinstance(a, str) else a).until(float(times[-1])) for a in arms]
        sizes = [len(r) for r in rows]
        course = observed(
            self.kernel,
            plans,
            np.concatenate(rows),
            times,
            ids,
            which=np.repeat(np.arange(len(plans)), sizes),
            options=SolverOptions(rtol=self.size.rtol),
            precision=precision,
        )
        ends = np.cumsum(sizes)
        # by row in memory: sums over time must not depend on how the solver lays out its lanes
        return [
            {id: np.ascontiguousarray(course[id][e - n : e]) for id in ids} for e, n in zip(ends, sizes, strict=True)
        ]
