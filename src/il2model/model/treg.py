"""Regulatory T cells: signal memory, tachyphylaxis, division, trafficking.

Occupied CD122 per cell drives a transcriptional memory G, which sends resting
tissue Treg into cycle; Z slows division under continued signal. Blood Treg
follow tissue within hours. IL-2 makes vessels adhesive (M), which empties blood
for a day: the dip before the rise. Sources: Todd 2016, Kovacs 2001,
Vukmanovic-Stejic 2006, Westermann and Pabst 1992.
"""

from __future__ import annotations

from .language import Submodel, ref
from .laws import hill


def build() -> Submodel:
    """Return the page of the regulatory T cells."""
    m = Submodel("treg", "Regulatory T cells")
    p, s = m.parameter, m.state

    G = s("treg_signal", "1", "IL-2 signal memory of Treg", "G", scale=0.1, reset=True)
    Z = s("treg_tachyphylaxis", "1", "tachyphylaxis of division", "Z", scale=0.1, reset=True)
    M = s("adhesion", "1", "adhesion of lymphocytes to vessels", "M", scale=0.3, reset=True)
    T_b = s("treg_blood", "cell/uL", "Treg in blood", "T_b", scale=50, reset=True)
    T_t = s("treg_tissue_resting", "cell/uL", "resting Treg in tissue, blood equivalent", "T_t", scale=2500, reset=True)
    P = s("treg_tissue_cycling", "cell/uL", "Treg in cycle in tissue, blood equivalent", "P", scale=50, reset=True)

    X50 = p("signal_threshold", "molecule/cell", "occupied receptors for half the signal", "X_{50}")
    h = p("signal_hill", "1", "Hill exponent of the signal", "h")
    pmax = p("treg_division_max", "1/day", "largest rate of entry into cycle", "p_{max}")
    kG = p("signal_memory_rate", "1/day", "rate of the signal memory", "k_G")
    k_div = p("treg_division_rate", "1/day", "rate of division once in cycle", "k_{div}")
    a = p("tachyphylaxis_strength", "1", "strength of tachyphylaxis", "a")
    kZ = p("tachyphylaxis_rate", "1/day", "rate of tachyphylaxis", "k_Z")
    a_n = p("treg_niche_limit", "1", "limit of the niche on division", "a_n")
    d = p("treg_loss_rate", "1/day", "loss rate of Treg", "d")
    f_b = p("blood_share", "1", "share of lymphocytes that is in blood", "f_b")
    k_out = p("lymphocyte_exit_rate", "1/day", "rate at which lymphocytes leave blood", "k_{out}")
    margin = p("adhesion_effect", "1", "effect of adhesion on leaving blood", "m")
    C_M = p("adhesion_threshold", "pM", "IL-2 for half the adhesion", "C_M")
    kM = p("adhesion_rate", "1/day", "rate of adhesion", "k_M")
    share0 = p("treg_share_untreated", "percent", "Treg among CD4 cells, untreated", r"\%T_0")
    CD4_0 = p("cd4_untreated", "cell/uL", "CD4 cells in blood, untreated", "CD4_0")
    hundred = p("percent_per_unit", "percent", "percent in a whole", "n_{\\%}")

    C_p, C_p0, theta_t0, R_b0 = ref("il2_plasma", "il2_untreated", "occupancy_tissue_untreated", "treg_cd122_untreated")
    R_b, theta_t, E_b = ref("treg_cd122", "occupancy_tissue", "tconv_blood")

    T_b0 = m.constant("treg_blood_untreated", "cell/uL", CD4_0 * share0 / hundred, "Treg in blood, untreated", "T_{b0}")
    k_in = m.constant(
        "lymphocyte_entry_rate", "1/day", k_out * f_b / (1 - f_b), "rate at which lymphocytes enter blood", "k_{in}"
    )
    G0 = m.constant("treg_signal_untreated", "1", hill(R_b0 * theta_t0 / X50, h), "signal of Treg, untreated", "G_0")
    M0 = m.constant("adhesion_untreated", "1", C_p0 / (C_p0 + C_M), "adhesion, untreated", "M_0")
    p0 = m.constant("treg_division_untreated", "1/day", pmax * G0 / (1 + a * G0), "entry into cycle, untreated", "p_0")
    W = m.constant("treg_tissue_untreated", "cell/uL", T_b0 * (1 - f_b) / f_b, "Treg in tissue, untreated", "W")
    T_t0 = m.constant(
        "treg_resting_untreated", "cell/uL", W / (1 + p0 / k_div), "resting tissue Treg, untreated", "T_{t0}"
    )
    sigma = m.constant("treg_supply", "cell/uL/day", (d - p0) * T_t0, "supply of Treg", r"\sigma_T")
    m.require(
        "treg_supply",
        d - p0,
        "untreated division (set by treg_division_max) must be slower than treg_loss_rate.",
        limits="treg_division_max",
    )

    X = m.derive("treg_occupied", "molecule/cell", R_b * theta_t, "occupied receptors per Treg", "X")
    S = m.derive("treg_signal_now", "1", hill(X / X50, h), "IL-2 signal in Treg", "S")
    leave = m.derive("exit_rate", "1/day", k_out * (1 + margin * (M - M0)), "rate of leaving blood", "o")
    net = m.derive("treg_net_exit", "cell/uL/day", leave * T_b - k_in * (T_t + P), "net Treg flow to tissue", r"\nu")
    q = m.derive("treg_cycling_share", "1", P / (T_t + P), "share of tissue Treg in cycle", "q")
    enter = m.derive(
        "treg_cycle_entry",
        "cell/uL/day",
        pmax * G * T_t / ((1 + a * Z) * (1 + a_n * ((T_t + P) / W - 1))),
        "Treg that enter the cycle",
        "pT_t",
    )

    m.equation(G, kG * (S - G), baseline=G0)
    m.equation(Z, kZ * (G - Z), baseline=G0)
    m.equation(M, kM * (C_p / (C_p + C_M) - M), baseline=M0)
    m.equation(T_b, -net, baseline=T_b0)
    m.equation(T_t, sigma - d * T_t - enter + 2 * k_div * P + (1 - q) * net, baseline=T_t0)
    m.equation(P, enter - k_div * P + q * net, baseline=T_t0 * p0 / k_div)

    m.observe("treg_count", "cell/uL", T_b, "Treg in blood")
    m.observe("treg_percent", "percent", hundred * T_b / (T_b + E_b), "Treg among CD4 cells")
    m.observe("treg_tissue", "1", (T_t + P) / W, "tissue Treg relative to untreated")
    return m
