"""Where data files live: inside the wheel, or beside the sources in a checkout."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import Il2modelError

_HERE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """Return the folder of shipped data called `name` ('parameters', 'calibration')."""
    override = os.environ.get("IL2MODEL_DATA")
    roots = [Path(override)] if override else []
    roots += [_HERE / "data", _HERE.parents[1]]
    for root in roots:
        path = root / name
        if path.is_dir():
            return path
    raise Il2modelError(f"The data folder {name!r} is missing from this installation of il2model.")
