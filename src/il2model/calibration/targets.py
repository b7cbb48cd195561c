"""Published summaries as targets of the calibration: what the files of trials hold, checked against the endpoints.

A recalled estimate counts less, by one rule: its standard error is multiplied by
`WEIGHTS["recalled"]`, that of an assumed one by `WEIGHTS["assumed"]`. A number that is
read keeps its own, also where only its spread is recalled (the table says so).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from ..clock import day_of
from ..dosing.courses import arm_plan
from ..dosing.regimen import Regimen
from ..endpoints.registry import TARGETED
from ..endpoints.reported import STAGES
from ..errors import InputError, UnitError, unknown_name
from ..parameters.distribution import distribution
from ..trial_files import Row, TrialFile, read_trial, reference, trial_names
from ..trials.trial import Trial
from ..units import factor
from .target import WEIGHTS, Joint, Nuisance, Target, Targets

__all__ = ["WEIGHTS", "Joint", "Nuisance", "Source", "Target", "Targets", "load_targets"]

T = TypeVar("T")
_NORMAL_95 = 2 * 1.959963984540054
#: A trial that ships, by name; a file or folder of files of one's own, by path; or a trial that was loaded.
Source = str | Path | Trial


def load_targets(source: Source | Iterable[Source] | None = None) -> Targets:
    """Read and check the targets of trials.

    Parameters
    ----------
    source : path, name, Trial, or several of them, optional
        A folder of trial files, a file, or the name of a trial that ships; by default every
        trial that ships. `[*Trial.names(), "mine.toml"]` adds a trial of one's own to them.

    Raises
    ------
    InputError, UnknownNameError
        With the file, the row, and what is wrong with it: an unknown endpoint or
        field, a unit that does not fit, a missing standard error.
    """
    targets: dict[str, Target] = {}
    arms: dict[str, Regimen] = {}
    nuisances: dict[str, Nuisance] = {}
    joints: dict[str, Joint] = {}
    files = [read_trial(name) for name in _sources(source)]
    for file in files:
        for id, row in file.rows("nuisances").items():
            with file.place("nuisance", id):
                _add(nuisances, id, _nuisance(id, row))
        for id, row in file.rows("joint").items():
            with file.place("joint", id):
                _add(joints, id, _joint(id, row))
        own = {id: Regimen.of_plan(arm_plan(file, id)) for id in file.rows("arms")}
        for id, row in file.rows("targets").items():
            with file.place("target", id):
                target = _target(id, row, file)
                _check_design(target, file, own)
                _add(targets, id, target)
                for arm in target.arms:
                    if arm not in own:
                        raise unknown_name("arm", arm, own)
                    if arms.setdefault(arm, own[arm]) != own[arm]:
                        raise InputError(f"another trial gives something else in an arm {arm!r}; rename one")
    for file in files:
        for id in file.rows("targets"):
            with file.place("target", id):
                _check_names(targets[id], nuisances, joints)
    return Targets(
        MappingProxyType(targets), MappingProxyType(arms), MappingProxyType(nuisances), MappingProxyType(joints)
    )


def _sources(source: Source | Iterable[Source] | None) -> list[str | Path]:
    """Return the files or names that a source means, in order."""
    if source is None:
        return list(trial_names())
    if isinstance(source, Trial):
        return [source.path]
    if not isinstance(source, str | Path):
        return [one for some in source for one in _sources(some)]
    if not Path(source).is_dir():
        return [source]
    files: list[str | Path] = list(sorted(Path(source).glob("*.toml")))
    if not files:
        raise InputError(f"There are no trial files (*.toml) in {source}.")
    return files


def _check_design(t: Target, file: TrialFile, arms: Mapping[str, Regimen]) -> None:
    """Refuse what is predicted for the arms and days of the reference trial where this trial had others."""
    other = reference()
    strata = t.endpoint in ("pnfh_strata", "ln_hr_high_pnfh_untreated", "ln_hr_low", "ln_hr_high")
    if strata and file.cuts() not in (None, other.cuts()):
        raise InputError(f"{t.endpoint} is predicted for the cut-offs {other.cuts()} pg/mL, not for {file.cuts()}")
    if t.stage != STAGES[-1] or file.path == other.path:
        return
    given = [[(d.time, d.amount, d.route, d.per_m2) for d in plan.given] for plan in arms.values()]
    wanted = [[(d.time, d.amount, d.route, d.per_m2) for d in arm_plan(other, id).doses] for id in other.rows("arms")]
    if given != wanted or file.follow_up != other.follow_up:
        raise InputError(
            f"{t.endpoint} is predicted for the arms and the {other.follow_up:g} days of {other.tables['trial']}; "
            "run_trial simulates trials of other arms"
        )


def _check_names(t: Target, nuisances: Mapping[str, Nuisance], joints: Mapping[str, Joint]) -> None:
    for nuisance in (t.drift, t.noise):
        if nuisance is not None and nuisance not in nuisances:
            raise unknown_name("nuisance", nuisance, nuisances)
    if t.joint is not None and t.id not in (joints[t.joint].members if t.joint in joints else ()):
        raise InputError(f"the joint distribution {t.joint!r} does not hold it")


def _add(into: dict[str, T], id: str, item: T) -> None:
    if id in into:
        raise InputError("the name is used twice")
    into[id] = item


def _nuisance(id: str, row: Row) -> Nuisance:
    return Nuisance(
        id, row["name"], distribution(id, "prior", row["prior"], math.nan, None), row["unit"], row.get("note", "")
    )


def _joint(id: str, row: Row) -> Joint:
    members = tuple(row["members"])
    matrix = np.array(row["correlation"], dtype=float)
    if matrix.shape != (len(members),) * 2 or not np.allclose(matrix, matrix.T) or not (np.diag(matrix) == 1).all():
        raise InputError("the correlation must be a symmetric matrix with ones, a row per member")
    given = tuple(float(x) for x in row.get("given_correlation", ()))
    if row.get("given") and len(given) != len(members):
        raise InputError("given_correlation needs a number per member")
    whole = np.block([[np.ones((1, 1)), np.array([given])], [np.array([given]).T, matrix]]) if given else matrix
    if np.linalg.eigvalsh(whole).min() <= 0:
        raise InputError("the correlations contradict each other (not positive definite)")
    return Joint(id, members, matrix, row.get("given"), given, row.get("note", ""))


def _target(id: str, row: Row, file: TrialFile) -> Target:
    if row["endpoint"] not in TARGETED:
        raise unknown_name("endpoint", str(row["endpoint"]), TARGETED)
    endpoint = TARGETED[row["endpoint"]]
    stage = row.get("stage", file.tables.get("stage"))
    if stage not in STAGES:
        raise unknown_name("stage", str(stage), STAGES)
    if stage != endpoint.stage:
        raise InputError(f"{row['endpoint']} belongs to the stage {endpoint.stage!r}, not to {stage!r}")
    if row["use"] not in ("fit", "check"):
        raise unknown_name("use", str(row["use"]), ("fit", "check"))
    arms = tuple(row["arms"]) if "arms" in row else (row["arm"],) if "arm" in row else ()
    if endpoint.needs_arm and not arms:
        raise InputError(f"{row['endpoint']} needs an 'arm'")
    if endpoint.needs_day and "day" not in row:
        raise InputError(f"{row['endpoint']} needs a 'day'")
    try:
        scale = factor(row["unit"], endpoint.unit)
    except UnitError as error:
        raise InputError(
            f"the unit {row['unit']!r} does not fit {row['endpoint']} [{endpoint.unit}]: {error}"
        ) from None
    form, estimate, se, counts = _form(row, scale)
    return Target(
        id=id,
        trial=file.tables["trial"],
        stage=stage,
        endpoint=row["endpoint"],
        arms=arms if endpoint.needs_arm else (),
        day=day_of(row["day"], "day") if "day" in row else None,
        form=form,
        estimate=estimate,
        se=se,
        counts=counts,
        n=int(row["n"]) if "n" in row else None,
        unit=endpoint.unit,
        log=bool(row.get("log", False)),
        status=row["status"],
        spread_status=row.get("spread_status", row["status"]),
        source=row["source"],
        use=row["use"],
        drift=row.get("drift"),
        noise=row.get("noise"),
        joint=row.get("joint"),
        note=row.get("note", ""),
        file=file.path.name,
    )


def _form(row: Row, scale: float) -> tuple[str, float, float, tuple[int, ...]]:
    """Return how a target is compared, its estimate and standard error in the endpoint's unit, its counts."""
    if "counts" in row or "count" in row:
        return _counted(row)
    if "estimate" not in row:
        raise InputError("it has no 'estimate'")
    estimate = float(row["estimate"]) * scale
    if "bound" in row:
        if row["bound"] not in ("at least", "at most"):
            raise unknown_name("bound", str(row["bound"]), ("at least", "at most"))
        return row["bound"], estimate, 0.0, ()
    if row["endpoint"].endswith("_sd") and "n" in row:
        return "sd", estimate, math.nan, ()
    if "se_ln" in row:
        return "lognormal", estimate, _positive(float(row["se_ln"])), ()
    if row.get("log"):
        return "normal", *_on_log_scale(row, estimate), ()
    return "normal", estimate, _positive(_standard_error(row, scale)), ()


def _counted(row: Row) -> tuple[str, float, float, tuple[int, ...]]:
    counts = tuple(int(c) for c in row.get("counts", row.get("count")))
    if min(counts) < 0 or ("count" in row and (len(counts) != 2 or counts[0] > counts[1])):
        raise InputError("a count is [events, patients], counts are patients per class; none is negative")
    if "counts" in row:
        return "multinomial", math.nan, math.nan, counts
    events, n = counts
    return "binomial", events / n, math.sqrt(events * (n - events) / n**3), counts


def _on_log_scale(row: Row, estimate: float) -> tuple[float, float]:
    if estimate <= 0:
        raise InputError("the estimate must be above zero where log = true")
    if "se" in row:
        return math.log(estimate), _positive(float(row["se"]))
    if "low" not in row or "high" not in row:
        raise InputError("it has no standard error: give se (of the logarithm), or low and high (95 %)")
    return math.log(estimate), _positive(math.log(row["high"] / row["low"]) / _NORMAL_95)


def _standard_error(row: Row, scale: float) -> float:
    if "se" in row:
        return float(row["se"]) * scale
    if "sd" in row and "n" in row:
        return float(row["sd"]) * scale / math.sqrt(row["n"])
    if "low" in row and "high" in row:
        return float((row["high"] - row["low"]) * scale / _NORMAL_95)
    raise InputError("it has no standard error: give se, sd with n, low and high (95 %), or count")


def _positive(se: float) -> float:
    if not se > 0:
        raise InputError(f"the standard error is {se:g}; it must be above zero")
    return se
