"""What a study found: a value with labels, read back from its folder."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import sums
from ..errors import InputError, intact, unknown_name
from ..notebook import table
from ..values import same_fields
from .analysis import index_table
from .blocks import gaps, open_store, stored_part
from .estimate import Estimated, Flags
from .method import Floats
from .outputs import cycle_starts
from .study import SensitivityStudy

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from ..model.assembly import Model
    from ..parameters import ParameterSet


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class StudyResult(Estimated):
    """A finished study; `result["ST"]` is an index with labels.

    Parameters
    ----------
    study : SensitivityStudy
    Y : (row, output)
        NaN in failed rows.
    reasons : {row: sentence}
        Of the failed rows.
    left_out : (row,)
        Weight of the virtual patients whose untreated state does not hold, or without a bounded course, left out
        of both arms of a cohort.
    indices : {name: (parameter, output)}
        Of the method; `name_half` is the half-width of its 95 % interval where one is reliable.
    masked : (output,)
        True where an output has no variance: its indices are NaN.
    notes : tuple of str
        What a reader must know: failed rows and the policy, patients left out, masks, floors.
    manifest : mapping
        Versions, hashes, cost and the command that makes it again.
    """

    study: SensitivityStudy
    Y: Floats
    reasons: Mapping[int, str]
    left_out: Floats
    manifest: Mapping[str, object] = field(compare=False)

    @classmethod
    def load(cls, folder: str | Path, base: ParameterSet | None = None, *, model: Model | None = None) -> StudyResult:
        """Return a finished study from its folder; nothing is run or written.

        Parameters
        ----------
        folder : path
        base, model : optional
            Of a study that was made with its own.

        Raises
        ------
        InputError
            If there is no study, rows of it are missing, or it was made with another model
            or other parameters.
        """
        import xarray as xr

        folder = Path(folder)
        study = SensitivityStudy.load(folder, base, model=model)
        paths = folder / "manifest.json", folder / "indices.nc"
        if not all(path.exists() for path in paths):
            raise InputError(f"The study in {folder} is not finished; go on with resume.")
        sums.check(folder)
        with intact(paths[0]):
            record = dict(json.loads(sums.read(paths[0])))
            notes = tuple(str(note) for note in record.pop("notes"))
        with intact(paths[1]):
            with xr.open_dataset(io.BytesIO(sums.read(paths[1])), engine="scipy") as stored:
                indices = {str(k): np.asarray(v.values) for k, v in stored.data_vars.items()}
            indices.pop("variance")
            masked = np.asarray(indices.pop("masked"), bool)
            shape = (len(study.inputs), len(study.columns))
            if masked.shape != shape[1:] or indices[study.how.leading].shape != shape:
                raise ValueError("indices of another study")
        store = open_store(study, folder)
        rows, missing = stored_part(study, store)
        if missing:
            raise InputError(f"{store.path(missing[0].name)} is missing; go on with resume.")
        return cls(
            study=study,
            Y=rows.Y,
            left_out=rows.left_out,
            reasons=rows.reasons,
            indices=indices,
            masked=masked,
            notes=notes,
            manifest=record,
        )

    @property
    def variance(self) -> Floats:
        """Variance of each output over the rows that ran."""
        return np.asarray(np.nanvar(self.Y, axis=0))

    @property
    def gaps(self) -> str:
        """Who is missing from it, in a sentence: failed rows and virtual patients; '' for nobody."""
        return gaps(self.Y, self.left_out)

    def main(self) -> tuple[str, Floats, Floats | None]:
        """Return the method's leading index: name, values, half-widths or None."""
        name = self.study.how.leading
        return name, self.indices[name], self.indices.get(f"{name}_half")

    # ------------------------------------------------------------------ labels
    def to_dataframe(self) -> pd.DataFrame:
        """Return a row per parameter and output with every index; its attrs say who is missing."""
        table = index_table(self.indices, self.study.inputs, [c.name for c in self.study.columns])
        table.attrs |= self._attributes()
        return table

    def to_xarray(self) -> xr.Dataset:
        """Return indices, variance and masks with labels; its attributes say who is missing."""
        import xarray as xr

        shown: dict[str, Floats | Flags] = {**self.indices, "variance": self.variance, "masked": self.masked}
        data = {name: (self._dimensions(values), values) for name, values in shown.items()}
        attributes = {"manifest": json.dumps(dict(self.manifest)), **self._attributes()}
        return xr.Dataset(data, coords=self._coordinates(), attrs=attributes)

    def _attributes(self) -> dict[str, object]:
        return {"failed_rows": len(self.reasons), "left_out": self.gaps, "notes": "\n".join(self.notes)}

    def _dimensions(self, values: Floats | Flags) -> tuple[str, ...]:
        return {1: ("output",), 2: ("parameter", "output"), 3: ("parameter", "other", "output")}[values.ndim]

    def _coordinates(self) -> dict[str, object]:
        columns = self.study.columns
        day = np.array([np.nan if c.time is None else c.time for c in columns])
        starts = np.array(cycle_starts(self.study.plan))
        cycle = np.searchsorted(starts, day)  # a visit at the start of a cycle ends the one before
        timed = np.isfinite(day) & (cycle > 0)
        since = np.where(timed, day - starts[np.maximum(cycle, 1) - 1] + 1, np.nan) if len(starts) else day * np.nan
        words = {"units": "day", "long_name": "day of the cycle, 1 with the first dose"}
        return {
            "parameter": list(self.study.inputs),
            "output": [c.name for c in columns],
            "time": ("output", day, {"units": "day", "long_name": "time since first dose"}),
            "cycle": ("output", np.where(timed, cycle, 0)),
            "day_of_cycle": ("output", since, words),
            "unit": ("output", [c.unit for c in columns]),
        }

    # ----------------------------------------------------------------- a value
    def __getitem__(self, name: str) -> xr.DataArray:
        if name not in self.indices:
            raise unknown_name("index", name, self.indices)
        return self.to_xarray()[name]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.indices)

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]  # arrays can change

    def __repr__(self) -> str:
        study = self.study
        what = f"{study.method} of {', '.join(study.outputs)}: {len(self.Y)} rows, {len(study.inputs)} parameters"
        state = "" if study.values.calibrated else ", uncalibrated parameters"
        return f"StudyResult({what}{state}{'; ' + self.gaps if self.gaps else ''})"

    def _repr_html_(self) -> str:
        name, values, half = self.main()
        shown = np.argsort(-np.nanmax(np.abs(np.nan_to_num(values)), axis=1))[:10]
        columns = self.study.columns[:8]
        rows = ((self.study.inputs[i], *(_told(values, half, (i, k)) for k in range(len(columns)))) for i in shown)
        return table(repr(self), (name, *(c.name for c in columns)), rows, " ".join(self.notes))


def _told(values: Floats, half: Floats | None, at: tuple[int, int]) -> str:
    return f"{values[at]:.3g}" + ("" if half is None else f" ± {half[at]:.1g}")
