"""The stepper solves the stiff problems of the IVP test set, on their published reference solutions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.helpers import stiff_problems
from tests.helpers.stiff_problems import PROBLEMS, digits, solve

#: Correct digits that the stepper must reach at rtol 1e-6 and 1e-9.
DIGITS = {"robertson": (4, 7), "hires": (5, 8.5), "orego": (5.5, 9), "pollu": (6, 9), "vdpol": (5.5, 8.5)}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_reference_solution_is_that_of_radau(name):
    p = PROBLEMS[name]
    f, jacobian = p.functions()
    small = np.abs(p.expected) + 1e-20
    atol = 1e-16 * np.minimum(p.scale, small)
    end = solve_ivp(f, (0, p.end), p.y0, method="Radau", jac=jacobian, rtol=1e-12, atol=atol).y[:, -1]
    assert digits(p, end) > 11


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_stepper_reaches_the_digits_of_its_tolerance(name):
    p = PROBLEMS[name]
    loose, tight = (digits(p, solve(name, rtol)[0]) for rtol in (1e-6, 1e-9))
    assert loose > DIGITS[name][0], loose
    assert tight > DIGITS[name][1], tight


def test_a_kernel_of_other_scales_is_another_kernel(monkeypatch):
    """Scales set the absolute tolerance, so they belong to what a compiled model is known by."""
    p = PROBLEMS["robertson"]
    monkeypatch.setitem(PROBLEMS, "robertson", replace(p, scale=(1.0, 1.0, 1.0)))
    other = stiff_problems.kernel.__wrapped__("robertson")
    assert other.blueprint.scales == (1.0, 1.0, 1.0)
    monkeypatch.setitem(PROBLEMS, "robertson", p)
    assert stiff_problems.kernel.__wrapped__("robertson").blueprint.scales == p.scale
