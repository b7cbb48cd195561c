"""Results of planning: values with a table, which load from the folder of their run."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import sums
from ..endpoints.registry import CONTRASTS
from ..errors import InputError, intact
from ..manifest import Manifest
from ..plain import plain, restored
from ..store import BlockStore
from ..trials.design import TrialDesign
from ..values import same_fields
from .panel import of_a_draw
from .schedules import schedule_evidence

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Planned:
    """What results of planning share.

    Parameters
    ----------
    table : DataFrame
    patients : int
        Virtual patients that were asked.
    manifest : mapping
    """

    table: pd.DataFrame = field(compare=False)
    patients: int
    manifest: Manifest = field(compare=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Planned) and same_fields(self, other) and self.table.equals(other.table)

    def _repr_html_(self) -> str:
        paragraphs = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<p><code>{html.escape(repr(self))}</code></p>{paragraphs}{self._shown().to_html(index=False)}"

    def _shown(self) -> pd.DataFrame:
        return self.table

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        return ("Uncalibrated parameters.",) * (not self.calibrated)

    @property
    def calibrated(self) -> bool:
        """Whether the parameters are calibrated."""
        return bool(self.manifest["calibrated"])

    def save(self, store: BlockStore) -> None:
        """Write the result beside the blocks of its run."""
        columns = {str(c): self.table[c].to_numpy() for c in self.table.columns}
        texts = {c: v.astype(str) for c, v in columns.items() if v.dtype.kind == "O"}
        store.put("table", columns | texts, columns=list(columns))
        store.write("manifest.json", {**self.manifest, "notes": list(self.notes)})


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PowerStudy(Planned):
    """Power of designs.

    Parameters
    ----------
    design : TrialDesign
    table : DataFrame
        A row per cut-off, size and endpoint. without_test counts the trials in which the test has no value (nobody
        died, say): they are no successes, and not in for_80_percent.
    draws : int or None
        Parameter draws that were averaged over.
    refused, patients : int
        Virtual patients whose run failed, who are in no trial; of how many.
    manifest : mapping
    """

    design: TrialDesign
    draws: int | None
    refused: int

    def __repr__(self) -> str:
        what = "power" if self.draws is None else f"assurance over {self.draws} draws"
        left_out = f", {self.refused} of {self.patients} virtual patients left out" if self.refused else ""
        state = "" if self.calibrated else ", uncalibrated parameters"
        return f"PowerStudy({self.design.name!r}, {what}, {len(self.table)} rows{left_out}{state})"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        left_out = f"{self.refused} of {self.patients} virtual patients could not be run and are in no trial."
        most = int(self.table["without_test"].max())
        without = f"In up to {most} trials of a cell the test has no value; they count as no success."
        told = (left_out,) * bool(self.refused) + (without,) * bool(most)
        return (*told, *self.design.notes, *_whose(self.manifest["study"]), *super().notes)

    def plot(self) -> Figure:
        """Draw a heat map of power, cut-offs against sizes, per endpoint."""
        from ..plotting.figure import legible
        from .figures import power_figure

        label = "power" if self.draws is None else "assurance"
        return power_figure(self.table, "\n".join([f"{legible(self.design.name)}: {label} in %", *self.notes]), label)

    def save(self, store: BlockStore) -> None:
        """Write the study beside the blocks of its run."""
        store.write("design.json", plain(self.design))
        super().save(store)

    @classmethod
    def load(cls, folder: str | Path) -> PowerStudy:
        """Return the study that a finished run left in its folder.

        Raises
        ------
        InputError
            If there is none, or a file is damaged.
        """
        table, manifest = _loaded(Path(folder), "power")
        known = _known(folder, manifest, "study", ("draws", "refused", "patients"))
        path = Path(folder) / "design.json"
        with intact(path, _AGAIN):
            design = restored(_json(path))
            if not isinstance(design, TrialDesign):
                raise TypeError("no design")
        return cls(design=design, table=table, manifest=manifest, **known)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Search(Planned):
    """Regimens that were tried, and which of them no other beats with as few injections a year.

    Parameters
    ----------
    objective : str
    limits : {observable: largest value}
    table : DataFrame
        amount, days, every, injections_per_year, the objective, every limited quantity, left_out
        (patients whose run failed in an arm: they count in neither), times_studied (the largest ratio to the nearest
        studied course, `Regimen.extrapolation`), studied (whether it lies within), allowed, non_dominated (an allowed
        regimen that none tried with as few injections beats: the search has one objective, so this is no Pareto
        front); those rows also low and high (5 to 95 % over posterior draws), draws_failed (draws under which nobody
        could be run: they are not in the interval) and draws_left_out (patients left out, over all draws).
    patients : int
        Of the cohort that judges.
    manifest : mapping
    """

    objective: str
    limits: Mapping[str, float]

    def __repr__(self) -> str:
        most = int(self.table["left_out"].max())
        left_out = f", up to {most} of {self.patients} patients left out" if most else ""
        state = "" if self.calibrated else ", uncalibrated parameters"
        return f"Search({self.objective!r}, {len(self.table)} regimens{left_out}{state})"

    def _shown(self) -> pd.DataFrame:
        return self.table[self.table["non_dominated"]]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        bad = self.table["left_out"] > 0
        left_out = (
            f"Under {int(bad.sum())} of {len(bad)} regimens patients could not be run, at most "
            f"{int(self.table['left_out'].max())} of {self.patients}; they count in neither arm."
        )
        return (
            (left_out,) * bool(bad.any())
            + self._notes_of_draws()
            + self._notes_of_distance()
            + self._read_out()
            + super().notes
        )

    def _read_out(self) -> tuple[str, ...]:
        """Say by what schedules are judged, and what a trial of schedules found by another read-out."""
        base, end = CONTRASTS[self.objective].base, self.manifest["search"]["until"]
        judged = (
            f"Schedules are judged by {base.observable} at day {end:g}, which follows all days before it alike; "
            "another order may hold for Treg three days after a course (compare_schedules)."
        )
        return judged, schedule_evidence()

    def _notes_of_distance(self) -> tuple[str, ...]:
        """Say how far from the studied courses the search went."""
        beyond = self.table[~self.table["studied"]]
        if beyond.empty:
            return ()
        best = beyond.loc[beyond["non_dominated"], "times_studied"]
        shown = f", {len(best)} of them not dominated (up to {best.max():.2g} times it)" if len(best) else ""
        return (f"{len(beyond)} of {len(self.table)} regimens lie beyond what was studied{shown}: extrapolations.",)

    def _notes_of_draws(self) -> tuple[str, ...]:
        """Say whom the intervals leave out."""
        if "draws_left_out" not in self.table or not self.table["draws_left_out"].max() > 0:
            return ()
        draws = self.manifest["search"]["draws"]
        failed, missing = (int(self.table[c].max()) for c in ("draws_failed", "draws_left_out"))
        asked = draws * of_a_draw(self.patients)
        note = f"Intervals over {draws} draws leave out up to {missing} of {asked} patients of a regimen"
        note += f"; {failed} of the draws at most are in no interval, since nobody could be run" if failed else ""
        return (f"{note}.",)

    def plot(self) -> Figure:
        """Draw the objective against injections a year, with what is not dominated and its intervals."""
        from .figures import search_figure

        return search_figure(self.table, self.objective, self.notes, self.manifest["search"]["draws"])

    @classmethod
    def load(cls, folder: str | Path) -> Search:
        """Return the search that a finished run left in its folder.

        Raises
        ------
        InputError
            If there is none, or a file is damaged.
        """
        table, manifest = _loaded(Path(folder), "optimize")
        known = _known(folder, manifest, "search", ("objective", "limits", "patients"))
        return cls(table=table, manifest=manifest, **known)


def _whose(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Say whose patients the draws describe."""
    return (f"Draws describe {told['draws_describe']}.",) if "draws_describe" in told else ()


def _loaded(folder: Path, verb: str) -> tuple[pd.DataFrame, Manifest]:
    import pandas as pd

    store = BlockStore.opened(folder, verb)
    sums.check(folder)
    block = {name: store.get(name) for name in store.names()}.get("table")
    if block is None:
        raise InputError(f"The run of {verb} in {folder} is not finished; run it again and it goes on.")
    columns = {c: block[c].astype(object) if block[c].dtype.kind == "U" else block[c] for c in block.meta["columns"]}
    return pd.DataFrame(columns), _json(folder / "manifest.json")


#: The way out of a damaged table or manifest.
_AGAIN = "run again, and it is written again"


def _known(folder: str | Path, manifest: Manifest, part: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what a manifest says of a run."""
    with intact(Path(folder) / "manifest.json", _AGAIN):
        return {name: manifest[part][name] for name in names}


def _json(path: Path) -> Manifest:
    with intact(path, _AGAIN):
        return dict(json.loads(sums.read(path)))
