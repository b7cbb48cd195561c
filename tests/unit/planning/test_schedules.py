"""Schedules are compared by three read-outs, in each structure and on average, beside what the trial found."""

from dataclasses import replace

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError, UnknownNameError
from il2model.planning.by_structure import ALL, level_rows
from il2model.planning.schedules import READ_OUTS, compared, compared_in_trial, gains_of, schedule_evidence
from il2model.solver.kernel import builtin_kernel
from il2model.uncertainty.draws import draw

VALUES = il2.load_parameters()
FOUR, TWO = compared_in_trial()


@pytest.fixture(scope="module")
def drawn():
    return draw(VALUES, 24, 5)


@pytest.fixture(scope="module")
def found():
    return il2.compare_schedules(FOUR, TWO, draws=24, seed=5)


def test_the_read_outs_are_those_of_a_simulated_course():
    kernel = builtin_kernel()
    rows = kernel.blueprint.parameters.convert(VALUES)[None]
    gains = gains_of(FOUR, rows, 147.0, "treg_percent")
    days = np.arange(148.0)
    course = il2.simulate(FOUR, until=147, save=days)["treg_percent"].values
    course = course - course[0]
    # six courses begin on days 0 to 140 and take five days
    assert gains["before"][0] == pytest.approx(course[140], abs=1e-3)
    assert gains["after"][0] == pytest.approx(course[147], abs=1e-3)
    assert gains["average"][0] == pytest.approx(np.mean((course[1:] + course[:-1]) / 2), abs=1e-3)


def test_a_row_tells_medians_the_difference_and_the_chance(found, drawn):
    rows = drawn.rows(builtin_kernel())
    for read_out in READ_OUTS:
        first, second = (gains_of(r, rows, 147.0, "treg_percent")[read_out] for r in (FOUR, TWO))
        row = found.table.query(f"read_out == '{read_out}' and structure == '{ALL}'").iloc[0]
        assert row["first"] == pytest.approx(np.median(first))
        assert row["first_ahead"] == pytest.approx((first > second).mean()) == found.chance(read_out)
        assert row["low"] <= row["difference"] <= row["high"] and row["draws"] == 24
        assert row["error"] == pytest.approx(np.sqrt(row["first_ahead"] * (1 - row["first_ahead"]) / 24))
    # the more is given, the more there is before a course and on average
    assert found.chance("average") < 0.05 and found.chance("before") < 0.05


def test_a_schedule_is_no_better_than_itself_and_the_other_way_round_is_the_rest(found):
    same = il2.compare_schedules(TWO, TWO, draws=3)
    assert (same.table["first_ahead"] == 0.5).all() and (same.table["difference"] == 0).all()
    turned = il2.compare_schedules(TWO, FOUR, draws=24, seed=5)
    for read_out in READ_OUTS:
        assert turned.chance(read_out) == pytest.approx(1 - found.chance(read_out))


def test_the_average_weighs_structures(drawn):
    names = np.array(["a"] * 8 + ["b"] * 16)
    whole = compared(FOUR, TWO, drawn, names, until=147)
    parts = {n: whole.table[whole.table["structure"] == n].set_index("read_out")["first_ahead"] for n in "ab"}
    assert whole.chance("after") == pytest.approx((8 * parts["a"]["after"] + 16 * parts["b"]["after"]) / 24)
    one = compared(FOUR, TWO, drawn, names, until=147, weights={"a": 1.0, "b": 0.0})
    assert one.chance("after") == pytest.approx(parts["a"]["after"]) and one.chance("after", "b") == parts["b"]["after"]
    with pytest.raises(UnknownNameError, match="'c'"):
        whole.chance("after", "c")
    with pytest.raises(UnknownNameError, match="average"):
        whole.chance("averag")


def test_notes_say_the_read_out_and_what_the_trial_found(found):
    told = " ".join(found.notes)
    for words in ("three days after", "before the first dose", "on average", "every 4 weeks", "patients of IMODALS"):
        assert words in told
    assert "IL-2q4wks treatment exhibited superiority" in schedule_evidence() in found.notes
    assert all(note.split(":")[0] in found._repr_html_() for note in found.notes)
    assert "\n" not in repr(found) and "after" in repr(found)
    missing = replace(found, table=found.table.assign(left_out=2))
    assert "2 draws could not be run and are in no row." in missing.notes


def test_a_draw_that_fails_is_left_out_and_counted(drawn):
    table = {i: np.array(v) for i, v in drawn.table.items()}
    table["treg_division_max"][3] = np.nan
    some = replace(drawn, table=table)
    found = compared(FOUR, TWO, some, drawn.structure, until=147)
    row = found.table[found.table["structure"] == ALL].iloc[0]
    assert row["left_out"] == 1 and row["draws"] == 23


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"until": 0}, "1 to 36525"),
        ({"quantity": "treg_percnt"}, "treg_percent"),
        ({"first": "placebo"}, "gives no dose"),
        ({"first": "imodals-1mi"}, "imodals-1miu"),
        ({"draws": 0}, "draws"),
    ],
)
def test_what_cannot_be_compared_is_refused(given, words):
    keywords = {"first": FOUR, "second": TWO, "draws": 2} | given
    with pytest.raises(InputError, match=words):
        il2.compare_schedules(keywords.pop("first"), keywords.pop("second"), **keywords)


def test_a_schedule_on_a_periodic_orbit_has_no_untreated_start():
    orbit = il2.Regimen((il2.Dose(0.0, 1.0, ii=14.0, ss=1),), "orbit", 28.0)
    with pytest.raises(InputError, match="periodic orbit"):
        il2.compare_schedules(orbit, TWO, draws=2)


def test_the_level_after_a_year_of_daily_doses_is_told_by_structure(drawn):
    daily = il2.Regimen.cyclic("1 MIU", days=365, every=365, name="daily")
    names = np.array(["a"] * 8 + ["b"] * 16)
    rows = level_rows(daily, 365.0, drawn, names, weights={"a": 0.9, "b": 0.1})
    assert [r["structure"] for r in rows] == ["a", "b", ALL]
    course = il2.simulate(daily, until=365, save=[0, 365], draws=24, seed=5, observables=["treg_percent"])
    seen = course.arrays["treg_percent"]
    assert rows[0]["median"] == pytest.approx(np.median(seen[:8, 1]), rel=1e-3)
    assert rows[1]["fold"] == pytest.approx(np.median(seen[8:, 1] / seen[8:, 0]), rel=1e-3)
    assert rows[2]["low"] <= rows[2]["median"] <= rows[2]["high"] and rows[2]["draws"] == 24
    with pytest.raises(InputError, match="after day 0"):
        level_rows(daily, 0.0, drawn, names)
