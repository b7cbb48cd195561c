"""The files of trials as tables: which there are, each read once, its parts and fields known.

A trial is one file, `calibration/trials/<id>.toml` or a file of the user's own. Values
are built above: regimens in `dosing`, trials and designs in `trials`, targets in `calibration`.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from os.path import exists, isfile
from pathlib import Path
from typing import Any

from .clock import on_clock
from .errors import InputError, unknown_name
from .resources import data_dir
from .units import factor, normalise, parse_unit, to_finite

Row = Mapping[str, Any]
#: The trial whose population, follow-up and strata are the defaults where a design names none.
REFERENCE = "mirocals"
#: How far a number can be relied on.
STATUSES = ("read", "derived", "recalled", "assumed")
_ORIGIN = frozenset({"status", "source", "locator", "quote", "note"})
_FACT = _ORIGIN | {"value", "unit"}
#: Fields of a course: one of several that follow each other in an arm.
COURSE = frozenset({"amount", "days", "every", "cycles", "start", "times", "route", "duration"})
#: Tables of a file and their fields.
TABLES: Mapping[str, frozenset[str]] = {
    "registry": _ORIGIN | {"number"},
    "population": _ORIGIN | {"text", "size", "cohort", "typical"},
    "follow_up": _FACT,
    "visits": _FACT | {"window"},
    "study": _ORIGIN | {"gain", "clearance", "volume", "baseline"},
}
#: Tables of rows: the word for a row, its fields, and those that it cannot lack.
ROWS: Mapping[str, tuple[str, frozenset[str], tuple[str, ...]]] = {
    "eligibility": ("criterion", _FACT, ("value", "unit", "status")),
    "baseline": ("baseline", _FACT, ("value", "unit", "status")),
    "strata": ("strata", _FACT, ("value", "unit", "status")),
    "arms": ("arm", _ORIGIN | COURSE | {"name", "regimen", "size", "length", "courses"}, ()),
    "nuisances": ("nuisance", frozenset({"name", "prior", "unit", "note"}), ("name", "prior", "unit")),
    "targets": (
        "target",
        _ORIGIN
        | {"stage", "endpoint", "arm", "arms", "day", "against", "estimate", "sd", "n", "se", "se_ln", "low", "high"}
        | {"log", "drift", "noise", "joint", "analysis"}
        | {"count", "counts", "bound", "unit", "spread_status", "use"},
        ("endpoint", "unit", "status", "source", "use"),
    ),
    "joint": (
        "joint",
        frozenset(["members", "correlation", "given", "given_correlation", "note"]),
        ("members", "correlation"),
    ),
    "checks": (
        "check",
        _ORIGIN | {"analysis", "meaning", "value", "low", "high", "unit"},
        ("analysis", "meaning", "value", "low", "high", "unit", "status", "source"),
    ),
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _all(test: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list | tuple) and len(value) > 0 and all(map(test, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


#: What a field has to be, wherever it stands: the words for it, its names, and the test.
_TYPES: tuple[tuple[str, str, Callable[[object], bool]], ...] = (
    (
        "a text",
        "status source locator quote note number text cohort name regimen stage endpoint arm unit spread_status use "
        "drift noise joint analysis bound meaning given route gain clearance volume",
        _is_text,
    ),
    ("a finite number", "estimate sd se se_ln low high window", _is_number),
    ("a finite number, or a list of them", "value", lambda v: _is_number(v) or _all(_is_number)(v)),
    ("a finite number of days, or a text with its unit", "day against", lambda v: _is_number(v) or _is_text(v)),
    ("a whole number of patients, at least 1", "n", lambda v: _is_count(v) and v != 0),
    ("a list of whole numbers from 0", "count counts", _all(_is_count)),
    ("true or false", "log", lambda v: isinstance(v, bool)),
    (
        "a table of numbers and texts",
        "baseline typical",
        lambda v: isinstance(v, dict) and all(_is_number(x) or _is_text(x) for x in v.values()),
    ),
    ("a list of names", "arms members", _all(_is_text)),
    ("a list of finite numbers", "given_correlation times", _all(_is_number)),
    ("a list of lists of finite numbers", "correlation", _all(_all(_is_number))),
)
TYPES: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    name: (words, test) for words, names, test in _TYPES for name in names.split()
}
_WORDS = ("trial", "title", "citation", "stage")
_FEW = {"1", "percent", "day", "week", "month", "year", "pg/mL", "point", "h", "IU/mL", "IU*h/mL", "1/point"}
_FEW |= {"point/month", "percent/month", "min", "cell/uL"}


@dataclass(frozen=True)
class TrialFile:
    """A file that was read: its name without ending, its place, and its tables."""

    id: str
    path: Path
    tables: Row

    def rows(self, table: str) -> Mapping[str, Row]:
        """Return the rows of a table by id, in the order of the file; none where there is no table."""
        rows: Mapping[str, Row] = self.tables.get(table, {})
        return rows

    @property
    def follow_up(self) -> float | None:
        """Days of follow-up, or None."""
        if "follow_up" not in self.tables:
            return None
        return float(on_clock(self.numbers("follow_up", self.tables["follow_up"], "day")[0]))

    @property
    def visits(self) -> tuple[float, ...]:
        """Days of the visits since the first dose, in order; none where the file names none."""
        if "visits" not in self.tables:
            return ()
        days, end = tuple(on_clock(self.numbers("visits", self.tables["visits"], "day")).tolist()), self.follow_up
        with self.place("visits"):
            if list(days) != sorted(set(days)) or min(days, default=0.0) < 0:
                raise InputError("the days must rise, from 0 (the first dose) on")
            if end is not None and days and days[-1] > end:
                raise InputError(f"day {days[-1]:g} lies after the follow-up of {end:g} days")
        return days

    def cuts(self, marker: str = "csf_pnfh") -> tuple[float, float] | None:
        """Return the two cut-offs (pg/mL) between which patients are in the low stratum of a marker, or None."""
        if marker not in self.rows("strata"):
            return None
        cuts = self.numbers(f"strata {marker}", self.rows("strata")[marker], "pg/mL")
        if len(cuts) != 2 or not 0 <= cuts[0] < cuts[1]:
            raise InputError(f"{self.path.name}, strata {marker}: two cut-offs are needed, the smaller first.")
        return cuts[0], cuts[1]

    def numbers(self, kind: str, row: Row, unit: str) -> tuple[float, ...]:
        """Return the value or values of a fact, in a unit."""
        with self.place(kind):
            if "value" not in row:
                raise InputError("it has no 'value'")
            values = row["value"] if isinstance(row["value"], list) else [row["value"]]
            if not values:
                raise InputError("its 'value' is empty")
            scale = factor(str(row.get("unit", unit)), unit)
            return tuple(to_finite(v, "value") * scale for v in values)

    @contextmanager
    def place(self, kind: str, id: str = "") -> Iterator[None]:
        """Put file and row in front of an error."""
        try:
            yield
        except (InputError, TypeError, ValueError, KeyError) as error:
            text = str(error).rstrip(".")
            raise InputError(f"{self.path.name}, {f'{kind} {id}'.strip()}: {text}.") from None


def trial_names() -> tuple[str, ...]:
    """Return the ids of the trials that ship."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def read_trial(name: str | Path) -> TrialFile:
    """Return the tables of a trial that ships, by its id, or of a file of one's own, by its path.

    Raises
    ------
    UnknownNameError
        If there is no such trial or file.
    InputError
        With file, table and row: a table or field that does not exist, or one that is missing.
    """
    if not isinstance(name, str | Path):
        raise unknown_name("trial", name, trial_names())
    text = str(name)
    path = Path(text) if text.endswith(".toml") else _folder() / f"{text}.toml"
    if not isfile(path):  # False too where the system takes no such name
        if text.endswith(".toml"):
            raise InputError(f"There is no file {text}.")
        if exists(text):
            raise InputError(f"{text} is no trial file: the name of one ends in .toml.")
        raise unknown_name("trial", text, trial_names())
    stat = path.stat()
    return _read(path.resolve(), stat.st_mtime_ns, stat.st_size)


def trials_with(words: str) -> list[TrialFile]:
    """Return the trials that ship whose files hold these words; the others need not be parsed."""
    paths = sorted(_folder().glob("*.toml"))
    return [read_trial(path.stem) for path in paths if words in path.read_text(encoding="utf8")]


def reference() -> TrialFile:
    """Return the tables of the trial that the defaults come from."""
    return read_trial(REFERENCE)


def reference_cuts() -> tuple[float, float]:
    """Return the cut-offs of CSF pNFH (pg/mL) where a design names none."""
    cuts = reference().cuts()
    assert cuts is not None
    return cuts


def reference_follow_up() -> float:
    """Return the follow-up (days) where a design names none."""
    days = reference().follow_up
    assert days is not None
    return days


def _folder() -> Path:
    return data_dir("calibration") / "trials"


@lru_cache(maxsize=64)
def _read(path: Path, modified: int, size: int) -> TrialFile:
    """Read a file, once for each state of the disk."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path.name} is not valid TOML: {error}.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    return trial_of(path.stem, path, tables)


def trial_of(id: str, path: Path, tables: Row) -> TrialFile:
    """Return tables as a trial, its parts and fields known; `path` names them in errors.

    Raises
    ------
    InputError
    """
    file = TrialFile(id, path, tables)
    for key, value in tables.items():
        if key not in (*_WORDS, *TABLES, *ROWS):
            raise InputError(f"{path.name}: {unknown_name('part', key, (*_WORDS, *TABLES, *ROWS))}")
        if not isinstance(value, str if key in _WORDS else dict):
            raise InputError(f"{path.name}: {key!r} must be a {'text' if key in _WORDS else 'table'}.")
    if "trial" not in tables:
        raise InputError(f"{path.name} does not name its 'trial'.")
    for table in TABLES:
        if table in tables:
            with file.place(table):
                _check(tables[table], TABLES[table], ())
    for table, (kind, fields, needed) in ROWS.items():
        for id, row in file.rows(table).items():
            with file.place(kind, id):
                _check(row, fields, needed)
    return file


def _check(row: object, fields: frozenset[str], needed: tuple[str, ...]) -> None:
    """Refuse a row with a field that does not exist or without one that it needs."""
    if not isinstance(row, dict):
        raise InputError("it is not a table of fields")
    for key, value in row.items():
        if key not in fields:
            raise unknown_name("field", key, sorted(fields))
        words, test = TYPES.get(key, ("", None))
        if test is not None and not test(value):
            raise InputError(f"{key} is {value!r}; it must be {words}")
    for key in needed:
        if key not in row:
            raise InputError(f"it has no {key!r}")
    if "status" in row and row["status"] not in STATUSES:
        raise unknown_name("status", str(row["status"]), STATUSES)
    if row.get("spread_status", STATUSES[0]) not in STATUSES:
        raise unknown_name("status", str(row["spread_status"]), STATUSES)
    if "unit" in row and normalise(str(row["unit"])) not in _FEW:
        parse_unit(str(row["unit"]))
