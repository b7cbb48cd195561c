"""What the documentation shows, works: commands, Python blocks, names, files."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

import il2model
from il2model.cli.main import VERBS, main, understood

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*/*.md")])
#: Sizes of long commands, made small; the commands are otherwise run as they are shown.
SMALLER = (
    (r"--replicates \d+", "--replicates 4"),
    (r"--pool \d+", "--pool 40"),
    (r"--draws \d+", "--draws 4"),
    (r"--n \d+", "--n 16"),
    (r"--until-width [\d.]+", "--until-width 0.9"),
    (r"--sizes [\d,]+", "--sizes 40"),
)
#: What no test runs: an hour of fitting, a cluster that is not there, a file that is the reader's.
ELSEWHERE = ("calibrate all", "--dask", "--targets mine", "report results/mine -o mine.html", "results/calibration")


def blocks(language):
    for page in PAGES:
        text = page.read_text(encoding="utf8")
        for body in re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M):
            yield page, body


def commands():
    return [
        (page.name, line.split("#")[0].strip())
        for page, body in blocks("bash")
        for line in body.splitlines()
        if line.startswith("il2model ")
    ]


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_shown_command_is_understood(page, command):
    words = shlex.split(command)[1:]
    read = understood(words)
    assert list(read.verb) == words[: len(read.verb)]
    assert read.verb[0] in {name for verbs in VERBS.values() for name in verbs}


def test_shown_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    shown = {w for _, body in blocks("bash") for w in re.findall(r"^make ([a-z-]+)", body, re.M)}
    assert shown
    assert shown <= targets


@pytest.mark.long
@pytest.mark.parametrize(("page", "command"), commands())
def test_a_shown_command_runs(page, command, tmp_path, monkeypatch):
    if any(words in command for words in ELSEWHERE):
        pytest.skip("needs an hour, a cluster or a file of the reader; its arguments are checked")
    monkeypatch.chdir(tmp_path)
    if command.startswith("il2model report"):
        for k, folder in enumerate(re.findall(r"results/\S+", command)[:-1]):
            words = ["sensitivity", "--method", "prcc", "--n", "50", "--until", "8", "--outputs", "treg_auc", "--alone"]
            assert main([*words, "--seed", str(k), "-o", folder]) == 0
    words = command
    for old, new in SMALLER:
        words = re.sub(old, new, words)
    if "sensitivity" in words:
        words += "" if "--alone" in words else " --alone"
        words += " --patients 4" if "survival_difference" in words else ""
    assert main(shlex.split(words)[1:]) == 0, words


def test_python_blocks_of_the_how_tos_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("placebo", "mirocals"):
        assert main(["export", "sbml", "--regimen", name, "--until", "85", "-o", f"{name}.xml"]) == 0
    count = 0
    names = {}
    for page, body in blocks("python"):
        if page.name == "README.md":  # has a test of its own
            continue
        if "tcp://scheduler" in body:
            body = body.replace("until=640, n=512", "until=28, n=4, patients=4, parameters=['effector_damage']")
            body = body.replace('Client("tcp://scheduler:8786")', "Client(processes=False, dashboard_address=None)")
        exec(compile(body, str(page), "exec"), names)
        count += 1
    assert count >= 3


def test_every_public_name_is_in_the_reference():
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf8")
    missing = [n for n in il2model.__all__ if not n.startswith("__") and not re.search(rf"\b{n}\b", text)]
    assert missing == []


def test_every_page_is_in_the_table_of_contents():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf8")
    pages = {f"{p.parent.name}/{p.stem}" for p in (ROOT / "docs").glob("*/*.md")}
    assert [p for p in sorted(pages) if p not in index and "/" in p and not p.startswith("_")] == []


def test_the_readme_says_what_was_fitted():
    """The hazard ratios typed in the README are those of the committed fit."""
    import csv
    import math

    text = " ".join((ROOT / "README.md").read_text(encoding="utf8").split())
    with (ROOT / "calibration/results/mirocals/targets.csv").open() as stream:
        rows = {r["id"]: r for r in csv.DictReader(stream)}
    found = 0
    for r in rows.values():
        if r["id"] in ("mirocals_hr", "mirocals_hr_low", "hr_all", "hr_low") or r["id"].endswith(
            ("_hr_all", "_hr_low")
        ):
            a, b, c = (f"{math.exp(float(r[k])):.2f}" for k in ("posterior_median", "posterior_q025", "posterior_q975"))
            assert f"{a} ({b} to {c})" in text, r["id"]
            found += 1
    assert found == 2


def test_the_number_of_studies_is_that_of_the_targets():
    from il2model.endpoints import STAGES

    targets = [t for stage in STAGES for t in il2model.load_targets().of(stage, "fit")]
    others = {t.source for t in targets if t.trial not in ("IMODALS", "MIROCALS") and t.source != "assumption"}
    word = {10: "ten", 11: "eleven", 12: "twelve"}[len(others)]
    for page in ("README.md", "docs/explanation/ten-rules.md"):
        assert f"{word} other studies" in (ROOT / page).read_text(encoding="utf8"), page


def test_the_reference_names_what_exists():
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf8")
    names = re.findall(r"\.\. auto(?:class|function|exception|data):: (\S+)", text)
    assert len(names) > 30
    for name in names:
        module, _, thing = name.rpartition(".")
        assert hasattr(importlib.import_module(module), thing), name
