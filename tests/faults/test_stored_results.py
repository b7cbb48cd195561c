"""Folders of results: damage is one sentence, another run's stay, --overwrite takes only what is ours."""

import json
import shutil

import numpy as np
import pytest

import il2model as il2
from il2model import sums
from il2model.cli.main import main
from il2model.errors import InputError
from il2model.planning.result import PowerStudy, Search
from il2model.report.calibration import write_report
from il2model.report.sensitivity import load_study
from il2model.resources import data_dir
from il2model.sensitivity.results import StudyResult
from il2model.store import BlockStore, read_block
from il2model.trials import TrialResult
from il2model.uncertainty.posterior import Posterior

VERBS = {
    "trial": "trial mirocals --replicates 3 --pool 20 -o",
    "power": "power --cuts all --sizes 8 --pool 20 --replicates 3 -o",
    "optimize": "optimize --patients 2 --generations 1 --draws 0 --limit eosinophil_count=900 -o",
    "sensitivity": "sensitivity --method morris --n 2 --outputs treg_auc --parameters il2_clearance --until 28 --alone "
    "-o",
    "simulate": "simulate --regimen imodals-1miu --cohort 4 --until 85 --observables treg_percent --folder",
}
LOAD = {
    "trial": TrialResult.load,
    "power": PowerStudy.load,
    "optimize": Search.load,
    "sensitivity": load_study,
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    home = tmp_path_factory.mktemp("stored")
    for verb, words in VERBS.items():
        assert main([*words.split(), str(home / verb)]) == 0
    return home


@pytest.fixture
def copied(stored, tmp_path):
    return lambda verb: shutil.copytree(stored / verb, tmp_path / verb)


def doubled(path):
    """Multiply what a file holds by two, as an archive or text that is whole."""
    if path.suffix == ".npz":
        with np.load(path) as data:
            arrays = {n: data[n] * 2 if data[n].dtype.kind == "f" else data[n] for n in data.files}
        np.savez(path.with_suffix(""), **arrays)
    else:
        before = path.read_bytes()
        path.write_bytes(before.replace(b"1", b"2").replace(b"0", b"3") + b" " * (before == b"{}\n"))


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [doubled, cut, emptied])
@pytest.mark.parametrize("verb", LOAD)
def test_damage_of_any_file_that_is_read_is_one_sentence(verb, damage, copied):
    folder = copied(verb)
    LOAD[verb](folder)
    looked = 0
    for path in sorted(p for p in folder.iterdir() if p.name != sums.NAME):
        before = path.read_bytes()
        damage(path)
        with pytest.raises(InputError) as caught:
            LOAD[verb](folder)
        assert str(caught.value) == f"{path} is damaged; remove it and resume."
        path.write_bytes(before)
        looked += 1
    assert looked >= 5
    LOAD[verb](folder)


def test_a_report_of_damaged_numbers_is_one_sentence(copied, capsys, tmp_path):
    folder = copied("sensitivity")
    doubled(folder / "indices.csv")
    assert main(["report", str(folder), "-o", str(tmp_path / "page.html")]) == 2
    assert capsys.readouterr().err == f"il2model: {folder / 'indices.csv'} is damaged; remove it and resume.\n"
    (folder / "indices.csv").unlink()
    assert main([*VERBS["sensitivity"].split(), str(folder)]) == 0
    assert main(["report", str(folder), "-o", str(tmp_path / "page.html")]) == 0


def test_a_block_under_another_name_is_damage(copied):
    folder = copied("trial")
    pool, other = (folder / f"{n}.npz" for n in ("pool-00000", "replicates-00000-0000000"))
    shutil.copy(pool, other)
    with pytest.raises(InputError, match="is damaged"):
        TrialResult.load(folder)


def test_courses_on_disk_are_checked_when_they_are_read(copied):
    folder = copied("simulate")
    people = il2.Cohort.sample(4, seed=0, design="mirocals")
    solution = il2.simulate("imodals-1miu", cohort=people, until=85, observables=["treg_percent"], folder=folder)
    (block,) = folder.glob("*.npz")
    doubled(block)
    with pytest.raises(InputError, match="is damaged; remove it and resume"):
        solution.values("treg_percent")


def test_shipped_fits_are_listed_and_damage_is_noticed(tmp_path):
    shipped = data_dir("calibration") / "results"
    for stage in ("pk", "imodals", "progression", "mirocals"):
        assert {"posterior.nc", "parameters.csv", "targets.csv"} <= set(sums.listed(shipped / stage))
        for name in sums.listed(shipped / stage):
            sums.read(shipped / stage / name)
    home = tmp_path / "results"
    shutil.copytree(shipped / "pk", home / "pk")
    write_report(home, tmp_path / "page.html")
    doubled(home / "pk" / "targets.csv")
    with pytest.raises(InputError, match=r"targets\.csv is damaged"):
        write_report(home, tmp_path / "page.html")
    path = home / "pk" / "posterior.nc"
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"posterior\.nc is damaged; remove it and resume"):
        Posterior.load("pk", home)


@pytest.mark.parametrize("verb", VERBS)
def test_another_run_in_the_folder_is_refused_and_overwrite_takes_only_what_is_ours(verb, copied, capsys):
    folder = copied(verb)
    (folder / "notes.txt").write_text("mine")
    np.savez(folder / "mine.npz", x=np.ones(3))
    before = sorted(p.name for p in folder.iterdir())
    other = [*VERBS["power" if verb == "trial" else "trial"].split(), str(folder)]
    assert main(other) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("give another folder, or overwrite it (--overwrite).")
    assert sorted(p.name for p in folder.iterdir()) == before
    assert main([*VERBS[verb].split(), str(folder), "--no-resume"]) == 2
    assert "holds results already" in capsys.readouterr().err.splitlines()[-1]
    assert main([*other, "--overwrite"]) == 0
    assert json.loads((folder / "job.json").read_text())["job"]["verb"] == other[0]
    assert (folder / "notes.txt").read_text() == "mine"
    assert np.load(folder / "mine.npz")["x"].sum() == 3
    assert not {"study.json", "indices.csv", "table.npz"} & {p.name for p in folder.iterdir()} - {"table.npz"}


def test_bad_options_beside_overwrite_remove_nothing(copied, capsys):
    folder = copied("trial")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert main([*VERBS["trial"].split(), str(folder), "--overwrite", "--size", "-3"]) == 2
    assert main([*VERBS["trial"].split(), str(folder), "--overwrite", "--pool", "1"]) == 2
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_overwrite_takes_a_damaged_run_with_its_companions(tmp_path):
    store = BlockStore(tmp_path, {"verb": "study", "seed": 1})
    store.put("block-000000", {"x": np.ones(3)})
    store.write("indices.csv", "a,b\n")
    BlockStore(tmp_path / "tornado", {"verb": "study"}).put("block-000000", {"x": np.ones(3)})
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "block-000001.npz").write_bytes(b"")
    (tmp_path / "block-000000.npz").write_bytes(b"cut")
    (tmp_path / "job.json").write_bytes(b"")
    (tmp_path / "SHA256SUMS").write_bytes((tmp_path / "SHA256SUMS").read_bytes())
    BlockStore(tmp_path, {"verb": "study", "seed": 2}, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["job.json", "own"]
    assert list((tmp_path / "own").iterdir()) == [tmp_path / "own" / "block-000001.npz"]


def test_blocks_of_before_are_read(tmp_path):
    """Without a name in them: written by the code of version 0.9."""
    from il2model.store import _checksum

    meta = {"job": BlockStore(tmp_path, {"verb": "x"}).digest, "meta": {}}
    arrays = {"x": np.arange(3.0)}
    meta["checksum"] = _checksum(arrays, meta)
    np.savez(tmp_path / "a.npz", **arrays, __meta__=np.array(json.dumps(meta)))
    assert read_block(tmp_path / "a.npz")[0]["x"].tolist() == [0, 1, 2]


def test_petab_is_not_overwritten_unasked(tmp_path, capsys):
    line = ["export", "petab", "-o", str(tmp_path / "petab")]
    assert main(line) == 0
    (tmp_path / "petab" / "mine.txt").write_text("mine")
    assert main(line) == 2
    assert "give another folder, or overwrite it (--overwrite)" in capsys.readouterr().err
    assert main([*line, "--overwrite"]) == 0
    assert (tmp_path / "petab" / "mine.txt").read_text() == "mine"


def test_overwrite_without_a_folder_has_no_effect(capsys):
    assert main(["trial", "mirocals", "--overwrite"]) == 2
    assert "overwrite has no effect without a folder" in capsys.readouterr().err
    with pytest.raises(InputError, match="overwrite has no effect"):
        il2.simulate("placebo", until=1, overwrite=True)
    assert issubclass(StudyResult, object)
