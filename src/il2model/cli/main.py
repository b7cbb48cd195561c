"""Entry point of the command line. Exit codes: 0 done, 1 a run failed, 2 bad input."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from .._version import __version__
from ..errors import Il2modelError, InputError, SimulationError, unknown_name
from . import calibrate, demo, design, export, parameters, report, sensitivity, simulate, trial
from .parsing import Parser

DESCRIPTION = "Low-dose interleukin-2 in ALS: from dose to Treg to survival. Research use only; no clinical advice."


def build_parser() -> Parser:
    """Return the parser with every command."""
    parser = Parser(prog="il2model", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"il2model {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    simulate.add(commands)
    parameters.add(commands)
    demo.add(commands)
    calibrate.add(commands)
    report.add(commands)
    trial.add(commands)
    design.add(commands)
    sensitivity.add(commands)
    export.add(commands)
    return parser


def _parse(parser: Parser, arguments: Sequence[str]) -> object:
    args, unknown = parser.parse_known_args(list(arguments))
    if unknown:
        known = parser.options()
        for action in parser._actions:
            for name, sub in (getattr(action, "choices", None) or {}).items() if action.dest == "command" else ():
                if name == args.command:
                    known = [*known, *sub.options()]
        wrong = unknown[0].split("=")[0]
        if wrong.startswith("-"):
            raise unknown_name("option", wrong, known)
        raise InputError(f"The argument {unknown[0]!r} is not expected here; see 'il2model {args.command} --help'.")
    if args.command is None:
        parser.print_help()
        return None
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments

    def note(message: Warning | str, *_: object, **__: object) -> None:
        print(f"il2model: note: {message}", file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = note
            args = _parse(build_parser(), arguments)
            return int(args.run(args)) if args is not None else 0  # type: ignore[attr-defined]
    except SimulationError as error:
        print(f"il2model: {error}", file=sys.stderr)
        return 1
    except Il2modelError as error:
        print(f"il2model: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("il2model: stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
