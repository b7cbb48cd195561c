"""IL-2 pharmacokinetics: depot, draining lymph, plasma, tissue.

A dose enters the subcutaneous depot and reaches plasma by capillaries (share
`il2_capillary_share`) or by lymph. Plasma exchanges with tissue, where
conventional CD4 cells make the endogenous IL-2 and Treg take it up through
their receptors. Clearance is renal plus receptor-mediated, so it rises with
the number of Treg. Sources: Konrad 1990, Piscitelli 1996, product label.
"""

from __future__ import annotations

import sympy as sp

from .language import Route, Submodel, ref
from .laws import occupancy


def build() -> Submodel:
    """Return the page of IL-2 pharmacokinetics."""
    m = Submodel("il2_pk", "IL-2 pharmacokinetics")
    p, s = m.parameter, m.state

    A_sc = s("il2_depot", "pmol", "IL-2 in the subcutaneous depot", "A_{sc}", scale=1000, reset=True)
    A_ln = s("il2_lymph", "pmol", "IL-2 in the draining lymph", "A_{ln}", scale=1000, reset=True)
    C_p = s("il2_plasma", "pM", "IL-2 in plasma", "C_p", scale=10, reset=True)
    C_t = s("il2_tissue", "pM", "IL-2 in tissue", "C_t", scale=10, reset=True)
    A_in = s("il2_absorbed", "pmol", "IL-2 that has reached plasma", "A_{in}", scale=1000)

    F = p("il2_bioavailability", "1", "subcutaneous bioavailability", "F")
    p("il2_lag", "day", "lag before subcutaneous absorption", "t_{lag}")
    ka = p("il2_absorption_rate", "1/day", "loss rate of the depot", "k_a")
    ktr = p("il2_lymph_rate", "1/day", "transit rate of the lymph", "k_{tr}")
    f_cap = p("il2_capillary_share", "1", "share absorbed by capillaries", "f_{cap}")
    CL = p("il2_clearance", "L/day", "clearance of plasma IL-2, receptors not counted", "CL")
    V1 = p("il2_plasma_volume", "L", "central volume", "V_1")
    fast = p("il2_half_life_fast", "day", "first half-life after i.v. injection", r"t_\alpha")
    slow = p("il2_half_life_slow", "day", "second half-life after i.v. injection", r"t_\beta")
    C_p0 = p("il2_untreated", "pM", "IL-2 in plasma, untreated", "C_{p0}")
    per_miu = p("il2_amount_per_miu", "pmol/MIU", "IL-2 per million international units", "n_{MIU}")
    V_b = p("blood_volume", "L", "blood volume", "V_b")
    N_A = p("molecules_per_pmol", "molecule/pmol", "Avogadro's number", "N_A")
    p("body_surface", "m2", "body surface", "BSA")
    uL = p("microlitres_per_litre", "uL/L", "microlitres in a litre", r"n_{\mu L}")

    depot_rate = m.input("infusion_sc", "MIU/day", "subcutaneous infusion", "r_{sc}")
    plasma_rate = m.input("infusion_iv", "MIU/day", "intravenous infusion", "r_{iv}")

    ln2 = sp.log(2)
    alpha = m.constant("il2_rate_fast", "1/day", ln2 / fast, "first rate after i.v. injection", r"\alpha")
    beta = m.constant("il2_rate_slow", "1/day", ln2 / slow, "second rate after i.v. injection", r"\beta")
    k10 = m.constant("il2_elimination_rate", "1/day", CL / V1, "elimination rate", "k_{10}")
    k21 = m.constant("il2_return_rate", "1/day", alpha * beta / k10, "rate from tissue to plasma", "k_{21}")
    k12 = m.constant("il2_distribution_rate", "1/day", alpha + beta - k10 - k21, "rate from plasma to tissue", "k_{12}")
    Q = m.constant("il2_exchange", "L/day", k12 * V1, "exchange between plasma and tissue", "Q")
    V2 = m.constant("il2_tissue_volume", "L", Q / k21, "tissue volume", "V_2")
    m.require(
        "il2_distribution_rate",
        k12,
        "il2_clearance / il2_plasma_volume must lie between the two i.v. rates (about 11.7 and 77 per day).",
        limits="il2_clearance",
        room=1e-3,
    )

    ke, R_b0 = ref("receptor_internalisation", "treg_cd122_untreated")
    T_b, T_t, P, E_t = ref("treg_blood", "treg_tissue_resting", "treg_tissue_cycling", "tconv_tissue")
    T_b0, W, E_t0 = ref("treg_blood_untreated", "treg_tissue_untreated", "tconv_tissue_untreated")
    R_b, theta_p, theta_t, Kd_T = ref("treg_cd122", "occupancy_plasma", "occupancy_tissue", "treg_affinity")

    c = m.constant("receptor_amount", "pmol*uL/molecule", V_b * uL / N_A, "amount per (cell/uL and receptor/cell)", "c")
    theta_p0 = m.constant(
        "occupancy_plasma_untreated", "1", occupancy(C_p0, Kd_T), "occupancy in plasma, untreated", r"\theta_{p0}"
    )
    C_t0 = m.constant(
        "il2_tissue_untreated",
        "pM",
        C_p0 + (CL * C_p0 + c * ke * R_b0 * theta_p0 * T_b0) / Q,
        "IL-2 in tissue, untreated",
        "C_{t0}",
    )
    theta_t0 = m.constant(
        "occupancy_tissue_untreated", "1", occupancy(C_t0, Kd_T), "occupancy in tissue, untreated", r"\theta_{t0}"
    )
    k_E = m.constant(
        "il2_production",
        "pmol*uL/cell/day",
        (c * ke * R_b0 * theta_t0 * W + Q * (C_t0 - C_p0)) / E_t0,
        "IL-2 made per conventional CD4 cell",
        "k_E",
    )

    U_p = m.derive("il2_uptake_plasma", "pmol/day", c * ke * R_b * theta_p * T_b, "uptake by blood Treg", "U_p")
    U_t = m.derive("il2_uptake_tissue", "pmol/day", c * ke * R_b * theta_t * (T_t + P), "uptake by tissue Treg", "U_t")
    entry = m.derive(
        "il2_entry",
        "pmol/day",
        f_cap * ka * A_sc + ktr * A_ln + per_miu * plasma_rate,
        "drug that reaches plasma",
        "J_{in}",
    )

    m.equation(A_sc, F * per_miu * depot_rate - ka * A_sc, baseline=0)
    m.equation(A_ln, (1 - f_cap) * ka * A_sc - ktr * A_ln, baseline=0)
    m.equation(C_p, (entry - CL * C_p - Q * (C_p - C_t) - U_p) / V1, baseline=C_p0)
    m.equation(C_t, (Q * (C_p - C_t) + k_E * E_t - U_t) / V2, baseline=C_t0)
    m.equation(A_in, entry, baseline=0)

    m.constant("bolus_sc", "pmol/MIU", F * per_miu, "what 1 MIU s.c. adds to the depot", "b_{sc}")
    m.constant("bolus_iv", "pM/MIU", per_miu / V1, "what 1 MIU i.v. adds to plasma", "b_{iv}")
    m.route(Route("sc", "il2_depot", "bolus_sc", "infusion_sc", "il2_bioavailability", "il2_lag", "subcutaneous"))
    m.route(Route("iv", "il2_plasma", "bolus_iv", "infusion_iv", None, None, "intravenous"))
    m.observe("il2_plasma", "pM", C_p, "IL-2 in plasma")
    return m
