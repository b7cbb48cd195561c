"""Out and in again: a regimen, its records and its data set are one course, over regimens that Hypothesis makes up."""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import il2model as il2
from il2model.dosing.regimen import Dose, Regimen
from il2model.exchange.nonmem import read_nonmem, to_nonmem
from il2model.plain import plain, restored

times = st.one_of(st.sampled_from([0.0, 1.0, 0.1 + 0.2, 1 / 3, 7.0]), st.floats(0, 700))
amounts = st.one_of(st.sampled_from([1.0, 2.0, 0.1, 1 / 3]), st.floats(1e-3, 30))
durations = st.one_of(st.sampled_from([0.0, 0.0, 0.0, 0.1, 1 / 3, 2 / 24]), st.floats(1e-6, 0.9))
doses = st.builds(
    Dose,
    time=times,
    amount=amounts,
    route=st.sampled_from(["sc", "iv"]),
    duration=durations,
    per_m2=st.booleans(),
    reset=st.sampled_from([False, False, True]),
)
steady = st.builds(
    Dose, time=times, amount=amounts, duration=durations, ss=st.just(True), ii=st.floats(1, 9), reset=st.booleans()
)
days = st.lists(st.floats(0, 600).map(lambda x: round(x, 6)), max_size=4, unique=True).map(sorted)


def periods(edges):
    edges = [*edges, math.inf] if len(edges) % 2 else edges
    return tuple(zip(edges[::2], edges[1::2], strict=True))


@st.composite
def regimens(draw):
    ss = draw(st.lists(steady, max_size=2, unique_by=lambda d: d.time))
    return Regimen(
        doses=(*draw(st.lists(doses, max_size=7)), *ss),
        name=draw(st.text(max_size=5)),
        length=draw(st.one_of(st.just(28.0), st.floats(0, 1000))),
        riluzole=draw(st.one_of(st.just(((0.0, math.inf),)), days.map(periods))),
        resets=tuple(draw(st.lists(times, max_size=3))),
    )


quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def named(plan, name):
    return plan.replace(name=name)


@quick
@given(regimens())
def test_records_give_an_equal_regimen(plan):
    assert Regimen.from_records(plan.to_records(), name=plan.name, allow_untreated=True) == plan
    frame = pd.DataFrame(plan.to_records())
    if len(frame):
        assert Regimen.from_records(frame, name=plan.name, allow_untreated=True) == plan


@quick
@given(
    st.lists(regimens(), min_size=1, max_size=3),
    st.sampled_from([(",", "."), ("\t", "."), (" ", "."), (";", ","), (";", ".")]),
    st.booleans(),
    st.lists(times, max_size=3),
)
def test_a_data_set_gives_equal_regimens(plans, format, excel, seen_at):
    separator, decimal = format
    subjects = dict(enumerate(plans, 1))
    seen = pd.DataFrame(
        [{"ID": id, "TIME": t, "x": 0.5} for id in subjects for t in seen_at], columns=["ID", "TIME", "x"]
    )
    data = to_nonmem(subjects, seen)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        text = data.to_csv(index=False, na_rep=".", sep=separator, decimal=decimal)
        path.write_bytes((("\ufeff" + text.replace("\n", "\r\n")) if excel else text).encode())
        for source in (path, data):
            back, observed = read_nonmem(source, allow_untreated=True)
            assert list(back) == list(subjects)
            for id in subjects:
                assert named(back[id], "") == named(subjects[id], "")
            assert sorted(observed["TIME"]) == sorted(seen["TIME"])


@quick
@given(regimens())
def test_stored_values_give_an_equal_regimen(plan):
    again = restored(json.loads(json.dumps(plain(plan))))
    assert again == plan
    assert repr(again) == repr(plan)


def test_a_regimen_of_everything_runs_to_the_same_bits_after_its_data_set():
    plan = Regimen(
        (
            Dose(0.1, "0.5 MIU/m2"),
            Dose(1.37, 1, "iv", "2 h"),
            Dose(4, 1, ss=True, ii=1),
            Dose(9, "1 MIU/m2", reset=True),
            Dose(9, 0.3),
        ),
        "all",
        41.5,
        riluzole=((0.0, 3.25), (7.5, math.inf)),
        resets=(9.0, 20.0),
    )
    back = read_nonmem(to_nonmem(plan))[0][1]
    save = np.linspace(0, 41.5, 84)
    a, b = (il2.simulate(p, save=save, until=41.5) for p in (plan, back))
    for id in ("il2_plasma", "treg_percent", "motor_units", "survival"):
        assert a.values(id).tobytes() == b.values(id).tobytes()
    c = il2.simulate(plan.replace(riluzole=((0.0, math.inf),)), save=save, until=41.5)
    assert a.values("survival").tobytes() != c.values("survival").tobytes()


def test_amounts_of_zero_give_nothing_and_stay_out_of_records():
    plan = Regimen((Dose(0, 1), Dose(3, 0.0), Dose(5, 0.0, reset=True), Dose(6, 0.0, ss=True, ii=1)))
    assert plan.resets == (5.0, 6.0)
    again = Regimen.from_records(plan.to_records(), name=plan.name)
    assert again.given == plan.given
    assert again.resets == plan.resets


def test_a_stored_study_of_any_regimen_loads_again(tmp_path):
    plan = Regimen(
        (Dose(0, "1 MIU/m2"), Dose(1, 1, "iv", 0.1), Dose(7, 1, reset=True)), "r", 28.0, ((0.0, 9.5),), resets=(3.0,)
    )
    some = il2.SensitivityStudy(["treg_auc"], method="morris", n=4, until=28).inputs[:2]
    study = il2.SensitivityStudy(["treg_auc"], parameters=some, method="morris", n=4, until=28, regimen=plan)
    il2.run_study(study, folder=tmp_path)
    back = il2.SensitivityStudy.load(tmp_path)
    assert back.regimen == plan
    assert back.key == study.key
