"""The replicates of a trial: a table of analyses, curves, and whom they leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..endpoints.registry import TESTS
from ..errors import unknown_name
from ..manifest import Manifest
from ..solver.problem import Floats
from ..values import same_fields
from .design import TrialDesign

#: Tests by their p.
_BY_P = {test.p: test for test in TESTS.values()}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Replicates:
    """Replicates of a trial, and of the same trial without an effect.

    `result["all"]` is a column of the replicates.

    Parameters
    ----------
    design : TrialDesign
    names : tuple of str
        Columns of `table` and `null`: ln HR by analysis, shares dead, tests, changes.
    table, null : (replicate, name)
    days : (day,)
    curves : (replicate, arm, day)
        Kaplan-Meier estimates on `days`.
    strata : {stratum: (arm, day)}
        Expected survival of the pool, overall and by CSF pNFH.
    hr_curve : (3, bin)
        CSF pNFH, expected HR of its bin, patients in the bin.
    refused, patients : int
        Virtual patients whose run failed, who are in no replicate; of how many.
    covariates : {name: (patient,)}
        Of the virtual patients (of the first parameter set).
    manifest : mapping
    """

    design: TrialDesign
    names: tuple[str, ...]
    table: Floats
    null: Floats
    days: Floats
    curves: Floats
    strata: Mapping[str, Floats]
    hr_curve: Floats
    refused: int
    patients: int
    covariates: Mapping[str, Floats]
    manifest: Manifest = field(compare=False)

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        left_out = f", {self.refused} of {self.patients} virtual patients left out" if self.refused else ""
        state = "" if self.manifest.get("calibrated") else ", uncalibrated parameters"
        what = f"{self.design.name!r}, {len(self)} replicates of {self.design.patients}"
        return f"{type(self).__name__}({what}{left_out}{state})"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)

    def __getitem__(self, name: str) -> Floats:
        """Return one column of the replicates."""
        return self.table[:, self._column(name)]

    def _column(self, name: str) -> int:
        if name not in self.names:
            raise unknown_name("result", name, self.names)
        return self.names.index(name)

    @property
    def left_out(self) -> str:
        """Who is in no replicate, as a sentence; empty if nobody is left out."""
        if not self.refused:
            return ""
        return f"{self.refused} of {self.patients} virtual patients could not be run and are in no replicate."

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: who was left out, and that parameters are not calibrated."""
        uncalibrated = "" if self.manifest.get("calibrated") else "Uncalibrated parameters."
        people = f"P{self.design.people[1:]}." if self.design.population else ""
        described = self.manifest.get("draws_describe")
        whose = f"Draws describe {described}." if described else ""
        return tuple(note for note in (people, self.left_out, *self.design.notes, whose, uncalibrated) if note)

    def quantiles(self, name: str, probabilities: Sequence[float] = (0.025, 0.5, 0.975)) -> Floats:
        """Return quantiles over the replicates that have an estimate."""
        return np.asarray(np.nanquantile(self[name], probabilities))

    def power(self, name: str = "log_rank_p") -> tuple[float, float]:
        """Return the share of replicates with a p below alpha in favour of the arm, and its standard error."""
        p = self[name] < self.design.alpha
        if name in _BY_P:
            p &= _BY_P[name].sign * self[_BY_P[name].statistic] > 0
        share = float(p.mean())
        return share, float(np.sqrt(share * (1 - share) / len(p)))

    def type_one_error(self) -> float:
        """Return the share of replicates without an effect in which the log-rank test rejects."""
        return float((self.null[:, self._column("log_rank_p")] < self.design.alpha).mean())
