"""What published summaries report, stage by stage of the calibration, and how each is read off a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from ..statistics import expected_log_hazard_ratio
from ..trial_files import read_trial
from . import reductions as r
from .kinds import Analysis, Course, Endpoint, Seen
from .markers import MARKERS

#: The stages of the calibration, in the order in which they build on each other.
STAGES = ("pk", "imodals", "progression", "mirocals")
#: Days on which DILT1D took blood; the largest of them is its response.
SAMPLES = np.array(read_trial("dilt1d").visits)
#: Of plasma IL-2: every ten minutes for half a day, then every quarter of an hour.
_MINUTES = np.unique(np.concatenate([np.arange(0, 0.5, 1 / 144), np.arange(0.5, 1.001, 1 / 96)]))
#: After a bolus into a vein: every minute for half an hour, every five minutes for three hours, then as above.
_FINE = np.unique(np.concatenate([np.arange(30) / 1440, np.arange(6, 36) / 288, _MINUTES[_MINUTES >= 0.125]]))
YEAR = 365.0
MINUTES = 1440
#: SVC falls by so many % for each point of ALSFRS-R (Andrews 2018 over PRO-ACT slopes).
SVC_PER_POINT = 2.7


def _after_injection(end: float) -> r.Floats:
    return _MINUTES


def _after_bolus(end: float) -> r.Floats:
    return _FINE


def _samples(end: float) -> r.Floats:
    return SAMPLES


def _thirteen(end: float) -> r.Floats:
    return np.linspace(0, end, 13)


def _strata(seen: Seen) -> r.Floats:
    low, high = seen.pnfh < seen.cuts[0], seen.pnfh > seen.cuts[1]
    return np.array([seen.weight[x].sum() for x in (low, ~low & ~high, high)])


def _hazard_ratio(seen: Seen, part: r.Bools | bool) -> float:
    control, treated = (a["survival"] for a in seen.arms)
    return expected_log_hazard_ratio(control, treated, seen.weight * part, raise_on_failure=False)


def _of_high_pnfh(seen: Seen) -> float:
    high, survival = seen.pnfh > seen.cuts[1], seen.arms[0]["survival"]
    return expected_log_hazard_ratio(
        survival, survival, seen.weight * ~high, seen.weight * high, raise_on_failure=False
    )


def _middle(seen: Seen) -> r.Bools:
    return (seen.pnfh >= seen.cuts[0]) & (seen.pnfh <= seen.cuts[1])


def _joint_hazard(seen: Seen) -> float:
    return seen.numbers["hazard_per_point"] + SVC_PER_POINT * seen.numbers["hazard_per_percent"]


#: Plasma IL-2 of the typical patient, within a day of the injection unless the target names a day.
_il2 = partial(
    Course,
    stage="pk",
    needs_arm=True,
    law="positive",
    observable="il2_plasma",
    course_unit="IU/mL",
    until=1.0,
    days=_after_injection,
)
#: Treg % of CD4, and what else the studies of low doses report of the typical patient, on the target's day.
_percent = partial(Course, stage="imodals", needs_arm=True, observable="treg_percent", unit="percent")
_change = partial(Course, stage="imodals", needs_arm=True, needs_day=True, unit="percent", over_time=r.gain)
#: Untreated patients on riluzole.
_entry = partial(Course, stage="progression", over_time=r.first, until=0.0)
_slope = partial(Course, stage="progression", until=YEAR, over_time=r.slope)
_dead = partial(
    Course, needs_day=True, observable="survival", unit="1", over_time=r.last, over_patients=r.SHARE_GONE, law="share"
)
_ratio = partial(Analysis, unit="1", stage="mirocals", law="log")
#: Every endpoint that a target may report.
REPORTED: tuple[Endpoint, ...] = (
    _il2(id="il2_peak", unit="IU/mL", meaning="largest plasma IL-2", over_time=r.largest),
    _il2(
        id="il2_peak_time",
        unit="h",
        meaning="time from injection to the largest plasma IL-2",
        over_time=r.hour_of_largest,
    ),
    _il2(
        id="il2_half_life",
        unit="h",
        meaning="half-life of plasma IL-2 from 10 to 18 h after injection",
        over_time=r.half_life(10, 18),
    ),
    _il2(
        id="il2_half_life_first",
        unit="min",
        meaning="half-life of plasma IL-2 in the first quarter of an hour after a bolus",
        over_time=r.half_life(1 / 60, 0.25, unit=MINUTES),
        days=_after_bolus,
    ),
    _il2(
        id="il2_half_life_second",
        unit="min",
        meaning="half-life of plasma IL-2 from 2 to 4 h after a bolus or a short infusion",
        over_time=r.half_life(2, 4, unit=MINUTES),
        days=_after_bolus,
    ),
    _il2(
        id="il2_auc",
        unit="IU*h/mL",
        meaning="area under plasma IL-2 until the day",
        over_time=r.area_in_hours,
        needs_day=True,
    ),
    _il2(
        id="il2_level",
        unit="IU/mL",
        meaning="plasma IL-2, IU/mL",
        over_time=r.last,
        needs_day=True,
        formula="il2_plasma / pm_per_iu_ml",
    ),
    _percent(
        id="treg_points",
        meaning="change of Treg % of CD4, points",
        over_time=r.points,
        needs_day=True,
        over_patients=r.MEAN,
        formula="treg_percent - treg_share_untreated + imodals_drift",
    ),
    _percent(
        id="treg_points_sd",
        meaning="change of Treg % of CD4, points",
        over_time=r.points,
        needs_day=True,
        over_patients=r.SD,
        law="sd",
    ),
    _percent(
        id="treg_gain",
        meaning="change of Treg % of CD4, % of baseline",
        over_time=r.gain,
        needs_day=True,
        formula="100 * (treg_percent - treg_share_untreated) / treg_share_untreated",
    ),
    _percent(
        id="treg_gain_max",
        meaning=f"largest change of Treg % of CD4 over t = {', '.join(f'{d:.2g}' for d in SAMPLES)}, % of baseline",
        over_time=r.largest_gain_on(SAMPLES),
        until=float(SAMPLES[-1]),
        days=_samples,
    ),
    _change(id="treg_count_change", meaning="change of the Treg count, % of baseline", observable="treg_count"),
    _change(id="tconv_count_change", meaning="change of conventional CD4, % of baseline", observable="tconv_blood"),
    _change(
        id="cd25_change",
        meaning="change of CD25 per Treg, % of baseline",
        observable="treg_cd25",
        formula="100 * (treg_cd25 - treg_cd25_untreated) / treg_cd25_untreated",
    ),
    _change(id="cd122_change", meaning="change of CD122 per blood Treg, % of baseline", observable="treg_cd122_blood"),
    Course(
        id="cd122_lowest",
        unit="percent",
        meaning="lowest change of CD122 per blood Treg until the day, % of baseline",
        stage="imodals",
        needs_arm=True,
        needs_day=True,
        observable="treg_cd122_blood",
        over_time=r.lowest_gain,
        days=_thirteen,
    ),
    *MARKERS,
    _entry(
        id="alsfrs_r_entry",
        unit="point",
        meaning="ALSFRS-R on day 0",
        observable="alsfrs_r",
        over_patients=r.MEDIAN,
        law="positive",
    ),
    _slope(
        id="alsfrs_r_slope",
        unit="point/month",
        meaning="slope of ALSFRS-R",
        observable="alsfrs_r",
        over_patients=r.MEAN,
        uses=("output",),
    ),
    _slope(
        id="alsfrs_r_slope_sd",
        unit="point/month",
        meaning="slope of ALSFRS-R",
        observable="alsfrs_r",
        over_patients=r.SD,
        law="sd",
    ),
    _entry(
        id="svc_entry",
        unit="percent",
        meaning="SVC on day 0",
        observable="svc",
        over_patients=r.MEAN,
        law="positive",
    ),
    _entry(id="svc_entry_sd", unit="percent", meaning="SVC on day 0", observable="svc", over_patients=r.SD, law="sd"),
    _slope(id="svc_slope", unit="percent/month", meaning="slope of SVC", observable="svc", over_patients=r.MEAN),
    Course(
        id="motor_unit_slope",
        unit="percent/month",
        meaning="slope of motor units as a share of day 0",
        stage="progression",
        observable="motor_units",
        over_time=r.slope_of_first,
        over_patients=r.MEAN_PERCENT,
        until=YEAR,
    ),
    Analysis(
        id="pnfh_strata",
        unit="1",
        meaning="shares of patients in the low, middle and high stratum of CSF pNFH",
        stage="progression",
        of_seen=_strata,
        reads=(),
        law="classes",
        classes=3,
    ),
    _dead(id="dead", meaning="share dead on placebo by the day", stage="progression"),
    Analysis(
        id="ln_hr_high_pnfh_untreated",
        unit="1",
        meaning="ln HR of CSF pNFH in the high stratum against the rest, placebo",
        stage="progression",
        of_seen=_of_high_pnfh,
        law="log",
    ),
    Analysis(
        id="hazard_per_point_joint",
        unit="1/point",
        meaning="fall of ln hazard per point, SVC falling with it",
        stage="progression",
        of_seen=_joint_hazard,
        reads=(),
    ),
    _ratio(
        id="ln_hr_all",
        meaning="ln HR of IL-2 against placebo, all patients",
        of_seen=lambda seen: _hazard_ratio(seen, True),
        column="all",
    ),
    _ratio(
        id="ln_hr_low",
        meaning="ln HR in the middle stratum of CSF pNFH",
        of_seen=lambda seen: _hazard_ratio(seen, _middle(seen)),
        column="low_pnfh",
    ),
    _ratio(
        id="ln_hr_high",
        meaning="ln HR in the high stratum of CSF pNFH",
        of_seen=lambda seen: _hazard_ratio(seen, seen.pnfh > seen.cuts[1]),
        column="high_pnfh",
    ),
    _ratio(
        id="ln_hr_main",
        meaning="ln HR at CSF pNFH 0 in the model with interaction",
        of_seen=lambda seen: float(seen.interaction[0]),
        column="adjusted_main",
    ),
    _ratio(
        id="ln_hr_interaction",
        meaning="ln of the HR ratio per 1,000 pg/mL of CSF pNFH",
        of_seen=lambda seen: float(seen.interaction[2]),
        column="interaction",
    ),
    _dead(id="dead_treated", meaning="share dead on IL-2 by the day", stage="mirocals", arm=1),
)
#: Of these, the numbers of a cohort.
COHORT: Mapping[str, Course | Analysis] = MappingProxyType(
    {e.id: e for e in REPORTED if isinstance(e, Analysis) or (isinstance(e, Course) and e.over_patients is not None)}
)
