"""Stage imodals: Treg, their receptors and their dip and rise, in four studies of low doses.

IMODALS is predicted as a mean and an SD over patients that differ in Treg share,
clearance and division; the other studies as the typical patient.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..solver.problem import Floats
from .simulator import Simulator
from .targets import Target

#: Estimated in this stage (the draws of the stage pk enter through one coordinate).
PARAMETERS = (
    "treg_affinity", "receptor_turnover", "cd25_induction", "signal_threshold", "signal_hill", "treg_division_max",
    "signal_memory_rate", "treg_division_rate", "tachyphylaxis_strength", "tachyphylaxis_rate", "treg_loss_rate",
    "adhesion_effect", "adhesion_threshold", "adhesion_rate", "treg_share_untreated", "spread_treg_division",
    "spread_treg_share", "spread_clearance",
)  # fmt: skip
#: Days on which DILT1D took blood; the largest of them is its response.
SAMPLES = np.array([0.0625, 1.0, 2.0, 3.0, 4.0, 7.0])
_POPULATION = ("treg_points", "treg_points_sd")
_IDS = ("treg_percent", "treg_count", "treg_cd25", "treg_cd122_blood", "tconv_blood")


def predict(simulator: Simulator, table: Mapping[str, Floats], targets: tuple[Target, ...]) -> dict[str, Floats]:
    """Return predictions (set,) by target; nuisances of `table` enter where a target names them."""
    found: dict[str, Floats] = {}
    population = tuple(t for t in targets if t.endpoint in _POPULATION)
    if population:
        rows = simulator.il2_patients(table)
        flat = rows.reshape(-1, rows.shape[-1])
        for days, some in _by_horizon(population).items():
            course = _course(simulator, some, flat, days)
            for t in some:
                assert t.day is not None
                percent = course[t.arms[0]]["treg_percent"].reshape(*rows.shape[:2], -1)
                change = percent[..., _at(days, t.day)] - percent[..., 0]
                found[t.id] = change.mean(axis=1) if t.endpoint == "treg_points" else change.std(axis=1)
    typical = tuple(t for t in targets if t.endpoint not in _POPULATION)
    rows = simulator.rows(table)
    for days, some in _by_horizon(typical).items():
        course = _course(simulator, some, rows, days)
        for t in some:
            found[t.id] = np.mean([_typical(t, course[a], np.array(days)) for a in t.arms], axis=0)
    for t in targets:
        if t.drift is not None:
            found[t.id] = found[t.id] + table[t.drift]
        if t.noise is not None:
            found[t.id] = np.sqrt(found[t.id] ** 2 + table[t.noise] ** 2)
    return found


def _by_horizon(targets: tuple[Target, ...]) -> dict[tuple[float, ...], list[Target]]:
    """Group targets by their last day; each group is simulated together on the days it needs."""
    last = {t.id: float(SAMPLES[-1]) if t.day is None else t.day for t in targets}
    groups: dict[tuple[float, ...], list[Target]] = {}
    for end in sorted(set(last.values())):
        some = [t for t in targets if last[t.id] == end]
        days = {0.0, *(t.day for t in some if t.day is not None)}
        if any(t.endpoint == "treg_gain_max" for t in some):
            days |= set(SAMPLES)
        if any(t.endpoint == "cd122_lowest" for t in some):
            days |= set(np.linspace(0, end, 13))
        groups[tuple(sorted(days))] = some
    return groups


def _course(
    simulator: Simulator, targets: list[Target], rows: Floats, days: tuple[float, ...]
) -> dict[str, dict[str, Floats]]:
    arms = tuple(dict.fromkeys(a for t in targets for a in t.arms))
    return simulator.observe(arms, rows, np.array(days), _IDS)


def _at(days: tuple[float, ...] | Floats, day: float) -> int:
    return int(np.searchsorted(np.array(days), day))


def _typical(t: Target, course: Mapping[str, Floats], days: Floats) -> Floats:
    """Return one endpoint of the typical patient, in % of baseline."""
    quantity = {
        "treg_gain": "treg_percent", "treg_gain_max": "treg_percent", "treg_count_change": "treg_count",
        "tconv_count_change": "tconv_blood", "cd25_change": "treg_cd25", "cd122_change": "treg_cd122_blood",
        "cd122_lowest": "treg_cd122_blood",
    }[t.endpoint]  # fmt: skip
    change = 100 * (course[quantity] / course[quantity][:, :1] - 1)
    if t.endpoint == "treg_gain_max":
        return np.asarray(change[:, [_at(days, s) for s in SAMPLES]].max(axis=1))
    assert t.day is not None
    if t.endpoint == "cd122_lowest":
        return np.asarray(change[:, days <= t.day].min(axis=1))
    return np.asarray(change[:, _at(days, t.day)])
