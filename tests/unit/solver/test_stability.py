"""The largest eigenvalue at the untreated state: against NumPy on the whole matrix, and against a course."""

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import il2model as il2
from il2model.model.assembly import assemble
from il2model.model.language import TIME, Submodel
from il2model.solver import stability
from il2model.solver.kernel import Kernel, kernel_of
from il2model.solver.stability import StabilityKernel, largest_eigenvalue, plain_blocks
from tests.helpers.regimens import random_rows
from tests.unit.codegen.test_untreated_jacobian import loops


@pytest.fixture(scope="module")
def rows(kernel, parameters):
    return random_rows(kernel, parameters, 64, seed=5)


def whole(kernel, row):
    """The Jacobian of all states by central differences of the plain right-hand side."""
    bp, constants = kernel.blueprint, kernel.constants(row[None])
    fixed, inputs = kernel.fixed(row[None], constants)[0], np.array(bp.input_defaults, dtype=float)
    y, found = kernel.baseline(row[None], constants)[0], np.zeros((len(bp.states), len(bp.states)))
    for j in range(len(y)):
        h, ends = 1e-5 * max(abs(y[j]), 1e-3 * bp.scales[j]), []
        for sign in (1, -1):
            moved, rate = y.copy(), np.zeros(len(y))
            moved[j] += sign * h
            bp.plain_module().rhs(moved, inputs, fixed, rate)
            ends.append(rate)
        found[:, j] = (ends[0] - ends[1]) / (2 * h)
    return found


def test_the_compiled_blocks_are_those_of_the_plain_text(kernel, rows):
    constants = kernel.constants(rows)
    pairs = zip(
        StabilityKernel.load(kernel.blueprint).blocks(rows, constants),
        plain_blocks(kernel.blueprint, rows, constants),
        strict=True,
    )
    for compiled, plain in pairs:
        size = np.abs(plain).max(axis=(1, 2), keepdims=True)
        assert (np.abs(compiled - plain) <= 1e-12 * size).all()


def test_the_blocks_have_the_eigenvalues_of_the_whole(kernel, rows):
    """Those of the states that are counted; the rest of the matrix has the others."""
    bp = kernel.blueprint
    counted = sorted(k for block in bp.untreated_jacobian.blocks for k in block)
    for row, value in zip(rows[:12], largest_eigenvalue(kernel, rows[:12]), strict=True):
        matrix = whole(kernel, row)[np.ix_(counted, counted)]
        # in units of the scales, as LAPACK would balance it
        scale = np.array(bp.scales)[counted]
        expected = np.linalg.eigvals(matrix * scale / scale[:, None]).real.max()
        assert value == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_an_unstable_set_is_found_and_drifts_as_fast_as_its_eigenvalue_says():
    """x' = gain (y - 1) + 1 - x, y' = x - y: the eigenvalues are -1 +- sqrt(gain)."""
    kernel = kernel_of(loops())
    names, rates = kernel.blueprint.parameters.ids, []
    for gain in (0.25, 0.9801, 1.21, 4.0):
        row = np.array([[{"gain": gain, "rate": 2.0}[i] for i in names]])
        rates.append(largest_eigenvalue(kernel, row)[0])
    assert rates == pytest.approx([2 * (np.sqrt(g) - 1) for g in (0.25, 0.9801, 1.21, 4.0)], abs=1e-12)
    fixed = kernel.fixed(row, kernel.constants(row))[0]

    def rate(_, y):
        dy = np.zeros(len(y))
        kernel.blueprint.plain_module().rhs(y, np.zeros(0), fixed, dy)
        return dy

    pushed = np.array([1 + 1e-9, 1, 1, 0, 1])
    course = solve_ivp(rate, (0, 6), pushed, rtol=1e-12, atol=1e-16, t_eval=[4, 6]).y[0] - 1
    assert np.log(course[1] / course[0]) / 2 == pytest.approx(rates[-1], rel=1e-3)


def test_a_bad_row_stays_alone(kernel, rows):
    some = rows[:9].copy()
    some[4] = np.nan
    found = largest_eigenvalue(kernel, some)
    assert np.isnan(found[4])
    others = [k for k in range(9) if k != 4]
    assert np.array_equal(found[others], largest_eigenvalue(kernel, rows[:9])[others])


def test_eigenvalues_that_do_not_converge_leave_the_others_alone(kernel, rows, monkeypatch):
    expected, eigvals = largest_eigenvalue(kernel, rows[:6]), np.linalg.eigvals
    bad = max(StabilityKernel.load(kernel.blueprint).blocks(rows, kernel.constants(rows)), key=lambda b: b.shape[1])[2]

    def stubborn(matrices):
        if matrices.shape[1:] == bad.shape and (matrices == bad).all(axis=(1, 2)).any():
            raise np.linalg.LinAlgError("Eigenvalues did not converge")
        return eigvals(matrices)

    monkeypatch.setattr(np.linalg, "eigvals", stubborn)
    found = largest_eigenvalue(kernel, rows[:6])
    assert np.isnan(found[2])
    assert np.array_equal(np.delete(found, 2), np.delete(expected, 2))


def test_a_subject_has_the_same_bits_in_any_company(kernel, rows):
    found = largest_eigenvalue(kernel, rows)
    assert np.array_equal(found[:1], largest_eigenvalue(kernel, rows[:1]))
    assert np.array_equal(found[7:20], largest_eigenvalue(kernel, rows[7:20]))
    assert largest_eigenvalue(kernel, rows[:0]).shape == (0,)


def test_where_nothing_can_be_compiled_the_plain_text_serves(kernel, rows, monkeypatch):
    def broken(*_):
        raise OSError("no such processor")

    expected = largest_eigenvalue(kernel, rows[:5])
    monkeypatch.setattr(stability.StabilityKernel, "load", broken)
    monkeypatch.setattr(stability, "_LOADED", {})
    with pytest.warns(il2.IncompleteWarning, match="using the plain one"):
        found = largest_eigenvalue(Kernel(kernel.blueprint), rows[:5])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_model_in_which_everything_moves_has_nothing_to_hold():
    m = Submodel("emptying", "Emptying")
    rate, x = m.parameter("rate", "1/day", "rate"), m.state("x", "1", "x", scale=1)
    m.equation(x, -rate * x, baseline=1, untreated=x * sp.exp(-rate * TIME))
    assert largest_eigenvalue(kernel_of(assemble([m], "emptying")), np.array([[0.5]]))[0] == -np.inf


def test_a_page_asks_that_the_untreated_state_holds():
    given = {"gain": 4.0, "rate": 2.0}
    assert il2.simulate(model=loops(), parameters=given, until=1).status[0] == 0
    with pytest.raises(il2.SimulationError, match=r"does not hold: its largest eigenvalue is \+2 per day"):
        il2.simulate(model=loops(holds=True), parameters=given, until=1)
    assert il2.simulate(model=loops(holds=True), parameters=given | {"gain": 0.9}, until=1).status[0] == 0
