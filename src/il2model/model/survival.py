"""Survival: the hazard of death follows function, respiration and inflammation.

The hazard is on riluzole; off riluzole it is divided by the hazard ratio of
riluzole. The direct path from inflammation carries the same pNFH-linked share
as damage does. Sources: joint models of PRO-ACT (Rooney 2020), Miller 2012.
"""

from __future__ import annotations

import sympy as sp

from .language import Submodel, ref


def build() -> Submodel:
    """Return the page of survival."""
    m = Submodel("survival", "Survival")
    p = m.parameter
    H = m.state("cumulative_hazard", "1", "cumulative hazard since day 0", "H", scale=1)

    h0 = p("hazard_reference", "1/day", "hazard at the reference function, on riluzole", "h_0")
    F_ref = p("hazard_reference_alsfrs_r", "point", "reference ALSFRS-R", "F_{ref}")
    V_ref = p("hazard_reference_svc", "percent", "reference SVC", "V_{ref}")
    a_F = p("hazard_per_point", "1/point", "fall of ln hazard per ALSFRS-R point", "a_F")
    a_V = p("hazard_per_percent", "1/percent", "fall of ln hazard per % SVC", "a_V")
    z = p("frailty", "1", "patient's frailty", "z_i")
    g_I = p("hazard_inflammation", "1", "effect of inflammation on ln hazard", "g_I")
    HR = p("riluzole_hazard_ratio", "1", "hazard ratio of riluzole at equal function", "HR_{ril}")

    F, V, s_i, M1, ril = ref("alsfrs_r_now", "svc_now", "pnfh_share", "microglia_inflammatory", "riluzole")
    x = m.derive("riluzole_hazard_factor", "1", ril + (1 - ril) / HR, "factor of riluzole on hazard", "x'")
    hazard = m.derive(
        "hazard_now",
        "1/day",
        x * h0 * z * sp.exp(-a_F * (F - F_ref) - a_V * (V - V_ref) + g_I * s_i * (M1 - 1)),
        "hazard of death",
        r"\lambda",
    )
    m.equation(H, hazard, baseline=0, untreated=None)
    m.observe("hazard", "1/day", hazard, "hazard of death")
    m.observe("survival", "1", sp.exp(-H), "probability of being alive")
    return m
