"""A published trial as a value: who was treated how, for how long, and what was reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..dosing.courses import arm_plan
from ..dosing.regimen import Regimen
from ..errors import InputError
from ..notebook import table
from ..population.typical import typical_values
from ..trial_files import REFERENCE, Row, TrialFile, read_trial, trial_names
from ..units import to_finite, to_whole
from ..values import Portable
from .reported import Fact, Origin, Reported, facts, figure, target
from .row import read_targets


@dataclass(frozen=True, kw_only=True)
class Trial(Portable):
    """A published trial, or one of your own, as its file holds it.

    Make one with `Trial.load`; `TrialDesign.of(trial)` simulates it, `calibrate(..., targets=)` fits its targets.

    Parameters
    ----------
    id, name, title : str
        File name, name as printed, what it was about.
    registry, citation : str
        Registry number, key of the bibliography; empty where not known.
    population : str
        Who was treated, in words.
    patients : int, optional
    cohort : str
        The design by which virtual patients are drawn.
    typical : {parameter: value}
        Typical values of the patients in place of those of the parameters, in the units of their records.
    eligibility, baseline : {name: Fact}
    arms : {name: Regimen}
        The first is the control.
    sizes : {name: int}
        Patients of the arms whose size is known.
    visits : tuple of Fact values, days since the first dose
    follow_up : float, optional
        Days from randomisation.
    cuts : (low, high), optional
        Cut-offs of CSF pNFH, pg/mL.
    targets, checks : {id: Reported}
        What was reported: for the calibration, and only beside replicates.
    facts : {name: (text, Origin)}
        What the design rests on: registry, population, follow-up, visits, strata and arms.
    """

    id: str
    name: str
    title: str
    registry: str
    citation: str
    population: str
    patients: int | None
    cohort: str
    typical: Mapping[str, float]
    eligibility: Mapping[str, Fact]
    baseline: Mapping[str, Fact]
    arms: Mapping[str, Regimen]
    sizes: Mapping[str, int]
    visits: tuple[float, ...]
    window: float
    follow_up: float | None
    cuts: tuple[float, float] | None
    targets: Mapping[str, Reported]
    checks: Mapping[str, Reported]
    facts: Mapping[str, tuple[str, Origin]]
    path: str

    def __post_init__(self) -> None:
        for name in ("typical", "eligibility", "baseline", "arms", "sizes", "targets", "checks", "facts"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __hash__(self) -> int:
        return hash((self.id, self.name, tuple(self.arms), tuple(self.targets)))

    @staticmethod
    def names() -> tuple[str, ...]:
        """Return the ids of the trials that ship."""
        return trial_names()

    @classmethod
    def load(cls, name: str | Path | Trial) -> Trial:
        """Return a trial that ships, by its id, or that of a file, by its path (it ends in .toml).

        Raises
        ------
        UnknownNameError
            If there is no such trial.
        InputError
            With file, table and row, for a field that is unknown, missing or contradicts another.
        """
        if isinstance(name, Trial):
            return name
        file = read_trial(name)
        tables, rows = file.tables, file.rows("arms")
        labels = {id: str(row.get("name", id)) for id, row in rows.items()}
        for id, label in labels.items():
            if list(labels.values()).count(label) > 1:
                with file.place("arm", id):
                    raise InputError(f"two arms are called {label!r}")
        people = tables.get("population", {})
        return cls(
            id=file.id,
            name=str(tables["trial"]),
            title=str(tables.get("title", "")),
            registry=str(tables.get("registry", {}).get("number", "")),
            citation=str(tables.get("citation", "")),
            population=str(people.get("text", "")),
            patients=_count(file, "population", people),
            cohort=str(people.get("cohort", file.id if file.rows("eligibility") else REFERENCE)),
            typical=_typical(file),
            eligibility=facts(file, "eligibility"),
            baseline=facts(file, "baseline"),
            arms={labels[id]: Regimen.of_plan(arm_plan(file, id)) for id in rows},
            sizes={labels[id]: n for id, row in rows.items() if (n := _count(file, f"arm {id}", row)) is not None},
            visits=file.visits,
            window=_window(file),
            follow_up=file.follow_up,
            cuts=file.cuts(),
            targets={id: target(file, row) for id, row in read_targets(file).items()},
            checks={id: figure(file, id, row) for id, row in file.rows("checks").items()},
            facts=_origins(file, labels),
            path=str(file.path),
        )

    def reported(self) -> dict[str, Reported]:
        """Return the published results that a replicate of the trial can be compared with, by analysis."""
        return {r.analysis: r for r in (*self.targets.values(), *self.checks.values()) if r.analysis}

    def table(self) -> list[dict[str, str]]:
        """Return everything as plain rows: part, id, value, unit, use, status, source, locator, quote, note."""
        rows = []
        for name, (text, origin) in self.facts.items():
            part, _, id = name.partition(" ")
            rows.append(_row(part, id or part, text, "", "", origin))
        for part, known in (("eligibility", self.eligibility), ("baseline", self.baseline)):
            rows += [_row(part, id, str(f), f.unit, "", f.origin) for id, f in known.items()]
        for part, results in (("target", self.targets), ("check", self.checks)):
            for r in results.values():
                row = _row(part, r.id, str(r), r.unit, r.use, r.origin)
                rows.append(
                    row | ({"status": f"{row['status']} (spread {r.spread_status})"} if r.spread_status else {})
                )
        return rows

    def __repr__(self) -> str:
        words = [f"{len(self.arms)} arms", f"{len(self.targets)} targets"]
        if self.patients:
            words.insert(0, f"{self.patients} patients")
        if self.registry:
            words.append(self.registry)
        return f"Trial({self.id!r}: {self.name}, {', '.join(words)})"

    def _repr_html_(self) -> str:
        """Return every number with its origin as a table for a notebook."""
        head = ("part", "id", "value", "status", "source")
        rows = [[row[k] for k in head] for row in self.table()]
        return table(f"{self.name} ({self.registry})" if self.registry else self.name, head, rows, self.title)


def _row(part: str, id: str, value: str, unit: str, use: str, origin: Origin) -> dict[str, str]:
    return {"part": part, "id": id, "value": value, "unit": unit, "use": use, **vars(origin)}


def _count(file: TrialFile, kind: str, row: Row) -> int | None:
    """Return the number of patients of a row, or None."""
    if "size" not in row:
        return None
    with file.place(kind):
        return to_whole(row["size"], "size", 1, 1_000_000)


def _typical(file: TrialFile) -> dict[str, float]:
    """Return the typical values of the patients: of the population, and those of the study that are numbers."""
    people, of_study = file.tables.get("population", {}).get("typical", {}), file.tables.get("study", {})
    numbers = {id: x for id, x in of_study.get("baseline", {}).items() if not isinstance(x, str)}
    with file.place("population"):
        for id in set(people) & set(of_study.get("baseline", {})):
            raise InputError(f"{id} is typical of the population and a baseline of the study; leave one of them out")
        return typical_values({**numbers, **people})


def _window(file: TrialFile) -> float:
    """Return the days to either side of a visit."""
    with file.place("visits"):
        return to_finite(file.tables.get("visits", {}).get("window", 0.0), "window", "day")


def _origins(file: TrialFile, labels: Mapping[str, str]) -> dict[str, tuple[str, Origin]]:
    """Return what the design rests on, as text with its origin."""
    origins: dict[str, tuple[str, Origin]] = {}
    for part, field in (("registry", "number"), ("population", "text")):
        if part in file.tables:
            row = file.tables[part]
            size = f"; {row['size']} patients" if "size" in row else ""
            people = "".join(f"; {id} {value}" for id, value in row.get("typical", {}).items())
            origins[part] = f"{row.get(field, '')}{size}{people}", Origin.of(row)
    for part in ("follow_up", "visits"):
        if part in file.tables:
            row = file.tables[part]
            days = ", ".join(f"{v:g}" for v in file.numbers(part, row, "day"))
            origins[part] = f"{days} day", Origin.of(row)
    for id, row in file.rows("strata").items():
        fact = Fact(values=file.numbers(f"strata {id}", row, str(row["unit"])), unit=row["unit"], origin=Origin.of(row))
        origins[f"strata {id}"] = str(fact), fact.origin
    for id, row in file.rows("arms").items():
        size = f"{row['size']} patients: " if "size" in row else ""
        origins[f"arm {labels[id]}"] = f"{size}{Regimen.of_plan(arm_plan(file, id))}", Origin.of(row)
    return origins
