"""Errors that teach: what was given, what is allowed, the nearest right name."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches

#: What was warned of within `told_once`.
_TOLD: ContextVar[set[str] | None] = ContextVar("told", default=None)


class Il2modelError(Exception):
    """Base of every error raised on purpose by il2model; its text is one sentence."""


class InputError(Il2modelError, ValueError):
    """Something the user passed cannot be used."""


class UnknownNameError(InputError, KeyError):
    """A name that does not exist; the message holds the nearest ones that do."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnitError(InputError):
    """A unit that is unknown or does not fit the quantity."""


class ModelError(Il2modelError):
    """The equations contradict themselves: a unit, a symbol or a cycle."""


class SimulationError(Il2modelError, RuntimeError):
    """A run that failed; carries the status sentence of the first failed subject."""


class StorageError(Il2modelError):
    """A disk that is full or fails; what was on it is as it was."""


class IncompleteWarning(UserWarning):
    """A result that is valid but says less than it seems (uncalibrated, out of range)."""


def warn_incomplete(text: str, *, once: bool = False) -> None:
    """Warn at the line of the code that called into the package; once within `told_once` if asked."""
    if once and (told := _TOLD.get()) is not None:
        if text in told:
            return
        told.add(text)
    package = os.path.dirname(__file__) + os.sep
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, IncompleteWarning, stacklevel=level)


@contextmanager
def told_once() -> Iterator[None]:
    """Warn of the same thing once, where a warning asks for it, until the context ends."""
    token = _TOLD.set(set())
    try:
        yield
    finally:
        _TOLD.reset(token)


def unknown_name(what: str, given: object, allowed: Iterable[str], *, where: str = "") -> UnknownNameError:
    """Build the error for a name that is not in `allowed`; `where` says in which part of a file it stands."""
    names = list(allowed)
    if not isinstance(given, str):
        return UnknownNameError(f"{f'{where}: ' if where else ''}A {what} is named by a text, not by {given!r}.")
    near = get_close_matches(given, names, n=3, cutoff=0.5)
    if not near:
        near = [n for n in names if given.lower() in n.lower()][:3]
    if near:
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?"
    elif len(names) <= 16:
        hint = f"known: {', '.join(names)}."
    else:
        hint = f"there are {len(names)}, such as {', '.join(names[:4])}."
    place = f"{where}: " if where else ""
    return UnknownNameError(f"{place}There is no {what} {given!r}; {hint}")


@contextmanager
def intact(path: object, way_out: str = "remove it and resume") -> Iterator[None]:
    """Turn whatever a damaged file, or one of another kind, raises while it is read into one sentence.

    Raises
    ------
    InputError
    """
    try:
        yield
    except Il2modelError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except Exception:  # an archive or a table of numbers raises almost anything
        raise InputError(f"{path} is damaged; {way_out}.") from None
