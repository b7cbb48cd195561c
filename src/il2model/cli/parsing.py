"""Arguments with errors in one sentence."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import InputError, unknown_name


class Parser(argparse.ArgumentParser):
    """An argument parser that raises InputError instead of printing its usage."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        keywords.setdefault("allow_abbrev", False)
        keywords.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **keywords)

    def error(self, message: str) -> NoReturn:
        """Raise InputError with the nearest right name where a choice was wrong."""
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            allowed = [c.strip().strip("'") for c in choice.group(2).split(",")]
            raise unknown_name("command or choice", choice.group(1), allowed)
        raise InputError(f"{message[0].upper()}{message[1:]}; see '{self.prog} --help'.")

    def options(self) -> list[str]:
        """Return the long options of this parser."""
        return [o for a in self._actions for o in a.option_strings if o.startswith("--")]


def assignments(texts: list[str]) -> dict[str, str]:
    """Turn ['id=0.3 L/min', ...] into a mapping.

    Raises
    ------
    InputError
        If a text is not of that form.
    """
    found: dict[str, str] = {}
    for text in texts:
        id, equals, value = text.partition("=")
        if not equals or not id.strip() or not value.strip():
            raise InputError(f"--set needs id=value, such as il2_clearance='0.3 L/min'; got {text!r}.")
        found[id.strip()] = value.strip().strip("'\"")
    return found


def listed(text: str) -> list[str]:
    """Split 'a,b,c'."""
    return [part.strip() for part in text.split(",") if part.strip()]


def tenths(what: str) -> Callable[[int, int], None]:
    """Return a progress callback that says 'done of total WHAT' on standard error at every tenth."""
    last = [-1]

    def tell(done: int, total: int) -> None:
        if 10 * done // total != last[0]:
            last[0] = 10 * done // total
            print(f"il2model: {done} of {total} {what}", file=sys.stderr, flush=True)

    return tell
