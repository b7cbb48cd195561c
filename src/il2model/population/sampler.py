"""From uniforms of numbered subjects to rows of parameters and labels of those whom a design takes in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import ParameterSet
from ..solver.kernel import Kernel
from ..solver.stability import largest_eigenvalue
from ..streams import keyed_uniforms
from .patients import Patients

Floats = NDArray[np.float64]

#: Of the untreated state, per day: negative where it holds.
EIGENVALUE = "largest_eigenvalue"
#: What no equation uses.
LABELS = ("age", "male", "bulbar", EIGENVALUE)
_TRIES = 200


class Sampler:
    """Turn uniforms of subjects into rows of parameters and labels."""

    def __init__(self, kernel: Kernel, values: ParameterSet) -> None:
        self.kernel, self.values = kernel, values
        self.patients = Patients(kernel, values)
        self.base = kernel.blueprint.parameters.convert(values)
        self.ids = list(self.patients.ids)
        self.ids += [i for i in kernel.blueprint.followers if i not in self.ids]
        self.columns = tuple(kernel.blueprint.parameters.ats(self.ids))
        self.width = self.patients.width + 4  # age, sex, site of onset, run-in

    def subjects(
        self, seed: int, first: int, count: int, screening: bool
    ) -> tuple[Floats, dict[str, Floats], int, int]:
        """Return varied parameters and labels of subjects first..first+count, how many were screened, and refused."""
        varied = np.empty((count, len(self.ids)))
        labels = {name: np.empty(count) for name in LABELS}
        waiting, screened, refused = np.arange(count), 0, 0
        for attempt in range(_TRIES):
            u = keyed_uniforms(seed, "patient", attempt, first, count, self.width)[waiting]
            rows = self.patients.rows(u[:, : self.patients.width])[0]
            extra = self.labels(u)
            kept = self.included(rows, u[:, -1]) if screening else np.full(len(rows), True)
            rows, extra = rows[kept], {name: column[kept] for name, column in extra.items()}
            extra[EIGENVALUE] = largest_eigenvalue(self.kernel, rows)
            holds = extra[EIGENVALUE] < 0
            kept[kept] = holds
            screened, refused = screened + len(kept), refused + int((~holds).sum())
            varied[waiting[kept]] = rows[holds][:, self.columns]
            for name, column in labels.items():
                column[waiting[kept]] = extra[name][holds]
            waiting = waiting[~kept]
            if len(waiting) == 0:
                return varied, labels, screened, refused
        raise InputError(
            f"{len(waiting)} of {count} subjects met the inclusion criteria in none of {_TRIES} tries; loosen them."
            + (f" {refused} candidates were refused because their untreated state does not hold." if refused else "")
        )

    def labels(self, u: Floats) -> dict[str, Floats]:
        """Return what no equation uses: age, sex, site of onset."""
        from scipy.special import ndtri

        age = self.values.record("age_median").spread
        if age is None or age.kind != "normal":
            raise InputError("The record age_median needs a spread that is normal; cohorts draw the age from it.")
        n = self.patients.width
        return {
            "age": self.values["age_median"] + age["sd"] * ndtri(np.clip(u[:, n], 1e-12, 1 - 1e-12)),
            "male": (u[:, n + 1] < self.values["male_share"]).astype(float),
            "bulbar": (u[:, n + 2] < self.values["bulbar_share"]).astype(float),
        }

    def included(self, rows: Floats, u: Floats) -> NDArray[np.bool_]:
        """Apply the criteria at screening, then let patients die in the run-in."""
        seen = self.patients.screening(rows)
        criteria = (seen.months <= self.values["inclusion_onset_max"]) & (seen.svc >= self.values["inclusion_svc_min"])
        return np.asarray(criteria & (u < seen.alive))
