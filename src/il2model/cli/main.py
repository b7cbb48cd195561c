"""Entry point of the command line. Exit codes: 0 done, 1 a run failed, 2 bad input, 130 interrupted, 143 terminated,
129 hung up.

Verbs are imported when they are used: `il2model --help` loads none of them.
"""

from __future__ import annotations

import codecs
import contextlib
import gc
import io
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cyclopts import App, CycloptsError, Group
from cyclopts.exceptions import CoercionError, MissingArgumentError, RepeatArgumentError, UnknownOptionError

from .. import memory
from .._version import __version__
from ..errors import Il2modelError, InputError, SimulationError, StorageError, unknown_name
from .stopping import stopped

DESCRIPTION = "Low-dose interleukin-2 in ALS: from dose to Treg to survival. Research use only; no clinical advice."
#: Verbs by group: the module that holds each, and a line for the list of verbs.
VERBS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Simulate": {
        "simulate": ("simulate", "Simulate a typical patient or a cohort under a regimen."),
        "demo": ("simulate", "Simulate the arms of IMODALS and MIROCALS: data, figures and a page."),
    },
    "Trials": {
        "trial": ("trial", "Replay a published trial, or run a design."),
        "trials": ("listings", "List the published trials, or show one."),
        "power": ("planning", "Power and sample size by enrichment, size and endpoint."),
        "optimize": ("planning", "Search regimens under limits on cells and injections."),
    },
    "Uncertainty": {
        "check": ("check", "Predict what a trial published, without fitting it."),
        "calibrate": ("calibrate", "Fit the model to the published summaries of the trials."),
        "sensitivity": ("sensitivity", "Global sensitivity study, stored and resumable, with a report."),
        "report": ("report", "One HTML page of a calibration or of sensitivity studies."),
    },
    "Look up and exchange": {
        "parameters": ("parameters", "List, show, check or compare parameter records."),
        "observables": ("listings", "What the model observes, with units."),
        "outputs": ("listings", "What a sensitivity study can look at, with units."),
        "methods": ("listings", "The methods of sensitivity studies: what they estimate and need."),
        "objectives": ("listings", "What a search can maximize and what it can limit, with units."),
        "export": ("export", "Write the model as SBML, PEtab, LaTeX, doses for NONMEM, or an OMEX archive."),
        "cache": ("cache", "List, clear or warm the compiled kernels."),
    },
}
#: What stands for a character that a terminal cannot show.
_PLAIN = {"µ": "u", "±": "+-", "×": "x", "·": "*", "–": "-", "—": "-", "−": "-", "≤": "<=", "≥": ">=", "…": "..."}


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A command line that was read: the words of the verb, the options that were given, and how to run it."""

    verb: tuple[str, ...]
    options: Mapping[str, object]
    run: Callable[[], int]


def build_app() -> App:
    """Return the application with every verb; a verb is imported when it is first asked for."""
    app = App(name="il2model", help=DESCRIPTION, help_format="plaintext", version=f"il2model {__version__}")
    app["--help"].group = app["--version"].group = Group("Help", sort_key=len(VERBS))
    number = 0
    for k, (group, verbs) in enumerate(VERBS.items()):
        section = Group(group, sort_key=k)
        for name, (module, line) in verbs.items():
            app.command(f"{__package__}.{module}:{name}", name=name, help=line, group=section, sort_key=number)
            number += 1
    return app


def understood(words: Sequence[str]) -> Understood:
    """Read a command line without running it.

    Raises
    ------
    InputError, UnknownNameError
        With one sentence.
    """
    app = build_app()
    verb, apps, _ = app.parse_commands(list(words))
    for one in apps[1:]:
        one.help = one.default_command.__doc__ if one.default_command is not None else one.help  # not only a line
    try:
        command, bound, _ = app.parse_args(list(words), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise _sentence(error, verb, apps[-1]) from None
    return Understood(verb=verb, options=bound.arguments, run=lambda: command(*bound.args, **bound.kwargs) or 0)


def _sentence(error: CycloptsError, verb: Sequence[str], app: App) -> InputError:
    """Say what is wrong with a command line, as the rest of the package does."""
    if isinstance(error.__cause__, InputError):
        return error.__cause__
    name = " ".join(("il2model", *verb))
    see = f"see '{name} --help'."
    argument = error.argument
    given = (error.unused_tokens or [""])[0]
    if isinstance(error, UnknownOptionError):
        known = [n for a in error.argument_collection for n in a.names if n.startswith("--")]
        wrong = (error.token.keyword or error.token.value).split("=")[0]
        return unknown_name("option", wrong, [*known, "--help"])
    if isinstance(error, MissingArgumentError) and argument is not None:
        if error.keyword is not None:
            return InputError(f"{error.keyword} needs a value; {see}")
        return InputError(f"{argument.name.strip('-').upper()} is missing; {see}")
    if isinstance(error, RepeatArgumentError):
        return InputError(f"{error.token.keyword} is given twice; {see}")
    if isinstance(error, CoercionError) and error.token is not None:
        return InputError(f"{error.token.keyword} takes no value {error.token.value!r}; {see}")
    commands = [c for c in app if not c.startswith("-")]
    if commands:
        return unknown_name("command", given, commands)
    if given.startswith("-"):
        return unknown_name(
            "option", given.split("=")[0], [n for a in app.assemble_argument_collection() for n in a.names]
        )
    return InputError(f"The argument {given!r} is not expected here; {see}")


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


def _note(message: Warning | str, *_: object, **__: object) -> None:
    print(f"il2model: note: {message}", file=sys.stderr)


def _let_go() -> None:
    """Give what is still to be printed to nobody."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def failed(error: Exception) -> int:
    """Say what the system did not give, and return the exit code; any other failure is raised again."""
    if memory.is_short(error):
        why = f": {error}".rstrip(".") if isinstance(error, MemoryError) and str(error) else ""
        print(f"il2model: There is not enough memory for this run{why}.", file=sys.stderr)
        return 1
    if not isinstance(error, OSError):
        raise error
    print(f"il2model: {error.filename or 'what was written'}: {error.strerror or error}.", file=sys.stderr)
    _let_go()
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    if arguments is None:  # the process is ours
        arguments = sys.argv[1:]
        codecs.register_error("il2model", _plain)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="il2model")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", ResourceWarning)  # of a module that a signal found half loaded
            warnings.showwarning = _note
            line = understood(arguments)
            if not gc.isenabled():  # a process of its own: what has loaded stays
                gc.freeze()
                gc.enable()
            code = line.run()
            sys.stdout.flush()
            return code
    except (SimulationError, StorageError) as error:
        print(f"il2model: {error}", file=sys.stderr)
        return 1
    except Il2modelError as error:
        print(f"il2model: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _let_go()
        return 0
    except (ImportError, MemoryError, OSError) as error:
        return failed(error)
    except KeyboardInterrupt as stop:
        return stopped(stop)


if __name__ == "__main__":
    raise SystemExit(main())
