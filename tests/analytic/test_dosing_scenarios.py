"""NONMEM's dosing words against closed forms: the scenarios of mrgsolve's comparison with NONMEM, replayed.

The depot loses drug at one rate, so every course is a sum of exponentials of the dosing records;
lymph behind it gives the second compartment. The sums are made here from the records, not from `Regimen`.
"""

import numpy as np
import pytest

import il2model as il2

TIMES = np.unique(np.concatenate([np.linspace(0.05, 20, 140), np.arange(0.5, 20, 1.0)])) + 0.0031
#: (name, records); times in days, amounts in MIU, cmt 1 s.c.
SCENARIOS = [
    ("bolus with additional doses", [{"time": 0, "amt": 1, "ii": 1, "addl": 4}]),
    ("bolus every six hours", [{"time": 0, "amt": 0.5, "ii": 0.25, "addl": 15}]),
    ("infusion", [{"time": 0, "amt": 1, "rate": 1 / 0.4}]),
    ("infusion with additional doses", [{"time": 0, "amt": 1, "rate": 2.0, "ii": 1, "addl": 3}]),
    ("infusions longer than the interval", [{"time": 0, "amt": 1, "rate": 0.4, "ii": 1, "addl": 3}]),
    ("two infusions that overlap", [{"time": 0, "amt": 2, "rate": 1.0}, {"time": 0.7, "amt": 1, "rate": 3.0}]),
    ("bolus on top of an infusion", [{"time": 0, "amt": 2, "rate": 1.0}, {"time": 1.1, "amt": 1}]),
    ("two doses at one time", [{"time": 1, "amt": 1}, {"time": 1, "amt": 0.5}]),
    ("unsorted records", [{"time": 5, "amt": 1}, {"time": 0, "amt": 2}]),
    ("observation records between", [{"time": 0, "amt": 1}, {"time": 2, "evid": 0}, {"time": 3, "amt": 1}]),
    ("reset", [{"time": 0, "amt": 1, "ii": 1, "addl": 6}, {"time": 3.5, "evid": 3}]),
    ("reset within an infusion", [{"time": 0, "amt": 2, "rate": 1.0}, {"time": 0.9, "evid": 3}]),
    ("reset and dose", [{"time": 0, "amt": 1, "ii": 1, "addl": 6}, {"time": 2.5, "amt": 0.3, "evid": 4}]),
    ("reset, then doses", [{"time": 0, "amt": 1}, {"time": 0.1, "evid": 3}, {"time": 1, "amt": 1, "ii": 1, "addl": 2}]),
    ("bolus at steady state", [{"time": 0, "amt": 1, "ii": 0.5, "ss": 1}]),
    ("bolus at steady state, more doses", [{"time": 0, "amt": 1, "ii": 0.5, "ss": 1, "addl": 5}]),
    ("infusion at steady state", [{"time": 0, "amt": 1, "rate": 4.0, "ii": 0.5, "ss": 1, "addl": 3}]),
]  # fmt: skip


def expanded(records):
    """Doses as (begin, amount, duration, reset before), by hand."""
    doses, resets = [], sorted(r["time"] for r in records if r.get("evid") in (3, 4))
    for r in records:
        if r.get("evid", 1) not in (1, 4):
            continue
        duration = r["amt"] / r["rate"] if r.get("rate") else 0.0
        first = -400 if r.get("ss") else 0  # steady state: 400 doses before
        for k in range(first, r.get("addl", 0) + 1):
            when = r["time"] + k * r.get("ii", 0.0)
            if k > 0 and any(r["time"] < t <= when for t in resets):
                break
            doses.append((when, r["amt"], duration))
    return doses, resets


def closed_form(records, lag, F, ka, ktr, share):
    """Depot and lymph, MIU: each dose by itself; a reset takes all of what came before."""
    doses, resets = expanded(records)
    depot, lymph = np.zeros_like(TIMES), np.zeros_like(TIMES)
    for begin, amount, duration in doses:
        later = [t for t in resets if t > begin]
        until = later[0] if later else np.inf
        s = TIMES - begin - lag
        on = (s > 0) & (until >= TIMES)

        def impulse(x):
            return np.exp(-ka * x), (1 - share) * ka * (np.exp(-ka * x) - np.exp(-ktr * x)) / (ktr - ka)

        def integral(x):
            """Of the impulse response from 0 to x."""
            a, b = (1 - np.exp(-ka * x)) / ka, (1 - np.exp(-ktr * x)) / ktr
            return a, (1 - share) * ka * (a - b) / (ktr - ka)

        x = np.where(on, s, 0.0)
        if duration == 0:
            parts = impulse(x)
        else:
            whole, after = integral(x), integral(np.maximum(x - duration, 0))
            parts = tuple((w - a) / duration for w, a in zip(whole, after, strict=True))
        depot += np.where(on, F * amount * parts[0], 0)
        lymph += np.where(on, F * amount * parts[1], 0)
    return depot, lymph


@pytest.mark.parametrize(("name", "records"), SCENARIOS, ids=[s[0] for s in SCENARIOS])
def test_the_dosing_words_give_the_closed_form(name, records, parameters):
    values = parameters
    plan = il2.Regimen.from_records(records)
    solution = il2.simulate(plan, until=25, save=TIMES, parameters=values, options=il2.SolverOptions(rtol=1e-9))
    lag = values["il2_lag"] / (1440 if values.record("il2_lag").unit == "min" else 1)
    depot, lymph = closed_form(
        records, lag, values["il2_bioavailability"], values["il2_absorption_rate"], values["il2_lymph_rate"],
        values["il2_capillary_share"],
    )  # fmt: skip
    per_miu = values["il2_amount_per_miu"]
    assert depot.max() > 0.01
    for id, expected in (("il2_depot", depot), ("il2_lymph", lymph)):
        found = solution.values(id).ravel() / per_miu
        np.testing.assert_allclose(found, expected, atol=2e-7 * depot.max(), err_msg=f"{name}: {id}")
