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
from typing import Any, Protocol, TypeGuard, TypeVar, cast

import numpy as np

from ..dosing.courses import arm_plan
from ..dosing.regimen import Regimen
from ..endpoints.reported import STAGES
from ..errors import InputError, unknown_name
from ..parameters import load_parameters
from ..parameters.distribution import Distribution, distribution
from ..trial_files import Row, TrialFile, read_trial, reference, trial_names, trial_of
from ..trials.row import TargetRow, read_targets
from ..trials.trial import Trial
from .frames import tables_of
from .study import EFFECTS, Study
from .target import WEIGHTS, Joint, Nuisance, Target, Targets, share_error

__all__ = ["WEIGHTS", "Joint", "Nuisance", "Source", "Target", "Targets", "load_targets"]

T = TypeVar("T")
_STANDARD = Distribution("normal", {"mean": 0.0, "sd": 1.0})


class Frame(Protocol):
    """A data frame, of pandas or like it: a row per target."""

    @property
    def columns(self) -> Any:
        """Names."""

    def to_dict(self, orient: Any) -> Any:
        """Return the rows as mappings."""


#: A trial that ships, by name; a file or folder of files of one's own, by path; a trial that was loaded; the tables
#: of a trial file; or a data frame with a row per target.
Source = str | Path | Trial | Mapping[str, Any] | Frame


def is_source(given: object) -> TypeGuard[Source]:
    """Whether something is one source, and not several."""
    return isinstance(given, str | Path | Trial | Mapping) or (hasattr(given, "columns") and hasattr(given, "to_dict"))


def several(given: Source | Iterable[Source]) -> Iterable[Source]:
    """Return what is several sources, as such."""
    return cast(Iterable[Source], given)


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
    files = [s if isinstance(s, TrialFile) else read_trial(s) for s in _sources(source)]
    for file in files:
        for id, row in file.rows("nuisances").items():
            with file.place("nuisance", id):
                _add(nuisances, id, _nuisance(id, row))
        for id, row in file.rows("joint").items():
            with file.place("joint", id):
                _add(joints, id, _joint(id, row))
        own = {id: Regimen.of_plan(arm_plan(file, id)) for id in file.rows("arms")}
        with file.place("study"):
            typical = file.tables.get("population", {}).get("typical", {})
            study = Study.of(file.tables.get("study", {}), load_parameters("prior"), typical)
        for id, read in read_targets(file).items():
            with file.place("target", id):
                target = _target(read, file, study)
                _check_design(target, file, own)
                _add(targets, id, target)
                for arm in target.arms:
                    if arms.setdefault(arm, own[arm]) != own[arm]:
                        raise InputError(f"another trial gives something else in an arm {arm!r}; rename one")
    for file in files:
        with file.place("study"):
            _check_study(targets, file, nuisances)
        for id in file.rows("targets"):
            with file.place("target", id):
                _check_names(targets[id], nuisances, joints)
        for id in file.rows("joint"):
            with file.place("joint", id):
                _check_joint(joints[id], targets)
    return Targets(
        MappingProxyType(targets), MappingProxyType(arms), MappingProxyType(nuisances), MappingProxyType(joints)
    )


def _sources(source: Source | Iterable[Source] | None) -> list[str | Path | TrialFile]:
    """Return the files, names or tables that a source means, in order."""
    if source is None:
        return list(trial_names())
    if not is_source(source):
        return [one for some in several(source) for one in _sources(some)]
    if isinstance(source, Trial):
        return [source.path]
    if isinstance(source, Mapping):
        return [trial_of(str(source.get("trial", "own")), Path("targets"), source)]
    if not isinstance(source, str | Path):
        return [trial_of("own", Path("data frame"), tables_of(list(source.columns), source.to_dict("records")))]
    if not Path(source).is_dir():
        return [source]
    files: list[str | Path | TrialFile] = list(sorted(Path(source).glob("*.toml")))
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


def _check_study(targets: Mapping[str, Target], file: TrialFile, nuisances: Mapping[str, Nuisance]) -> None:
    """Refuse a study whose nuisances nobody declares, or whose effects are not standard normal."""
    study = next((targets[id].study for id in file.rows("targets")), Study())
    for id in study.nuisances():
        if id not in nuisances:
            raise unknown_name("nuisance", id, nuisances)
    for word, id in study.effects:
        if nuisances[id].prior != _STANDARD:
            raise InputError(
                f"the prior of {id} is {nuisances[id].prior}; an effect is normal with mean 0 and sd 1, "
                f"and {EFFECTS[word].sd} its size"
            )


def _check_names(t: Target, nuisances: Mapping[str, Nuisance], joints: Mapping[str, Joint]) -> None:
    for nuisance in (t.drift, t.noise):
        if nuisance is not None and nuisance not in nuisances:
            raise unknown_name("nuisance", nuisance, nuisances)
    if t.joint is not None and t.id not in (joints[t.joint].members if t.joint in joints else ()):
        raise InputError(f"the joint distribution {t.joint!r} does not hold it")


def _check_joint(joint: Joint, targets: Mapping[str, Target]) -> None:
    for id in (*joint.members, *((joint.given,) if joint.given is not None else ())):
        if id not in targets:
            raise unknown_name("target", id, targets)
    for id in joint.members:
        t = targets[id]
        if t.joint != joint.id or t.form != "normal":
            raise InputError(f"{id} must name it as its 'joint', and have a standard error on its own scale")
    if joint.given is not None and targets[joint.given].form != "binomial":
        raise InputError(f"{joint.given} is not a count of events")


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


def _target(t: TargetRow, file: TrialFile, study: Study) -> Target:
    """Return a row of a file as what the likelihood compares: in the unit and on the scale of its endpoint."""
    row = t.row
    estimate, se = _estimate(t)
    return Target(
        id=t.id,
        trial=file.tables["trial"],
        stage=t.stage,
        endpoint=t.endpoint.id,
        arms=t.arms if t.endpoint.needs_arm else (),
        day=t.day,
        form=t.form,
        estimate=estimate,
        se=se,
        counts=t.counts,
        n=row.get("n"),
        unit=t.endpoint.unit,
        log=row.get("log", False),
        status=row["status"],
        spread_status=row.get("spread_status", row["status"]),
        source=row["source"],
        use=row["use"],
        drift=row.get("drift"),
        noise=row.get("noise"),
        joint=row.get("joint"),
        note=row.get("note", ""),
        file=file.path.name,
        against=t.against,
        study=study,
    )


def _estimate(t: TargetRow) -> tuple[float, float]:
    """Return estimate and standard error."""
    if t.form == "multinomial":
        return math.nan, math.nan
    if t.form == "binomial":
        events, n = t.counts
        return events / n, share_error(events, n)
    estimate = float(t.row["estimate"]) * t.scale
    if t.form in ("at least", "at most"):
        return estimate, 0.0
    if t.form == "sd":
        return estimate, math.nan
    se = next(iter(t.spreads.values()))
    return math.log(estimate) if t.row.get("log") else estimate, se if t.on_log else se * t.scale
