"""Names and defaults of the shell are those of the public functions; every verb explains itself."""

import importlib
import inspect
import shlex
import subprocess
import sys

import pytest

import il2model as il2
from il2model.cli.main import VERBS, build_app, main, understood
from il2model.cli.verb import NO_OPTION
from il2model.population.cohort import Cohort
from il2model.sensitivity.run import run_study

#: Verbs and the public functions behind them.
BEHIND = {
    "simulate": (il2.simulate, il2.Regimen.cyclic, Cohort.sample, il2.SolverOptions),
    "trial": (il2.run_trial,),
    "power": (il2.power_study, il2.Regimen.cyclic),
    "optimize": (il2.optimize,),
    "calibrate": (il2.calibrate,),
    "sensitivity": (il2.SensitivityStudy, run_study),
}
#: Parameters that are no option of the same name, and why (those of every verb are in NO_OPTION).
STANDS_FOR = {
    ("simulate", "save"): "--at",
    ("simulate", "options"): "--rtol and the other options of the solver",
    ("simulate", "summary"): "the printed table is one",
    ("simulate", "n"): "--cohort N",
    ("simulate", "first"): "a cohort is drawn in one part",
    ("simulate", "name"): "a regimen is named by its doses",
    ("simulate", "model"): "a model is an object of Python",
    ("simulate", "kernel"): "a model is an object of Python",
    ("power", "name"): "a regimen is named by its doses",
    ("sensitivity", "study"): "the other options",
    ("sensitivity", "model"): "a model is an object of Python",
}
#: Defaults that differ, and why.
OTHER_DEFAULT = {
    ("simulate", "amount"): "one of --regimen, --amount, --records",
    ("simulate", "observables"): "six fit a screen",
    ("power", "design"): "the command of every day needs none",
    ("power", "amount"): "without it the design's own regimen",
    ("power", "cycles"): "a trial's course, not one cycle",
    ("sensitivity", "outputs"): "the command of every day needs none",
    ("calibrate", "stages"): "a stage is said, as an hour of fitting should be",
}
#: The shell's own.
OWN = {
    "set", "at", "format", "output", "plot", "dask", "cohort", "records", "cut", "off_riluzole", "folder",
    "size", "dropout", "adherence", "follow_up", "enrich", "until_width", "alone",
}  # fmt: skip


def arguments_of(*words):
    app = build_app()
    return {a.field_info.name: a for a in app.parse_commands(list(words))[1][-1].assemble_argument_collection()}


def every_verb():
    for names in VERBS.values():
        for name, (module, _) in names.items():
            found = getattr(importlib.import_module(f"il2model.cli.{module}"), name)
            inner = [sub for sub in found if not sub.startswith("-")]
            yield from ([(name, sub) for sub in inner] if inner else [(name,)])


VERBS_ALL = list(every_verb())


@pytest.mark.parametrize("verb", BEHIND)
def test_options_are_the_parameters_of_the_public_functions_with_their_defaults(verb):
    shown = arguments_of(verb)
    expected = set()
    for function in BEHIND[verb]:
        for name, p in inspect.signature(function).parameters.items():
            if name in NO_OPTION or (verb, name) in STANDS_FOR:
                assert name not in shown or name in OWN, name
                continue
            expected.add(name)
            assert f"--{name.replace('_', '-')}" in shown[name].names, name
            if (verb, name) in OTHER_DEFAULT:
                assert shown[name].field_info.default != p.default
            elif p.default is p.empty:
                assert shown[name].field_info.required
            else:
                assert shown[name].field_info.default == p.default, name
    assert set(shown) - expected <= OWN


def test_the_tables_of_exceptions_hold_nothing_more():
    for verb, name in (*STANDS_FOR, *OTHER_DEFAULT):
        assert any(name in inspect.signature(f).parameters for f in BEHIND[verb]) or name in OWN, (verb, name)


@pytest.mark.parametrize("verb", VERBS_ALL, ids=" ".join)
def test_every_help_page_shows_two_examples_that_are_understood_and_words_for_every_option(verb, capsys):
    assert main([*verb, "--help"]) == 0
    page = capsys.readouterr().out
    examples = [line.strip() for line in page.split("Examples:")[1].splitlines() if line.strip()]
    assert len(examples) >= 2
    for example in examples:
        words = shlex.split(example.split("|")[0])
        words = words[next(k for k, w in enumerate(words) if "=" not in w) :]
        assert words[0] == "il2model"
        assert understood(words[1:]).verb == verb, example
    for name, argument in arguments_of(*verb).items():
        assert argument.parameter.help or name == "format", name
        assert argument.names[0] in page or argument.name.strip("-").upper() in page


@pytest.mark.parametrize("group", VERBS)
def test_the_list_of_verbs_says_what_each_does(group, capsys):
    assert main(["--help"]) == 0
    page = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name, (_, line) in VERBS[group].items():
        assert f"{name} {line}" in page


def test_only_what_was_given_is_passed_on():
    read = understood(
        ["simulate", "--amount", "2 MIU", "--days", "3", "--set", "a=1 L", "--set", "b=2", "--at", "0,7 day"]
    )
    assert read.verb == ("simulate",)
    assert read.options == {"amount": "2 MIU", "days": "3", "set": {"a": "1 L", "b": "2"}, "at": ["0", "7 day"]}
    read = understood(["power", "--hr", "0.5", "--sizes", "10,20", "--cuts", "all,0-3700", "--seed=-0"])
    assert read.options == {"hazard_ratio": 0.5, "sizes": [10, 20], "cuts": [None, (0.0, 3700.0)], "seed": 0}


def test_the_list_of_verbs_loads_none_of_them():
    import subprocess
    import sys

    code = """
import sys
from il2model.cli.main import main
main(["--help"])
heavy = ("numpy", "sympy", "numba", "pandas", "xarray", "matplotlib", "SALib", "pint", "scipy", "il2model.api")
print([m for m in heavy if m in sys.modules])
main(["simulate", "--regimen", "mirocals", "--at", "7"])
print([m for m in heavy[1:-1] if m in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [line for line in out.splitlines() if line.startswith("[") and "day" not in line] == ["[]", "[]"]


def test_what_else_a_process_has_loaded_changes_no_command_line():
    """Cyclopts validates with Pydantic where it is loaded; our converters return more than text."""
    words = [
        "simulate",
        "--amount",
        "1 MIU",
        "--until",
        "8",
        "--set",
        "il2_clearance=300",
        "--at",
        "0,7",
        "-o",
        "x.csv",
    ]
    code = f"from il2model.cli.main import understood; print(understood({words}).options)"
    plain, loaded = (
        subprocess.run([sys.executable, "-c", first + code], capture_output=True, text=True, check=True).stdout
        for first in ("", "import pydantic; ")
    )
    assert "300" in plain and loaded == plain
