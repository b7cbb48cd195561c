"""What a simulation returns: labelled states and observables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dosing.regimen import Regimen
from ..errors import InputError, UnitError, unknown_name
from ..solver.blueprint import Item
from ..solver.kernel import Kernel
from ..solver.problem import Floats, Ints, Status
from ..units import factor, normalise
from .run import Balance, Run
from .summary import RunningSummary

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

#: The observables of the figures, in reading order.
SHOWN = (
    "il2_plasma",
    "treg_percent",
    "plasma_ccl2",
    "csf_pnfh",
    "alsfrs_r",
    "survival",
)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Solution:
    """States and observables of one patient, a cohort, or draws of the parameters.

    `solution["treg_percent"]` is a labelled array with its unit; any state or
    observable may be named. Values at the time of a dose are those before it.
    `kind` is 'patient' (axis time), 'cohort' (subject, time) or 'draws' (subject
    is a draw; labelled output holds quantiles over the draws).
    """

    kernel: Kernel = field(repr=False)
    run: Run = field(repr=False)
    regimens: tuple[Regimen, ...]
    which: Ints = field(repr=False)
    manifest: Mapping[str, Any] = field(repr=False)
    kind: str = "patient"
    kept: Mapping[str, Any] | None = field(default=None, repr=False)
    summaries: Mapping[str, RunningSummary] | None = field(default=None, repr=False)
    per_miu: Floats | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        failed = int((self.status != Status.SUCCESS).sum())
        note = "calibrated" if self.calibrated else "uncalibrated"
        return (
            f"Solution({self.kind}, {len(self.status)} subject(s), {len(self.time)} times to day {self.time[-1]:g}, "
            f"{failed} failed, {note} parameters)"
        )

    # --------------------------------------------------------------- contents
    @property
    def time(self) -> Floats:
        """Days since the first planned dose."""
        return self.run.time

    @property
    def status(self) -> Ints:
        """Outcome per subject (see Status)."""
        return self.run.status

    @property
    def messages(self) -> Mapping[int, str]:
        """A sentence per failed subject."""
        return self.run.messages

    @property
    def balance(self) -> Balance:
        """Drug given, absorbed, remaining and lost, pmol per subject."""
        return self.run.balance

    @property
    def calibrated(self) -> bool:
        """Whether the parameters come from a fit."""
        return bool(self.manifest.get("calibrated"))

    @cached_property
    def items(self) -> dict[str, Item]:
        """Everything that can be asked for, by id."""
        bp = self.kernel.blueprint
        return {i.id: i for i in (*bp.states, *bp.observables)}

    @cached_property
    def _observed(self) -> Floats:
        r = self.run
        return self.kernel.observables(r.states, r.inputs, r.parameters[:, None, :], r.constants[:, None, :])

    def values(self, id: str, unit: str | None = None) -> Floats:
        """Return (subject, time) values of a state or observable, in `unit` if given.

        Raises
        ------
        UnknownNameError, UnitError
        """
        if id not in self.items:
            raise unknown_name("observable or state", id, self.items)
        bp = self.kernel.blueprint
        names = [o.id for o in bp.observables]
        if self.kept is not None or self.summaries is not None:
            saved = self.kept if self.kept is not None else {}
            if id not in saved:
                what = "only summaries were kept" if self.summaries is not None else f"saved are {', '.join(saved)}"
                raise InputError(f"{id!r} was not saved for each subject ({what}); name it in observables=[...].")
            found = np.asarray(saved[id][:])
        elif id in names:
            found = self._observed[..., names.index(id)]
        else:
            found = self.run.states[..., [s.id for s in bp.states].index(id)]
        if unit is None or normalise(unit) == normalise(self.items[id].unit):
            return found
        return self._convert(found, self.items[id].unit, unit)

    def _convert(self, values: Floats, unit: str, into: str) -> Floats:
        try:
            return values * factor(unit, into)
        except UnitError:
            # substance into activity: IL-2 by its specific activity
            names = [p.id for p in self.kernel.blueprint.parameters]
            if "il2_amount_per_miu" not in names or "IU" not in into:
                raise
            amounts = self.per_miu
            if amounts is None:
                amounts = self.run.parameters[:, names.index("il2_amount_per_miu")]
            per_miu = amounts[:, None]
            numerator = (
                into.replace("MIU", "pmol") if "MIU" in into else into.replace("kIU", "pmol").replace("IU", "pmol")
            )
            scale = 1.0 if "MIU" in into else (1e3 if "kIU" in into else 1e6)
            return values * factor(unit, numerator) / per_miu * scale

    # ------------------------------------------------------------------ labels
    def __getitem__(self, id: str) -> xr.DataArray:
        return self.array(id)

    def array(self, id: str, unit: str | None = None) -> xr.DataArray:
        """Return a labelled array with unit and long name, in `unit` if given."""
        import xarray as xr

        if self.summaries is not None:
            return self._summary(id)
        values, item = self.values(id, unit), self.items[id]
        attributes = {"units": unit or item.unit, "long_name": item.name, "at_dose_time": "before the dose"}
        if not self.calibrated:
            attributes["note"] = "uncalibrated parameters"
        time = ("time", self.time, {"units": "day", "long_name": "time since the first planned dose"})
        if self.kind == "patient":
            return xr.DataArray(values[0], dims="time", coords={"time": time}, name=id, attrs=attributes)
        if self.kind == "draws":
            spread = np.nanquantile(values, QUANTILES, axis=0)
            coords: dict[str, Any] = {"quantile": np.array(QUANTILES), "time": time}
            return xr.DataArray(spread, dims=("quantile", "time"), coords=coords, name=id, attrs=attributes)
        coords = {"subject": np.arange(len(values)), "time": time}
        return xr.DataArray(values, dims=("subject", "time"), coords=coords, name=id, attrs=attributes)

    def _summary(self, id: str) -> xr.DataArray:
        """Label the running mean, sd and quantiles of one quantity."""
        import xarray as xr

        assert self.summaries is not None
        if id not in self.summaries:
            raise unknown_name("summarised observable", id, self.summaries)
        found, item = self.summaries[id], self.items[id]
        names = ["mean", "sd", *(f"q{100 * q:02.0f}" for q in QUANTILES)]
        table = np.vstack([found.mean, found.sd, found.quantiles(QUANTILES)])
        attributes = {"units": item.unit, "long_name": item.name, "subjects": int(found.count.max(initial=0))}
        coords: dict[str, Any] = {"statistic": names, "time": ("time", self.time, {"units": "day"})}
        return xr.DataArray(table, dims=("statistic", "time"), coords=coords, name=id, attrs=attributes)

    def _wanted(self, ids: Iterable[str] | None) -> list[str]:
        if ids is not None:
            return list(ids)
        saved = self.kept if self.kept is not None else self.summaries
        return list(self.items if saved is None else saved)

    def to_xarray(self, ids: Sequence[str] | None = None) -> xr.Dataset:
        """Return a dataset of the named quantities (all by default)."""
        import json

        import xarray as xr

        data = xr.Dataset({i: self[i] for i in self._wanted(ids)})
        data.attrs = {
            "title": "il2model simulation",
            "regimen": "; ".join(str(r) for r in self.regimens),
            "calibrated": "yes" if self.calibrated else "no: uncalibrated parameters",
            "manifest": json.dumps(dict(self.manifest)),
        }
        return data

    def to_dataframe(self, ids: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a data frame: index time (with subject or quantile before it), a column per quantity."""
        data = self.to_xarray(self._wanted(ids))
        frame = data.to_dataframe()
        frame.attrs = {"units": {i: self.items[i].unit for i in self._wanted(ids)}}
        return frame[self._wanted(ids)]

    def plot(self, ids: Sequence[str] | None = None) -> Figure:
        """Draw the named quantities against time, one panel each."""
        from ..plotting import panels

        return panels([self._curve(i) for i in (ids or SHOWN)], doses=self._doses(), note=self._note())

    def _curve(self, id: str) -> dict[str, Any]:
        item = self.items[id]
        low = high = None
        if self.summaries is not None:
            low, middle, high = self._summary(id).sel(statistic=["q05", "q50", "q95"]).values
        elif len(values := self.values(id)) == 1:
            middle = values[0]
        else:
            low, middle, high = np.nanquantile(values, (0.05, 0.5, 0.95), axis=0)
        return {
            "id": id,
            "name": item.name,
            "unit": item.unit,
            "lines": [
                {"label": str(self.regimens[0].name), "time": self.time, "value": middle, "low": low, "high": high}
            ],
        }

    def _doses(self) -> list[float]:
        return [d.time for d in self.regimens[0].given if d.time <= self.time[-1]]

    def _note(self) -> str:
        text = {
            "patient": "one typical patient",
            "cohort": f"{len(self.status)} patients: median, 5-95 %",
            "draws": f"one typical patient, {len(self.status)} draws of the parameters: median, 5-95 %",
        }[self.kind]
        return text + ("" if self.calibrated else "; uncalibrated parameters")
