"""Inflammation: Treg suppress glia and monocytes; CCL2 in CSF and plasma.

Tissue Treg (never blood Treg, which empties by margination) move
pro-inflammatory microglia M1 to the protective form M2. States are relative to
their own untreated value. Sources: rates from published code for other diseases
(Hao and Friedman 2016, QSPIO); CCL2 levels from Martinez 2020.
"""

from __future__ import annotations

import sympy as sp

from .language import Submodel, ref


def build() -> Submodel:
    """Return the page of inflammation."""
    m = Submodel("inflammation", "Inflammation and CCL2", holds=True)
    p, s = m.parameter, m.state

    M1 = s("microglia_inflammatory", "1", "pro-inflammatory microglia relative to untreated", "M_1", scale=1)
    M2 = s("microglia_protective", "1", "protective microglia relative to untreated M1", "M_2", scale=4)
    Cc = s("csf_ccl2_relative", "1", "CCL2 in CSF relative to untreated", r"C_{csf}", scale=1)
    Cb = s("plasma_ccl2_relative", "1", "CCL2 in plasma relative to untreated", r"C_{ccl2}", scale=1)

    k12 = p("microglia_calming_rate", "1/day", "rate from M1 to M2", "k_{12}^{M}")
    k21 = p("microglia_activation_rate", "1/day", "rate from M2 to M1", "k_{21}^{M}")
    d_M = p("microglia_loss_rate", "1/day", "loss rate of microglia", "d_M")
    r_C = p("ccl2_recruitment", "1", "recruitment of M1 by CSF CCL2", "r_C")
    a_D = p("debris_activation", "1", "activation of M1 by axonal debris", "a_D")
    k_C = p("ccl2_turnover", "1/day", "turnover of CCL2", "k_C")
    f_M = p("csf_ccl2_inflammatory_share", "1", "share of CSF CCL2 made by M1", "f_M")
    f_T = p("plasma_ccl2_treg_share", "1", "share of plasma CCL2 under Treg control", "f_T")
    n = p("suppression_exponent", "1", "exponent of Treg suppression", "n_T")
    Tr50 = p("suppression_half", "1", "relative Treg for half of the largest suppression", "T_{50}")
    q_i = p("suppression_sensitivity", "1", "patient's sensitivity to suppression", "q_i")
    w_f = p("suppression_cd25_weight", "1", "weight of CD25 per Treg in suppression", "w_f")
    csf0 = p("csf_ccl2_untreated", "pg/mL", "CCL2 in CSF, untreated", "C_{csf,0}")
    plasma0 = p("plasma_ccl2_untreated", "pg/mL", "CCL2 in plasma, untreated", "C_{ccl2,0}")

    T_t, P, W, R_a, R_a0 = ref(
        "treg_tissue_resting", "treg_tissue_cycling", "treg_tissue_untreated", "treg_cd25", "treg_cd25_untreated"
    )
    A2, phi_max = ref("axonal_debris_2", "inflammatory_damage_max")

    a_M = m.constant("microglia_supply", "1/day", d_M * (1 + k12 / (k21 + d_M)), "supply of M1, untreated", "a_M")
    K = m.constant("suppression_half_power", "1", sp.Pow(Tr50, n), "half suppression, raised to its exponent", "K_T")
    m.require(
        "glial_loop_gain",
        1 - r_C * f_M - a_D * phi_max,
        "ccl2_recruitment x csf_ccl2_inflammatory_share + debris_activation x inflammatory_damage_max must be below 1.",
        limits="debris_activation",
    )

    # Tr**n (1 + K) / (Tr**n + K), Tr = tissue Treg x (CD25 per cell)**w_f
    power = m.derive(
        "suppression_power",
        "1",
        sp.exp(n * (sp.log((T_t + P) / W) + w_f * sp.log(R_a / R_a0))),
        "suppressive Treg, raised to its exponent",
        "T_r^{n_T}",
    )
    g = m.derive(
        "suppression", "1", sp.Pow(power * (1 + K) / (power + K), q_i), "suppression by Treg (1 untreated)", "g"
    )

    m.equation(M1, a_M * (1 + r_C * (Cc - 1) + a_D * (A2 - 1)) + k21 * M2 - (k12 * g + d_M) * M1, baseline=1)
    m.equation(M2, k12 * g * M1 - (k21 + d_M) * M2, baseline=k12 / (k21 + d_M))
    m.equation(Cc, k_C * (1 - f_M + f_M * M1 - Cc), baseline=1)
    m.equation(Cb, k_C * (1 - f_T + f_T / g - Cb), baseline=1)

    m.observe("csf_ccl2", "pg/mL", csf0 * Cc, "CCL2 in CSF")
    m.observe("plasma_ccl2", "pg/mL", plasma0 * Cb, "CCL2 in plasma")
    return m
