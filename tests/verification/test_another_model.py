"""The model layer serves a published model that is not ours; our uptake law is its limit."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from il2model.errors import InputError, UnknownNameError
from il2model.simulation.integrate import integrate
from il2model.solver.problem import SolverOptions

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))
from fallon import VALUES, fallon, limit

DAYS = np.linspace(0.01, 5, 60)


def typed(t, y):
    """The equations again, per minute, by hand."""
    R, C, Ri, Ci, Li, L = y
    kr, kt, ke, kx, kh, ksyn, Vs, Ve, NA, Y = 0.0138, 0.007, 0.04, 0.15, 0.035, 0.0011, 11.0, 1e-14, 6.022e11, 2.5e8
    kf, kre = kr / 11.1, 8 * kr
    kfe = kre / 1000
    bind, inside = kf * R * L - kr * C, kfe * Ri * Li - kre * Ci
    return [Vs + ksyn * C - kt * R - bind, bind - ke * C, kt * R - inside - kh * Ri, ke * C + inside - kh * Ci,
            -inside / (Ve * NA) - kx * Li, Y * (kx * Li * Ve - bind / NA)]  # fmt: skip


def test_the_layer_gives_what_the_hand_written_equations_give():
    course = integrate(fallon(), VALUES, DAYS, SolverOptions(rtol=1e-9))
    start = [1500.0, 0, 0, 0, 0, 10.0]
    by_hand = solve_ivp(typed, (0, 5 * 1440), start, method="LSODA", t_eval=DAYS * 1440, rtol=1e-10, atol=1e-10).y
    for k, id in enumerate(("R_s", "C_s", "R_i", "C_i", "L_i", "L")):
        np.testing.assert_allclose(course[id], by_hand[k], rtol=1e-6, atol=1e-6)


def test_our_uptake_law_is_its_limit():
    apart = []
    for faster in (10, 100, 1000):
        values = VALUES | {"k_x": 0.0, "k_syn": 0.0, "k_fe": 0.0, "cells": 1e6}
        values |= {"k_r": faster * VALUES["k_r"], "k_f": faster * VALUES["k_f"]}
        options = SolverOptions(rtol=1e-9)
        a, b = integrate(fallon(), values, DAYS, options), integrate(limit(), values, DAYS, options)
        whole = a["L"] + values["cells"] * a["C_s"] / values["N_A"]
        apart.append(np.abs(whole - b["L"]).max() / (10 - b["L"][-1]))
    assert apart[2] < 5e-4
    assert apart[1] / apart[2] == pytest.approx(10, rel=0.3)


def test_a_bad_call_is_refused():
    with pytest.raises(InputError, match="k_r"):
        integrate(limit(), {k: v for k, v in VALUES.items() if k != "k_r"}, DAYS)
    with pytest.raises(InputError, match="increase"):
        integrate(limit(), VALUES, [1.0, 0.5])
    with pytest.raises(UnknownNameError):
        integrate(limit(), VALUES, [1.0])["M"]
