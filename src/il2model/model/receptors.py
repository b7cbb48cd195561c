"""Treg receptors: CD25 (affinity) and CD122 (the limiting signalling chain).

CD25 recycles, so IL-2 induces it but does not consume it; CD122 is degraded
with the IL-2 it binds. The same affinity law with measured receptor numbers
gives the Kd of every cell type. Sources: Hemar 1995, Fallon 2000, Farhat 2021.
"""

from __future__ import annotations

from .language import Submodel, ref
from .laws import dissociation, occupancy, rise


def build() -> Submodel:
    """Return the page of the Treg receptors."""
    m = Submodel("receptors", "Treg receptors")
    p, s = m.parameter, m.state

    R_a = s("treg_cd25", "molecule/cell", "CD25 per Treg", "R_a", scale=3000, reset=True)
    R_b = s("treg_cd122", "molecule/cell", "CD122 per tissue Treg", "R_b", scale=600, reset=True)
    R_bb = s("treg_cd122_blood", "molecule/cell", "CD122 per blood Treg", "R_{bb}", scale=600, reset=True)

    R_a0 = p("treg_cd25_untreated", "molecule/cell", "CD25 per Treg, untreated", "R_{a0}")
    R_b0 = p("treg_cd122_untreated", "molecule/cell", "CD122 per Treg, untreated", "R_{b0}")
    Kd_T = p("treg_affinity", "pM", "Kd of untreated Treg for IL-2", "K_{d,T}")
    Kd_abg = p("trimer_affinity", "pM", "Kd of the trimeric receptor", r"K_{d,\alpha\beta\gamma}")
    Kd_bg = p("dimer_affinity", "pM", "Kd of the dimeric receptor", r"K_{d,\beta\gamma}")
    ke = p("receptor_internalisation", "1/day", "loss rate of occupied CD122", "k_e")
    kt = p("receptor_turnover", "1/day", "loss rate of free CD122", "k_t")
    e_a = p("cd25_induction", "1", "gain of CD25 by IL-2 signal", "e_a")
    k_Ra = p("cd25_turnover", "1/day", "turnover of CD25", "k_{Ra}")

    C_p, C_t = ref("il2_plasma", "il2_tissue")
    G, G0 = ref("treg_signal", "treg_signal_untreated")
    T_b, T_t, P = ref("treg_blood", "treg_tissue_resting", "treg_tissue_cycling")
    k_in, k_out = ref("lymphocyte_entry_rate", "lymphocyte_exit_rate")
    theta_p0, theta_t0 = ref("occupancy_plasma_untreated", "occupancy_tissue_untreated")

    for id, positive, sentence in (
        ("treg_affinity_low", Kd_T - Kd_abg, "treg_affinity must be above trimer_affinity."),
        ("treg_affinity_high", Kd_bg - Kd_T, "treg_affinity must be below dimer_affinity."),
    ):
        m.require(id, positive, sentence, limits="treg_affinity", room=1e-3)
    phi0 = m.constant(
        "trimer_share_untreated",
        "1",
        (1 / Kd_T - 1 / Kd_bg) / (1 / Kd_abg - 1 / Kd_bg),
        "share of trimeric receptor on untreated Treg",
        r"\varphi_0",
    )
    K_al = m.constant(
        "cd25_association",
        "molecule/cell",
        R_a0 * (1 - phi0) / phi0,
        "CD25 at which half of the dimers are trimers",
        r"K_\alpha",
    )
    s_b = m.constant(
        "cd122_synthesis",
        "molecule/cell/day",
        R_b0 * (kt + (ke - kt) * theta_t0),
        "synthesis of CD122",
        "s_b",
    )
    R_bb0 = m.constant(
        "treg_cd122_blood_untreated",
        "molecule/cell",
        (s_b + k_out * R_b0) / (kt + (ke - kt) * theta_p0 + k_out),
        "CD122 per blood Treg, untreated",
        "R_{bb0}",
    )

    Kd = m.derive("treg_affinity_now", "pM", dissociation(R_a, K_al, Kd_abg, Kd_bg), "Kd of Treg", "K_d")
    theta_t = m.derive("occupancy_tissue", "1", occupancy(C_t, Kd), "occupancy in tissue", r"\theta_t")
    theta_p = m.derive("occupancy_plasma", "1", occupancy(C_p, Kd), "occupancy in plasma", r"\theta_p")

    m.equation(R_a, k_Ra * (R_a0 * rise(e_a, G, G0) - R_a), baseline=R_a0)
    m.equation(R_b, s_b - (kt + (ke - kt) * theta_t) * R_b, baseline=R_b0)
    m.equation(
        R_bb,
        s_b - (kt + (ke - kt) * theta_p) * R_bb + k_in * (T_t + P) / T_b * (R_b - R_bb),
        baseline=R_bb0,
    )
    m.observe("treg_cd25", "molecule/cell", R_a, "CD25 per Treg")
    return m
