"""A verb of the shell, made from the signatures and docstrings of public functions.

`@verb(f, ...)` turns a function into a cyclopts command. Every parameter of the public functions becomes an option
of the same name and default, with the docstring's words as help; what the decorated function takes by keyword beside
them is the shell's own. The decorated function gets each public function with the given options filled in.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated

from cyclopts import App, Group, Parameter

from .reading import reading_of

#: Parameters of public functions that are no options of the shell, and why.
NO_OPTION: Mapping[str, str] = {
    "progress": "shown on standard error, with the time left",
    "cancel": "Ctrl-C",
    "executor": "--dask ADDRESS",
    "folder": "-o DIR",
    "raise_on_failure": "the exit code",
}
#: Second names of options: those of before, and short ones.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "output": ("-o",),
    "hazard_ratio": ("--hr",),
    "injections_per_year": ("--injections",),
    "limits": ("--limit",),
}
_GROUPS: Mapping[str, str] = {
    "Dosing": "regimen amount days every cycles start route duration records cut off_riluzole",
    "Patients": "cohort design population eligibility size patients pool adherence dropout",
    "Model": "parameters set base draws study ranges",
    "Run": "until seed replicates resume overwrite workers dask policy",
    "Solver": "engine precision rtol atol max_steps h_first h_min h_max growth_limit",
    "Output": "at observables summary format output plot",
}
_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names.split()}
_RANK = {name: k for names in _GROUPS.values() for k, name in enumerate(names.split())}
_PANELS = {name: Group(name, sort_key=k) for k, name in enumerate(("Arguments", "Options", *_GROUPS))}
#: Placeholder and words of options that mean the same for every verb.
_WORDS: Mapping[str, tuple[str, str]] = {
    "days": ("N", "Daily doses per cycle."),
    "every": ("DAYS", "Length of a cycle."),
    "cycles": ("N", "Number of cycles."),
    "start": ("DAY", "Day of the first dose."),
    "duration": ("DAYS", "Length of an infusion, such as '6 h'; 0 is a bolus."),
    "route": ("sc|iv", "Subcutaneous or intravenous."),
    "until": ("DAY", ""),
    "set": ("ID=VALUE", "Change a parameter; may be repeated."),
    "parameters": ("NAME", "Parameter set: prior (default: the calibrated one)."),
    "replicates": ("N", "Trials to draw."),
    "seed": ("N", "Of every random number; the same seed gives the same result."),
    "workers": ("N", "Threads or processes of this machine; all by default. The result does not depend on it."),
    "dask": ("ADDRESS", "Of a Dask scheduler: run there."),
    "resume": ("", "Go on with what the folder holds; --no-resume refuses one that holds results."),
    "overwrite": ("", "Remove first what the program wrote into the folder; your own files in it stay."),
    "folder": ("DIR", ""),
}
Body = Callable[..., int | None]


def verb(
    *functions: Callable[..., object], examples: Sequence[str], left: Mapping[str, str] | None = None, name: str = ""
) -> Callable[[Body], App]:
    """Make a command of a function.

    Parameters
    ----------
    functions : callables
        Public functions whose parameters become options. The command gets each of them as its first arguments,
        with what the user gave filled in.
    examples : sequence of str
        Command lines for the help page.
    left : mapping, optional
        Parameters that are no options of this verb, and what stands for them.
    name : str
        Of the verb; that of the function by default.
    """

    def made(body: Body) -> App:
        word = name or body.__name__.rstrip("_")
        command = _command(body, functions, {**NO_OPTION, **(left or {})})
        shown = "Examples:\n" + "\n".join(f"  {e}" for e in examples)
        panel = _PANELS["Arguments"]
        app = App(name=word, help=command.__doc__, help_format="plaintext", help_epilogue=shown)
        app.group_arguments = app.group_parameters = panel
        app.default(command)
        return app

    return made


def _command(body: Body, functions: Sequence[Callable[..., object]], left: Mapping[str, str]) -> Callable[..., int]:
    own = [_evaluated(p, body) for p in list(inspect.signature(body).parameters.values())[len(functions) :]]
    own = [p.replace(kind=p.KEYWORD_ONLY if p.kind is p.KEYWORD_ONLY else p.POSITIONAL_ONLY) for p in own]
    words: dict[str, tuple[str, str]] = {}
    parameters = {p.name: p for p in own}
    takes: list[set[str]] = []
    left = {**left, **{p.name: "the verb reads it itself" for p in own}}
    for function in functions:
        words |= documented(function)
        derived = options_of(function, left)
        takes.append(set(derived))
        parameters |= {n: p for n, p in derived.items() if n not in parameters}
    own_words = documented(body)
    words = {n: _first(own_words.get(n), _WORDS.get(n), words.get(n)) for n in parameters}
    names = sorted(parameters, key=lambda n: _RANK.get(n, 0))
    signature = inspect.Signature(sorted((_option(parameters[n], *words[n]) for n in names), key=lambda p: p.kind))

    def run(*arguments: object, **keywords: object) -> int:
        given = signature.bind_partial(*arguments, **keywords).arguments
        calls = [partial(f, **{n: given[n] for n in given if n in t}) for f, t in zip(functions, takes, strict=True)]
        return body(*calls, **{p.name: given[p.name] for p in own if p.name in given}) or 0

    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__name__, run.__doc__ = body.__name__, _before_sections(body.__doc__ or "")
    return run


def _first(*entries: tuple[str, str] | None) -> tuple[str, str]:
    """Return the first placeholder and the first words that say something."""
    found = [e for e in entries if e is not None]
    return next((m for m, _ in found if m), ""), next((w for _, w in found if w), "")


def options_of(function: Callable[..., object], left: Mapping[str, str]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a public function that are options: required ones by position too."""
    found = {}
    for p in inspect.signature(function).parameters.values():
        if p.name in left or p.kind is p.VAR_KEYWORD:
            continue
        kind = p.POSITIONAL_OR_KEYWORD if p.default is p.empty else p.KEYWORD_ONLY
        found[p.name] = _evaluated(p, function).replace(kind=kind)
    return found


def _evaluated(p: inspect.Parameter, function: Callable[..., object]) -> inspect.Parameter:
    owners = [c for c in getattr(function, "__mro__", ()) if p.name in vars(c).get("__annotations__", ())]
    space = vars(sys.modules[(owners or [function])[0].__module__])
    if not isinstance(p.annotation, str):
        return p
    return p.replace(annotation=eval(p.annotation, space))


def _option(p: inspect.Parameter, metavar: str, words: str) -> inspect.Parameter:
    """Return the parameter with what the shell reads for it, its help and its panel."""
    positional = p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    dashed = p.name.replace("_", "-")
    kind, reading = reading_of(p.annotation, dashed.upper() if positional else f"--{dashed}")
    common = Parameter(
        name=f"--{dashed}",
        alias=ALIASES.get(p.name, ()),
        help=words,
        group=_PANELS["Arguments" if positional else _GROUP_OF.get(p.name, "Options")],
        negative=None if p.default is True else (),
        show_default=False
        if p.default is p.empty or isinstance(p.default, bool) or p.default in (None, ())
        else _shown,
    )
    named = (Parameter(metavar=metavar),) if metavar else ()
    return p.replace(annotation=Annotated[(kind, common, reading, *named)])


def _shown(default: object) -> str:
    if isinstance(default, tuple | list):
        return ",".join(map(_shown, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def _before_sections(doc: str) -> str:
    text = re.split(r"\n(?=\w+\n-{3,}\n)", inspect.cleandoc(doc))[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")).strip()


def documented(function: Callable[..., object]) -> dict[str, tuple[str, str]]:
    """Return (metavar, words) per parameter of a numpydoc docstring; a type in capitals is a metavar."""
    doc = inspect.cleandoc(function.__doc__ or "")
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\w[\w ]*\n-{3,}\n|\Z)", doc, re.S | re.M)
    entries: list[tuple[str, str, list[str]]] = []
    for line in section.group(1).splitlines() if section else ():
        if line.startswith(" ") and entries:
            entries[-1][2].append(line.strip())
        elif line.strip() and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            entries.append((names, kind, []))
    found: dict[str, tuple[str, str]] = {}
    for names, kind, lines in entries:
        choices = re.search(r"\{(.*?)\}", kind)
        text = " ".join(([f"One of {choices.group(1)}.".replace("'", "")] if choices else []) + lines)
        metavar = kind if kind and kind.upper() == kind and not choices else ""
        for name in names.split(", "):
            found[name] = (metavar, text.replace("`", ""))
    return found
