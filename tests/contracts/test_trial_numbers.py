"""The numbers of the trials stand in their files: no module types them again, and few know a trial by name."""

import ast
import re
from pathlib import Path

import il2model as il2
from il2model.trial_files import read_trial

SRC = Path(il2.__file__).parent
#: Numbers of this size are told apart from ordinary ones (days of a week, digits, iterations).
SMALLEST = 100
#: Where a number only happens to be one of a trial's: (module, the code around it) and what it is there.
OTHERS = {
    ("report/embed.py", "dpi: int = 110)"): "dots per inch",
    ("plotting/figure.py", "dpi: int = 110)"): "dots per inch",
    ("endpoints/reported.py", "YEAR = 365.0"): "days of a year",
    ("exchange/document.py", '"protein": 252'): "a term of the systems biology ontology",
    ("solver/cache.py", "mkdir(mode=0o700"): "a folder of its owner",
    ("solver/cache.py", "chmod(0o700)"): "a folder of its owner",
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
    """Numbers and texts of a module that are no docstrings, with their places."""
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
            yield node.value, node


def modules():
    for path in sorted(SRC.rglob("*.py")):
        yield path, path.relative_to(SRC).as_posix()


def excused(path, name, node):
    """Whether a constant stands within the code that an exception names; the same number elsewhere does not."""
    line = path.read_text(encoding="utf8").splitlines()[node.lineno - 1].encode()
    spans = [m.span() for where, code in OTHERS if where == name for m in re.finditer(re.escape(code.encode()), line)]
    return any(first <= node.col_offset and node.end_col_offset <= last for first, last in spans)


def test_no_module_types_a_number_of_a_trial():
    numbers = trial_numbers()
    assert {110.0, 640.0, 750.0, 3700.0, 166.0, 220.0} <= numbers
    typed = []
    for path, name in modules():
        if name.split("/")[0] in SHOWN:
            continue
        for value, node in constants(path):
            number = isinstance(value, int | float) and not isinstance(value, bool) and float(value) in numbers
            word = isinstance(value, str) and re.search(r"\b(640|750|3700)\b", value)
            if word or (number and not excused(path, name, node)):
                typed.append(f"{name}:{node.lineno}: {value!r}")
    assert typed == []


def test_an_exception_excuses_its_own_place_alone(tmp_path):
    path = tmp_path / "cache.py"
    path.write_text("folder.mkdir(mode=0o700)\nfolder.mkdir(mode=0o700, n=448)\nsize = 448\n", encoding="utf8")
    nodes = sorted((n for v, n in constants(path) if v == 448), key=lambda n: (n.lineno, n.col_offset))
    assert [excused(path, "solver/cache.py", n) for n in nodes] == [True, True, False, False]
    assert not any(excused(path, "solver/driver.py", node) for _, node in constants(path))


def test_exceptions_are_still_needed():
    numbers = trial_numbers()
    for where, code in OTHERS:
        path = SRC / where
        hit = [v for v, n in constants(path) if isinstance(v, int | float) and v in numbers and excused(path, where, n)]
        assert hit, (where, code)
        assert code in path.read_text(encoding="utf8"), (where, code)


def test_few_modules_name_a_trial():
    named = [
        f"{name}:{node.lineno}"
        for path, name in modules()
        for value, node in constants(path)
        if isinstance(value, str) and "mirocals" in value and not {name, name.split("/")[0]} & NAMING
    ]
    assert named == []
