"""The 29 dosing scenarios of mrgsolve's public comparison with NONMEM 7.5, by kind and with numbers of our own.

Source of the expectations: github.com/mrgsolve/nmtests (dosing/dosing-vignette, shared/data.R), where both programs
agree on what each table means. What NONMEM gives is listed dose by dose here, or the refusal is. Lag and
bioavailability are parameters of the model (`il2_lag`, `il2_bioavailability`), so their columns are not read: with
RATE and a bioavailability below one NONMEM shortens the infusion, and here the pump runs for AMT/RATE
(docs/how-to/nonmem.md).
"""

import pytest

import il2model as il2
from il2model.errors import InputError
from il2model.exchange.nonmem import read_nonmem

HEAD = "C,ID,TIME,EVID,AMT,CMT,SS,II,ADDL,RATE,LAGT,MODE,DUR2,BIOAV,DV"


def every(step, count, amount, duration=0.0, *, first=0.0):
    return [(first + k * step, amount, duration) for k in range(count)]


#: (numbers of the scenarios there, kind, records as TIME EVID AMT CMT SS II ADDL RATE, doses or the reason)
SCENARIOS = [
    ("1", "bolus with additional", ["0 1 2 1 0 1 3 0"], every(1, 4, 2)),
    ("2, 16", "bolus to the central compartment", ["0 1 2 2 0 1 3 0"], every(1, 4, 2)),
    ("3, 7, 8", "infusion with additional", ["0 1 2 2 0 1 3 4"], every(1, 4, 2, 0.5)),
    ("4", "one infusion", ["0 1 3 2 0 0 0 2"], [(0, 3, 1.5)]),
    ("5, 18, 19", "modeled duration", ["0 1 3 2 0 0 0 -2"], "rate = -2"),
    ("6", "infusion to the depot", ["0 1 2 1 0 1 3 4"], every(1, 4, 2, 0.5)),
    ("9", "infusion at steady state", ["0 1 2 2 1 1 3 4"], every(1, 4, 2, 0.5)),
    ("10, 11, 12", "infusion at steady state, II < DUR", ["0 1 2 2 1 1 3 1"], "within its interval"),
    ("13, 14", "infusion at steady state, II == DUR", ["0 1 2 2 1 1 3 2"], every(1, 4, 2, 1.0)),
    ("15", "bolus at steady state", ["0 1 2 2 1 1 3 0"], every(1, 4, 2)),
    ("17", "bolus then infusion", ["0 1 2 2 0 0 0 0", "1.5 1 1 1 0 2 2 4"],
     [(0, 2, 0), *every(2, 3, 1, 0.25, first=1.5)]),
    ("20", "reset and dose with additional", ["0 1 2 1 0 1 2 4", "5 4 3 1 0 2 3 0"],
     [*every(1, 3, 2, 0.5), *every(2, 4, 3, first=5)]),
    ("21, 23", "reset and dose at steady state", ["0 4 2 1 1 1 0 0"], every(1, 1, 2)),
    ("22, 24", "the same with additional", ["0 4 2 1 1 1 2 0"], every(1, 3, 2)),
    ("25", "three of them", ["0 4 1 2 1 1 0 0", "1 4 2 2 1 1 0 0", "2 4 3 2 1 1 0 0"],
     [(0, 1, 0), (1, 2, 0), (2, 3, 0)]),
    ("26, 27", "reset with additional", ["0 1 2 1 0 1 9 4", "5 3 0 2 0 0 0 0", "5.5 1 3 1 0 2 2 0"],
     [*every(1, 5, 2, 0.5), *every(2, 3, 3, first=5.5)]),
    ("28", "steady state 1 and 2", ["0 1 2 1 1 1 3 0", "0.5 1 1 1 2 1 3 0"], "ss = 2 adds"),
    ("29", "steady-state infusion", ["0 1 0 1 1 0 0 4"], "without an end"),
]  # fmt: skip


@pytest.mark.parametrize(("numbers", "kind", "records", "expected"), SCENARIOS, ids=[s[1] for s in SCENARIOS])
def test_what_nonmem_gives_is_given_or_refused(tmp_path, numbers, kind, records, expected):
    rows = []
    for record in records:
        time, evid, amount, cmt, ss, ii, addl, rate = record.split()
        rows += [
            f".,1,{time},{evid},{amount},{cmt},{ss},{ii},{addl},{rate},0,0,2,1,.",
            f".,1,{time},0,0,2,0,0,0,0,0,0,2,1,0",
        ]
    path = tmp_path / "1001.csv"
    path.write_text("\n".join([HEAD, *rows, ".,1,30,0,0,2,0,0,0,0,0,0,2,1,0"]) + "\n")
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            read_nonmem(path)
        return
    plans, seen = read_nonmem(path)
    plan = plans[1]
    found = [(d.time, d.amount, pytest.approx(d.duration)) for d in plan.doses]
    assert found == expected
    assert len(seen) == len(records) + 1
    first = records[0].split()
    assert plan.doses[0].ss == (first[4] == "1")
    assert plan.doses[0].reset == (first[1] == "4")
    assert plan.doses[0].route == {"1": "sc", "2": "iv"}[first[3]]
    assert plan.resets == ((5.0,) if "reset with" in kind else ())


def test_all_scenarios_are_there():
    assert sorted(int(n) for s in SCENARIOS for n in s[0].split(",")) == list(range(1, 30))


def test_a_steady_state_wipes_what_came_before():
    """SS = 1 (NONMEM's help: compartment amounts of prior doses are zeroed out, pending doses are cancelled)."""
    steady = {"time": 6, "amt": 1, "ss": 1, "ii": 2, "addl": 2}
    before = [{"time": 0, "amt": 3, "ii": 1, "addl": 20}, {"time": 5.9, "amt": 2, "rate": 4, "cmt": 2}]
    a, b = (
        il2.simulate(il2.Regimen.from_records(rows), until=12, save=[6.5, 7, 11])
        for rows in ([*before, steady], [steady])
    )
    for id in ("il2_plasma", "il2_depot", "treg_percent"):
        assert a.values(id)[0] == pytest.approx(b.values(id)[0], rel=1e-6)
