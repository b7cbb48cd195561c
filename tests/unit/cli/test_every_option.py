"""Every option of every verb changes the answer, is refused, or stands here with the reason why it does neither.

The options come from the verbs themselves: one without another value here fails, so that none is forgotten.
"""

import json
import re

import numpy as np
import pytest

from il2model.cli.main import main
from tests.unit.cli.test_verbs import VERBS_ALL, arguments_of

RECORDS = "time,amt,ii,addl,evid\n0,2,1,4,1\n6,1,0,0,1\n"
#: Another value of each option, which no base command holds.
OTHER = {
    "simulate": {
        "regimen": "imodals-1miu",
        "amount": "1.5",
        "records": "RECORDS",
        "days": "3",
        "every": "9",
        "cycles": "2",
        "start": "1.5",
        "route": "iv",
        "duration": "6 h",
        "cut": None,
        "off_riluzole": None,
        "cohort": "4",
        "design": "unselected",
        "population": "cd4_untreated=400",
        "set": "il2_clearance=0.2 L/min",
        "parameters": "prior",
        "draws": "4",
        "study": "new",
        "until": "9",
        "seed": "5",
        "workers": "2",
        "resume": None,
        "overwrite": None,
        "dask": "nowhere://x",
        "engine": "scipy-bdf",
        "precision": "float32",
        "rtol": "1e-3",
        "atol": "1e-2",
        "max_steps": "3",
        "h_first": "1e-6",
        "h_min": "1e-3",
        "h_max": "0.01",
        "growth_limit": "1e-9",
        "at": "0.25,3",
        "observables": "survival",
        "format": "csv",
        "folder": "FOLDER",
        "output": "FOLDER/x.json",
        "plot": "FOLDER/x.png",
    },
    "trial": {
        "design": "imodals",
        "parameters": "prior",
        "hazard_ratio": "0.5",
        "seed": "5",
        "replicates": "3",
        "size": "30",
        "draws": "2",
        "study": "new",
        "resume": None,
        "overwrite": None,
        "workers": "2",
        "dask": "nowhere://x",
        "pool": "11",
        "adherence": "0.3",
        "dropout": "0.4",
        "format": "json",
        "output": "FOLDER",
    },
    "power": {
        "design": "imodals",
        "follow_up": "90",
        "enrich": "csf_pnfh",
        "cuts": "0-5000",
        "sizes": "7",
        "endpoints": "cafs",
        "hazard_ratio": "0.1",
        "parameters": "prior",
        "amount": "1.5",
        "days": "3",
        "every": "14",
        "cycles": "2",
        "start": "5",
        "route": "iv",
        "duration": "6 h",
        "seed": "5",
        "replicates": "9",
        "draws": "2",
        "study": "new",
        "resume": None,
        "overwrite": None,
        "workers": "2",
        "dask": "nowhere://x",
        "pool": "11",
        "output": "FOLDER",
    },
    "optimize": {
        "objective": "alsfrs_r_difference",
        "limits": "eosinophil_count=100",
        "injections_per_year": "20",
        "until": "50",
        "generations": "2",
        "parameters": "prior",
        "seed": "5",
        "draws": "2",
        "study": "new",
        "patients": "5",
        "resume": None,
        "overwrite": None,
        "workers": "2",
        "dask": "nowhere://x",
        "output": "FOLDER",
    },
    "sensitivity": {
        "outputs": "plasma_ccl2",
        "until_width": "0.9",
        "alone": None,
        "parameters": "il2_clearance,il2_bioavailability",
        "regimen": "imodals-1miu",
        "control": "imodals-1miu",
        "until": "9",
        "times": "3",
        "method": "prcc",
        "n": "32",
        "second_order": None,
        "seed": "5",
        "rtol": "1e-2",
        "base": "prior",
        "patients": "5",
        "ranges": "posterior",
        "policy": "drop",
        "resume": None,
        "overwrite": None,
        "workers": "2",
        "dask": "nowhere://x",
        "output": "FOLDER",
    },
    "export": {"overwrite": None, "format": "latex", "regimen": "imodals-1miu", "until": "2", "output": "FOLDER/y"},
}
#: Verbs whose options are looked at elsewhere, and where.
ELSEWHERE = {
    "demo": "output is a folder, in test_cli",
    "trials list": "formats, in test_verbs",
    "trials show": "formats, in test_verbs",
    "calibrate": "an hour of work: each option reaches il2model.calibrate, whose own tests see to it",
    "report": "a folder and a file",
    "check": "predicts trials over draws; its own tests see to it",
    **dict.fromkeys(
        ("parameters list", "parameters show", "parameters check", "parameters diff"), "listings, in test_verbs"
    ),
    **dict.fromkeys(("observables", "outputs", "methods", "objectives"), "formats, in test_verbs"),
    **dict.fromkeys(("cache list", "cache clear", "cache warm"), "no options"),
}
PATIENT = "--until 12 --at 0.5,12 --observables il2_plasma,survival --format json"
#: Small jobs: the options that are there already must not be asked again.
JOBS = {
    "simulate": {
        "amount": f"--amount 2 {PATIENT}",
        "cycles": f"--amount 2 --cycles 3 {PATIENT}",
        "regimen": f"--regimen imodals-2miu {PATIENT}",
        "records": f"--records RECORDS {PATIENT}",
        "draws": f"--amount 2 --draws 3 {PATIENT}",
        "cohort": f"--amount 2 --cohort 24 {PATIENT}",
        "scipy": f"--amount 2 --engine scipy {PATIENT}",
        "plain": f"--amount 2 --engine plain {PATIENT}",
        "float32": f"--amount 2 --precision float32 {PATIENT}",
        "no days": "--amount 2 --observables treg_percent,survival --format json",
        "plot": f"--amount 2 {PATIENT} --plot FOLDER/a.png",
    },
    "trial": {
        "plain": "OWN --replicates 4 --pool 24 --format json",
        "draws": "OWN --replicates 4 --pool 24 --format json --draws 2",
        "ratio": "OWN --replicates 4 --pool 24 --format json --hazard-ratio 0.7",
    },
    "power": {
        "plain": "--design OWN --cuts all --sizes 40 --replicates 8 --pool 8",
        "amount": "--design OWN --cuts all --sizes 40 --replicates 8 --pool 8 --amount 3",
        "ratio": "--design OWN --cuts all --sizes 40 --replicates 8 --pool 8 --hr 0.3",
    },
    "optimize": {"plain": "--patients 3 --generations 1 --draws 0 --until 40"},
    "sensitivity": {
        "course": "--outputs treg_percent --parameters il2_clearance,treg_division_max --n 16 --until 10 --times 2,10",
        "endpoint": "--outputs treg_auc --parameters il2_clearance,treg_division_max --n 16 --until 10 --method morris",
        "tornado": "--outputs treg_percent --parameters il2_clearance,treg_division_max --method oat --until 10",
        "arms": "--outputs alsfrs_r_difference --parameters il2_clearance --n 8 --until 60 --patients 4",
    },
    "export": {
        "sbml": "sbml --regimen mirocals -o FOLDER/x",
        "nonmem": "nonmem --regimen mirocals -o FOLDER/x",
        "petab": "petab -o FOLDER/x",
        "latex": "latex -o FOLDER/x",
        "omex": "omex --regimen mirocals -o FOLDER/x",
    },
}
SAME = "a result does not depend on it"
#: Options that are taken and change no number, and why: (verb, option) or (verb, job, option).
NO_EFFECT = {
    ("simulate", "format"): "the same numbers, otherwise written",
    ("simulate", "output"): "the same numbers, in a file",
    ("simulate", "plot"): "a figure beside the same numbers",
    ("simulate", "folder"): SAME,
    ("simulate", "workers"): SAME,
    ("trial", "workers"): SAME,
    ("power", "workers"): SAME,
    ("optimize", "workers"): SAME,
    ("sensitivity", "workers"): SAME,
    ("trial", "format"): "the same numbers, otherwise written",
    ("trial", "output"): "kept beside",
    ("power", "output"): "kept beside",
    ("optimize", "output"): "kept beside",
    ("sensitivity", "output"): "kept there anyway",
    ("sensitivity", "resume"): "refuses a folder that holds results, and this one is new",
    ("power", "enrich"): "its only value",
    ("optimize", "limits"): "a bound that no candidate breaks moves nothing",
    ("sensitivity", "alone"): "the report alone shows what is run beside",
    ("sensitivity", "until_width"): "reached at once",
    ("sensitivity", "policy"): "no row fails here",
    ("export", "output"): "another place",
    ("export", "overwrite"): "says what may happen to what is there, and here nothing is",
    ("sensitivity", "overwrite"): "says what may happen to what is there, and here nothing is",
    ("simulate", "h_min"): "a floor that is not reached here; scipy refuses it",
}

OWN_TRIAL = """
trial = "Small"
[follow_up]
value = 640
[visits]
value = [0, 28, 56, 640]
[arms.placebo]
name = "placebo"
size = 40
amount = 0
[arms.low]
name = "IL-2"
size = 40
amount = "2 MIU"
days = 5
cycles = 3
"""


def test_every_option_has_another_value_here():
    for verb in VERBS_ALL:
        name = " ".join(verb)
        assert (name in OTHER) != (name in ELSEWHERE), name
        if name in OTHER:
            assert set(OTHER[name]) == set(arguments_of(*verb)), name


@pytest.fixture
def answer(tmp_path, capsys, monkeypatch):
    """Return (exit code, what is told) of a command line; of a study its indices, without the pages."""
    from il2model.report import sensitivity as page

    told = {}
    monkeypatch.setattr(page, "write_sensitivity", lambda parts, path: told.update(study=parts[0][0]) or path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "records.csv").write_text(RECORDS, encoding="utf8")
    (tmp_path / "own.toml").write_text(OWN_TRIAL, encoding="utf8")

    def run(verb, words, place):
        (tmp_path / place).mkdir()
        told.clear()
        names = {"RECORDS": "records.csv", "OWN": "own.toml", "FOLDER": str(tmp_path / place)}
        line = [re.sub("|".join(names), lambda m: names[m.group()], w) for w in words]
        if verb == "sensitivity" and not {"-o", "--output"} & set(line):
            line += ["-o", str(tmp_path / place / "study")]
        code = main([verb, *line])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        if "study" in told:
            study = told["study"]
            numbers = {n: np.round(a, 14).tolist() for n, a in study.indices.items()}
            out = json.dumps([study.study.inputs, [c.name for c in study.study.columns], numbers])
        elif out.startswith("{"):
            out = json.dumps({k: v for k, v in json.loads(out).items() if k not in ("manifest", "notes")})
        elif verb == "export" and code == 0:
            path = tmp_path / place / "x"
            files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
            out = "".join(f.read_bytes().decode("latin1") for f in files) if path.suffix != ".omex" else ""
        return code, re.sub(r"20\d\d-\d\d-\d\dT[\d:]+", "", out), err.strip().splitlines()

    return run


def words_of(verb, option):
    """Return the words that ask for the other value of an option."""
    argument, value = arguments_of(verb)[option], OTHER[verb][option]
    long = [n for n in argument.names if n.startswith("--")]
    if option == "resume":
        return ["--no-resume"]
    return [long[0]] if value is None else [long[0], value] if long else [value]


def asked_already(verb, words, option):
    names = set(arguments_of(verb)[option].names)
    return bool(names & {w.split("=")[0] for w in words}) or (verb, option) in {
        ("trial", "design"),
        ("export", "format"),
    }


def compare(answer, verb, job):
    words = JOBS[verb][job].split()
    code, base, error = answer(verb, words, "_base")
    assert code == 0, error
    assert answer(verb, words, "_again")[:2] == (code, base)
    silent, told = [], notes(error)
    for option in OTHER[verb]:
        if asked_already(verb, words, option):
            continue
        other, found, error = answer(verb, [*words, *words_of(verb, option)], option)
        assert other in (0, 1, 2), (option, error)
        excused = (verb, option) in NO_EFFECT or (verb, job, option) in NO_EFFECT
        if other == 2:
            assert len([line for line in error if "note:" not in line]) == 1, error
        elif (other, found, notes(error)) == (code, base, told) and not excused:
            silent.append(option)
    assert silent == []


def notes(error):
    """Return what a user is told besides: it too is an answer."""
    return [line for line in error if "note:" in line]


LONG = ("plot", "float32", "plain", "cycles")
QUICK = [(verb, job) for verb in ("simulate", "export") for job in JOBS[verb] if job not in LONG or verb != "simulate"]
SLOW = [(verb, job) for verb in JOBS for job in JOBS[verb] if (verb, job) not in QUICK]


@pytest.mark.parametrize(("verb", "job"), QUICK)
def test_an_option_without_effect_is_refused(answer, verb, job):
    compare(answer, verb, job)


@pytest.mark.long
@pytest.mark.parametrize(("verb", "job"), SLOW)
def test_an_option_of_a_long_verb_without_effect_is_refused(answer, verb, job):
    compare(answer, verb, job)
