"""What a simulation returns: named arrays with units."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..dosing.regimen import Regimen
from ..errors import InputError, UnitError, unknown_name
from ..notebook import table
from ..solver.axis import Item
from ..solver.problem import Floats, Ints, Status, distinct
from ..values import same_fields
from .activity import into_unit
from .balance import Balance
from .summary import QUANTILES, RunningSummary, quantiles, told

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from ..plotting.panels import Curve, Line

_DAY = {"units": "day", "long_name": "time since the first planned dose"}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Solution:
    """States and observables of one patient, a cohort, or draws of the parameters.

    `solution["treg_percent"]` is a labelled array with its unit; any state or
    observable may be named. Values at the time of a dose are those before it.
    A solution is a value: it can be pickled, copied and compared.

    Parameters
    ----------
    kind : {'patient', 'cohort', 'draws'}
        Axis time; (subject, time); or (draw, time), whose labelled output holds
        quantiles over the draws.
    time : (time,)
        Days since the first planned dose, in the order asked for.
    items : {id: Item}
        Every state and observable of the model: unit, name, page.
    arrays : {id: (subject, time)}
        What was kept of each subject, in the units of the model; NaN from a failure on.
    summaries : {id: RunningSummary}, optional
        What was kept instead of the subjects.
    status, steps, rejected : (subject,)
        Outcome (see Status), accepted and rejected steps.
    messages : {subject: sentence}
        Who failed or was cancelled, and why.
    balance : Balance
        Drug given, absorbed, remaining and lost, pmol per subject.
    per_miu : (subject,)
        pmol per MIU.
    regimens, which : tuple of Regimen, (subject,)
        Regimens, and for each subject the number of its own.
    manifest : mapping
        What made the result.
    """

    kind: str
    time: Floats
    items: Mapping[str, Item]
    arrays: Mapping[str, Floats]
    summaries: Mapping[str, RunningSummary] | None = None
    status: Ints
    steps: Ints
    rejected: Ints
    messages: Mapping[int, str]
    balance: Balance
    per_miu: Floats
    regimens: tuple[Regimen, ...]
    which: Ints
    manifest: Mapping[str, object] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other) if isinstance(other, Solution) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"Solution({self.kind}, {len(self.status)} subject(s), {len(self.time)} times to day {self.time.max():g}, "
            f"{self.left_out} failed, {'calibrated' if self.calibrated else 'uncalibrated'} parameters)"
        )

    # --------------------------------------------------------------- contents
    @property
    def calibrated(self) -> bool:
        """Whether the parameters come from a fit."""
        return bool(self.manifest.get("calibrated"))

    @property
    def left_out(self) -> int:
        """How many subjects or draws no statistic holds, because they failed or were cancelled."""
        return int((self.status != Status.SUCCESS).sum())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: sentences without a full stop; also in the attributes of every labelled array."""
        found: tuple[str, ...] = () if self.calibrated else ("uncalibrated parameters",)
        told = ("population", "beyond_the_end", "extrapolation")
        found += tuple(str(self.manifest[word]) for word in told if word in self.manifest)
        if not self.left_out:
            return found
        first = next(iter(self.messages.values())).rstrip(".")
        who = "draws" if self.kind == "draws" else "subjects"
        return (*found, f"{self.left_out} of {len(self.status)} {who} left out; the first: {first}")

    def keys(self) -> tuple[str, ...]:
        """Return what was kept, by id."""
        return tuple(self.arrays if self.summaries is None else self.summaries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, id: object) -> bool:
        return id in self.keys()

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.keys())

    def _kept(self, id: str) -> Item:
        """Return what `id` is; raise an error if it does not exist or was not kept."""
        if id not in self.items:
            raise unknown_name("observable or state", id, self.items)
        if id not in self.keys():
            raise InputError(
                f"{id!r} was not saved (saved are {', '.join(self.keys())}); name it in observables=[...]."
            )
        return self.items[id]

    def values(self, id: str, unit: str | None = None) -> Floats:
        """Return (subject, time) values of a state or observable, in `unit` if given.

        Raises
        ------
        UnknownNameError, UnitError, InputError
            If it does not exist, the unit does not fit, or it was not kept of each subject.
        """
        item = self._kept(id)
        if self.summaries is not None:
            raise InputError(f"Of {id!r} only summaries were kept; solution[{id!r}] holds them.")
        return into_unit(self.arrays[id], item.unit, unit, self.per_miu[:, None])

    def _summary(self, id: str, unit: str | None) -> tuple[list[str], Floats]:
        """Return names and (statistic, time) values of a running summary."""
        assert self.summaries is not None
        names, numbers = self.summaries[id].table()
        known = self.per_miu[np.isfinite(self.per_miu)]
        try:
            return names, into_unit(numbers, self.items[id].unit, unit, known[:1] if np.ptp(known) == 0 else None)
        except UnitError:
            if unit is None or "IU" not in unit or len(known) == 0:
                raise
            raise UnitError(
                f"A summary of {id!r} cannot be turned into {unit!r}: il2_amount_per_miu differs between the "
                "subjects; run without summary=True."
            ) from None

    # ------------------------------------------------------------------ labels
    def __getitem__(self, id: str) -> xr.DataArray:
        return self.array(id)

    def array(self, id: str, unit: str | None = None) -> xr.DataArray:
        """Return a labelled array with unit and long name, in `unit` if given.

        Raises
        ------
        UnknownNameError, UnitError, InputError
        """
        import xarray as xr

        item = self._kept(id)
        attributes: dict[str, object] = {
            "units": unit or item.unit,
            "long_name": item.name,
            "at_dose_time": "before the dose",
            "left_out": self.left_out,
        }
        if self.notes:
            attributes["note"] = "; ".join(self.notes)
        coords: dict[str, object] = {"time": ("time", self.time, _DAY)}
        dims: tuple[str, ...]
        if self.summaries is not None:
            names, numbers = self._summary(id, unit)
            attributes["subjects"] = int(self.summaries[id].count.max(initial=0))
            dims, coords = ("statistic", "time"), {"statistic": names, **coords}
        elif self.kind == "patient":
            dims, numbers = ("time",), self.values(id, unit)[0]
        elif self.kind == "draws":
            dims, numbers = ("quantile", "time"), quantiles(self._whole(self.values(id, unit)), QUANTILES)
            coords = {"quantile": np.array(QUANTILES), **coords}
        else:
            dims, numbers = ("subject", "time"), self.values(id, unit)
            coords = {"subject": np.arange(len(numbers)), **coords}
        return xr.DataArray(numbers, dims=dims, coords=coords, name=id, attrs=attributes)

    def to_xarray(self, ids: Sequence[str] | str | None = None) -> xr.Dataset:
        """Return a dataset of the named quantities, one or several (all by default)."""
        import xarray as xr

        data = xr.Dataset({i: self[i] for i in (self.keys() if ids is None else _several(ids))})
        data.attrs = {
            "title": "il2model simulation",
            "regimen": "; ".join(str(r) for r in self.regimens),
            "calibrated": "yes" if self.calibrated else "no: uncalibrated parameters",
            "left_out": self.left_out,
            "note": "; ".join(self.notes),
            "manifest": json.dumps(dict(self.manifest)),
        }
        return data

    def to_dataframe(self, ids: Sequence[str] | str | None = None) -> pd.DataFrame:
        """Return a data frame: index time (with subject or quantile before it), a column per quantity."""
        names = list(self.keys() if ids is None else _several(ids))
        frame = self.to_xarray(names).to_dataframe()
        frame.attrs = {
            "units": {i: self.items[i].unit for i in names},
            "left_out": self.left_out,
            "note": "; ".join(self.notes),
        }
        return frame[names]

    # ----------------------------------------------------------------- figures
    def _ids_shown(self) -> list[str]:
        from ..endpoints.panels import SHOWN  # the registry is not needed to run

        return [i for i in SHOWN if i in self] or list(self.keys())[: len(SHOWN)]

    def _whole(self, values: Floats) -> Floats:
        """Return the rows of those who ran to the end: who failed on the way is in no statistic at any time."""
        return np.asarray(values[self.status == Status.SUCCESS])

    def spread(self, id: str) -> tuple[Floats | None, Floats, Floats | None]:
        """Return 5 %, median and 95 % over the subjects that are not left out; no spread for one."""
        if self.summaries is not None:
            low, middle, high = self.summaries[id].quantiles((0.05, 0.5, 0.95))
        elif len(values := self.values(id)) == 1:
            return None, values[0], None
        else:
            low, middle, high = quantiles(self._whole(values), (0.05, 0.5, 0.95))
        return low, middle, high

    def plot(self, ids: Sequence[str] | str | None = None) -> Figure:
        """Draw the named quantities against time, one panel each."""
        from ..plotting import panels

        doses = [d.time for d in self.regimens[0].given if d.time <= self.time.max()]
        return panels(
            [self._curve(i) for i in (_several(ids) if ids else self._ids_shown())],
            doses=doses,
            note=self._note(*self._unseen(doses)),
        )

    def _unseen(self, doses: Sequence[float]) -> tuple[str, ...]:
        """Say what a coarse grid hides: IL-2 rises and falls within hours of a dose."""
        days = distinct(self.time)
        step = float(np.median(np.diff(days))) if len(days) > 1 else 0.0
        return (f"times {step:g} d apart: peaks between them are not shown",) if doses and step >= 0.5 else ()

    def _curve(self, id: str) -> Curve:
        item, order = self._kept(id), np.argsort(self.time, kind="stable")
        low, middle, high = (None if x is None else x[order] for x in self.spread(id))
        assert middle is not None
        label, days = str(self.regimens[0].name), self.time[order]
        line: Line = {"label": label, "time": days, "value": middle, "low": low, "high": high}
        return {"id": id, "name": item.name, "unit": item.unit, "lines": [line]}

    def _note(self, *more: str) -> str:
        n, of = len(self.status), self.manifest.get("draws_describe", "")
        who = {
            "patient": "one typical patient",
            "cohort": f"{n} patients: median, 5-95 %",
            "draws": f"one typical patient, {n} draws of the parameters{f' ({of})' * bool(of)}: median, 5-95 %",
        }[self.kind]
        return "; ".join((who, *more, *self.notes))

    def _repr_html_(self) -> str:
        """Return a small table for a notebook: what was run, and first and last values."""
        rows, first, last = [], int(self.time.argmin()), int(self.time.argmax())
        for id in self._ids_shown():
            item, spread = self.items[id], self.spread(id)
            rows.append((item.name, told(spread, first), told(spread, last), item.unit, id))
        head = ("", f"day {self.time[first]:g}", f"day {self.time[last]:g}", "unit", "id")
        note = f"{self._note()}; {len(self.time)} times, {len(self.keys())} quantities"
        return table("; ".join(str(r) for r in self.regimens), head, rows, note)


def _several(ids: Sequence[str] | str) -> Sequence[str]:
    """Return a list of names, also of one."""
    return [ids] if isinstance(ids, str) else ids
