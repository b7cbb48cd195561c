"""IL-2 trafficking after Fallon and Lauffenburger 2000 (BioModels BIOMD0000000665), on il2model's model layer.

Surface and endosomal receptors, free and bound, with recycling of IL-2, at a constant number of cells; the
growth law of the paper is left out. Rates were read in the model file and are given there per minute.
"""

from __future__ import annotations

from il2model.model.assembly import Model, assemble
from il2model.model.language import Submodel
from il2model.model.laws import occupancy

MINUTES = 1440.0
#: Numbers of the model file, in the units of the pages below (per day, pM, cells per litre).
VALUES = {
    "k_r": 0.0138 * MINUTES,
    "k_f": 0.0138 / 11.1 * MINUTES,
    "k_re": 8 * 0.0138 * MINUTES,
    "k_fe": 8 * 0.0138 / 1000 * MINUTES,
    "k_t": 0.007 * MINUTES,
    "k_syn": 0.0011 * MINUTES,
    "k_e": 0.04 * MINUTES,
    "k_x": 0.15 * MINUTES,
    "k_h": 0.035 * MINUTES,
    "V_s": 11.0 * MINUTES,
    "V_e": 1e-14,
    "N_A": 6.022e11,
    "cells": 2.5e8,
    "R_0": 1500.0,
    "L_0": 10.0,
}


def fallon() -> Model:
    """Return the published model: receptors on the surface and in endosomes."""
    m = Submodel("trafficking", "IL-2 trafficking")
    s, p = m.state, m.parameter
    R_s = s("R_s", "molecule/cell", "free surface receptors", scale=1000)
    C_s = s("C_s", "molecule/cell", "surface complexes", scale=100)
    R_i = s("R_i", "molecule/cell", "free endosomal receptors", scale=100)
    C_i = s("C_i", "molecule/cell", "endosomal complexes", scale=100)
    L_i = s("L_i", "pM", "IL-2 in endosomes", scale=100)
    L = s("L", "pM", "IL-2 in the medium", scale=1)
    k_r, k_re, k_t = (p(i, "1/day", i) for i in ("k_r", "k_re", "k_t"))
    k_f, k_fe = (p(i, "1/pM/day", i) for i in ("k_f", "k_fe"))
    k_syn, k_e, k_x, k_h = (p(i, "1/day", i) for i in ("k_syn", "k_e", "k_x", "k_h"))
    V_s = p("V_s", "molecule/cell/day", "constitutive synthesis of receptors")
    V_e = p("V_e", "L/cell", "endosomal volume")
    N_A = p("N_A", "molecule/pmol", "Avogadro's number")
    Y = p("cells", "cell/L", "cells")
    R_0 = p("R_0", "molecule/cell", "surface receptors at the start")
    L_0 = p("L_0", "pM", "IL-2 at the start")
    bind = m.derive("bind", "molecule/cell/day", k_f * R_s * L - k_r * C_s, "net binding at the surface")
    inside = m.derive("bind_inside", "molecule/cell/day", k_fe * R_i * L_i - k_re * C_i, "net binding in endosomes")
    m.equation(R_s, V_s + k_syn * C_s - k_t * R_s - bind, baseline=R_0, untreated=None)
    m.equation(C_s, bind - k_e * C_s, baseline=0, untreated=None)
    m.equation(R_i, k_t * R_s - inside - k_h * R_i, baseline=0, untreated=None)
    m.equation(C_i, k_e * C_s + inside - k_h * C_i, baseline=0, untreated=None)
    m.equation(L_i, -inside / (V_e * N_A) - k_x * L_i, baseline=0, untreated=None)
    m.equation(L, Y * (k_x * L_i * V_e - bind / N_A), baseline=L_0, untreated=None)
    return assemble([m], name="fallon2000")


def limit() -> Model:
    """Return il2model's uptake law alone: binding at equilibrium, what is internalised is lost."""
    m = Submodel("uptake", "Uptake by receptors")
    s, p = m.state, m.parameter
    R = s("R", "molecule/cell", "surface receptors, free and bound", scale=1000)
    L = s("L", "pM", "IL-2 in the medium, free and bound", scale=1)
    k_r, k_t, k_e = (p(i, "1/day", i) for i in ("k_r", "k_t", "k_e"))
    k_f = p("k_f", "1/pM/day", "association")
    V_s = p("V_s", "molecule/cell/day", "synthesis of receptors")
    N_A = p("N_A", "molecule/pmol", "Avogadro's number")
    Y = p("cells", "cell/L", "cells")
    R_0 = p("R_0", "molecule/cell", "surface receptors at the start")
    L_0 = p("L_0", "pM", "IL-2 at the start")
    Kd = m.constant("K_d", "pM", k_r / k_f, "dissociation constant")
    theta = m.derive("theta", "1", occupancy(L, Kd), "occupied share")
    m.equation(R, V_s - (k_t + (k_e - k_t) * theta) * R, baseline=R_0, untreated=None)
    m.equation(L, -Y * k_e * R * theta / N_A, baseline=L_0, untreated=None)
    return assemble([m], name="uptake-limit")
