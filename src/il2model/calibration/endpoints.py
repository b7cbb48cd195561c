"""What a target may report: name, unit and meaning of each endpoint, and the stage that predicts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The stages, in the order in which they build on each other.
STAGES = ("pk", "imodals", "progression", "mirocals")


@dataclass(frozen=True)
class Endpoint:
    """An observation model: what is computed from a run, in which unit, and what it needs."""

    unit: str
    stage: str
    meaning: str
    needs_arm: bool = False
    needs_day: bool = False


ENDPOINTS: Mapping[str, Endpoint] = {
    "il2_peak": Endpoint("IU/mL", "pk", "largest plasma IL-2 within a day", True),
    "il2_peak_time": Endpoint("h", "pk", "time from injection to the largest plasma IL-2", True),
    "il2_half_life": Endpoint("h", "pk", "half-life of plasma IL-2 from 10 to 18 h after injection", True),
    "il2_auc": Endpoint("IU*h/mL", "pk", "area under plasma IL-2 until the day", True, True),
    "il2_level": Endpoint("IU/mL", "pk", "plasma IL-2 on the day", True, True),
    "treg_points": Endpoint("percent", "imodals", "mean change of Treg % of CD4, in points", True, True),
    "treg_points_sd": Endpoint("percent", "imodals", "SD between patients of that change", True, True),
    "treg_gain": Endpoint("percent", "imodals", "change of Treg % of CD4, in % of baseline", True, True),
    "treg_gain_max": Endpoint("percent", "imodals", "largest such change over t = 0.06, 1, 2, 3, 4, 7", True),
    "treg_count_change": Endpoint("percent", "imodals", "change of the Treg count, in % of baseline", True, True),
    "tconv_count_change": Endpoint("percent", "imodals", "change of conventional CD4, in % of baseline", True, True),
    "cd25_change": Endpoint("percent", "imodals", "change of CD25 per Treg, in % of baseline", True, True),
    "cd122_change": Endpoint("percent", "imodals", "change of CD122 per blood Treg, in % of baseline", True, True),
    "cd122_lowest": Endpoint("percent", "imodals", "lowest such change until the day", True, True),
    "alsfrs_r_entry": Endpoint("point", "progression", "median ALSFRS-R on day 0"),
    "alsfrs_r_slope": Endpoint("point/month", "progression", "mean slope of ALSFRS-R to day 365, deaths not taken out"),
    "alsfrs_r_slope_sd": Endpoint("point/month", "progression", "SD between patients of that slope"),
    "svc_entry": Endpoint("percent", "progression", "mean SVC on day 0"),
    "svc_entry_sd": Endpoint("percent", "progression", "SD between patients of SVC on day 0"),
    "svc_slope": Endpoint("percent/month", "progression", "mean slope of SVC to day 365, deaths not taken out"),
    "motor_unit_slope": Endpoint("percent/month", "progression", "mean loss of motor units, % of day 0 per month"),
    "pnfh_strata": Endpoint("1", "progression", "patients with CSF pNFH below 750, to 3700, above (pg/mL)"),
    "dead": Endpoint("1", "progression", "share dead on placebo by the day", False, True),
    "ln_hr_high_pnfh_untreated": Endpoint("1", "progression", "ln HR of CSF pNFH above 3700 pg/mL, placebo"),
    "hazard_per_point_joint": Endpoint("1/point", "progression", "fall of ln hazard per point, SVC falling with it"),
    "ln_hr_all": Endpoint("1", "mirocals", "ln HR of IL-2 against placebo, all patients"),
    "ln_hr_low": Endpoint("1", "mirocals", "ln HR where CSF pNFH is 750 to 3700 pg/mL"),
    "ln_hr_high": Endpoint("1", "mirocals", "ln HR where CSF pNFH is above 3700 pg/mL"),
    "ln_hr_main": Endpoint("1", "mirocals", "ln HR at CSF pNFH 0 in the model with interaction"),
    "ln_hr_interaction": Endpoint("1", "mirocals", "ln of the HR ratio per 1,000 pg/mL of CSF pNFH"),
    "dead_treated": Endpoint("1", "mirocals", "share dead on IL-2 by the day", False, True),
}
