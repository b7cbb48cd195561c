"""Put calibrated values into the parameter records, keeping every other line as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from ..store import write_atomic
from .loader import read_records


def write_calibrated(folder: Path, values: Mapping[str, float], fits: Mapping[str, str]) -> None:
    """Set `calibrated` and `fit` of records in `folder/*.toml`; records not named lose them.

    Parameters
    ----------
    folder : Path
    values : mapping
        By id, in the unit of the record.
    fits : mapping
        The fit that gave each.

    Raises
    ------
    InputError
        If a record does not exist, or a value lies outside its bounds; nothing is written then.
    """
    records = read_records(folder)
    for id, value in values.items():
        if id not in records:
            raise InputError(f"There is no record {id!r} in {folder}.")
        bounds = records[id].bounds
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            raise InputError(
                f"{id}: the calibrated value {value:g} is outside its bounds {bounds[0]:g} to {bounds[1]:g}."
            )
    for file in sorted(folder.glob("*.toml")):
        text = re.sub(r"(?m)^(calibrated|fit) = .*\n", "", file.read_text(encoding="utf8"))
        for id, value in values.items():
            addition = f'calibrated = {value:.6g}\nfit = "{fits[id]}"\n'
            text = re.sub(rf"(?m)(^\[{id}\]\n(?:(?!\[).*\n)*?unit = .*\n)", rf"\g<1>{addition}", text)
        write_atomic(file, text)
