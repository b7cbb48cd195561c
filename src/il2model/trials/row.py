"""A target as a file gives it, checked: the one reader of what is fitted and of what is shown as it was printed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..clock import day_of
from ..dosing.courses import arm_plan
from ..endpoints import reductions
from ..endpoints.between import Between, check_arms
from ..endpoints.kinds import Analysis, Course, Endpoint
from ..endpoints.registry import TARGETED
from ..endpoints.reported import STAGES
from ..errors import InputError, UnitError, unknown_name
from ..parameters import bibliography
from ..resources import data_dir
from ..trial_files import TABLES, Row, TrialFile
from ..units import factor

#: Width of a 95 % interval in standard errors.
NORMAL_95 = 2 * 1.959963984540054
#: Two statements of one standard error may differ by so much: papers round.
SLACK = 1.15
#: What stands for itself, without an entry of a bibliography.
_DIRECT = re.compile(r"(doi:|https?://|10\.\d{4,}/|NCT\d{8}$|PMID|PMC\d)")
_BOUNDS = ("at least", "at most")
_SPREADS = ("se", "se_ln", "sd", "low", "high")
#: Readings of the value on one day: two of them are the same number twice.
_ON_A_DAY = (reductions.last, reductions.points, reductions.gain, reductions.multiple)


@dataclass(frozen=True, kw_only=True)
class TargetRow:
    """One published number: what was measured, when and in whom, and the numbers as they were printed.

    Parameters
    ----------
    form : str
        How it is compared with a prediction: 'normal', 'lognormal', 'sd', 'binomial', 'multinomial', 'at least',
        'at most'.
    against : float, optional
        The other of two days.
    scale : float
        From the unit of the print to that of the endpoint.
    spreads : {statement: float}
        The standard error by each way in which the file says it, of the logarithm where `on_log`; the first is used.
    row : mapping
        The fields of the file.
    """

    id: str
    endpoint: Endpoint
    stage: str
    arms: tuple[str, ...]
    day: float | None
    form: str
    scale: float
    counts: tuple[int, ...]
    spreads: Mapping[str, float]
    row: Row
    against: float | None = None

    @property
    def on_log(self) -> bool:
        """Whether the standard error is that of the logarithm."""
        return _on_log(self.row)


def read_targets(file: TrialFile) -> dict[str, TargetRow]:
    """Return the targets of a trial, in the order of the file.

    Raises
    ------
    InputError
        With the file, the row and what is wrong with it.
    """
    _check_sources(file)
    found: dict[str, TargetRow] = {}
    keys: dict[tuple[object, ...], str] = {}
    for id, row in file.rows("targets").items():
        with file.place("target", id):
            target = _read(id, row, file)
            _check_days(target, file)
            twin = keys.setdefault(_measured(target), id) if row["use"] == "fit" else id
            if twin != id and row.get("joint") is None:
                raise InputError(
                    f"it fits what {twin!r} fits: the same arm, observable and day; "
                    "make one of them a check, or give both a 'joint' distribution"
                )
            found[id] = target
    return found


def _read(id: str, row: Row, file: TrialFile) -> TargetRow:
    if row["endpoint"] not in TARGETED:
        raise unknown_name("endpoint", row["endpoint"], TARGETED)
    endpoint = TARGETED[row["endpoint"]]
    stage = row.get("stage", file.tables.get("stage", endpoint.stage))
    if stage not in STAGES:
        raise unknown_name("stage", str(stage), STAGES)
    if stage != endpoint.stage:
        raise InputError(f"{endpoint.id} belongs to the stage {endpoint.stage!r}, not to {stage!r}")
    if row["use"] not in ("fit", "check"):
        raise unknown_name("use", row["use"], ("fit", "check"))
    if "arm" in row and "arms" in row:
        raise InputError("give 'arm' or 'arms', not both")
    arms = tuple(row["arms"]) if "arms" in row else (row["arm"],) if "arm" in row else ()
    for arm in arms:
        if arm not in file.rows("arms"):
            raise unknown_name("arm", arm, file.rows("arms"))
    if endpoint.needs_arm and not arms:
        raise InputError(f"{endpoint.id} needs an 'arm'")
    day, against = (day_of(row[key], key) if key in row else None for key in ("day", "against"))
    if endpoint.needs_day and day is None:
        raise InputError(f"{endpoint.id} needs a 'day'")
    check_arms(endpoint, arms, day, against)
    try:
        scale = factor(row["unit"], endpoint.unit)
    except UnitError as error:
        raise InputError(f"the unit {row['unit']!r} does not fit {endpoint.id} [{endpoint.unit}]: {error}") from None
    form = _form(row, endpoint)
    return TargetRow(
        id=id,
        endpoint=endpoint,
        stage=stage,
        arms=arms,
        day=day,
        form=form,
        scale=scale,
        counts=tuple(row.get("counts", row.get("count", ()))),
        spreads=_spreads(row, form),
        row=row,
        against=against,
    )


# ------------------------------------------------------------------------------------------------- how it is compared
def _form(row: Row, endpoint: Endpoint) -> str:
    """Return the form of a target; what its endpoint cannot be is refused."""
    if "counts" in row or "count" in row:
        return _counted(row, endpoint)
    if endpoint.law == "classes":
        raise InputError(f"{endpoint.id} needs 'counts', the patients of each class")
    if "estimate" not in row:
        raise InputError("it has no 'estimate'")
    _check_estimate(row, endpoint)
    if "bound" in row:
        return _bound(row)
    if endpoint.law == "sd" and "n" in row:
        if row["n"] < 2:
            raise InputError(f"n is {row['n']}; an SD needs two patients at least")
        if "se" in row:
            raise InputError("an SD has a standard error from 'n', or gives 'se', not both")
        return "sd"
    if "se_ln" in row:
        if endpoint.law != "positive":
            raise InputError(f"se_ln is for numbers above zero; {endpoint.id} may be below")
        return "lognormal"
    return "normal"


def _check_estimate(row: Row, endpoint: Endpoint) -> None:
    """Refuse an estimate that no such number can be."""
    if row.get("log") and endpoint.law != "log":
        raise InputError(f"log = true is for logarithms that are published as they are not; {endpoint.id} is none")
    if row["estimate"] <= 0 and (row.get("log") or endpoint.law in ("positive", "sd")):
        raise InputError(f"the estimate is {row['estimate']:g}; it must be above zero")
    if endpoint.law == "share" and not 0 <= row["estimate"] * factor(row["unit"], "1") <= 1:
        raise InputError(f"the estimate is {row['estimate']:g} {row['unit']}; a share lies from 0 to 1")


def _counted(row: Row, endpoint: Endpoint) -> str:
    both = [k for k in ("count", "counts", "estimate", "bound", "log", *_SPREADS) if k in row]
    if len(both) > 1:
        raise InputError(f"it gives {' and '.join(map(repr, both))}; counts stand alone")
    counts = row[both[0]]
    kind = {"count": "share", "counts": "classes"}[both[0]]
    if endpoint.law != kind:
        raise InputError(
            f"'{both[0]}' is for {'shares of patients' if kind == 'share' else 'classes of patients'}; "
            f"{endpoint.id} is none"
        )
    if kind == "share" and (len(counts) != 2 or counts[0] > counts[1]):
        raise InputError(f"count is {counts}; it is [events, patients], and no more events than patients")
    classes = endpoint.classes if isinstance(endpoint, Analysis) else 1
    if kind == "classes" and len(counts) != classes:
        raise InputError(f"counts is {counts}; {endpoint.id} has {classes} classes")
    patients = counts[1] if kind == "share" else sum(counts)
    if patients == 0 or row.get("n", patients) != patients:
        raise InputError(f"the counts are of {patients} patients" + (f", n is {row['n']}" if "n" in row else ""))
    return "binomial" if kind == "share" else "multinomial"


def _bound(row: Row) -> str:
    if row["bound"] not in _BOUNDS:
        raise unknown_name("bound", row["bound"], _BOUNDS)
    more = [k for k in (*_SPREADS, "log") if k in row]
    if more:
        raise InputError(f"a bound is a number alone, and it gives {more[0]!r} too")
    if row["estimate"] == 0:
        raise InputError("the bound is 0; how far a prediction lies from it is measured in parts of the bound")
    return str(row["bound"])


def _on_log(row: Row) -> bool:
    return "se_ln" in row or bool(row.get("log"))


def _spreads(row: Row, form: str) -> dict[str, float]:
    """Return the standard error by each statement of it; statements that contradict each other are refused."""
    if form in ("binomial", "multinomial", *_BOUNDS):
        return {}
    if "se" in row and "se_ln" in row:
        raise InputError("give 'se' or 'se_ln', not both")
    if ("low" in row) != ("high" in row):
        raise InputError("an interval needs 'low' and 'high'")
    found = {key: float(row[key]) for key in ("se_ln", "se") if key in row}
    if not _on_log(row) and "sd" in row and "n" in row:
        found["sd and n"] = row["sd"] / math.sqrt(row["n"])
    if "low" in row:
        found["low and high"] = _of_interval(row)
    if form == "sd":
        return found
    for words, se in found.items():
        if se <= 0:
            raise InputError(f"the standard error (of {words}) is {se:g}; it must be above zero")
    if not found:
        ways = "se (of the logarithm), or low and high (95 %)" if _on_log(row) else "se, sd with n, low and high (95 %)"
        raise InputError(f"it has no standard error: give {ways}" + ("" if _on_log(row) else ", or count"))
    if max(found.values()) > SLACK * min(found.values()):
        said = "; ".join(f"{words} {se:.3g}" for words, se in found.items())
        raise InputError(f"its standard errors contradict each other ({said})")
    return found


def _of_interval(row: Row) -> float:
    low, high, value = row["low"], row["high"], row["estimate"]
    if not low <= value <= high:
        raise InputError(f"the estimate {value:g} lies outside its interval {low:g} to {high:g}")
    if not _on_log(row):
        return float((high - low) / NORMAL_95)
    if low <= 0:
        raise InputError(f"the interval begins at {low:g}; on the log scale it must lie above zero")
    return math.log(high / low) / NORMAL_95


# ---------------------------------------------------------------------------------------------------- when, and whence
def _check_days(target: TargetRow, file: TrialFile) -> None:
    """Refuse a day before the first dose, after the end of an arm, or one on which nothing can have changed."""
    e, days = target.endpoint, [d for d in (target.day, target.against) if d is not None]
    if not days:
        return
    if min(days) < 0:
        raise InputError(f"day is {min(days):g}; days count from 0, the first dose")
    day = max(days)
    if day == 0 and isinstance(e, Course) and e.over_time not in (reductions.first, reductions.last):
        raise InputError(f"day is 0; {e.id} is read off what happens after it")
    for arm in target.arms:
        ends = [x for x in (file.follow_up,) if x is not None]
        if "length" in file.rows("arms")[arm]:
            ends.append(arm_plan(file, arm).length)
        if ends and day > max(ends):
            raise InputError(f"day {day:g} lies after the {max(ends):g} days of the arm {arm!r}")


def _measured(target: TargetRow) -> tuple[object, ...]:
    """Return what was measured, in whom and when; without the arms, of both."""
    e = target.endpoint
    if isinstance(e, Course) and e.needs_arm:
        what = (e.observables, "value") if e.over_time in _ON_A_DAY else (e.id,)
        return what, e.over_patients, target.arms, target.day
    if isinstance(e, Between):
        return e.id, frozenset(target.arms), frozenset((target.day, target.against))
    return (target.id,)


def _check_sources(file: TrialFile) -> None:
    """Refuse a source that no bibliography holds: that of the package, or a .bib beside the file."""
    known = bibliography(data_dir("parameters")).keys()
    own: set[str] = set()
    if file.path.is_file():
        for path in sorted(file.path.parent.glob("*.bib")):
            own |= bibliography(path.parent, path.name).keys()
    rows = [(t, "", file.tables[t]) for t in TABLES if t in file.tables]
    words = {"arms": "arm", "targets": "target", "checks": "check"}
    for table in ("eligibility", "baseline", "strata", "arms", "targets", "checks"):
        rows += [(words.get(table, table), id, row) for id, row in file.rows(table).items()]
    for kind, id, row in rows:
        source = row.get("source")
        if source is None or source in known or source in own or _DIRECT.match(source):
            continue
        with file.place(kind, id):
            raise InputError(
                f"{str(unknown_name('source', source, sorted({*known, *own}))).rstrip('.')}; a source is a key of the "
                "bibliography or of a .bib beside the file, a DOI, an address, or a registry number"
            )
