"""The endpoints: every number that is read off a simulation, once, with unit, meaning and how it is read.

Calibration targets, outputs of sensitivity studies, objectives and limits of a search, tests of a power study
and exports name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from ..errors import InputError, unknown_name
from . import reductions as r
from .between import between
from .kinds import Contrast, Course, Endpoint, Result, Test
from .markers import PLASMA_CCL2
from .reported import REPORTED

#: One patient of a sensitivity study, or the median patient of a search, over the whole course.
_output = partial(Course, uses=("output",))
_largest = partial(Course, unit="cell/uL", over_time=r.largest, over_patients=r.MEDIAN, uses=("output", "limit"))
_survival = _output(
    id="survival_end",
    unit="1",
    meaning="probability of being alive at the end",
    observable="survival",
    over_time=r.last,
    over_patients=r.MEAN,
)
_function = _output(
    id="alsfrs_r_end",
    unit="point",
    meaning="ALSFRS-R at the end",
    observable="alsfrs_r",
    over_time=r.last,
    over_patients=r.MEAN,
)
#: The analyses of a trial, in the order in which they are shown; cut-offs are those of its design.
_RESULTS: tuple[Result, ...] = (
    Result(id="all", unit="1", meaning="hazard ratio, all patients"),
    Result(id="low_pnfh", unit="1", meaning="hazard ratio, CSF pNFH {low:g} to {high:g} pg/mL"),
    Result(id="high_pnfh", unit="1", meaning="hazard ratio, CSF pNFH above {high:g} pg/mL"),
    Result(id="adjusted_main", unit="1", meaning="hazard ratio at CSF pNFH 0, beside the interaction"),
    # published per 1,000 pg/mL, analysed per pg/mL
    Result(
        id="interaction", unit="1", meaning="ratio of hazard ratios per pg/mL of CSF pNFH", digits=5, exponent=0.001
    ),
    Result(id="adjusted_all", unit="1", meaning="hazard ratio adjusted for CSF pNFH, ALSFRS-R and age"),
    Result(
        id="ratio_high_low",
        unit="1",
        meaning="hazard ratio above {high:g} over that of {low:g} to {high:g} pg/mL",
        listed=False,
    ),
    Result(
        id="interaction_p",
        unit="1",
        meaning="p of the interaction with CSF pNFH (Wald)",
        log=False,
        digits=3,
        listed=False,
    ),
    Result(
        id="pnfh_at_hr_1",
        unit="pg/mL",
        meaning="CSF pNFH at which the Cox model gives a hazard ratio of 1, pg/mL",
        log=False,
        digits=0,
        listed=False,
    ),
)
_ENTRIES: tuple[Endpoint, ...] = (
    *REPORTED,
    *between({e.id: e for e in REPORTED}),
    _output(
        id="treg_auc",
        unit="percent*day",
        meaning="area of Treg % above baseline",
        observable="treg_percent",
        over_time=r.area_above_first,
    ),
    _largest(id="treg_peak", unit="percent", meaning="largest Treg %", observable="treg_percent"),
    _output(
        id="treg_trough",
        unit="percent",
        meaning="Treg % at the end of the last cycle",
        observable="treg_percent",
        over_time=r.last,
    ),
    _output(
        id="ccl2_nadir",
        unit="1",
        meaning="lowest plasma CCL2 relative to baseline",
        observable="plasma_ccl2",
        over_time=r.lowest_of_first,
    ),
    _output(
        id="treg_dip",
        unit="percent",
        meaning="lowest change of the Treg count, % of baseline",
        observable="treg_count",
        over_time=r.lowest_gain,
    ),
    _output(
        id="ccl2_change",
        unit="percent",
        meaning="change of plasma CCL2 at the end, % of baseline",
        stage="imodals",
        needs_arm=True,
        needs_day=True,
        observable="plasma_ccl2",
        over_time=r.gain,
        informs=PLASMA_CCL2,
    ),
    _function,
    _survival,
    _largest(id="eosinophil_peak", meaning="largest eosinophil count", observable="eosinophil_count"),
    _largest(id="nk_peak", meaning="largest CD56bright NK count", observable="nk_count"),
    _largest(id="teff_peak", meaning="largest count of CD4 that are not Treg", observable="teff_count"),
    _largest(id="cd8_peak", meaning="largest CD8 count", observable="cd8_count"),
    Contrast(
        id="survival_difference",
        unit="1",
        meaning="share alive at the end, IL-2 minus placebo",
        base=_survival,
        scale=1.0,
    ),
    Contrast(
        id="alsfrs_r_difference",
        unit="point",
        meaning="mean ALSFRS-R at the end, IL-2 minus placebo",
        base=_function,
        scale=48.0,
    ),
    *_RESULTS,
    Test(id="log_rank", unit="1", meaning="log-rank test", statistic="log_rank_z", p="log_rank_p", sign=-1),
    Test(id="cafs", unit="1", meaning="function and survival (CAFS)", statistic="cafs_z", p="cafs_p", sign=1),
    Test(
        id="slope",
        unit="point/month",
        meaning="slope of ALSFRS-R (Welch)",
        statistic="slope_difference",
        p="slope_p",
        sign=1,
        score=False,
    ),
)


def by_id(entries: tuple[Endpoint, ...]) -> Mapping[str, Endpoint]:
    """Return endpoints by name.

    Raises
    ------
    InputError
        If two have one name.
    """
    table = {e.id: e for e in entries}
    if len(table) < len(entries):
        names = [e.id for e in entries]
        raise InputError(f"Two endpoints have one name: {', '.join({n for n in names if names.count(n) > 1})}.")
    return MappingProxyType(table)


#: Every endpoint, by name.
ENDPOINTS: Mapping[str, Endpoint] = by_id(_ENTRIES)
#: What a target may report.
TARGETED: Mapping[str, Endpoint] = MappingProxyType({i: e for i, e in ENDPOINTS.items() if e.stage is not None})
#: What a sensitivity study may look at, besides the observables: of one patient, and of two arms of a cohort.
OUTPUTS: Mapping[str, Course] = MappingProxyType(
    {i: e for i, e in ENDPOINTS.items() if isinstance(e, Course) and "output" in e.uses}
)
#: Differences between arms: outputs of a study of a cohort, and what a search of regimens may maximise.
CONTRASTS: Mapping[str, Contrast] = MappingProxyType({i: e for i, e in ENDPOINTS.items() if isinstance(e, Contrast)})
#: What a search of regimens may bound, by observable: the cohort's median of the largest value.
LIMITS: Mapping[str, Course] = MappingProxyType({e.observable: e for e in OUTPUTS.values() if "limit" in e.uses})
#: What every replicate of a trial gives, by column.
RESULTS: Mapping[str, Result] = MappingProxyType({e.id: e for e in _RESULTS})
#: What a trial may be decided by.
TESTS: Mapping[str, Test] = MappingProxyType({i: e for i, e in ENDPOINTS.items() if isinstance(e, Test)})


def endpoint(name: str) -> Endpoint:
    """Return an endpoint.

    Raises
    ------
    UnknownNameError
    """
    if name not in ENDPOINTS:
        raise unknown_name("endpoint", name, ENDPOINTS)
    return ENDPOINTS[name]


Row = dict[str, str]


def outputs() -> list[Row]:
    """Return what a sensitivity study may look at besides the observables: id, unit, meaning."""
    return [{"id": i, "unit": e.unit, "meaning": e.meaning} for i, e in {**OUTPUTS, **CONTRASTS}.items()]


def objectives() -> list[Row]:
    """Return what a search of regimens may maximise: id, unit, meaning."""
    return [{"id": i, "unit": e.unit, "meaning": e.meaning} for i, e in CONTRASTS.items()]


def limits() -> list[Row]:
    """Return what a search of regimens may bound: id (an observable), unit, meaning."""
    return [{"id": i, "unit": e.unit, "meaning": e.sentence} for i, e in LIMITS.items()]
