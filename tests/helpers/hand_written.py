"""The right-hand side and the untreated state, typed from the science documents.

Symbols are those of the documents; nothing here is printed from the package's
SymPy objects. `NAMES` maps a document symbol to the id of the package.
"""

import math

STATES = (
    "A_sc A_ln C_p C_t A_in R_a R_b R_bb G Z M T_b T_t P E_b E_t G_N N_b N_t K_b I5 O_m O_b E8 "
    "M1 M2 Cc Cb N R A1 A2 Pc Lp H"
).split()

STATE_IDS = (
    "il2_depot il2_lymph il2_plasma il2_tissue il2_absorbed treg_cd25 treg_cd122 treg_cd122_blood treg_signal "
    "treg_tachyphylaxis adhesion treg_blood treg_tissue_resting treg_tissue_cycling tconv_blood tconv_tissue nk_signal "
    "nk_blood nk_tissue cd8_blood il5 eosinophil_marrow eosinophil_blood cd8_effector microglia_inflammatory "
    "microglia_protective csf_ccl2_relative plasma_ccl2_relative motor_units motor_units_respiratory axonal_debris_1 "
    "axonal_debris_2 csf_pnfh plasma_nfl cumulative_hazard"
).split()

PARAMETER_IDS = dict(
    F="il2_bioavailability", ka="il2_absorption_rate", ktr="il2_lymph_rate", f_cap="il2_capillary_share",
    CL="il2_clearance", V1="il2_plasma_volume", t_alpha="il2_half_life_fast", t_beta="il2_half_life_slow",
    C_p0="il2_untreated", pmol="il2_amount_per_miu", V_blood="blood_volume", Kd_T="treg_affinity",
    Kd_abg="trimer_affinity", Kd_bg="dimer_affinity", R_a0="treg_cd25_untreated", R_b0="treg_cd122_untreated",
    ke="receptor_internalisation", kt="receptor_turnover", e_a="cd25_induction", k_Ra="cd25_turnover",
    X50="signal_threshold", h="signal_hill", pmax="treg_division_max", kG="signal_memory_rate",
    k_div="treg_division_rate", a="tachyphylaxis_strength", kZ="tachyphylaxis_rate", an="treg_niche_limit",
    d="treg_loss_rate", f_b="blood_share", k_out="lymphocyte_exit_rate", m="adhesion_effect",
    C_M="adhesion_threshold", kM="adhesion_rate", pct="treg_share_untreated", CD4="cd4_untreated",
    d_E="tconv_loss_rate", p_E="tconv_division_max", R_aE="tconv_cd25", R_bE="tconv_cd122", N_b0="nk_untreated",
    d_N="nk_loss_rate", e_N="nk_induction", R_aN="nk_cd25", R_bN="nk_cd122", K_b0="cd8_untreated",
    R_aI="ilc2_cd25", R_bI="ilc2_cd122", k_I5="il5_turnover", e_5="il5_induction", O_b0="eosinophil_untreated",
    k_Om="eosinophil_marrow_rate", k_Ob="eosinophil_loss_rate", R_a8="cd8_cd25", R_b8="cd8_cd122",
    k8="cd8_effector_rate", e8="cd8_effector_induction", k12="microglia_calming_rate",
    k21="microglia_activation_rate", dM="microglia_loss_rate", rC="ccl2_recruitment", aD="debris_activation",
    kC="ccl2_turnover", fM="csf_ccl2_inflammatory_share", fT="plasma_ccl2_treg_share", mT="suppression_exponent",
    Tr50="suppression_half", q="suppression_sensitivity", wf="suppression_cd25_weight", k="motor_unit_loss_rate",
    w="respiratory_ratio", since="onset_to_screening", run="run_in", E_ril="riluzole_slowing",
    phi_max="inflammatory_damage_max", P50="pnfh_half", gamma="pnfh_exponent", psi="effector_damage",
    P_i="csf_pnfh_untreated", L_i="plasma_nfl_untreated", kA="debris_rate", kcsf="csf_turnover",
    kpl="plasma_turnover", K_F="function_half", K_R="respiration_half", S_i="svc_before_disease",
    h0="hazard_reference", F_ref="hazard_reference_alsfrs_r", V_ref="hazard_reference_svc", aF="hazard_per_point",
    aV="hazard_per_percent", z="frailty", gI="hazard_inflammation", HR="riluzole_hazard_ratio",
)  # fmt: skip


def kd_of(R, Kal, p):
    phi = R / (R + Kal)
    return 1 / ((1 - phi) / p["Kd_bg"] + phi / p["Kd_abg"])


def hill(X, p):
    return X ** p["h"] / (X ** p["h"] + p["X50"] ** p["h"])


def rise(e, X, X0):
    return (1 + e * X) / (1 + e * X0)


def untreated(p):
    """science_il2 section 3 and science_als section 3: derived constants and initial state."""
    b = {}
    phi0 = (1 / p["Kd_T"] - 1 / p["Kd_bg"]) / (1 / p["Kd_abg"] - 1 / p["Kd_bg"])
    b["Kal"] = p["R_a0"] * (1 - phi0) / phi0
    alpha, beta = math.log(2) / p["t_alpha"], math.log(2) / p["t_beta"]
    k10 = p["CL"] / p["V1"]
    k21 = alpha * beta / k10
    k12 = alpha + beta - k10 - k21
    b["Q"] = k12 * p["V1"]
    b["V2"] = b["Q"] / k21
    b["c"] = p["V_blood"] * 1e6 * 1e12 / 6.02214076e23
    T_b0 = p["CD4"] * p["pct"] / 100
    b["T_b0"] = T_b0
    b["k_in"] = p["k_out"] * p["f_b"] / (1 - p["f_b"])
    th_p0 = p["C_p0"] / (p["C_p0"] + p["Kd_T"])
    C_t0 = p["C_p0"] + (p["CL"] * p["C_p0"] + b["c"] * p["ke"] * p["R_b0"] * th_p0 * T_b0) / b["Q"]
    th_t0 = C_t0 / (C_t0 + p["Kd_T"])
    b["s_b"] = p["R_b0"] * (p["kt"] + (p["ke"] - p["kt"]) * th_t0)
    x = b["k_in"] * (1 - p["f_b"]) / p["f_b"]
    R_bb0 = (b["s_b"] + x * p["R_b0"]) / (p["kt"] + (p["ke"] - p["kt"]) * th_p0 + x)
    b["G0"] = hill(p["R_b0"] * th_t0, p)
    b["M0"] = p["C_p0"] / (p["C_p0"] + p["C_M"])
    p0 = p["pmax"] * b["G0"] / (1 + p["a"] * b["G0"])
    b["W"] = T_b0 * (1 - p["f_b"]) / p["f_b"]
    T_t0 = b["W"] / (1 + p0 / p["k_div"])
    b["sig_T"] = (p["d"] - p0) * T_t0
    E_b0 = p["CD4"] - T_b0
    E_t0 = E_b0 * (1 - p["f_b"]) / p["f_b"]
    b["kE"] = (b["c"] * p["ke"] * p["R_b0"] * th_t0 * b["W"] + b["Q"] * (C_t0 - p["C_p0"])) / E_t0

    def signal(R_a, R_b):
        return hill(R_b * C_t0 / (C_t0 + kd_of(R_a, b["Kal"], p)), p)

    b["sig_E"] = (p["d_E"] - p["p_E"] * signal(p["R_aE"], p["R_bE"])) * E_t0
    b["G_N0"] = signal(p["R_aN"], p["R_bN"])
    N_t0 = p["N_b0"] * (1 - p["f_b"]) / p["f_b"]
    b["sig_N"] = p["d_N"] * N_t0
    b["S_I0"] = signal(p["R_aI"], p["R_bI"])
    b["S_80"] = signal(p["R_a8"], p["R_b8"])
    course = p["k"] * (p["since"] / (1 - p["E_ril"]) + p["run"])
    y = dict(
        A_sc=0, A_ln=0, C_p=p["C_p0"], C_t=C_t0, A_in=0, R_a=p["R_a0"], R_b=p["R_b0"], R_bb=R_bb0, G=b["G0"], Z=b["G0"],
        M=b["M0"], T_b=T_b0, T_t=T_t0, P=T_t0 * p0 / p["k_div"], E_b=E_b0, E_t=E_t0, G_N=b["G_N0"], N_b=p["N_b0"],
        N_t=N_t0, K_b=p["K_b0"], I5=1, O_m=p["k_Ob"] * p["O_b0"] / p["k_Om"], O_b=p["O_b0"], E8=1, M1=1,
        M2=p["k12"] / (p["k21"] + p["dM"]), Cc=1, Cb=1, N=math.exp(-course), R=math.exp(-p["w"] * course), A1=1, A2=1,
        Pc=p["P_i"], Lp=p["L_i"], H=0,
    )  # fmt: skip
    return b, [float(y[s]) for s in STATES]


def right_hand_side(y, p, b, r_sc=0.0, r_iv=0.0, ril=1.0):
    """science_il2 section 2 and science_als sections 2 and 3."""
    s = dict(zip(STATES, y, strict=True))
    C_p, C_t, R_b = s["C_p"], s["C_t"], s["R_b"]
    Kd = kd_of(s["R_a"], b["Kal"], p)
    th_t, th_p = C_t / (C_t + Kd), C_p / (C_p + Kd)
    pool = s["T_t"] + s["P"]
    U_t = b["c"] * p["ke"] * R_b * th_t * pool
    U_p = b["c"] * p["ke"] * R_b * th_p * s["T_b"]
    entry = p["f_cap"] * p["ka"] * s["A_sc"] + p["ktr"] * s["A_ln"] + p["pmol"] * r_iv
    S = hill(R_b * th_t, p)
    adh = s["M"] - b["M0"]
    out = p["k_out"] * (1 + p["m"] * adh)
    net = out * s["T_b"] - b["k_in"] * pool
    q = s["P"] / pool
    rate = p["pmax"] * s["G"] / (1 + p["a"] * s["Z"]) / (1 + p["an"] * (pool / b["W"] - 1))

    def signal(R_a, R):
        return hill(R * C_t / (C_t + kd_of(R_a, b["Kal"], p)), p)

    K = p["Tr50"] ** p["mT"]
    Tr = pool / b["W"] * (s["R_a"] / p["R_a0"]) ** p["wf"]
    g = (Tr ** p["mT"] * (1 + K) / (Tr ** p["mT"] + K)) ** p["q"]
    aM = p["k12"] + p["dM"] - p["k21"] * p["k12"] / (p["k21"] + p["dM"])
    s_i = 1 / (1 + (p["P_i"] / p["P50"]) ** p["gamma"])
    phi = p["phi_max"] * s_i
    D = (1 - phi) + phi * s["M1"] + p["psi"] * (s["E8"] - 1)
    x = ril + (1 - ril) / (1 - p["E_ril"])
    x_death = ril + (1 - ril) / p["HR"]
    F = 48 * (1 + p["K_F"] ** 2) * s["N"] ** 2 / (p["K_F"] ** 2 + s["N"] ** 2)
    V = p["S_i"] * (1 + p["K_R"] ** 3) * s["R"] ** 3 / (p["K_R"] ** 3 + s["R"] ** 3)
    dy = dict(
        A_sc=p["F"] * p["pmol"] * r_sc - p["ka"] * s["A_sc"],
        A_ln=(1 - p["f_cap"]) * p["ka"] * s["A_sc"] - p["ktr"] * s["A_ln"],
        C_p=(entry - p["CL"] * C_p - b["Q"] * (C_p - C_t) - U_p) / p["V1"],
        C_t=(b["Q"] * (C_p - C_t) + b["kE"] * s["E_t"] - U_t) / b["V2"],
        A_in=entry,
        R_a=p["k_Ra"] * (p["R_a0"] * rise(p["e_a"], s["G"], b["G0"]) - s["R_a"]),
        R_b=b["s_b"] - (p["kt"] + (p["ke"] - p["kt"]) * th_t) * R_b,
        R_bb=b["s_b"] - (p["kt"] + (p["ke"] - p["kt"]) * th_p) * s["R_bb"]
        + b["k_in"] * pool / s["T_b"] * (R_b - s["R_bb"]),
        G=p["kG"] * (S - s["G"]),
        Z=p["kZ"] * (s["G"] - s["Z"]),
        M=p["kM"] * (C_p / (C_p + p["C_M"]) - s["M"]),
        T_b=-net,
        T_t=b["sig_T"] - p["d"] * s["T_t"] - rate * s["T_t"] + 2 * p["k_div"] * s["P"] + (1 - q) * net,
        P=rate * s["T_t"] - p["k_div"] * s["P"] + q * net,
        E_b=b["k_in"] * s["E_t"] - out * s["E_b"],
        E_t=b["sig_E"] - p["d_E"] * s["E_t"] + p["p_E"] * signal(p["R_aE"], p["R_bE"]) * s["E_t"]
        + out * s["E_b"] - b["k_in"] * s["E_t"],
        G_N=p["kG"] * (signal(p["R_aN"], p["R_bN"]) - s["G_N"]),
        N_b=b["k_in"] * s["N_t"] - out * s["N_b"],
        N_t=b["sig_N"] * rise(p["e_N"], s["G_N"], b["G_N0"]) - p["d_N"] * s["N_t"] + out * s["N_b"]
        - b["k_in"] * s["N_t"],
        K_b=p["k_out"] * (p["K_b0"] - (1 + p["m"] * adh) * s["K_b"]),
        I5=p["k_I5"] * (rise(p["e_5"], signal(p["R_aI"], p["R_bI"]), b["S_I0"]) - s["I5"]),
        O_m=p["k_Ob"] * p["O_b0"] * s["I5"] - p["k_Om"] * s["O_m"],
        O_b=p["k_Om"] * s["O_m"] - p["k_Ob"] * (1 + p["m"] * adh) * s["O_b"],
        E8=p["k8"] * (rise(p["e8"], signal(p["R_a8"], p["R_b8"]), b["S_80"]) - s["E8"]),
        M1=aM * (1 + p["rC"] * (s["Cc"] - 1) + p["aD"] * (s["A2"] - 1)) + p["k21"] * s["M2"]
        - (p["k12"] * g + p["dM"]) * s["M1"],
        M2=p["k12"] * g * s["M1"] - (p["k21"] + p["dM"]) * s["M2"],
        Cc=p["kC"] * ((1 - p["fM"]) + p["fM"] * s["M1"] - s["Cc"]),
        Cb=p["kC"] * ((1 - p["fT"]) + p["fT"] / g - s["Cb"]),
        N=-x * p["k"] * D * s["N"],
        R=-x * p["w"] * p["k"] * D * s["R"],
        A1=p["kA"] * (D - s["A1"]),
        A2=p["kA"] * (s["A1"] - s["A2"]),
        Pc=p["kcsf"] * (p["P_i"] * s["A2"] - s["Pc"]),
        Lp=p["kpl"] * (p["L_i"] * s["A2"] - s["Lp"]),
        H=x_death * p["h0"] * p["z"]
        * math.exp(-p["aF"] * (F - p["F_ref"]) - p["aV"] * (V - p["V_ref"]) + p["gI"] * s_i * (s["M1"] - 1)),
    )  # fmt: skip
    return [dy[s] for s in STATES]
