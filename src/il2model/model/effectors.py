"""Cells that IL-2 reaches besides Treg: CD4, CD56bright NK, CD8, ILC2 and eosinophils.

All follow the same signal law with their own receptor numbers, so selectivity
comes from receptors alone. NK signal drives the output of a precursor pool;
blood CD8 only marginate; ILC2 make IL-5, which drives eosinophils. The tissue
effector pool of CD8 is the one route to harm with human data behind it.
Sources: Farhat 2021, Macallan 2004, Zhang 2007, Farahi 2012, Van Gool 2014, Cui 2022.
"""

from __future__ import annotations

import sympy as sp

from .language import Expr, Submodel, ref
from .laws import dissociation, hill, occupancy, rise


def build() -> Submodel:
    """Return the page of the effector cells."""
    m = Submodel("effectors", "Effector cells")
    p, s = m.parameter, m.state

    E_b = s("tconv_blood", "cell/uL", "CD4 that are not Treg, blood", "E_b", scale=700, reset=True)
    E_t = s("tconv_tissue", "cell/uL", "CD4 that are not Treg, tissue", "E_t", scale=34000, reset=True)
    G_N = s("nk_signal", "1", "IL-2 signal memory of CD56bright NK", "G_N", scale=0.1, reset=True)
    N_b = s("nk_blood", "cell/uL", "CD56bright NK in blood", "N_b", scale=16, reset=True)
    N_t = s("nk_tissue", "cell/uL", "CD56bright NK in tissue", "N_t", scale=800, reset=True)
    K_b = s("cd8_blood", "cell/uL", "CD8 in blood", "K_b", scale=450, reset=True)
    I5 = s("il5", "1", "IL-5 relative to untreated", "I_5", scale=1, reset=True)
    O_m = s("eosinophil_marrow", "cell/uL", "eosinophils maturing in marrow", "O_m", scale=240, reset=True)
    O_b = s("eosinophil_blood", "cell/uL", "eosinophils in blood", "O_b", scale=150, reset=True)
    E8 = s("cd8_effector", "1", "activated CD8 in tissue relative to untreated", "E_8", scale=1, reset=True)

    d_E = p("tconv_loss_rate", "1/day", "loss rate of conventional CD4", "d_E")
    p_E = p("tconv_division_max", "1/day", "division of conventional CD4 at full signal", "p_E")
    R_aE = p("tconv_cd25", "molecule/cell", "CD25 per conventional CD4", "R_{aE}")
    R_bE = p("tconv_cd122", "molecule/cell", "CD122 per conventional CD4", "R_{bE}")
    N_b0 = p("nk_untreated", "cell/uL", "CD56bright NK in blood, untreated", "N_{b0}")
    d_N = p("nk_loss_rate", "1/day", "loss rate of NK", "d_N")
    e_N = p("nk_induction", "1", "gain of NK output by IL-2 signal", "e_N")
    R_aN = p("nk_cd25", "molecule/cell", "CD25 per CD56bright NK", "R_{aN}")
    R_bN = p("nk_cd122", "molecule/cell", "CD122 per CD56bright NK", "R_{bN}")
    K_b0 = p("cd8_untreated", "cell/uL", "CD8 in blood, untreated", "K_{b0}")
    R_aI = p("ilc2_cd25", "molecule/cell", "CD25 per ILC2", "R_{aI}")
    R_bI = p("ilc2_cd122", "molecule/cell", "CD122 per ILC2", "R_{bI}")
    k_I5 = p("il5_turnover", "1/day", "turnover of IL-5", "k_{I5}")
    e_5 = p("il5_induction", "1", "gain of IL-5 by ILC2 signal", "e_5")
    O_b0 = p("eosinophil_untreated", "cell/uL", "eosinophils in blood, untreated", "O_{b0}")
    k_Om = p("eosinophil_marrow_rate", "1/day", "transit rate through marrow", "k_{Om}")
    k_Ob = p("eosinophil_loss_rate", "1/day", "loss rate of blood eosinophils", "k_{Ob}")
    R_a8 = p("cd8_cd25", "molecule/cell", "CD25 per CD8", "R_{a8}")
    R_b8 = p("cd8_cd122", "molecule/cell", "CD122 per CD8", "R_{b8}")
    k_8 = p("cd8_effector_rate", "1/day", "turnover of activated CD8", "k_8")
    e_8 = p("cd8_effector_induction", "1", "gain of activated CD8 by IL-2 signal", "e_8")

    C_t, C_t0, K_al, Kd_abg, Kd_bg = ref(
        "il2_tissue", "il2_tissue_untreated", "cd25_association", "trimer_affinity", "dimer_affinity"
    )
    X50, h, kG, f_b, k_out = ref(
        "signal_threshold", "signal_hill", "signal_memory_rate", "blood_share", "lymphocyte_exit_rate"
    )
    k_in, leave, CD4_0, T_b0 = ref("lymphocyte_entry_rate", "exit_rate", "cd4_untreated", "treg_blood_untreated")

    def affinity(cell: str, cd25: Expr, latex: str) -> sp.Symbol:
        kd = dissociation(cd25, K_al, Kd_abg, Kd_bg)
        return m.constant(f"{cell}_affinity", "pM", kd, f"Kd of {cell}", f"K_{{d,{latex}}}")

    def signal(concentration: Expr, kd: Expr, cd122: Expr) -> Expr:
        return hill(cd122 * occupancy(concentration, kd) / X50, h)

    def pair(cell: str, cd25: Expr, cd122: Expr, latex: str) -> tuple[sp.Symbol, sp.Symbol]:
        kd = affinity(cell, cd25, latex)
        untreated = m.constant(
            f"{cell}_signal_untreated", "1", signal(C_t0, kd, cd122), f"signal of {cell}, untreated", f"S_{{{latex}0}}"
        )
        now = m.derive(f"{cell}_signal_now", "1", signal(C_t, kd, cd122), f"IL-2 signal in {cell}", f"S_{{{latex}}}")
        return untreated, now

    S_E0, S_E = pair("tconv", R_aE, R_bE, "E")
    G_N0, S_N = pair("nk", R_aN, R_bN, "N")
    S_I0, S_I = pair("ilc2", R_aI, R_bI, "I")
    S_80, S_8 = pair("cd8", R_a8, R_b8, "8")

    E_b0 = m.constant(
        "tconv_blood_untreated", "cell/uL", CD4_0 - T_b0, "conventional CD4 in blood, untreated", "E_{b0}"
    )
    E_t0 = m.constant(
        "tconv_tissue_untreated", "cell/uL", E_b0 * (1 - f_b) / f_b, "conventional CD4 in tissue, untreated", "E_{t0}"
    )
    N_t0 = m.constant("nk_tissue_untreated", "cell/uL", N_b0 * (1 - f_b) / f_b, "NK in tissue, untreated", "N_{t0}")
    sigma_E = m.constant(
        "tconv_supply", "cell/uL/day", (d_E - p_E * S_E0) * E_t0, "supply of conventional CD4", r"\sigma_E"
    )
    sigma_N = m.constant("nk_supply", "cell/uL/day", d_N * N_t0, "supply of NK", r"\sigma_N")
    m.require(
        "tconv_supply",
        d_E - p_E * S_E0,
        "untreated division of conventional CD4 (set by tconv_division_max) must not exceed tconv_loss_rate.",
        strict=False,
        limits="tconv_division_max",
        follows=True,
    )

    m.equation(E_b, k_in * E_t - leave * E_b, baseline=E_b0)
    m.equation(E_t, sigma_E - d_E * E_t + p_E * S_E * E_t + leave * E_b - k_in * E_t, baseline=E_t0)
    m.equation(G_N, kG * (S_N - G_N), baseline=G_N0)
    m.equation(N_b, k_in * N_t - leave * N_b, baseline=N_b0)
    m.equation(N_t, sigma_N * rise(e_N, G_N, G_N0) - d_N * N_t + leave * N_b - k_in * N_t, baseline=N_t0)
    m.equation(K_b, k_out * K_b0 - leave * K_b, baseline=K_b0)
    m.equation(I5, k_I5 * (rise(e_5, S_I, S_I0) - I5), baseline=1)
    m.equation(O_m, k_Ob * O_b0 * I5 - k_Om * O_m, baseline=k_Ob * O_b0 / k_Om)
    m.equation(O_b, k_Om * O_m - k_Ob * leave / k_out * O_b, baseline=O_b0)
    m.equation(E8, k_8 * (rise(e_8, S_8, S_80) - E8), baseline=1)

    m.observe("teff_count", "cell/uL", E_b, "CD4 that are not Treg in blood")
    m.observe("cd8_count", "cell/uL", K_b, "CD8 in blood")
    m.observe("nk_count", "cell/uL", N_b, "CD56bright NK in blood")
    m.observe("eosinophil_count", "cell/uL", O_b, "eosinophils in blood")
    return m
