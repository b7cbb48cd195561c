"""What the calibration compares with: a published number as a target, and what binds several of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..dosing.regimen import Regimen
from ..parameters import Distribution
from ..solver.problem import Floats
from ..store import digest
from ..uncertainty.coordinates import quantile
from .study import Study

#: Factor on the standard error by status of the estimate.
WEIGHTS: Mapping[str, float] = {"read": 1.0, "derived": 1.0, "recalled": 1.5, "assumed": 2.0}


#: All stages as one problem.
JOINT = "joint"


def share_error(events: int, n: int) -> float:
    """Return the standard error of a share.

    Where none or all of n have the event it is that of two more events among four more patients (Agresti and Coull
    1998): a share that is known exactly would weigh more than any other number.
    """
    if not 0 < events < n:
        events, n = events + 2, n + 4
    return math.sqrt(events * (n - events) / n**3)


@dataclass(frozen=True)
class Nuisance:
    """A number of a study rather than of the model, with its prior."""

    id: str
    name: str
    prior: Distribution
    unit: str
    note: str

    def at(self, u: Floats) -> Floats:
        """Return the u-quantiles of its prior."""
        endless = np.full(u.shape, np.inf)
        return quantile(self.prior, u, -endless, endless)


@dataclass(frozen=True)
class Joint:
    """Targets that come from the same patients: sampling correlations of `members`, in order.

    `given` names a binomial target fitted in an earlier stage; `given_correlation`
    is the correlation of each member with its number of deaths.
    """

    id: str
    members: tuple[str, ...]
    correlation: Floats
    given: str | None
    given_correlation: tuple[float, ...]
    note: str


@dataclass(frozen=True)
class Target:
    """One published number in the unit of its endpoint.

    `form` says how it is compared: normal, lognormal (both with `se`), sd (with `n`),
    binomial (`counts` = deaths, patients), multinomial, at least, at most. Estimates
    with `log = true` are held as their logarithm. `against` is the other day of two, `study`
    what sets the patients of its trial apart.
    """

    id: str
    trial: str
    stage: str
    endpoint: str
    arms: tuple[str, ...]
    day: float | None
    form: str
    estimate: float
    se: float
    counts: tuple[int, ...]
    n: int | None
    unit: str
    log: bool
    status: str
    spread_status: str
    source: str
    use: str
    drift: str | None
    noise: str | None
    joint: str | None
    note: str
    file: str
    against: float | None = None
    study: Study = field(default_factory=Study)

    @property
    def published(self) -> dict[str, object]:
        """What the likelihood compares with, by field."""
        plain = {"against": None, "study": Study()}
        return {k: v for k, v in vars(self).items() if k not in ("note", "source", "file") and v != plain.get(k, ...)}

    @property
    def weight(self) -> float:
        """Factor on the standard error."""
        return WEIGHTS[self.status]

    def text(self, value: float) -> str:
        """Return a prediction or estimate as the paper would print it."""
        if not math.isfinite(value):
            return "no value"
        shown = math.exp(value) if self.log else value
        return f"{shown:.3g}"


@dataclass(frozen=True)
class Targets:
    """All targets, arms and nuisances of a folder."""

    targets: Mapping[str, Target]
    arms: Mapping[str, Regimen]
    nuisances: Mapping[str, Nuisance]
    joints: Mapping[str, Joint]

    def of(self, stage: str, use: str | None = None) -> tuple[Target, ...]:
        """Return the targets of a stage, in order, or of all together; only those used for `use` if given."""
        return tuple(t for t in self.targets.values() if stage in (t.stage, JOINT) and use in (None, t.use))

    def data_hash(self, stage: str) -> str:
        """Return a hash of what a stage is fitted to: its published numbers, how they scatter, and what binds them."""
        told = ("note", "source", "file", "trial", "status", "spread_status")
        fitted = self.of(stage, "fit")
        numbers = sorted(
            repr({k: v for k, v in vars(t).items() if k not in told} | {"weight": t.weight}) for t in fitted
        )
        joints = [(j.members, j.correlation.tolist(), j.given, j.given_correlation) for j in self.joints_of(fitted)]
        counts = [self.targets[j.given].counts for j in self.joints_of(fitted) if j.given is not None]
        return digest(*numbers, repr(joints), repr(counts))

    def joints_of(self, targets: Iterable[Target]) -> tuple[Joint, ...]:
        """Return the joint distributions that targets belong to."""
        return tuple(self.joints[j] for j in dict.fromkeys(t.joint for t in targets if t.joint))

    def typical(self, stage: str, sets: int) -> dict[str, Floats]:
        """Return the medians of the nuisances (set,) that targets of a stage name; checks alone name some of them."""
        return {id: self.nuisances[id].at(np.full(sets, 0.5)) for id in self.nuisances_of(stage, None)}

    def nuisances_of(self, stage: str, use: str | None = "fit") -> tuple[str, ...]:
        """Return the nuisances that targets of a stage name."""
        some = self.of(stage, use)
        named = [x for t in some for x in (t.drift, t.noise, *t.study.nuisances(t.stage)) if x]
        return tuple(dict.fromkeys(named))
