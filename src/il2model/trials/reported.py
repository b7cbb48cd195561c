"""What a trial reported, as it was printed, and where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..endpoints import reductions
from ..endpoints.kinds import Analysis, Course
from ..endpoints.registry import TARGETED
from ..errors import InputError
from ..trial_files import Row, TrialFile
from ..units import factor
from .row import TargetRow

_QUANTILE = 1.96


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a number stands: status ('read', 'derived', 'recalled', 'assumed'), source (key of the bibliography),
    locator, quote and note; what is not known is empty.
    """

    status: str = ""
    source: str = ""
    locator: str = ""
    quote: str = ""
    note: str = ""

    @classmethod
    def of(cls, row: Row) -> Origin:
        """Return the origin that a row names."""
        return cls(**{k: str(row[k]) for k in ("status", "source", "locator", "quote", "note") if k in row})


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A number, or several, of a trial's design or patients."""

    values: tuple[float, ...]
    unit: str
    origin: Origin

    def __str__(self) -> str:
        unit = "" if self.unit == "1" else f" {self.unit}"
        return ", ".join(f"{v:g}" for v in self.values) + unit


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A published result, in the unit and on the scale in which it was printed.

    Parameters
    ----------
    value, low, high : float, optional
        Estimate and its 95 % interval.
    counts : tuple of int
        (events, patients), or patients per class.
    endpoint : str
        What was measured; empty for a figure that is no target.
    arms : tuple of str
        Ids of the arms.
    day, against : float, optional
        Days since the first dose; the other of two.
    use : {'fit', 'check', 'figure'}
        In the likelihood, only compared with its prediction, or only with replicates of the trial.
    analysis : str
        The name of the result in a replicate that it is compared with; empty if none.
    meaning : str
        In words, where the analysis has none of its own.
    spread_status : str
        Status of the interval, where it is another than that of the number.
    """

    id: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    origin: Origin
    counts: tuple[int, ...] = ()
    endpoint: str = ""
    arms: tuple[str, ...] = ()
    day: float | None = None
    against: float | None = None
    use: str = "figure"
    analysis: str = ""
    meaning: str = ""
    spread_status: str = ""

    @property
    def interval(self) -> tuple[float, float, float]:
        """Estimate, and both ends of its 95 % interval, in the unit of the endpoint; NaN where there is none."""
        scale = factor(self.unit, TARGETED[self.endpoint].unit) if self.endpoint else 1.0
        value, low, high = (math.nan if x is None else x * scale for x in (self.value, self.low, self.high))
        return value, low, high

    def __str__(self) -> str:
        if self.counts:
            return " of ".join(map(str, self.counts)) if len(self.counts) == 2 else ", ".join(map(str, self.counts))
        unit = "" if self.unit == "1" else f" {self.unit}"
        span = "" if self.low is None or self.low == self.high else f" ({self.low:.4g} to {self.high:.4g})"
        return f"{self.value:.5g}{span}{unit}"


def facts(file: TrialFile, table: str) -> dict[str, Fact]:
    """Return the facts of a table, by id."""
    return {
        id: Fact(values=file.numbers(f"{table} {id}", row, str(row["unit"])), unit=row["unit"], origin=Origin.of(row))
        for id, row in file.rows(table).items()
    }


def target(file: TrialFile, t: TargetRow) -> Reported:
    """Return a target as it was printed, and the analysis of a replicate that shows the same number."""
    value, low, high = _printed(t)
    return Reported(
        id=t.id,
        value=value,
        low=low,
        high=high,
        unit=t.row["unit"],
        origin=Origin.of(t.row),
        counts=t.counts,
        endpoint=t.endpoint.id,
        arms=t.arms,
        day=t.day,
        against=t.against,
        use=t.row["use"],
        spread_status=t.row.get("spread_status", ""),
        analysis=t.row.get("analysis", _analysis(file, t)),
    )


def _analysis(file: TrialFile, t: TargetRow) -> str:
    """Return the name of the result in a replicate of the trial that a target reports, or nothing."""
    endpoint, day = t.endpoint, t.day
    labels = {id: str(arm.get("name", id)) for id, arm in file.rows("arms").items()}
    if isinstance(endpoint, Analysis):
        return endpoint.column or ""
    if not isinstance(endpoint, Course) or not labels:
        return ""
    if endpoint.over_patients is reductions.SHARE_GONE and day == file.follow_up:
        return f"dead[{list(labels.values())[endpoint.arm]}]"
    points = endpoint.over_time is reductions.points and endpoint.over_patients is reductions.MEAN
    return f"{endpoint.observable}[{labels[t.arms[0]]}]@{day:g}" if points and day and t.arms else ""


def _printed(t: TargetRow) -> tuple[float | None, float | None, float | None]:
    """Return estimate and 95 % interval on the scale of the print."""
    row = t.row
    if t.form == "binomial":
        events, n = t.counts
        share = events / n
        half = _QUANTILE * math.sqrt(share * (1 - share) / n)
        return share, share - half, share + half
    if t.form == "multinomial":
        return None, None, None
    value = float(row["estimate"])
    if "low" in row:
        return value, float(row["low"]), float(row["high"])
    if not t.spreads:
        return value, None, None
    half = _QUANTILE * next(iter(t.spreads.values()))
    return (value, value / math.exp(half), value * math.exp(half)) if t.on_log else (value, value - half, value + half)


def figure(file: TrialFile, id: str, row: Row) -> Reported:
    """Return a published figure that is no target."""
    with file.place("check", id):
        value, low, high = (float(row[k]) for k in ("value", "low", "high"))
        if not low <= value <= high:
            raise InputError(f"the value {value:g} lies outside its interval {low:g} to {high:g}")
    unit, analysis, meaning = (str(row[k]) for k in ("unit", "analysis", "meaning"))
    return Reported(
        id=id, value=value, low=low, high=high, unit=unit, origin=Origin.of(row), analysis=analysis, meaning=meaning
    )
