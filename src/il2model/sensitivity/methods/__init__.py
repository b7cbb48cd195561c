"""The methods by name: every file of this folder holds one, as METHOD; `register` adds another."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ...errors import InputError, unknown_name
from ..method import POLICIES, Method


def _shipped() -> dict[str, Method]:
    found = {}
    for module in iter_modules(__path__):
        method = import_module(f"{__name__}.{module.name}").METHOD
        assert isinstance(method, Method)
        found[method.name] = method
    return found


METHODS: dict[str, Method] = _shipped()


def method_named(name: str) -> Method:
    """Return a method.

    Raises
    ------
    UnknownNameError
        With the nearest name.
    """
    try:
        return METHODS[name]
    except (KeyError, TypeError):  # not there, or no text
        raise unknown_name("method", name, METHODS) from None


def register(method: Method) -> Method:
    """Make a method known to studies, reports and the command line of this process; return it.

    Raises
    ------
    InputError
        If its name is taken, or it allows a policy that there is not.
    """
    if method.name in METHODS:
        raise InputError(f"There is a method {method.name!r} already; give yours another name.")
    unknown = [p for p in method.policies if p not in POLICIES]
    if unknown:
        raise unknown_name("policy", unknown[0], POLICIES)
    METHODS[method.name] = method
    return method
