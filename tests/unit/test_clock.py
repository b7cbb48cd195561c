"""Two times are the same if their nearest ticks are, whatever unit or spelling gave them."""

import math
from fractions import Fraction

import numpy as np
import pytest

from il2model.clock import TICKS, day_of, on_clock
from il2model.errors import InputError


@pytest.mark.parametrize(
    ("spelling", "day"),
    [
        ("28 day", 28.0),
        ("4 week", 28.0),
        ("672 h", 28.0),
        ("672 hours", 28.0),
        ("40320 min", 28.0),
        ("2419200 s", 28.0),
        (28, 28.0),
        (28.00000000001, 28.0),
        (0.1 + 0.2, 0.3),
        ("0.3", 0.3),
        ("7.2 h", 0.3),
        (np.float32(0.3), 0.3),
        (np.float64(0.1) * 3, 0.3),
        (np.arange(0, 1, 0.1)[3], 0.3),
        (np.cumsum(np.full(2000, 0.1))[-1], 200.0),
        ("8 h", 1 / 3),
        (8 / 24, 1 / 3),
        ("1 month", 30.4375),
    ],
)
def test_one_time_has_one_number(spelling, day):
    assert day_of(spelling, "a time") == day


def test_times_that_differ_by_more_than_a_tick_differ():
    assert day_of(28.000000001, "a time") > 28.0
    assert day_of("86400.001 s", "a time") > 1.0


def test_the_clock_is_the_nearest_tick_and_stays():
    rng = np.random.default_rng(5)
    days = rng.uniform(0, 4000, 500)
    ticks = on_clock(days)
    assert (on_clock(ticks) == ticks).all()
    assert [day_of(d, "a time") for d in days] == ticks.tolist()
    for day, tick in zip(days, ticks):
        exact = Fraction(round(Fraction(day) * TICKS), TICKS)
        assert tick == float(exact)


def test_hours_of_many_days_add_up():
    assert day_of(sum([day_of("80 h", "ii")] * 200), "a time") == day_of("16000 h", "a time")
    assert day_of("8 h", "a") + day_of("8 h", "a") == day_of("16 h", "a")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300, "soon", "3 mg", None, [1.0]])
def test_what_is_no_time_is_refused(bad):
    with pytest.raises(InputError, match=r"a time|'soon'"):
        day_of(bad, "a time")
