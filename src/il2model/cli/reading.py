"""What the shell reads for a Python type: numbers, lists, names, pairs; an error is one sentence."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Union, get_args, get_origin

from cyclopts import Parameter, Token

from ..errors import InputError, unknown_name
from ..parameters import ParameterSet, load_parameters
from ..units import to_float

Read = Callable[[str, str], object]  # the text, and the option it stands for


class Text(str):
    """What is read by a converter of ours: where Pydantic is loaded, cyclopts would hold the result against `str`."""

    __slots__ = ()


def reading_of(hint: object, what: str) -> tuple[object, Parameter]:
    """Return the type that the shell takes for a Python type, and how it is read.

    Parameters
    ----------
    hint : type
        Of a parameter of a public function, or Annotated with a cyclopts.Parameter of its own.
    what : str
        The option, for errors.

    Raises
    ------
    TypeError
        If the shell has no reading for the type.
    """
    if get_origin(hint) is Annotated:
        kind, parameter = get_args(hint)
        return kind, parameter
    members = _members(hint)
    if bool in members:
        return bool, Parameter()
    for member in members:
        if _is(member, Mapping) and ParameterSet not in members:
            read = partial(_pairs, number if get_args(member)[1] is float else _text, what)
            return list[Text], Parameter(converter=_converter(read), metavar="ID=VALUE", negative=())
    reader, metavar = _reader(members)
    convert = _converter(lambda texts: reader(texts[-1], what))
    hyphen = metavar in ("VALUE", "N", "X")  # of a negative number
    return Text, Parameter(converter=convert, metavar=metavar, allow_leading_hyphen=hyphen, n_tokens=1)


def _converter(read: Callable[[Sequence[str]], object]) -> Callable[[object, Sequence[Token]], object]:
    return lambda _, tokens: read([t.value for t in tokens])


def _members(hint: object) -> list[object]:
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return [m for m in parts if m is not type(None)]


def _is(member: object, kind: type) -> bool:
    origin = get_origin(member)
    return isinstance(origin, type) and issubclass(origin, kind)


def _reader(members: Sequence[object]) -> tuple[Read, str]:
    """Return what reads one text for a union of types, and its placeholder."""
    for member in members:
        if get_origin(member) is Literal:
            return partial(_choice, get_args(member)), "|".join(get_args(member))
        if member is ParameterSet:
            return (lambda text, what: load_parameters(text)), "NAME"
    if str in members and any(_is(m, Iterable) for m in members):
        return _one_or_several, "NAME,..."
    if str in members:
        return _text, "VALUE" if float in members else "NAME"
    for member in members:
        if _is(member, tuple):
            return _range, "LOW-HIGH"
        if _is(member, Sequence):
            return partial(_list, _reader(_members(get_args(member)[0]))[0]), "LIST"
    plain: Mapping[object, tuple[Read, str]] = {int: (whole, "N"), float: (number, "X"), Path: (_path, "FILE")}
    for member in members:
        if member in plain:
            return plain[member]
    raise TypeError(f"The shell cannot read {members}: name the parameter in left=, or give the verb a reading.")


def whole(text: str, what: str) -> int:
    """Read a whole number.

    Raises
    ------
    InputError
    """
    value = number(text, what)
    if not abs(value) < 2**63 or value != int(value):
        raise InputError(f"{what} is {text!r}; it must be a whole number.")
    return int(value)


def number(text: str, what: str) -> float:
    """Read a number."""
    return to_float(text, "1", what=what)


def _text(text: str, what: str) -> str:
    return text


def _one_or_several(text: str, what: str) -> str | list[object]:
    return _list(_text, text, what) if "," in text else text


def _range(text: str, what: str) -> tuple[float, float] | None:
    """Read 'LOW-HIGH', or 'all'."""
    low, dash, high = text.partition("-")
    if text in ("all", "none"):
        return None
    if not dash:
        raise InputError(f"{what} takes 'all' or LOW-HIGH, such as 750-3700; got {text!r}.")
    return number(low, what), number(high, what)


def _path(text: str, what: str) -> Path:
    if "\0" in text or not text:
        raise InputError(f"{what} is {text!r}, which names no file.")
    return Path(text)


def _choice(allowed: Sequence[str], text: str, what: str) -> str:
    if text not in allowed:
        raise unknown_name(what.lstrip("-").lower(), text, allowed)
    return text


def _list(read: Read, text: str, what: str) -> list[object]:
    """Read 'a,b,c'."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise InputError(f"{what} names nothing.")
    return [read(part, what) for part in parts]


def _pairs(read: Read, what: str, texts: Sequence[str]) -> dict[str, object]:
    """Read one or several 'id=value'."""
    pairs: dict[str, object] = {}
    for text in texts:
        id, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not id or not value:
            example = "eosinophil_count=500" if read is number else "il2_clearance='0.3 L/min'"
            raise InputError(f"{what} needs id=value, such as {example}; got {text!r}.")
        pairs[id] = read(value.strip("'\""), what)
    return pairs
