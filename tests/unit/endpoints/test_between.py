"""One arm against another, and one day against another: as ratios and differences of what is read in each."""

from dataclasses import replace

import numpy as np
import pytest

import il2model as il2
from il2model.calibration.imodals import predict
from il2model.calibration.problem import Problem
from il2model.calibration.simulator import Simulator
from il2model.calibration.targets import load_targets
from il2model.endpoints.between import BASES, Between
from il2model.endpoints.kinds import Course
from il2model.endpoints.registry import ENDPOINTS, TARGETED
from il2model.errors import InputError
from il2model.solver.problem import SolverOptions

OWN = """
trial = "OWN"
[arms.often]
amount = "1 MIU"
days = 5
every = 14
cycles = 3
[arms.seldom]
amount = "1 MIU"
days = 5
every = 28
cycles = 2
[targets.own]
endpoint = "treg_points_between_arms"
arms = ["seldom", "often"]
day = 35
estimate = 1
se = 0.9
unit = "percent"
status = "assumed"
source = "assumption"
use = "fit"
"""


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Problem.pose("imodals").simulator


def own(tmp_path, *changes):
    text = OWN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf8")
    return load_targets(path)


def read(simulator, endpoint, arm, day):
    """The number of the typical patient, by the package's own simulation."""
    solution = il2.simulate(
        simulator.arms[arm], until=day, save=[0, day], parameters=simulator.parameters, options=SolverOptions(rtol=1e-8)
    )
    courses = {i: solution.values(i) for i in endpoint.observables}
    return float(endpoint.read(solution.time, endpoint.course(courses), day)[0])


def test_every_base_gives_a_pair_of_arms_and_a_pair_of_days():
    found = [e for e in ENDPOINTS.values() if isinstance(e, Between)]
    assert {(e.base.id, e.pair) for e in found} == {(b, p) for b in BASES for p in ("arms", "days")}
    assert all(e.id in TARGETED and e.needs_arm and e.needs_day for e in found)
    for e in found:
        assert e.unit == ("1" if e.is_ratio else e.base.unit)
        assert (" over " in e.meaning) == e.is_ratio, e.meaning
        assert e.is_ratio == (e.law == "positive")


@pytest.mark.parametrize("name", ["treg_points", "treg_count_fold", "treg_teff_ratio"])
@pytest.mark.parametrize("pair", ["arms", "days"])
def test_it_is_what_two_simulations_give(simulator, tmp_path, name, pair):
    """The same two numbers by another way into the solver, and with tighter tolerances."""
    targets = own(tmp_path)
    e, base = TARGETED[f"{name}_between_{pair}"], TARGETED[name]
    assert isinstance(e, Between)
    assert isinstance(base, Course)
    some = {"endpoint": e.id, "day": 21.0, "against": None}
    if pair == "days":
        some |= {"arms": ("often",), "against": 7.0}
    mine = replace(simulator, arms=targets.arms, size=replace(simulator.size, rtol=1e-8))
    found = predict(mine, {}, (replace(targets.targets["own"], **some),))["own"][0]
    first = read(mine, base, "often" if pair == "days" else "seldom", 21.0)
    second = read(mine, base, "often", 7.0 if pair == "days" else 21.0)
    assert found == pytest.approx(first / second if e.is_ratio else first - second, rel=1e-5, abs=1e-6)
    assert abs(first - second) > 1e-3


def test_it_enters_the_likelihood_and_frees_what_its_base_informs(tmp_path):
    path = tmp_path / "own.toml"
    text = OWN.replace("treg_points_between_arms", "ccl2_fold_between_arms").replace('"percent"', '"1"')
    path.write_text(text, encoding="utf8")
    posed = Problem.pose("imodals", targets=[*il2.Trial.names(), path])
    assert set(ENDPOINTS["ccl2_fold"].informs) <= set(posed.map.ids)
    z = np.zeros((1, len(posed.coordinates)))
    assert np.isfinite(posed.pointwise(z)["own"]).all()
    swapped = own(tmp_path, ('["seldom", "often"]', '["often", "seldom"]'))
    straight = own(tmp_path)
    one, other = (
        predict(replace(posed.simulator, arms=t.arms), {}, t.of("imodals"))["own"] for t in (straight, swapped)
    )
    assert one == pytest.approx(-other)


DAYS = ("treg_points_between_arms", "treg_points_between_days")
ONE = ('arms = ["seldom", "often"]', 'arm = "often"')


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([ONE], "is of two arms"),
        ([('"seldom", "often"', '"seldom", "seldom"')], "is of two arms"),
        ([('"seldom", "often"', '"seldom", "often", "often"')], "is of two arms"),
        ([("day = 35", "day = 35\nagainst = 7")], "'against' is the other of two days"),
        ([DAYS, ONE], "give 'arm', 'day', and the other day as 'against'"),
        ([DAYS, ONE, ("day = 35", "day = 35\nagainst = 35")], "of two days of one arm"),
        ([DAYS, ("day = 35", "day = 35\nagainst = 7")], "of two days of one arm"),
        ([DAYS, ONE, ("day = 35", "day = 35\nagainst = -1")], "day is -1"),
        ([DAYS, ONE, ("day = 35", "day = 7\nagainst = 400"), ("cycles = 3", 'cycles = 3\nlength = "100 day"')], "400"),
        ([("treg_points_between_arms", "treg_points_between_cycles")], "treg_points_between_"),
        ([("treg_points_between_arms", "treg_points_sd"), ("se = 0.9", "n = 9")], "of the patients of one arm"),
    ],
)
def test_arms_and_days_of_which_it_cannot_be_are_refused(tmp_path, changes, words):
    with pytest.raises(InputError, match=r"own\.toml, target own: ") as refused:
        own(tmp_path, *changes)
    assert words in str(refused.value)


@pytest.mark.parametrize("arms", ['"seldom", "often"', '"often", "seldom"'])
def test_the_same_pair_is_fitted_once_in_either_order(tmp_path, arms):
    again = OWN[OWN.index("[targets.own]") :].replace("[targets.own]", "[targets.again]")
    again = again.replace('"seldom", "often"', arms)
    with pytest.raises(InputError, match="it fits what 'own' fits"):
        own(tmp_path, ('use = "fit"\n', f'use = "fit"\n{again}'))
    other = again.replace("day = 35", "day = 7")
    assert set(own(tmp_path, ('use = "fit"\n', f'use = "fit"\n{other}')).targets) == {"own", "again"}
