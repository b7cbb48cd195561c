"""Bad input gives one sentence and exit code 2; nothing crashes."""

import random
import string

import pytest

import il2model as il2
from il2model.cli.main import VERBS, build_app, main, understood
from il2model.dosing.regimen import Regimen
from il2model.errors import InputError

BAD = [
    (["simulate"], "--regimen"),
    (["simulate", "--regimen", "mirocal"], "'mirocals'"),
    (["simulate", "--regimn", "mirocals"], "--regimen"),
    (["simulate", "--regimen", "mirocals", "--set", "il2_clearence=3"], "il2_clearance"),
    (["simulate", "--regimen", "mirocals", "--set", "il2_clearance=3 kg"], "kg"),
    (["simulate", "--regimen", "mirocals", "--set", "il2_clearance"], "id=value"),
    (["simulate", "--regimen", "mirocals", "--set", "il2_clearance=nan"], "NaN"),
    (["simulate", "--regimen", "mirocals", "--set", "il2_clearance=9000"], "outside its bounds"),
    (["simulate", "--amount", "-2 MIU"], "zero or more"),
    (["simulate", "--amount", "nan MIU"], "NaN"),
    (["simulate", "--amount", "2 parsec"], "parsec"),
    (["simulate", "--amount", "2 MIU", "--days", "30", "--every", "28"], "greater than every"),
    (["simulate", "--amount", "2 MIU", "--days", "2.5"], "whole number"),
    (["simulate", "--amount", "2 MIU", "--cycles", "0"], "at least 1"),
    (["simulate", "--amount", "2 MIU", "--route", "oral"], "route"),
    (["simulate", "--regimen", "mirocals", "--until", "100", "--at", "101"], "after the end"),
    (["simulate", "--regimen", "mirocals", "--cut"], "--until DAY, which is not given"),
    (["simulate", "--regimen", "mirocals", "--until", "700", "--cut"], "--cut has no effect"),
    (["simulate", "--regimen", "placebo", "--plot", "x.gif"], "must end in .png"),
    (["simulate", "--regimen", "placebo", "--until", "-5"], "until"),
    (["simulate", "--regimen", "placebo", "--until", "soon"], "not a number"),
    (["simulate", "--regimen", "placebo", "--until", "10", "--at", "20"], "after the end"),
    (["simulate", "--regimen", "placebo", "--at", "-3"], "-3"),
    (["simulate", "--regimen", "placebo", "--observables", "treg_procent"], "treg_percent"),
    (["simulate", "--regimen", "placebo", "--format", "xml"], "format"),
    (["simulate", "--regimen", "placebo", "--format", "nc"], "-o"),
    (["simulate", "--regimen", "placebo", "--engine", "fastest"], "'fast'"),
    (["simulate", "--regimen", "placebo", "--rtol", "2"], "rtol"),
    (["simulate", "--regimen", "placebo", "--draws", "0"], "draws"),
    (["simulate", "--regimen", "placebo", "--draws", "many"], "not a number"),
    (["simulate", "--regimen", "placebo", "--parameters", "posterior"], "prior"),
    (["simulate", "--regimen", "placebo", "--plot", "x.bmp"], ".png"),
    (["simulate", "--records", "no-such-file.csv"], "cannot be read"),
    (["simulate", "--regimen", "placebo", "-o", "/proc/none/x.json"], "cannot be written"),
    (["simulate", "--regimen", "placebo", "extra"], "extra"),
    (["parameters", "show", "il2_clearence"], "il2_clearance"),
    (["parameters", "lists"], "list"),
    (["parameters", "check", "/no/such/folder"], "not a folder"),
    (["simulat"], "simulate"),
    (["demo", "-o", "/proc/none"], "cannot be written"),
]


def check(capsys, arguments):
    code = main(arguments)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.err.strip()


@pytest.mark.parametrize(("arguments", "hint"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_one_sentence_and_exit_code_2(capsys, arguments, hint):
    code, error = check(capsys, arguments)
    sentences = [line for line in error.splitlines() if "note:" not in line and "compiling" not in line]
    assert code == 2
    assert len(sentences) == 1, error
    assert sentences[0].startswith("il2model: ")
    assert hint in sentences[0]


RECORDS = [
    ([{"amt": 1}], "no column 'time'"),
    ([{"time": 0}], "no column 'amt'"),
    ([{"time": 0, "amount": 1}], "'amt'"),
    ([{"time": "noon", "amt": 1}], "not a number"),
    ([{"time": 0, "amt": -1}], "zero or more"),
    ([{"time": 0, "amt": float("nan")}], "nan"),
    ([{"time": -1, "amt": 1}], "before t = 0"),
    ([{"time": 0, "amt": 1, "addl": 3}], "interval ii"),
    ([{"time": 0, "amt": 1, "evid": 7}], "evid"),
    ([{"time": 0, "amt": 1, "ss": 1}], "interval ii"),
    ([{"time": 0, "amt": 1, "cmt": 9}], "cmt"),
    ([{"time": 0, "amt": 1, "rate": 2, "duration": 3}], "rate x duration"),
    ([{"time": 0, "amt": 1, "id": 1}, {"time": 1, "amt": 1, "id": 2}], "several subjects"),
    ({"time": [0, 1], "amt": [1]}, "different lengths"),
    ("time,amt", "data frame"),
    ([3], "not a mapping"),
]


@pytest.mark.parametrize(("records", "hint"), RECORDS, ids=[h for _, h in RECORDS])
def test_bad_records_name_what_is_wrong(records, hint):
    with pytest.raises(InputError, match=hint) as caught:
        Regimen.from_records(records)
    assert "\n" not in str(caught.value)


def test_doses_after_the_end_are_counted_in_every_answer():
    said = "75 of 95 doses lie beyond the end on day 100 and are not given"
    with pytest.warns(il2.IncompleteWarning, match=said):
        long = il2.simulate("mirocals", until=100, save=[50, 100])
    assert said in long.notes
    assert said in long["treg_percent"].attrs["note"]
    assert said in long.to_xarray().attrs["note"]
    assert any(said in text.get_text() for text in long.plot().texts)
    short = il2.simulate(Regimen.named("mirocals").until(100), until=100, save=[50, 100])
    assert short.notes == ()
    assert all((long.values(i) == short.values(i)).all() for i in long)
    assert long.balance == short.balance
    with pytest.warns(il2.IncompleteWarning, match=said):
        found = il2.sensitivities("mirocals", ["il2_clearance"], until=100, save=[100])
    assert said in found.array("treg_percent").attrs["note"]


def test_a_regimen_must_be_one():
    with pytest.raises(InputError, match="regimen is needed"):
        il2.simulate(5)
    with pytest.raises(il2.UnknownNameError, match="did you mean"):
        il2.simulate("miroclas")
    with pytest.raises(InputError, match="save time"):
        il2.simulate("placebo", until=5, save=[9])


VALUES = [
    "mirocals", "imodals-1miu", "placebo", "2 MIU", "-1", "0", "5", "28", "1e9", "nan", "inf", "-inf", "3.7", "MIU",
    "il2_clearance=0.3 L/min", "eosinophil_count=500", "x=y", "treg_percent", "survival,alsfrs_r", "json", "csv", "nc",
    "table", "0,8,64", "", ",", "--", "=", "all,0-3700", "5-", "prior", "pk", "sobol", "µ", "2 MIU/m2", "1e400", "0x10",
    "5 5", "[1]", "sbml", "latex", "nonmem", "{}", "--help-me", "../x", "--regimen", "-o", "-h", "\x00", "list", "show",
]  # fmt: skip
#: Verbs that a fuzzed line only reads: they take minutes, or change what is outside the test's folder.
LONG = {"trial", "power", "optimize", "calibrate", "sensitivity", "demo", "cache", "report"}


def fuzzed_lines(count, seed=2026):
    """Yield command lines: a verb, then its own options, those of others and nonsense, with values that may not fit."""
    rng = random.Random(seed)
    app = build_app()
    options = {}
    for verb in (name for group in VERBS.values() for name in group):
        for sub in [[s] for s in app[verb] if not s.startswith("-")] or [[]]:
            found = app.parse_commands([verb, *sub])[1][-1].assemble_argument_collection()
            options[verb, *sub] = [n for a in found for n in (*a.names, *a.negatives)]
    every = sorted({o for some in options.values() for o in some})
    for k in range(count):
        verb = list(options)[k % len(options)]
        line = [*verb]
        for _ in range(rng.randint(0, 5)):
            kind = rng.random()
            if kind < 0.7 and options[verb]:
                line.append(rng.choice(options[verb]))
            elif kind < 0.8:
                line.append(rng.choice(every))
            line += [rng.choice(VALUES)] if rng.random() < 0.8 else []
            if kind > 0.95:
                line.append("".join(rng.choice(string.printable) for _ in range(5)))
        if verb == ("simulate",):
            line = ["simulate", "--until", "30", "--max-steps", "2000", *line[1:]]
        yield line


def outcome(line, capsys):
    """Return the exit code of a line, and what it says on standard error without notes."""
    if line[0] not in LONG:
        code = main(line)
        said = capsys.readouterr().err
        return code, [m for m in said.splitlines() if "note:" not in m and "wrote" not in m]
    try:
        return understood(line).verb[0] != line[0], []
    except InputError as error:
        return 2, str(error).splitlines()


@pytest.mark.parametrize("count", [300, pytest.param(3000, marks=pytest.mark.long)])
def test_fuzzed_command_lines_of_all_verbs_never_crash(capsys, tmp_path, monkeypatch, count):
    monkeypatch.chdir(tmp_path)
    seen = {0: 0, 1: 0, 2: 0}
    for line in fuzzed_lines(count):
        code, said = outcome(line, capsys)
        assert code == 0 or len(said) == 1, (line, said)
        seen[int(code)] += 1
    assert seen[0] > count / 8
    assert seen[2] > count / 3


@pytest.mark.parametrize("count", [150, pytest.param(1500, marks=pytest.mark.long)])
def test_fuzzed_tables_of_records_never_crash(count):
    rng = random.Random(2026)
    values = [0, 1, -1, 2.5, "x", None, float("nan"), float("inf"), "", ".", "1", 1e12, [], {}]
    columns = ["time", "amt", "evid", "ii", "addl", "rate", "duration", "ss", "cmt", "id", "dose"]
    for _ in range(count):
        rows = [
            {rng.choice(columns): rng.choice(values) for _ in range(rng.randint(1, 6))}
            for _ in range(rng.randint(0, 4))
        ]
        for row in rows:
            if rng.random() < 0.7:
                row |= {"time": rng.choice([0, 1, 2.5]), "amt": rng.choice([0, 1, 2])}
        try:
            plan = Regimen.from_records(rows)
        except InputError:
            continue
        assert str(plan)
