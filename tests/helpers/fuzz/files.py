"""Files: trees of TOML with one value changed, and bytes that something happened to."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date

from hypothesis import strategies as st


def toml(value: object) -> str:
    """Return a value in TOML's words, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        return repr(value)
    return value.isoformat() if isinstance(value, date) else json.dumps(str(value), ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name) else json.dumps(name)


def toml_file(tables: dict[str, object]) -> str:
    """Return a file: a line per key, tables inline."""
    return "".join(f"{_key(k)} = {toml(v)}\n" for k, v in tables.items())


def leaves(tree: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield every value that is no table or list, with its place."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if items is None:
        yield path, tree
        return
    for key, value in items:
        yield from leaves(value, (*path, key))


def changed(tree: object, path: tuple[str | int, ...], change: Callable[[dict | list, str | int], None]) -> object:
    """Return a copy of a tree in which `change(parent, key)` was done at a place."""
    copy = parent = deepcopy(tree)
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return copy


def retype(value: object) -> list[object]:
    """Return values of other types, and numbers that are none."""
    if isinstance(value, bool):
        return ["yes", 1, 0.0, [], {}]
    if isinstance(value, float | int):
        return [math.nan, math.inf, -math.inf, True, "x", "", [], {}, [[value]], date(2026, 1, 1)]
    numbers = [] if str(value)[:1].isdigit() else [3, 1.5]  # "2 MIU" may be a number of MIU
    return [*numbers, True, [], {}, date(2026, 1, 1)]


@st.composite
def wrong_trees(draw: st.DrawFn, tables: dict[str, object]) -> tuple[dict[str, object], str]:
    """Draw tables in which a value has another type, or a field is spelled wrong; and what was done."""
    path, value = draw(st.sampled_from([*leaves(tables)]))
    if draw(st.booleans()):
        other = draw(st.sampled_from(retype(value)))
        return changed(tables, path, lambda parent, key: parent.__setitem__(key, other)), f"{path} = {other!r}"
    path = next(path[: k + 1] for k in reversed(range(len(path))) if isinstance(path[k], str))
    return changed(tables, path, lambda parent, key: parent.update({f"{key}x": parent.pop(key)})), f"{path}x"


@st.composite
def same_trees(draw: st.DrawFn, tables: dict[str, object]) -> bytes:
    """Draw another spelling of a file of tables: the order of fields, line ends, a byte order mark, comments."""

    def shuffled(value: object) -> object:
        if not isinstance(value, dict):
            return value
        rows = any(isinstance(v, dict) for v in value.values())  # in the order of the file; fields have none
        return {k: shuffled(value[k]) for k in (value if rows else draw(st.permutations([*value])))}

    text = toml_file({k: shuffled(v) for k, v in tables.items()})
    text = "# a comment µ\n" * draw(st.integers(0, 2)) + text
    mark, end = draw(st.sampled_from(["", "\ufeff"])), draw(st.sampled_from(["\n", "\r\n"]))
    return (mark + text.replace("\n", end)).encode()


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw a file that something happened to: cut, emptied, bits turned, bytes lost or put in."""
    kind = draw(st.sampled_from(["cut", "empty", "bits", "lost", "put in", "zeros", "text"]))
    at = draw(st.integers(0, max(0, len(content) - 1)))
    if kind == "cut":
        return content[:at]
    if kind == "bits":
        return (
            content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]
            if content
            else b"x"
        )
    if kind == "lost":
        return content[:at] + content[at + draw(st.integers(1, 9)) :]
    if kind == "put in":
        return content[:at] + draw(st.binary(min_size=1, max_size=5)) + content[at:]
    if kind == "zeros":
        return content[:at] + bytes(min(64, len(content) - at)) + content[at + 64 :]
    return (
        b""
        if kind == "empty"
        else draw(st.sampled_from([b"{}", b"[]", b"null", b"PK\x03\x04", b"CDF\x01", b"\x89HDF\r\n\x1a\n"]))
    )
