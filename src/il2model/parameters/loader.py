"""Read the parameter records and return a ParameterSet."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from os.path import isdir
from pathlib import Path

from ..errors import InputError, unknown_name
from ..resources import data_dir
from .record import Parameter, parameter_from_table
from .set import ParameterSet


def read_records(folder: Path) -> dict[str, Parameter]:
    """Read every `*.toml` of `folder`, in order of file name.

    Raises
    ------
    InputError
        If a file is not TOML, a record is malformed or an id appears twice.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise InputError(f"There are no parameter records (*.toml) in {folder}.")
    return dict(_read(tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files)))


@lru_cache(maxsize=8)
def _read(files: tuple[tuple[Path, int, int], ...]) -> Mapping[str, Parameter]:
    """Read files, once for each state of the disk."""
    records: dict[str, Parameter] = {}
    for path, _, _ in files:
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"{path.name} is not valid TOML: {error}.") from None
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
        for id, table in tables.items():
            if not isinstance(table, dict):
                raise InputError(f"{path.name}: {id!r} is not a record.")
            if id in records:
                raise InputError(f"{path.name}: {id!r} is also in {records[id].mechanism}.toml.")
            try:
                records[id] = parameter_from_table(id, table, path.stem)
            except (TypeError, ValueError) as error:
                raise InputError(f"{path.name}: {error}") from None
    for id, record in records.items():
        for key, name in record.references.items():
            where = f"{record.mechanism}.toml: {id}.spread.{key}"
            if name not in records or records[name].mechanism != "population":
                known = [i for i, r in records.items() if r.mechanism == "population"]
                raise unknown_name("record of the population", name, known, where=where)
            least = min(records[name].bounds or (records[name].value,))
            if least <= 0:
                raise InputError(f"{where} is {name!r}, which may be {least:g}; it must be above zero.")
    return records


def bibliography(folder: Path, name: str = "references.bib") -> dict[str, str]:
    """Return the entries of a bibliography by key, as text."""
    path = folder / name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    return {m.group(2): m.group(0) for m in re.finditer(r"@(\w+)\{\s*([^,\s{}]+),.*", text)}


def load_parameters(name: str | None = None, *, folder: str | Path | None = None) -> ParameterSet:
    """Return the parameter set `name`.

    Parameters
    ----------
    name : {None, 'prior'}
        None is the default set: the calibrated one once a fit has landed, until
        then the start values. 'prior' is always the start values.
    folder : path, optional
        Read the records from this folder instead of the ones that ship.

    Raises
    ------
    InputError
        If the name is unknown or a record is malformed.
    """
    if not isinstance(name, str | None) or name not in (None, "prior"):
        raise InputError(f"There is no parameter set {name!r}; give 'prior' for the start values, or nothing.")
    if not isinstance(folder, str | Path | None):
        raise InputError(f"folder is {folder!r}; it must be the path of a folder.")
    path = Path(folder) if folder is not None else data_dir("parameters")
    if not isdir(path):
        raise InputError(f"{path} is not a folder of parameter records.")
    records = read_records(path)
    if name == "prior":
        values = {id: record.value for id, record in records.items()}
        return ParameterSet(records, values, "prior", calibrated=False)
    values = {id: r.value if r.calibrated is None else r.calibrated for id, r in records.items()}
    fits = sorted({r.fit for r in records.values() if r.calibrated is not None and r.fit})
    label = " + ".join(fits) or "prior"
    return ParameterSet(records, values, label, calibrated=bool(fits))
