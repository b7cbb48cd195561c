"""A stage of the calibration as one function: coordinates z, prior N(0, 1) on each, to a log posterior.

Every coordinate is a normal score: of a parameter's prior (cut to where the
untreated state exists, so that no point is refused), of a nuisance of a study, or of
the draws of an earlier stage, sorted so that neighbours are alike. An earlier stage
thus enters as it is, with all its correlations, through one coordinate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np

from ..endpoints import STAGES
from ..errors import unknown_name
from ..parameters import ParameterSet, load_parameters
from ..parameters.distribution import distribution
from ..solver.kernel import builtin_kernel
from ..solver.problem import Floats
from ..solver.stability import refused
from ..store import digest
from ..streams import fixed_seed
from ..uncertainty.coordinates import Coordinates
from ..uncertainty.posterior import Posterior
from . import imodals, mirocals, pk, progression
from .likelihood import log_likelihood, pointwise
from .needs import check_courses, informed
from .simulator import Simulator, Size
from .study import SIZES, of_reference
from .target import JOINT
from .targets import Source, Target, Targets, load_targets

Predict = Callable[[Simulator, Mapping[str, Floats], tuple[Target, ...], mirocals.Trait], dict[str, Floats]]


def _plain(predict: Callable[[Simulator, Mapping[str, Floats], tuple[Target, ...]], dict[str, Floats]]) -> Predict:
    """Return the prediction of a stage whose patients respond alike in every structure."""
    return lambda simulator, table, targets, trait: predict(simulator, table, targets)


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a stage estimates, how it predicts its targets, and which it refuses."""

    parameters: tuple[str, ...]
    predict: Predict
    check: Callable[[Simulator, tuple[Target, ...]], None]


_STAGES: Mapping[str, Page] = {
    "pk": Page(parameters=pk.PARAMETERS, predict=_plain(pk.predict), check=check_courses),
    "imodals": Page(parameters=imodals.PARAMETERS, predict=_plain(imodals.predict), check=check_courses),
    "progression": Page(
        parameters=progression.PARAMETERS, predict=_plain(progression.predict), check=progression.check
    ),
    "mirocals": Page(parameters=mirocals.PARAMETERS, predict=mirocals.predict, check=mirocals.check),
}
#: What each stage estimates.
PARAMETERS: Mapping[str, tuple[str, ...]] = {stage: page.parameters for stage, page in _STAGES.items()}


def _predict_all(
    simulator: Simulator, table: Mapping[str, Floats], targets: tuple[Target, ...], trait: mirocals.Trait
) -> dict[str, Floats]:
    """Predict targets of all stages; an earlier stage has the last word on a number that two of them predict."""
    found: dict[str, Floats] = {}
    for stage in reversed(STAGES):
        if mine := tuple(t for t in targets if t.stage == stage):
            found |= _STAGES[stage].predict(simulator, table, mine, trait)
    return found


def _check_all(simulator: Simulator, targets: tuple[Target, ...]) -> None:
    for stage, page in _STAGES.items():
        page.check(simulator, tuple(t for t in targets if t.stage == stage))


_PAGES: Mapping[str, Page] = {
    **_STAGES,
    JOINT: Page(parameters=tuple(chain(*PARAMETERS.values())), predict=_predict_all, check=_check_all),
}
#: The stages whose draws a stage starts from.
EARLIER: Mapping[str, tuple[str, ...]] = {
    "pk": (),
    "imodals": ("pk",),
    "progression": (),
    "mirocals": ("imodals", "progression"),
}


class Posed(Protocol):
    """What the sampler needs: anything with names of coordinates and a log likelihood of many points."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names."""

    @property
    def steps(self) -> int:
        """The first so many coordinates are steps (draws of earlier stages): no derivative by them."""

    def log_likelihood(self, z: Floats) -> Floats:
        """(point, coordinate) to (point,)."""


@dataclass(frozen=True)
class Structure:
    """A model structure: the default, or one change from it.

    Parameters
    ----------
    name, meaning : str
    fix : mapping
        Parameters held at a value instead of being sampled.
    free : mapping
        Fixed parameters that are sampled, with the distribution of their prior.
    trait : Trait
        What the response is tied to (stage mirocals).
    family : str
        Near-copies share it, and with it the prior weight of one structure; by default its own.
    """

    name: str = "default"
    meaning: str = "response tied to CSF pNFH, three paths, Hill exponent free, pNFH not capped"
    fix: Mapping[str, float] = field(default_factory=dict)
    free: Mapping[str, tuple[str, Mapping[str, float]]] = field(default_factory=dict)
    trait: mirocals.Trait = field(default_factory=mirocals.Trait)
    family: str = ""


@dataclass(frozen=True)
class Problem:
    """A stage, posed."""

    stage: str
    simulator: Simulator
    targets: Targets
    structure: Structure
    map: Coordinates
    nuisances: tuple[str, ...]
    earlier: tuple[Posterior, ...]

    @classmethod
    def pose(
        cls,
        stage: str,
        *,
        size: Size | None = None,
        structure: Structure | None = None,
        targets: Source | Iterable[Source] | None = None,
        results: str | Path | None = None,
        parameters: ParameterSet | None = None,
    ) -> Problem:
        """Build the problem of a stage.

        Parameters
        ----------
        stage : {'pk', 'imodals', 'progression', 'mirocals', 'joint'}
            Joint: all of them as one, with all parameters and targets.
        size : Size, optional
        structure : Structure, optional
        targets : path, name, Trial, or several of them, optional
            Of these trials; of those that ship by default.
        results : path, optional
            Where the earlier stages were stored; those that ship by default.

        Raises
        ------
        UnknownNameError
            If the stage does not exist.
        InputError
            If a target is malformed or an earlier stage is missing.
        """
        if stage not in _PAGES:
            raise unknown_name("stage", stage, _PAGES)
        structure = structure or Structure()
        start = (parameters or load_parameters("prior")).replace(dict(structure.fix))
        freed = {}
        for id, (kind, numbers) in structure.free.items():
            record, table = start.record(id), {"distribution": kind, **numbers}
            freed[id] = distribution(id, "prior", table, record.value, record.bounds)
        if freed:
            records = {i: replace(r, prior=freed.get(i, r.prior)) for i, r in start.records.items()}
            start = replace(start, records=records)
        found = load_targets(targets)
        simulator = Simulator(builtin_kernel(), start, found.arms, size or Size())
        earlier = tuple(Posterior.load(e, results) for e in EARLIER.get(stage, ()))
        known = {*structure.fix, *(i for e in earlier for i in e.ids)}
        wanted = dict.fromkeys((*_PAGES[stage].parameters, *freed, *informed(found.of(stage, "fit"))))
        ids = tuple(i for i in wanted if i not in known)
        _PAGES[stage].check(simulator, found.of(stage))
        return cls(
            stage=stage,
            simulator=simulator,
            targets=found,
            structure=structure,
            map=Coordinates.of(simulator.kernel, start, ids=ids),
            nuisances=found.nuisances_of(stage),
            earlier=earlier,
        )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates: draws of earlier stages, parameters, nuisances."""
        return (*(f"draw_of_{e.fit}" for e in self.earlier), *self.map.ids, *self.nuisances)

    @property
    def steps(self) -> int:
        """The first so many coordinates pick draws of earlier stages."""
        return len(self.earlier)

    @property
    def fitted(self) -> tuple[Target, ...]:
        """The targets of the likelihood."""
        return self.targets.of(self.stage, "fit")

    def table(self, z: Floats) -> dict[str, Floats]:
        """Return every number that z (point, coordinate) gives, by id, in the units of the records."""
        from scipy.special import ndtr

        u = ndtr(np.atleast_2d(z))
        before: dict[str, Floats] = {}
        for k, posterior in enumerate(self.earlier):
            before |= posterior.table(posterior.at(np.atleast_2d(z)[:, k]))
        _, own, of_studies = np.split(u, np.cumsum([len(self.earlier), len(self.map.ids)]), axis=1)
        table = {i: np.full(len(u), v) for i, v in self.structure.fix.items()}
        table |= self.map.values(own, before | table)
        table |= {id: self.targets.nuisances[id].at(x) for id, x in zip(self.nuisances, of_studies.T, strict=True)}
        return before | table | of_reference(table, self.simulator.parameters)

    def predict(self, table: Mapping[str, Floats], *, checks: bool = False) -> dict[str, Floats]:
        """Return predictions by target: of the fitted ones, or of all; NaN where the untreated state does not hold."""
        some = self.targets.of(self.stage) if checks else self.fitted
        table = {**self.targets.typical(self.stage, max((len(v) for v in table.values()), default=1)), **table}
        found = _PAGES[self.stage].predict(self.simulator, table, some, self.structure.trait)
        return self.simulator.held(table, found)

    def log_likelihood(self, z: Floats) -> Floats:
        """Return ln p(published numbers | z), (point,); -inf where the run failed."""
        return log_likelihood(self.fitted, self.targets, self.predict(self.table(z)))

    def pointwise(self, z: Floats) -> dict[str, Floats]:
        """Return ln p(published number | z), (point,), by target, or by joint law; NaN where the run failed.

        `log_likelihood` is their sum.
        """
        return pointwise(self.fitted, self.targets, self.predict(self.table(z)))

    @cached_property
    def refused_share(self) -> float:
        """Share of 512 points of the prior whose parameters the model refuses or cannot run."""
        from scipy.special import ndtri

        from ..uncertainty.coordinates import sobol_points

        u = sobol_points(512, len(self.coordinates), fixed_seed("refused_share"))
        rows = self.simulator.rows(self.table(ndtri(np.clip(u, 1e-12, 1 - 1e-12))))
        return len(refused(self.simulator.kernel, rows)) / len(rows)


def design_hash(problem: Problem) -> str:
    """Return a hash of the likelihood: model, start values, targets and their arms, sizes, earlier draws.

    Arms count where they are not those of the trials that ship.
    """
    changed = {k: v for k, v in vars(problem.structure).items() if v != getattr(Structure(), k)}
    published = [t.published for t in problem.fitted]
    joints = [problem.targets.joints[j] for j in sorted({t.joint for t in problem.fitted if t.joint})]
    shipped = load_targets().arms
    arms = {a: problem.simulator.arms[a].doses for t in problem.fitted for a in t.arms}
    parts = [
        problem.simulator.kernel.blueprint.fingerprint,
        repr(_numbers(problem)),
        repr(problem.simulator.size),
        repr(published),
        repr(changed),
        repr(problem.coordinates),
        *(repr((j.members, j.correlation.tolist(), j.given, j.given_correlation)) for j in joints),
        *(repr(problem.map.priors[i]) for i in problem.map.ids),
        *(digest(e.values, digits=64) for e in problem.earlier),
        *(repr((a, doses)) for a, doses in arms.items() if a not in shipped or doses != shipped[a].doses),
    ]
    return digest(*parts)


def _numbers(problem: Problem) -> list[tuple[str, float, str, str]]:
    """Return every start value and spread that the likelihood can use; labels of patients are none of them."""
    parameters, known = problem.simulator.parameters, set(problem.simulator.kernel.blueprint.parameters.ids)
    used = [
        (i, parameters[i], r.unit, r.spread_text)
        for i, r in parameters.records.items()
        if i in known or (not r.fixed and i not in SIZES) or i.startswith(("correlation_", "inclusion_"))
    ]
    return sorted(used)
