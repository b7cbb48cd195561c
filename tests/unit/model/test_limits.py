"""Limits and untreated courses as the page states them, against formulas by hand and integration."""

import numpy as np
import pytest
import sympy as sp

import il2model as il2
from il2model.errors import ModelError, UnknownNameError
from il2model.model.assembly import PAGES, assemble, builtin
from il2model.model.language import TIME, Submodel
from il2model.parameters import load_parameters
from il2model.solver.kernel import builtin_kernel, kernel_of
from tests.helpers.regimens import random_rows


def by_hand(p, c):
    """The limits of the built-in model, solved on paper."""
    signal = c["treg_signal_untreated"]
    return {
        "il2_clearance": (
            c["il2_rate_slow"] * p["il2_plasma_volume"] * (1 + 1e-3),
            c["il2_rate_fast"] * p["il2_plasma_volume"] * (1 - 1e-3),
        ),
        "treg_affinity": (p["trimer_affinity"] * (1 + 1e-3), p["dimer_affinity"] * (1 - 1e-3)),
        "treg_division_max": (
            -np.inf,
            p["treg_loss_rate"] * (1 + p["tachyphylaxis_strength"] * signal) / signal * (1 - 1e-6),
        ),
        "tconv_division_max": (-np.inf, p["tconv_loss_rate"] / c["tconv_signal_untreated"] * (1 - 1e-6)),
        "debris_activation": (
            -np.inf,
            (1 - p["ccl2_recruitment"] * p["csf_ccl2_inflammatory_share"]) / p["inflammatory_damage_max"] * (1 - 1e-6),
        ),
    }


@pytest.fixture(scope="module")
def rows():
    return random_rows(builtin_kernel(), load_parameters("prior"), 64, seed=11)


def named(items, table):
    return {item.id: table[:, i] for i, item in enumerate(items)}


def test_every_limit_equals_the_formula_by_hand_to_the_bit(rows):
    k = builtin_kernel()
    bp = k.blueprint
    expected = by_hand(named(bp.parameters, rows), named(bp.constants, k.constants(rows)))
    assert bp.limited == tuple(expected)  # also the order in which they are drawn
    assert bp.followers == ("tconv_division_max",)
    for id, (low, high) in expected.items():
        least, most = k.limits(id, rows)
        np.testing.assert_array_equal(least, np.broadcast_to(low, least.shape), err_msg=id)
        np.testing.assert_array_equal(most, high, err_msg=id)


def test_a_condition_turns_from_kept_to_broken_at_its_limit(rows):
    k = builtin_kernel()
    names = [p.id for p in k.blueprint.parameters]
    for id in k.blueprint.limited:
        for side, beyond in zip(k.limits(id, rows), (0.995, 1.005), strict=True):
            for shift, refused in ((1.0, 0), (beyond, len(rows))):
                moved = rows.copy()
                moved[:, names.index(id)] = side * shift
                if np.isfinite(side).all():
                    sentences = k.refusals(moved, k.constants(moved))
                    assert len([s for s in sentences.values() if id in s]) == refused, (id, shift)


def test_a_parameter_without_a_limit_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'il2_clearance'"):
        builtin_kernel().limits("il2_clearence", np.zeros((1, len(builtin().parameters))))


def page(condition, **more):
    """A decaying pool with one condition on its parameters."""
    m = Submodel("pool", "A pool")
    a, b, x, y = (m.parameter(i, "1", i) for i in "abxy")
    rate = m.parameter("rate", "1/day", "rate of loss")
    product = m.constant("product", "1", a * x, "a times x")
    pool = m.state("pool", "1", "what is left", scale=1)
    m.equation(pool, -rate * pool, baseline=b, untreated=pool * sp.exp(-rate * TIME))
    m.observe("pool", "1", pool, "what is left")
    m.require("condition", condition(a, b, x, y, product), "the pool needs more room.", limits="x", **more)
    return m


def limits_of(condition, a, b, y, **more):
    k = kernel_of(assemble([page(condition, **more)], "limited_pool"))
    row = {"a": a, "b": b, "x": np.nan, "y": y, "rate": 0.1}
    return tuple(float(v[0]) for v in k.limits("x", np.array([[row[p.id] for p in k.blueprint.parameters]])))


def test_a_linear_condition_bounds_on_the_side_that_its_slope_says():
    slope = lambda a, b, x, y, product: y - product  # noqa: E731 - a * x < y
    assert limits_of(slope, 2.0, 1.0, 6.0, room=0.0) == (-np.inf, 3.0)
    assert limits_of(slope, -2.0, 1.0, 6.0, room=0.0) == (-3.0, np.inf)
    assert limits_of(slope, 0.0, 1.0, 6.0, room=0.0) == (-np.inf, np.inf)


def test_the_room_is_kept_towards_the_inside_on_both_sides_of_zero():
    above = lambda a, b, x, y, product: x - y  # noqa: E731
    assert limits_of(above, 1.0, 1.0, 2.0, room=0.01) == (2.02, np.inf)
    assert limits_of(above, 1.0, 1.0, -2.0, room=0.01) == (-1.98, np.inf)


def test_a_quadratic_condition_bounds_between_its_roots():
    factors = lambda a, b, x, y, product: (x - a) * (y - x)  # noqa: E731
    assert limits_of(factors, 2.0, 1.0, 6.0, room=0.0) == (2.0, 6.0)
    assert limits_of(factors, 6.0, 1.0, 2.0, room=0.0) == (2.0, 6.0)
    none = lambda a, b, x, y, product: y - b * x - x**2  # noqa: E731
    np.testing.assert_allclose(limits_of(none, 1.0, 1.0, 6.0, room=0.0), (-3.0, 2.0))


def test_a_parameter_in_the_denominator_is_bounded_too():
    inverse = lambda a, b, x, y, product: y - a / x  # noqa: E731
    assert limits_of(inverse, 2.0, 1.0, 4.0, room=0.0) == (0.5, np.inf)


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        (lambda a, b, x, y, product: y - x**3, "neither linear nor quadratic in 'x'"),
        (lambda a, b, x, y, product: y - sp.exp(product), "neither linear nor quadratic in 'x'"),
        (lambda a, b, x, y, product: x**2 - y, "does not leave one range of 'x'"),
        (lambda a, b, x, y, product: y - a, "does not depend on 'x'"),
        (lambda a, b, x, y, product: y - a / (x - b), "not of one sign"),
    ],
)
def test_a_limit_that_cannot_be_derived_is_refused_at_assembly(condition, sentence):
    with pytest.raises(ModelError, match=sentence):
        assemble([page(condition)])


def test_a_limit_of_no_parameter_or_in_a_circle_is_refused():
    wrong = page(lambda a, b, x, y, product: y - x)
    wrong.require("other", sp.Symbol("y"), "never.", limits="product")
    with pytest.raises(ModelError, match="no parameter 'product'"):
        assemble([wrong])
    circle = page(lambda a, b, x, y, product: y - x)
    circle.require("other", 2 * sp.Symbol("x") - sp.Symbol("y"), "never.", limits="y")
    with pytest.raises(ModelError, match="limits of x -> y -> x depend on themselves"):
        assemble([circle])


def test_a_limited_parameter_is_drawn_after_those_its_limit_needs():
    m = page(lambda a, b, x, y, product: y - x)
    m.require("other", sp.Symbol("a") - sp.Symbol("y"), "never.", limits="y")
    assert tuple(assemble([m]).limits) == ("y", "x")


def test_the_untreated_course_is_the_solution_of_the_equations():
    m = assemble([page(lambda a, b, x, y, product: y - x)], "limited_pool")
    k = kernel_of(m)
    days = np.array([0.0, 1.0, 10.0, 40.0])
    values = {"a": 1.0, "b": 3.0, "x": 0.5, "y": 2.0, "rate": 0.1}
    row = np.array([[values[p.id] for p in k.blueprint.parameters]])
    solved = il2.simulate(model=m, parameters=values, save=days)
    course = k.untreated(row, k.constants(row), days)[0]
    np.testing.assert_allclose(course[:, 0], solved.values("pool")[0], rtol=1e-6)
    assert k.untreated(row, k.constants(row), np.array([-10.0]))[0, 0, 0] == pytest.approx(3 * np.e)


def test_an_untreated_course_that_starts_elsewhere_is_refused():
    m = page(lambda a, b, x, y, product: y - x)
    m.untreated["pool"] = sp.Symbol("b") * sp.exp(-sp.Symbol("rate") * TIME)
    with pytest.raises(ModelError, match="on day 0 it must be pool itself"):
        assemble([m])
    m.untreated["pool"] = sp.Symbol("pool") * sp.exp(-sp.Symbol("a") * TIME)
    with pytest.raises(ModelError, match="untreated course of pool"):
        assemble([m])


def test_time_is_a_word_of_untreated_courses_alone():
    with pytest.raises(ModelError, match="stands for the days since day 0"):
        Submodel("p", "p").parameter("time", "day", "time")
    m = page(lambda a, b, x, y, product: y - x)
    m.equations["pool"] = -TIME * sp.Symbol("pool")
    with pytest.raises(ModelError, match="uses the time 'time', which it may not"):
        assemble([m])


def test_a_state_that_moves_without_closed_form_is_unknown_not_still():
    model = builtin()
    assert model.untreated["cumulative_hazard"] is None
    k = builtin_kernel()
    rows = random_rows(k, load_parameters(), 4, seed=2)
    course = k.untreated(rows, k.constants(rows), np.array([0.0, 100.0]))
    assert np.isnan(course[..., k.blueprint.states.at("cumulative_hazard")]).all()
    others = [i for i in range(len(model.states)) if i != k.blueprint.states.at("cumulative_hazard")]
    assert np.isfinite(course[..., others]).all()
    still = [i for i, s in enumerate(model.states) if s in model.steady]
    np.testing.assert_array_equal(course[:, 1, still], course[:, 0, still])


def test_a_rate_that_changes_from_day_0_on_leaves_day_0_as_it_was():
    from il2model.trials.arm import PROCESSES

    k = builtin_kernel()
    rows = random_rows(k, load_parameters(), 16, seed=4)
    names = [p.id for p in k.blueprint.parameters]
    assert dict(k.blueprint.past) == {"motor_unit_loss_rate": ("onset_to_screening", "run_in")}
    start = k.baseline(rows, k.constants(rows))
    for process in PROCESSES:
        moved = rows.copy()
        moved[:, names.index(process)] *= 0.7
        for id in k.blueprint.past.get(process, ()):
            moved[:, names.index(id)] /= 0.7
        np.testing.assert_allclose(k.baseline(moved, k.constants(moved)), start, rtol=1e-13, err_msg=process)


def test_a_past_that_moves_day_0_is_refused():
    m = page(lambda a, b, x, y, product: y - x)
    m.past(sp.Symbol("b"), sp.Symbol("rate"))
    with pytest.raises(ModelError, match="baseline of 'pool' moves where b"):
        assemble([m])
    m.baseline["pool"] = sp.exp(-sp.Symbol("b") * sp.Symbol("y"))
    m.pasts["b"] = ("y",)
    assert assemble([m]).past == {"b": ("y",)}


@pytest.mark.parametrize("state", builtin().states)
def test_a_state_that_moves_otherwise_than_its_page_says_is_refused(state):
    """A loss that a page forgets is found; at zero it moves nothing, and what has no closed form is not looked at."""
    pages = [p() for p in PAGES]
    home = next(p for p in pages if state in p.equations)
    home.equations[state] += sp.Symbol(state) / sp.Symbol("csf_turnover") * sp.Symbol("csf_turnover") ** 2 / 2
    if home.untreated[state] is None or home.baseline[state] == 0:
        assemble(pages)
    else:
        with pytest.raises(ModelError, match=f"Without drug, '{state}' (stays|is)"):
            assemble(pages)


def test_a_pool_that_is_said_to_stay_but_moves_is_refused():
    m = page(lambda a, b, x, y, product: y - x)
    m.untreated["pool"] = sp.Symbol("pool")
    with pytest.raises(ModelError, match="'pool' stays, says its page; its rate says otherwise"):
        assemble([m])
    m.untreated["pool"] = sp.Symbol("pool") * sp.exp(-2 * sp.Symbol("rate") * TIME)
    with pytest.raises(ModelError, match="Without drug, 'pool' is pool"):
        assemble([m])
    m.untreated["pool"] = None
    assemble([m])
