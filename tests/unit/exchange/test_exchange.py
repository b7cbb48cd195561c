"""SBML, PEtab, LaTeX, NONMEM data sets and OMEX say what the package computes."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import il2model as il2
from il2model.cli.main import main
from il2model.errors import InputError, ModelError
from il2model.exchange.formula import formula, unit_id, unit_parts
from il2model.exchange.latex import to_latex
from il2model.exchange.nonmem import read_nonmem, to_nonmem
from il2model.exchange.petab import to_petab, write_petab
from il2model.exchange.sbml import check_sbml, to_sbml
from il2model.model.assembly import builtin
from il2model.resources import data_dir

libsbml = pytest.importorskip("libsbml")


@pytest.mark.parametrize("regimen", ["placebo", "imodals-2miu", "mirocals"])
def test_sbml_is_clean_units_and_practice_included(regimen):
    assert check_sbml(to_sbml(regimen)) == []


def test_a_wrong_unit_in_sbml_is_found():
    text = to_sbml("placebo")
    assert check_sbml(text.replace('id="il2_clearance" name', 'id="il2_clearance_" name')) != []
    wrong = re.sub(r'(id="il2_clearance"[^>]*units=)"L_per_day"', r'\1"per_day"', text)
    assert wrong != text
    assert any("nit" in e for e in check_sbml(wrong))


def test_sbml_carries_units_names_terms_and_resources():
    document = libsbml.readSBMLFromString(to_sbml("mirocals"))
    model = document.getModel()
    assert (document.getLevel(), document.getVersion()) == (3, 2)
    ids = {q.id for q in builtin().quantities.values()}
    found = {e.getId(): e for e in [*model.getListOfParameters(), *model.getListOfSpecies()]}
    assert ids == set(found)
    assert all(e.getSBOTerm() > 0 and e.getName() for e in found.values())
    assert all(p.getUnits() for p in model.getListOfParameters())
    text = found["il2_plasma"].getAnnotationString()
    assert "uniprot:P60568" in text
    assert "UBERON:0001969" in text
    assert "mondo:0004976" in model.getAnnotationString()
    assert model.getNumEvents() == len(il2.Regimen.named("mirocals").given)
    annotated = sum(e.getNumCVTerms() > 0 for e in found.values())
    assert annotated > len(found) / 2


def test_numbers_of_a_formula_have_units():
    model = builtin()
    assert formula(model.baseline["il2_depot"], "pmol") == "0 pmol"
    assert "1 dimensionless" in formula(model.constants["treg_tissue_untreated"])
    assert unit_id("cell/uL/day") == "cell_per_uL_per_day"
    with pytest.raises(ModelError, match="furlong"):
        unit_parts("furlong/day")


def test_what_sbml_cannot_say_is_refused():
    plan = il2.Regimen.from_records([{"time": 0, "amt": 1}, {"time": 7, "evid": 3}])
    with pytest.raises(InputError, match="evid 3"):
        to_sbml(plan)


def test_five_lines_of_libroadrunner_give_the_curves_of_mirocals(tmp_path):
    for name in ("placebo", "mirocals"):
        assert main(["export", "sbml", "--regimen", name, "--until", "85", "-o", str(tmp_path / f"{name}.xml")]) == 0
    page = (Path(__file__).parents[3] / "docs/how-to/exchange.md").read_text()
    block = page.split("```python\n")[1].split("```")[0]
    assert len([line for line in block.splitlines() if line.strip()]) == 5
    space = {}
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        exec(block, space)
    finally:
        os.chdir(here)
    for name in ("placebo", "mirocals"):
        curves = space["curves"][name]
        times = np.asarray(curves["time"])
        solution = il2.simulate(il2.Regimen.named(name).until(85), until=85, save=times)
        for observable in ("treg_percent", "plasma_ccl2", "survival"):
            ours = (
                solution.values(observable)[0] if solution.values(observable).ndim > 1 else solution.values(observable)
            )
            np.testing.assert_allclose(np.asarray(curves[observable])[1:], ours[1:], rtol=1e-5)


def test_petab_lints_clean_and_means_what_the_kernel_computes(tmp_path):
    import petab.v2 as petab
    from petab.v2.lint import lint_problem

    path = write_petab(tmp_path / "p")
    problem = petab.Problem.from_yaml(str(path))
    assert len(lint_problem(problem)) == 0
    assert len(problem.measurements) >= 6
    priors = {p.id: p for p in problem.parameters}
    record = il2.load_parameters().record("signal_threshold")
    assert priors["signal_threshold"].prior_parameters == pytest.approx(
        [np.log(record.prior["median"]), record.prior["sd"]]
    )
    readme = to_petab()["README.md"]
    assert "hazard ratios" in readme
    assert "piscitelli_peak" in readme


def test_doses_of_petab_give_the_course_of_the_arm(tmp_path):
    """Play the experiments back: each condition moves the kernel's state at its time."""
    import csv
    import io

    files = to_petab()
    rows = list(csv.DictReader(io.StringIO(files["experiments.tsv"]), delimiter="\t"))
    conditions = {r["conditionId"]: r for r in csv.DictReader(io.StringIO(files["conditions.tsv"]), delimiter="\t")}
    lag = il2.load_parameters()["il2_lag"] / 1440  # min
    times = [float(r["time"]) for r in rows if r["experimentId"] == "imodals_2miu" and r["conditionId"]]
    plan = il2.Regimen.named("imodals-2miu")
    assert times == pytest.approx([d.time + lag for d in plan.given if d.time < 7], abs=1e-9)
    assert conditions["dose_sc_2"]["targetValue"] == "il2_depot + 2.0 * bolus_sc"


def test_latex_holds_every_equation_and_parameter():
    text = to_latex()
    model = builtin()
    assert text.count(r"\frac{d") == len(model.equations)
    for id in model.parameters:
        assert id.replace("_", r"\_") in text, id
    assert text.count("{") == text.count("}")


def test_nonmem_data_sets_go_out_and_come_back(tmp_path):
    plans = {7: il2.Regimen.named("imodals-1miu"), 9: il2.Regimen.cyclic("1 MIU", 2, 14, 2, route="iv", duration="2 h")}
    solution = il2.simulate(plans[7], until=85, save=[0, 7, 28])
    seen = solution.to_dataframe()[["treg_percent", "plasma_ccl2"]].reset_index()
    seen["ID"] = 7
    frame = to_nonmem(plans, seen)
    assert frame.attrs["dvid"] == {1: "treg_percent", 2: "plasma_ccl2"}
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False, na_rep=".")
    back, observations = read_nonmem(path)
    for id, plan in plans.items():
        assert [(d.time, d.amount, d.route) for d in back[id].given] == [
            (d.time, d.amount, d.route) for d in plan.given
        ]
    assert back[9].given[0].duration == pytest.approx(2 / 24)
    assert len(observations) == 6
    assert list(to_nonmem(plans[7]).columns[:3]) == ["ID", "TIME", "AMT"]


def test_nonmem_shorthand_is_read(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("#ID,TIME,AMT,II,ADDL,DV\n1,0,2,1,4,.\n1,7,.,.,.,12.5\n2,0,1,.,.,.\n")
    plans, observations = read_nonmem(path)
    assert len(plans[1].given) == 5
    assert len(plans[2].given) == 1
    assert observations["DV"].tolist() == [12.5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("TIME,AMT\n0,1\n", "no column ID"),
        ("ID,AMT\n0,1\n", "no column TIME"),
        ("ID,TIME,AMT\n1,x,1\n", "not a number"),
        ("ID,TIME,AMT,ADDL\n1,0,1,3\n", "Subject 1"),
    ],
)
def test_a_bad_data_set_is_refused_with_its_place(tmp_path, text, words):
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_nonmem(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_nonmem(tmp_path / "none.csv")


def test_observations_without_a_subject_are_refused():
    import pandas as pd

    plan = il2.Regimen.named("placebo")
    with pytest.raises(InputError, match="TIME"):
        to_nonmem(plan, pd.DataFrame({"x": [1.0]}))
    with pytest.raises(InputError, match="no regimen"):
        to_nonmem(plan, pd.DataFrame({"ID": [5], "TIME": [0.0], "x": [1.0]}))


def test_the_command_writes_every_format(tmp_path, capsys):
    for format in ("sbml", "petab", "latex", "nonmem", "omex"):
        doses = [] if format in ("petab", "latex") else ["--regimen", "imodals-1miu"]
        assert main(["export", format, *doses, "-o", str(tmp_path / f"out.{format}")]) == 0
    for format in ("petab", "latex"):
        assert main(["export", format, "--regimen", "imodals-1miu", "-o", str(tmp_path / "x")]) == 2
        assert main(["export", format, "--until", "5", "-o", str(tmp_path / "x")]) == 2
    with zipfile.ZipFile(tmp_path / "out.omex") as archive:
        names = set(archive.namelist())
        assert {"manifest.xml", "model.xml", "petab/problem.yaml"} <= names
        manifest = archive.read("manifest.xml").decode()
        assert all(f"./{n}" in manifest for n in names - {"manifest.xml"})
    assert (tmp_path / "out.nonmem").read_text().startswith("ID,TIME,AMT")
    assert main(["export", "smbl"]) == 2
    assert main(["export", "sbml", "--regimen", "mirocal"]) == 2
    assert main(["export", "sbml", "-o", str(tmp_path / "none" / "x.xml")]) == 2
    err = capsys.readouterr().err
    assert "sbml" in err
    assert "mirocals" in err


SHOWN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import il2model as il2
from generated_pages import pages
from il2model.exchange.sbml import to_sbml
from il2model.cli.main import main
s = il2.simulate(il2.Regimen.named("imodals-2miu").until(28), until=28, save=[14])
import re
text = to_sbml("placebo")
print(json.dumps({
    "kernel": float(s.values("treg_percent").ravel()[-1]),
    "sbml": re.search(r'id="lymphocyte_exit_rate"[^>]*', text).group(0),
    "docs": pages()["parameters"].split("`lymphocyte_exit_rate`")[1][:120],
}))
"""


def test_one_number_in_one_file_changes_everything(tmp_path):
    """A rate constant in a TOML file reaches the kernel, the docs table, the SBML and the report."""
    data = tmp_path / "data"
    for name in ("parameters", "calibration"):
        shutil.copytree(data_dir(name), data / name)
    docs = Path(__file__).parents[3] / "docs" / "_ext"

    def shown():
        env = os.environ | {"IL2MODEL_DATA": str(data)}
        run = subprocess.run(
            [sys.executable, "-c", SHOWN, str(docs)], env=env, capture_output=True, text=True, check=True
        )
        folder = tmp_path / "report"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "il2model.cli.main",
                "sensitivity",
                "--method",
                "oat",
                "--until",
                "8",
                "--outputs",
                "treg_peak",
                "--parameters",
                "il2_clearance",
                "--alone",
                "-o",
                str(folder),
            ],
            env=env,
            capture_output=True,
            check=True,
        )
        report = (folder / "indices.csv").read_text()
        shutil.rmtree(folder)
        return json.loads(run.stdout.splitlines()[-1]) | {"report": report}

    before = shown()
    file = next(f for f in (data / "parameters").glob("*.toml") if "[lymphocyte_exit_rate]" in f.read_text())
    text = file.read_text()
    head, rest = text.split("[lymphocyte_exit_rate]")
    line = next(x for x in rest.splitlines() if x.startswith("value"))
    number = float(line.split("=")[1])
    file.write_text(head + "[lymphocyte_exit_rate]" + rest.replace(line, f"value = {number * 0.9}", 1))
    after = shown()
    for part in ("kernel", "sbml", "docs", "report"):
        assert before[part] != after[part], part
    assert f"{number * 0.9:g}"[:5] in after["sbml"]
