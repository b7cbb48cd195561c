"""The numbers of the studies that ship (drift, noise, bias): their names, and their units in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ..endpoints.words import axis_of
from ..trial_files import read_trial, trial_names


@lru_cache(maxsize=1)
def nuisance_words() -> Mapping[str, tuple[str, str]]:
    """Return name and unit by id; the unit is that of what they disturb: percentage points, or % of baseline."""
    found: dict[str, tuple[str, str]] = {}
    for trial in trial_names():
        file = read_trial(trial)
        targets = file.rows("targets").values()
        for id, row in file.rows("nuisances").items():
            disturbed = [str(t["endpoint"]) for t in targets if id in (t.get("drift"), t.get("noise"))]
            unit = axis_of(disturbed[0], row["unit"]) if disturbed else str(row["unit"])
            found[id] = (str(row["name"]), unit)
    return found
