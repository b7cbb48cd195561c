"""The model layer serves a published model that is not ours; our uptake law is its limit."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import il2model as il2
from il2model.errors import InputError, UnitError, UnknownNameError
from il2model.model.assembly import assemble
from il2model.model.language import Route, Submodel
from il2model.solver.problem import SolverOptions
from tests.helpers.elimination import elimination

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))
from fallon import VALUES, fallon, limit

DAYS = np.linspace(0.01, 5, 60)


def run(model, values, **keywords):
    """{id: (time,)} of every state and observable."""
    s = il2.simulate(model=model, parameters=values, save=DAYS, **keywords)
    return {id: s.values(id)[0] for id in s}


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
    course = run(fallon(), VALUES, options=SolverOptions(rtol=1e-9))
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
        a, b = run(fallon(), values, options=options), run(limit(), values, options=options)
        whole = a["L"] + values["cells"] * a["C_s"] / values["N_A"]
        apart.append(np.abs(whole - b["L"]).max() / (10 - b["L"][-1]))
    assert apart[2] < 5e-4
    assert apart[1] / apart[2] == pytest.approx(10, rel=0.3)


def test_a_bad_call_is_refused():
    with pytest.raises(InputError, match="missing: k_r"):
        run(limit(), {k: v for k, v in VALUES.items() if k != "k_r"})
    with pytest.raises(InputError, match="missing: k_r, k_t"):
        il2.simulate(model=limit(), save=[1.0])
    with pytest.raises(UnitError, match="L_0 is '10 day'"):
        run(limit(), VALUES | {"L_0": "10 day"})
    with pytest.raises(UnknownNameError, match="mean 'L'"):
        il2.simulate(model=limit(), parameters=VALUES, save=[1.0])["l"]
    with pytest.raises(InputError, match="regimen is needed"):
        il2.simulate(until=1)
    with pytest.raises(UnknownNameError, match="no route of uptake-limit 'sc'"):
        il2.simulate("imodals-1miu", model=limit(), parameters=VALUES)


def compartment():
    """One compartment: an oral dose through a depot with a lag, or a bolus or infusion into plasma."""
    m = Submodel("pk", "One compartment")
    A = m.state("gut", "MIU", "drug at the site", scale=1, reset=True)
    C = m.state("plasma", "MIU", "drug in plasma", scale=1, reset=True)
    ka, k = m.parameter("ka", "1/day", "absorption"), m.parameter("k", "1/day", "loss")
    F, V = m.parameter("F", "1", "share"), m.parameter("V", "L", "volume")
    m.parameter("lag", "day", "lag")
    rate = m.input("rate", "MIU/day", "infusion")
    slow = m.input("slow", "MIU/day", "infusion into the depot")
    m.constant("whole", "1", 1 + 0 * F, "MIU that arrive per MIU")
    m.constant("part", "1", F, "MIU that arrive per MIU")
    m.equation(A, slow * F - ka * A, baseline=0)
    m.equation(C, rate + ka * A - k * C, baseline=0)
    m.observe("concentration", "MIU/L", C / V, "concentration")
    m.route(Route("oral", "gut", "part", "slow", "F", "lag", "by mouth"))
    m.route(Route("vein", "plasma", "whole", "rate", None, None, "into a vein"))
    return assemble([m], name="one-compartment")


def test_a_foreign_model_with_routes_gives_the_closed_form():
    values = {"ka": "0.125 1/hour", "k": 1.5, "F": "60 percent", "lag": "6 hour", "V": 12}
    t = np.linspace(0, 8, 81)
    plan = il2.Regimen((il2.Dose(1, 10, "oral"), il2.Dose(2, 5, "vein"), il2.Dose(4, 8, "vein", 0.5)))
    s = il2.simulate(plan, model=compartment(), parameters=values, until=8, save=t, options=SolverOptions(rtol=1e-10))
    ka, k = 3.0, 1.5

    def after(x, f):
        return np.where(x > 0, f(np.maximum(x, 0)), 0.0)

    exact = after(t - 1.25, lambda x: 6 * ka / (ka - k) * (np.exp(-k * x) - np.exp(-ka * x)))
    exact += after(t - 2, lambda x: 5 * np.exp(-k * x))
    exact += after(t - 4, lambda x: 16 / k * (1 - np.exp(-k * x))) - after(
        t - 4.5, lambda x: 16 / k * (1 - np.exp(-k * x))
    )
    np.testing.assert_allclose(s.values("concentration")[0], exact / 12, rtol=1e-7, atol=1e-9)
    assert np.isnan(s.balance.given).all()  # the model keeps no account of absorbed IL-2
    steady = il2.Regimen((il2.Dose(0, 5, "vein", ss=True, ii=1.0),))
    at_rest = il2.simulate(steady, model=compartment(), parameters=values, until=0.9, save=[0.9])
    expected = 5 * np.exp(-k * 0.9) / (1 - np.exp(-k))
    np.testing.assert_allclose(at_rest.values("plasma")[0], expected, rtol=1e-5)
    with pytest.raises(UnknownNameError, match=r"no route of one-compartment 'sc'; known: oral, vein"):
        il2.simulate("imodals-1miu", model=compartment(), parameters=values)
    with pytest.raises(UnknownNameError, match=r"no route of il2model 'oral'"):
        il2.simulate(plan, until=8)
    with pytest.raises(InputError, match="have no number in records"):
        plan.to_records()


def test_a_model_may_call_its_numbers_as_the_generated_text_calls_its_own():
    options, (a, b) = SolverOptions(rtol=1e-9), (elimination("V", "k", "X"), elimination("power", "exp", "log"))
    for engine in ("fast", "plain", "scipy"):
        expected = run(a, {"V": 1.7, "k": 0.4}, options=options, engine=engine)
        found = run(b, {"power": 1.7, "exp": 0.4}, options=options, engine=engine)
        np.testing.assert_array_equal(found["log"], expected["X"])
        np.testing.assert_array_equal(found["shown"], expected["shown"])
