"""Thousands of inputs for every door: all verbs of the program, all kinds of files.

Nothing ends in a traceback, hangs, or prints a number that is none. Beside that each case has a verdict where one
is known: a change that says the same gives the same result, one that says nonsense is refused in one sentence.
Some 500 cases run with every test, ten times as many in `make check-long`.
"""

import dataclasses
import shutil
import subprocess
import sys
import tomllib

import pytest
from hypothesis import strategies as st

import il2model as il2
from il2model.calibration.targets import load_targets
from il2model.cli.main import understood
from il2model.dosing.regimen import Regimen
from il2model.errors import InputError
from il2model.exchange.nonmem import read_nonmem
from il2model.parameters import load_parameters
from il2model.planning.result import PowerStudy, Search
from il2model.resources import data_dir
from il2model.sensitivity.results import StudyResult
from il2model.trials import TrialDesign
from il2model.trials.result import TrialResult
from il2model.trials.trial import Trial
from il2model.uncertainty.posterior import Posterior
from tests.helpers.fuzz.files import damaged, same_trees, toml_file, wrong_trees
from tests.helpers.fuzz.lines import QUICK, verbs, wrong_lines
from tests.helpers.fuzz.oracle import fuzzed, in_time, ran
from tests.helpers.fuzz.tables import data_sets, same_tables, sheets, wrong_tables


def some(few, many):
    """Run a test with few cases, and with many where there is time."""
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.long)])


def refused(read, *arguments):
    """Return what reading gives, or the sentence of its refusal; anything else ends the test."""
    with in_time():
        try:
            return read(*arguments), None
        except InputError as error:
            return None, one_line(str(error))


def one_line(text):
    assert text, "an error without a sentence"
    assert "\n" not in text, text
    return text


@pytest.fixture
def folders(tmp_path):
    """Give new folders: cases of one test do not see each other's files."""
    numbers = iter(range(1_000_000))

    def new():
        folder = tmp_path / f"case-{next(numbers)}"
        folder.mkdir()
        return folder

    return new


# ---------------------------------------------------------------------------------------------------------------- lines
def test_every_verb_of_the_program_is_known_here():
    for verb, words in QUICK.items():
        assert verb in verbs(), f"{verb} is no verb; mend QUICK"
        assert understood([*verb, *(w.format("x") for w in words)]).verb == verb


@some(150, 2000)
def test_a_line_with_one_wrong_value_is_refused(count, folders, monkeypatch):
    def check(data):
        folder = folders()
        monkeypatch.chdir(folder)
        line = [w.replace("{}", str(folder / "out")) for w in data.draw(wrong_lines())]
        seen = ran(line)
        assert seen.code == 2, (line, seen)
        assert not [p for p in folder.rglob("*") if p.is_file()], line  # refused before work begins

    fuzzed(count, check)


# -------------------------------------------------------------------------------------------------------------- records
@some(60, 600)
def test_another_spelling_of_records_is_the_same_regimen(count, folders):
    def check(data):
        sheet, file = data.draw(sheets()), folders() / "doses.csv"
        file.write_text(sheet.text(), encoding="utf8")
        plan = Regimen.from_records(file)
        file.write_bytes(content := data.draw(same_tables(sheet)))
        assert refused(Regimen.from_records, file) == (plan, None), content

    fuzzed(count, check)


@some(60, 600)
def test_records_that_cannot_be_read_are_refused(count, folders):
    def check(data):
        sheet, file = data.draw(sheets()), folders() / "doses.csv"
        file.write_bytes(content := data.draw(wrong_tables(sheet)))
        plan, sentence = refused(Regimen.from_records, file)
        assert plan is None, (content, plan)
        assert sentence.count("doses.csv") == 1, sentence

    fuzzed(count, check)


@some(40, 400)
def test_another_spelling_of_a_data_set_is_the_same_data(count, folders):
    def check(data):
        sheet, file = data.draw(data_sets()), folders() / "data.csv"
        file.write_text(sheet.text(), encoding="utf8")
        plans, seen = read_nonmem(file)
        file.write_bytes(content := data.draw(same_tables(sheet)))
        again, sentence = refused(read_nonmem, file)
        assert sentence is None, (content, sentence)
        assert again[0] == plans, content
        columns = ["ID", "TIME", "DV"]
        assert again[1][columns].to_dict("list") == seen[columns].to_dict("list"), content

    fuzzed(count, check)


@some(40, 400)
def test_a_data_set_that_cannot_be_read_is_refused(count, folders):
    def check(data):
        sheet, file = data.draw(data_sets()), folders() / "data.csv"
        file.write_bytes(content := data.draw(wrong_tables(sheet)))
        found, sentence = refused(read_nonmem, file)
        assert found is None, (content, found[0])
        assert sentence.count("data.csv") == 1, sentence

    fuzzed(count, check)


@some(30, 300)
def test_a_damaged_table_is_refused_or_gives_numbers(count, folders):
    def check(data):
        sheet, file = data.draw(st.one_of(sheets(), data_sets())), folders() / "doses.csv"
        file.write_bytes(data.draw(damaged(sheet.text().encode())))
        seen = ran(["simulate", "--records", str(file), "--until", "1", "--at", "0,1", "--format", "csv"])
        assert seen.code in (0, 2)

    fuzzed(count, check)


# ----------------------------------------------------------------------------------------------------------- parameters
@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Give a folder of records, and the tables of each file."""
    folder = shutil.copytree(data_dir("parameters"), tmp_path_factory.mktemp("records") / "parameters")
    return folder, {p.name: tomllib.loads(p.read_text(encoding="utf8")) for p in sorted(folder.glob("*.toml"))}


@some(50, 500)
def test_a_record_with_a_wrong_value_or_field_is_refused(count, records):
    folder, files = records
    whole = load_parameters("prior").records

    def check(data):
        name = data.draw(st.sampled_from([*files]))
        id = data.draw(st.sampled_from([*files[name]]))
        one, what = data.draw(wrong_trees(files[name][id]))
        (folder / name).write_text(toml_file({**files[name], id: one}), encoding="utf8")
        try:
            found, sentence = refused(lambda: load_parameters("prior", folder=folder))
            reference = isinstance(files[name][id].get("spread", {}).get("sd"), str) and "'sd'" in what
            if reference and found is not None:  # the name of a record became a number
                assert found.records[id].spread["sd"] > 0
                return
            assert found is None, (id, what, found.records[id], whole[id])
            assert name in sentence, sentence
            assert id in sentence, (what, sentence)
        finally:
            (folder / name).write_text(toml_file(files[name]), encoding="utf8")

    fuzzed(count, check)


@some(20, 200)
def test_another_spelling_of_records_of_parameters_is_the_same_set(count, records):
    folder, files = records
    whole = load_parameters("prior")

    def check(data):
        name = data.draw(st.sampled_from([*files]))
        (folder / name).write_bytes(data.draw(same_trees(files[name])))
        found, sentence = refused(lambda: load_parameters("prior", folder=folder))
        assert sentence is None, sentence
        assert found == whole

    fuzzed(count, check)


@some(20, 200)
def test_damaged_records_are_refused_or_valid(count, records):
    folder, files = records

    def check(data):
        name = data.draw(st.sampled_from([*files]))
        (folder / name).write_bytes(data.draw(damaged(toml_file(files[name]).encode())))
        seen = ran(["parameters", "check", str(folder)])
        (folder / name).write_text(toml_file(files[name]), encoding="utf8")
        assert seen.code in (0, 2)

    fuzzed(count, check)


# --------------------------------------------------------------------------------------------------------------- trials
TRIALS = ("mirocals", "imodals")


def trial_file(folder, tables):
    """Write a trial file and return it."""
    file = folder / "mine.toml"
    file.write_text(toml_file(tables), encoding="utf8") if isinstance(tables, dict) else file.write_bytes(tables)
    return file


@pytest.fixture(scope="module")
def trials():
    """Give the tables of two trials."""
    place = data_dir("calibration") / "trials"
    return {name: tomllib.loads((place / f"{name}.toml").read_text(encoding="utf8")) for name in TRIALS}


@some(50, 500)
def test_a_trial_file_with_a_wrong_value_or_field_is_refused(count, trials, folders):
    def check(data):
        whole = trials[data.draw(st.sampled_from(TRIALS))]
        part = data.draw(st.sampled_from([*whole]))
        changed, what = data.draw(wrong_trees({part: whole[part]}))
        file = trial_file(folders(), {**{k: v for k, v in whole.items() if k != part}, **changed})
        found, sentence = refused(Trial.load, file)
        for read in (TrialDesign.of, load_targets):
            found, sentence = refused(read, file) if found is not None else (found, sentence)
        assert found is None, what
        assert "mine.toml" in sentence, sentence

    fuzzed(count, check)


@some(20, 200)
def test_another_spelling_of_a_trial_is_the_same_design(count, trials, folders):
    def check(data):
        name = data.draw(st.sampled_from(TRIALS))
        folder = folders()
        plain = TrialDesign.of(trial_file(folder, trials[name]))
        found, sentence = refused(TrialDesign.of, trial_file(folder, data.draw(same_trees(trials[name]))))
        assert sentence is None, sentence
        assert found == plain

    fuzzed(count, check)


@some(20, 200)
def test_a_damaged_trial_is_refused_or_shown(count, trials, folders):
    def check(data):
        file = trial_file(folders(), data.draw(damaged(toml_file(trials[data.draw(st.sampled_from(TRIALS))]).encode())))
        assert ran(["trials", "show", str(file)]).code in (0, 2)
        assert ran(["trial", str(file), "--replicates", "0"]).code == 2

    fuzzed(count, check)


# --------------------------------------------------------------------------------------------------------------- stores
def made_study(folder):
    study = il2.SensitivityStudy(
        ["treg_auc"], method="sobol", n=8, until=5, parameters=["il2_clearance", "il2_lymph_rate"]
    )
    il2.run_study(study, folder=folder)


def cohort_courses(folder):
    people = il2.Cohort.sample(3, seed=1)
    solution = il2.simulate("imodals-1miu", cohort=people, until=90, save=[0, 5, 90], folder=folder)
    return [solution.values(name).tolist() for name in ("treg_percent", "survival")]


def fitted(folder):
    posterior = Posterior.load(folder=data_dir("calibration") / "results")
    few = {name: getattr(posterior, name)[:1, :4] for name in ("values", "z", "log_posterior")}
    (folder / "mirocals").mkdir(parents=True)
    dataclasses.replace(posterior, **few).save(folder / "mirocals" / "posterior.nc")


#: What keeps its results in a folder: how they are made, and read again.
STORES = {
    "study": (made_study, StudyResult.load),
    "trial": (
        lambda d: il2.run_trial(il2.TrialDesign.named("mirocals").sized(20), replicates=2, pool=20, folder=d),
        TrialResult.load,
    ),
    "power": (
        lambda d: il2.power_study("mirocals", cuts=[None], sizes=[20], replicates=2, pool=20, folder=d),
        PowerStudy.load,
    ),
    "search": (lambda d: il2.optimize(generations=1, patients=4, draws=0, until=20, folder=d), Search.load),
    "cohort": (cohort_courses, cohort_courses),
    "fit": (fitted, lambda d: Posterior.load(folder=d)),
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Give the folder of each kind of store, made once."""
    home = tmp_path_factory.mktemp("stores")
    for name, (make, _) in STORES.items():
        make(home / name)
    return home


@some(60, 600)
def test_a_damaged_store_is_refused_or_unharmed(count, stores, folders):
    whole = {name: load(stores / name) for name, (_, load) in STORES.items()}

    def check(data):
        name = data.draw(st.sampled_from([*STORES]))
        folder = folders() / name
        shutil.copytree(stores / name, folder)
        file = data.draw(st.sampled_from(sorted(p for p in folder.rglob("*") if p.is_file())))
        file.write_bytes(data.draw(damaged(file.read_bytes())))
        found, sentence = refused(STORES[name][1], folder)
        if file.suffix == ".npz":  # blocks have checksums
            assert sentence or found == whole[name], file
        if name == "study":
            assert ran(["report", str(folder), "-o", str(folder / "page.html")]).code == (2 if sentence else 0)
        shutil.rmtree(folder)

    fuzzed(count, check)


# ------------------------------------------------------------------------------------------------------------ processes
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"time,amt\n0,nan\n",
        b"\x00\x01\x02",
        "time,amt\n0,2\n".encode("utf-16"),
        b"time,amt\n0,2,3\n",
        b"time\n" * 9,
    ],
)
def test_a_process_ends_with_one_sentence(tmp_path, content):
    (tmp_path / "doses.csv").write_bytes(content)
    words = [sys.executable, "-m", "il2model", "simulate", "--records", "doses.csv", "--until", "5", "--at", "1"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("il2model: ")
    assert done.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["doses.csv"]
