"""Where the drug went: given = absorbed + remaining + lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..solver.problem import Floats
from ..values import same_fields
from .batch import Batch
from .schedule import cancelled_by, given_by, pending_at

_DEPOT, _LYMPH, _ABSORBED, _PLASMA = "il2_depot", "il2_lymph", "il2_absorbed", "il2_plasma"
#: The parameter that turns MIU into pmol.
PER_MIU = "il2_amount_per_miu"


@dataclass(frozen=True, eq=False)
class Balance:
    """Drug per subject in pmol: given = absorbed + remaining + lost + error.

    Lost is what is not bioavailable and what a reset removed; remaining waits
    at the site of injection or in lymph. NaN for a model without these states.
    """

    given: Floats
    absorbed: Floats
    remaining: Floats
    lost: Floats

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other) if isinstance(other, Balance) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @property
    def error(self) -> Floats:
        """What does not add up, relative to what was given (0 without drug)."""
        gap = self.given - self.absorbed - self.remaining - self.lost
        return np.asarray(np.where(self.given > 0, gap / np.where(self.given > 0, self.given, 1.0), gap))

    @classmethod
    def unknown(cls, subjects: int) -> Balance:
        """Return a balance that says nothing."""
        return cls(*(np.full(subjects, np.nan) for _ in range(4)))


def balance_of(batch: Batch, grid: Floats, states: Floats, final: Floats, loads: Floats) -> Balance:
    """Return the balance of a finished run.

    Parameters
    ----------
    grid : (time,)
        Times of `states`, with every reset among them.
    states, final : (subject, time, state), (subject, state)
    loads : (subject, row, state)
    """
    bp = batch.kernel.blueprint
    if any(s not in bp.states for s in (_DEPOT, _LYMPH, _ABSORBED)) or PER_MIU not in bp.parameters or not bp.routes:
        return Balance.unknown(len(batch))
    depot, lymph, absorbed = bp.states.ats((_DEPOT, _LYMPH, _ABSORBED))
    per_miu = batch.parameter(PER_MIU, 1.0)
    share = np.stack([batch.parameter(r.bioavailability, 1.0) for r in bp.routes.values()], axis=1)
    given, direct, waiting, gone = _amounts(batch)
    discarded = np.zeros(len(batch))
    for number, schedule in enumerate(batch.schedules):
        subjects = batch.schedule == number
        loaded = {d.time: k + 1 for k, d in enumerate(schedule.steady)}
        for time in schedule.resets:
            before = states[subjects, int(np.searchsorted(grid, time))]
            after = loads[subjects, loaded.get(time, 0)]
            discarded[subjects] += (before - after)[:, [depot, lymph]].sum(axis=1)
    arrived = (share * waiting).sum(axis=1) * per_miu
    lost = ((1 - share) * given + share * gone).sum(axis=1) * per_miu + discarded
    return Balance(
        given=given.sum(axis=1) * per_miu,
        absorbed=final[:, absorbed] + direct.sum(axis=1) * per_miu,
        remaining=final[:, depot] + final[:, lymph] + arrived,
        lost=lost,
    )


def _amounts(batch: Batch) -> tuple[Floats, Floats, Floats, Floats]:
    """Return MIU given, put into plasma at once, waiting out a lag and cancelled by a reset, (subject, route) each."""
    routes = list(batch.kernel.blueprint.routes.values())
    found = np.zeros((4, len(batch.schedules), len(routes)))
    for number, schedule in enumerate(batch.schedules):
        for k, route in enumerate(routes):
            at_once = [
                g.amount
                for g in schedule.given
                if g.route == k and g.dose.duration == 0 and g.begin <= batch.until and g.begin < g.cancelled
            ]
            found[:, number, k] = (
                given_by(schedule, batch.until, k),
                sum(at_once) if route.state == _PLASMA else 0.0,
                pending_at(schedule, batch.until, k),
                cancelled_by(schedule, batch.until, k),
            )
    given, direct, waiting, gone = found[:, batch.schedule]
    return given, direct, waiting, gone
