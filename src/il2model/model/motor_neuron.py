"""Motor neurons: damage, units left, axonal debris, neurofilament, function.

A patient loses motor units at a rate of his own, multiplied by the damage
activity D. The share of D that inflammation drives falls with the pNFH-linked
trait. Rates are on riluzole; off riluzole they are divided by one minus its
effect. Sources: Ebersbach 2023, Neuwirth 2015, Andrews 2018, Bensimon 2025.
"""

from __future__ import annotations

import sympy as sp

from .language import TIME, Submodel, ref
from .laws import remaining


def build() -> Submodel:
    """Return the page of the motor neurons."""
    m = Submodel("motor_neuron", "Motor neurons, neurofilament and function")
    p, s = m.parameter, m.state

    N = s("motor_units", "1", "limb and bulbar motor units left", "N", scale=1)
    R = s("motor_units_respiratory", "1", "respiratory motor units left", "R", scale=1)
    A1 = s("axonal_debris_1", "1", "axonal debris, first stage, relative", "A_1", scale=1)
    A2 = s("axonal_debris_2", "1", "axonal debris, second stage, relative", "A_2", scale=1)
    P_c = s("csf_pnfh", "pg/mL", "pNFH in CSF", "P_c", scale=2000)
    L_p = s("plasma_nfl", "pg/mL", "NfL in plasma", "L_p", scale=60)

    k = p("motor_unit_loss_rate", "1/day", "patient's loss rate of motor units, on riluzole", "k_i")
    w = p("respiratory_ratio", "1", "loss rate of respiratory to other units", "w_i")
    since = p("onset_to_screening", "day", "time from onset to screening", "t_{on}")
    run_in = p("run_in", "day", "length of the riluzole run-in", "t_{run}")
    E_ril = p("riluzole_slowing", "1", "slowing of unit loss by riluzole", "E_{ril}")
    phi_max = p("inflammatory_damage_max", "1", "largest inflammation-driven share of damage", r"\phi_{max}")
    P50 = p("pnfh_half", "pg/mL", "CSF pNFH at which the inflammation-driven share is half", "P_{50}")
    gamma = p("pnfh_exponent", "1", "steepness of that fall", r"\gamma")
    psi = p("effector_damage", "1", "damage by activated CD8", r"\psi")
    P_i = p("csf_pnfh_untreated", "pg/mL", "patient's CSF pNFH at day 0", "P_i")
    L_i = p("plasma_nfl_untreated", "pg/mL", "patient's plasma NfL at day 0", "L_i")
    k_A = p("debris_rate", "1/day", "rate of one stage of axonal debris", "k_A")
    k_csf = p("csf_turnover", "1/day", "turnover of a protein in CSF", "k_{csf}")
    k_pl = p("plasma_turnover", "1/day", "turnover of a neuronal protein in plasma", "k_{pl}")
    K_F = p("function_half", "1", "motor units at which ALSFRS-R has fallen to half", "K_F")
    K_R = p("respiration_half", "1", "respiratory units at which SVC has fallen to half", "K_R")
    F0 = p("alsfrs_r_full", "point", "ALSFRS-R without disease", "F_0")
    S_i = p("svc_before_disease", "percent", "patient's SVC before disease", "S_i")

    ril = m.input("riluzole", "1", "riluzole taken (1) or not (0)", "ril", default=1.0)
    M1, E8 = ref("microglia_inflammatory", "cd8_effector")

    off = m.constant("loss_without_riluzole", "1", 1 / (1 - E_ril), "unit loss off riluzole, relative", "x_0")
    share = m.constant(
        "pnfh_share", "1", 1 / (1 + sp.Pow(P_i / P50, gamma)), "response left at the patient's pNFH", "s_i"
    )
    phi = m.constant("inflammatory_damage", "1", phi_max * share, "inflammation-driven share of damage", r"\phi_i")
    course = m.constant("natural_course", "1", k * (since * off + run_in), "natural course until day 0", r"\tau_i")

    D = m.derive("damage", "1", 1 - phi + phi * M1 + psi * (E8 - 1), "damage activity relative to untreated", "D")
    x = m.derive("riluzole_factor", "1", ril + (1 - ril) * off, "factor of riluzole on unit loss", "x")

    m.past(k, since, run_in)
    m.equation(N, -x * k * D * N, baseline=sp.exp(-course), untreated=N * sp.exp(-k * TIME))
    m.equation(R, -x * w * k * D * R, baseline=sp.exp(-w * course), untreated=R * sp.exp(-w * k * TIME))
    m.equation(A1, k_A * (D - A1), baseline=1)
    m.equation(A2, k_A * (A1 - A2), baseline=1)
    m.equation(P_c, k_csf * (P_i * A2 - P_c), baseline=P_i)
    m.equation(L_p, k_pl * (L_i * A2 - L_p), baseline=L_i)

    F = m.derive("alsfrs_r_now", "point", F0 * remaining(N, K_F, 2), "ALSFRS-R", "F")
    V = m.derive("svc_now", "percent", S_i * remaining(R, K_R, 3), "slow vital capacity", "V")
    m.observe("csf_pnfh", "pg/mL", P_c, "pNFH in CSF")
    m.observe("plasma_nfl", "pg/mL", L_p, "NfL in plasma")
    m.observe("motor_units", "1", N, "motor units left")
    m.observe("alsfrs_r", "point", F, "ALSFRS-R")
    m.observe("svc", "percent", V, "slow vital capacity, % predicted")
    return m
