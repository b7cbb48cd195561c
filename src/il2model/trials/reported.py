"""What a trial reported, as it was printed, and where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..clock import day_of
from ..endpoints import reductions
from ..endpoints.kinds import Analysis, Course
from ..endpoints.registry import TARGETED
from ..errors import InputError, unknown_name
from ..trial_files import Row, TrialFile
from ..units import factor

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
    day : float, optional
        Days since the first dose.
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


def target(file: TrialFile, id: str, row: Row) -> Reported:
    """Return a target as it was printed, and the analysis of a replicate that shows the same number."""
    arms = tuple(row["arms"]) if "arms" in row else (row["arm"],) if "arm" in row else ()
    with file.place("target", id):
        if row["endpoint"] not in TARGETED:
            raise unknown_name("endpoint", str(row["endpoint"]), TARGETED)
        counts = tuple(int(c) for c in row.get("counts", row.get("count", ())))
        value, low, high = _printed(row, counts)
        return Reported(
            id=id,
            value=value,
            low=low,
            high=high,
            unit=row["unit"],
            origin=Origin.of(row),
            counts=counts,
            endpoint=row["endpoint"],
            arms=arms,
            day=day_of(row["day"], "day") if "day" in row else None,
            use=row["use"],
            spread_status=str(row.get("spread_status", "")),
            analysis=str(row.get("analysis", _analysis(file, row, arms))),
        )


def _analysis(file: TrialFile, row: Row, arms: tuple[str, ...]) -> str:
    """Return the name of the result in a replicate of the trial that a target reports, or nothing."""
    endpoint, day = TARGETED[row["endpoint"]], row.get("day")
    labels = {id: str(arm.get("name", id)) for id, arm in file.rows("arms").items()}
    if isinstance(endpoint, Analysis):
        return endpoint.column or ""
    if not isinstance(endpoint, Course) or not labels:
        return ""
    if endpoint.over_patients is reductions.SHARE_GONE and day == file.follow_up:
        return f"dead[{list(labels.values())[endpoint.arm]}]"
    points = endpoint.over_time is reductions.points and endpoint.over_patients is reductions.MEAN
    return f"{endpoint.observable}[{labels.get(arms[0], arms[0])}]@{day:.12g}" if points and day and arms else ""


def _printed(row: Row, counts: tuple[int, ...]) -> tuple[float | None, float | None, float | None]:
    """Return estimate and 95 % interval on the scale of the print."""
    if "count" in row:
        events, n = counts
        share = events / n
        half = _QUANTILE * math.sqrt(share * (1 - share) / n)
        return share, share - half, share + half
    if "estimate" not in row:
        return None, None, None
    value = float(row["estimate"])
    if "low" in row and "high" in row:
        return value, float(row["low"]), float(row["high"])
    if "se_ln" in row or ("se" in row and row.get("log")):
        factor = math.exp(_QUANTILE * float(row["se_ln"] if "se_ln" in row else row["se"]))
        return value, value / factor, value * factor
    if "se" in row:
        half = _QUANTILE * float(row["se"])
    elif "sd" in row and "n" in row:
        half = _QUANTILE * float(row["sd"]) / math.sqrt(row["n"])
    else:
        return value, None, None
    return value, value - half, value + half


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
