"""The numbers of the trials stand in their files: no module types them again, and few know a trial by name."""

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import il2model as il2
from il2model.trial_files import read_trial

SRC = Path(il2.__file__).parent
#: Numbers of this size are told apart from ordinary ones (days of a week, digits, iterations).
SMALLEST = 100
#: Where a number only happens to be one of a trial's: (modules, number) and what it is there.
OTHERS = {
    ("report/*", 110.0): "dots per inch",
    ("plotting/figure.py", 110.0): "dots per inch",
    ("endpoints/*", 365.0): "days of a year",
    ("exchange/*", 252.0): "a term of the systems biology ontology",
    ("solver/cache.py", 448.0): "0o700, a folder of its owner",
}
#: What users are shown: examples in help and errors, days that a table of a course prints.
SHOWN = {"cli", "api.py", "units.py"}
#: Modules that name the reference trial or a stage of the calibration that is called as it.
NAMING = {"trial_files.py", "report/demo.py", "report/calibration.py", "uncertainty", "calibration", "endpoints", "cli"}


def trial_numbers():
    """Follow-up, visits, cut-offs, sizes and lengths of every trial."""
    found = set()
    for name in il2.Trial.names():
        trial, file = il2.Trial.load(name), read_trial(name)
        found |= {trial.follow_up, trial.patients, *(trial.cuts or ()), *trial.visits, *trial.sizes.values()}
        found |= {r.interval[0] for r in trial.targets.values()} | {n for r in trial.targets.values() for n in r.counts}
        found |= {r.interval[0] for r in trial.checks.values()} | {plan.length for plan in trial.arms.values()}
        found |= {v for fact in trial.eligibility.values() for v in file.numbers("", {"value": list(fact.values)}, "1")}
    return {float(n) for n in found if n is not None and n >= SMALLEST}


def constants(path):
    """Numbers and texts of a module that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text(encoding="utf8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docs:
            yield node.value, node.lineno


def modules():
    for path in sorted(SRC.rglob("*.py")):
        yield path, path.relative_to(SRC).as_posix()


def excused(name, value):
    return any(value == number and fnmatch(name, where) for where, number in OTHERS)


def test_no_module_types_a_number_of_a_trial():
    numbers = trial_numbers()
    assert {110.0, 640.0, 750.0, 3700.0, 166.0, 220.0} <= numbers
    typed = []
    for path, name in modules():
        if name.split("/")[0] in SHOWN:
            continue
        for value, line in constants(path):
            number = isinstance(value, int | float) and not isinstance(value, bool) and float(value) in numbers
            word = isinstance(value, str) and re.search(r"\b(640|750|3700)\b", value)
            if word or (number and not excused(name, value)):
                typed.append(f"{name}:{line}: {value!r}")
    assert typed == []


def test_exceptions_are_still_needed():
    there = [(name, v) for path, name in modules() for v, _ in constants(path) if isinstance(v, int | float)]
    for where, number in OTHERS:
        assert any(v == number and fnmatch(name, where) for name, v in there), where


def test_few_modules_name_a_trial():
    named = [
        f"{name}:{line}"
        for path, name in modules()
        for value, line in constants(path)
        if isinstance(value, str) and "mirocals" in value and not {name, name.split("/")[0]} & NAMING
    ]
    assert named == []
