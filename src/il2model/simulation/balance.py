"""Where IL-2 went: drug given = absorbed + remaining + lost; what the body held, absorbed and made is there or gone."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..solver.problem import Floats
from ..values import same_fields
from .batch import Batch
from .schedule import cancelled_by, given_by, pending_at

_DEPOT, _LYMPH, _ABSORBED, _PLASMA = "il2_depot", "il2_lymph", "il2_absorbed", "il2_plasma"
#: Compartments of the body and their volumes, and the states that count what was made and what is gone.
_VOLUMES = {"il2_plasma": "il2_plasma_volume_scaled", "il2_tissue": "il2_tissue_volume_scaled"}
_COUNTED = ("il2_made", "il2_degraded", "il2_cleared")
#: The parameter that turns MIU into pmol.
PER_MIU = "il2_amount_per_miu"


@dataclass(frozen=True, eq=False)
class Balance:
    """IL-2 per subject in pmol.

    Drug: given = absorbed + remaining + lost + error. Lost is what is not bioavailable and what a reset removed;
    remaining waits at the site of injection or in lymph.

    Plasma and tissue: before + absorbed + made = degraded + cleared + present + removed + error. Before is there on
    day 0 and present at the end, cells make IL-2 and degrade it with their receptors, a reset removes.

    NaN for a model without the states.
    """

    given: Floats
    absorbed: Floats
    remaining: Floats
    lost: Floats
    before: Floats
    made: Floats
    degraded: Floats
    cleared: Floats
    present: Floats
    removed: Floats

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other) if isinstance(other, Balance) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @property
    def error(self) -> Floats:
        """What does not add up, relative to what was given (0 without drug)."""
        return _relative(self.given - self.absorbed - self.remaining - self.lost, self.given)

    @property
    def body_error(self) -> Floats:
        """What does not add up in plasma and tissue, relative to what they held, absorbed and made."""
        came = self.before + self.absorbed + self.made
        return _relative(came - self.degraded - self.cleared - self.present - self.removed, came)

    @classmethod
    def unknown(cls, subjects: int) -> Balance:
        """Return a balance that says nothing."""
        return cls(*(np.full(subjects, np.nan) for _ in fields(cls)))


def _relative(gap: Floats, whole: Floats) -> Floats:
    return np.asarray(np.where(whole > 0, gap / np.where(whole > 0, whole, 1.0), gap))


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
    amounts = np.zeros((2, len(batch), len(bp.states)))  # pmol per unit of a state: drug on its way, and in the body
    amounts[0][:, [depot, lymph]] = 1.0
    known = all(s in bp.states for s in (*_VOLUMES, *_COUNTED))
    for state, volume in _VOLUMES.items() if known else ():
        amounts[1][:, bp.states.at(state)] = batch.constants[:, bp.constants.at(volume)]
    discarded, removed = (amounts * _reset(batch, grid, states, loads)).sum(axis=2)
    arrived = (share * waiting).sum(axis=1) * per_miu
    unknown = np.full(len(batch), np.nan)
    made, degraded, cleared = (final[:, bp.states.at(s)] if known else unknown for s in _COUNTED)
    return Balance(
        given=given.sum(axis=1) * per_miu,
        absorbed=final[:, absorbed] + direct.sum(axis=1) * per_miu,
        remaining=final[:, depot] + final[:, lymph] + arrived,
        lost=((1 - share) * given + share * gone).sum(axis=1) * per_miu + discarded,
        before=(batch.start * amounts[1]).sum(axis=1) if known else unknown,
        made=made,
        degraded=degraded,
        cleared=cleared,
        present=(final * amounts[1]).sum(axis=1) if known else unknown,
        removed=removed if known else unknown,
    )


def _reset(batch: Batch, grid: Floats, states: Floats, loads: Floats) -> Floats:
    """Return how far resets and doses at steady state have lowered the states, (subject, state)."""
    found, mask = np.zeros((len(batch), states.shape[-1])), np.array(batch.kernel.blueprint.resettable)
    for number, schedule in enumerate(batch.schedules):
        subjects = batch.schedule == number
        loaded = {d.time: k + 1 for k, d in enumerate(schedule.steady)}
        for time in schedule.resets:
            before = states[subjects, int(np.searchsorted(grid, time))]
            found[subjects] += np.where(mask, before - loads[subjects, loaded.get(time, 0)], 0.0)
    return found


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
