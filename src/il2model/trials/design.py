"""What a trial is: arms, visits, follow-up, who is taken in, what is lost."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as _replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..clock import day_of
from ..endpoints.assays import ASSAYS, AssayError, check_assays
from ..errors import InputError, unknown_name
from ..notebook import table
from ..population.typical import Population, told, typical_values
from ..trial_files import REFERENCE, reference_cuts
from ..units import to_finite, to_float
from ..values import Portable
from .arm import Arm, Visit
from .trial import Trial

_OF = {"arms": " of Arm", "visits": " of Visit"}


def _range(what: str, given: object) -> tuple[float, float]:
    """Return two numbers, from and to; the second may be infinite."""
    if not isinstance(given, Sequence) or len(given) != 2:
        raise InputError(f"{what} is {given!r}; it must be (low, high), in pg/mL.")
    return to_float(given[0], "pg/mL", what=what), to_float(given[1], "pg/mL", what=what)


@dataclass(frozen=True, repr=False)
class TrialDesign(Portable):
    """A trial of one control and one or more treated arms.

    Parameters
    ----------
    name : str
    arms : tuple of Arm
        The first is the control; every other is compared with it.
    follow_up : float
        Days from randomisation; who is alive then is censored.
    visits : tuple of Visit
    cohort : str
        Inclusion criteria and run-in, as in `Cohort.sample(design=)`.
    enrich : (low, high)
        Only patients with CSF pNFH in this range (pg/mL).
    dropout : float
        Share lost to follow-up per year (exponential); their survival is censored.
    stratify : {None, 'csf_pnfh'}
        Randomise in permuted blocks within strata of CSF pNFH, or at random.
    looks : tuple of float
        Days of interim looks; efficacy is declared at p < 0.001 (Haybittle and Peto).
    alpha : float
        Two-sided level of the final test.
    assays : {observable: ('sd' or 'cv', size)}
        Error of a measurement.
    cuts : (low, high)
        Cut-offs of CSF pNFH (pg/mL): the low stratum lies between them, the high one above.
    population : mapping, optional
        Typical values of the patients in place of those of the parameters, such as
        `{"cd4_untreated": 300, "body_weight": "60 kg"}`; as in `Cohort.sample(population=)`.
    trial : Trial, optional
        The published trial that results are compared with.
    """

    name: str
    arms: tuple[Arm, ...]
    follow_up: float
    visits: tuple[Visit, ...] = ()
    cohort: str = REFERENCE
    enrich: tuple[float, float] | None = None
    dropout: float = 0.0
    stratify: str | None = None
    looks: tuple[float, ...] = ()
    alpha: float = 0.05
    assays: Mapping[str, AssayError] = field(default_factory=lambda: dict(ASSAYS))
    cuts: tuple[float, float] = field(default_factory=reference_cuts)
    population: Population = field(default_factory=dict)
    trial: Trial | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.assays, Mapping):
            raise InputError(f"assays is {self.assays!r}; it must map observables to ('sd' or 'cv', size).")
        object.__setattr__(self, "assays", MappingProxyType(dict(self.assays)))
        object.__setattr__(self, "population", MappingProxyType(typical_values(self.population)))
        self._check_arms()
        self._put_days()
        self._check_days()
        self._check_patients()
        check_assays(self.assays)
        object.__setattr__(self, "alpha", to_finite(self.alpha, "alpha"))
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha is {self.alpha}; it must lie between 0 and 1.")

    def _check_arms(self) -> None:
        for part, kind in (("arms", Arm), ("visits", Visit), ("looks", object)):
            given = getattr(self, part)
            if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(x, kind) for x in given):
                raise InputError(f"{part} of {self.name!r} is {given!r}; it must be a tuple{_OF.get(part, '')}.")
            object.__setattr__(self, part, tuple(given))
        if len(self.arms) < 2:
            raise InputError(f"The trial {self.name!r} needs a control and at least one other arm.")
        names = [a.name for a in self.arms]
        if len(set(names)) < len(names):
            raise InputError(f"Two arms of {self.name!r} have one name: {', '.join(names)}.")

    def _put_days(self) -> None:
        """Put days on the clock; visits and looks come in order, and those of one day are one."""
        put = object.__setattr__
        put(self, "follow_up", day_of(self.follow_up, "the follow-up"))
        put(self, "visits", tuple(sorted(set(self.visits), key=lambda v: v.day)))
        put(self, "looks", tuple(sorted({day_of(t, "the day of a look") for t in self.looks})))
        for one, other in itertools.pairwise(self.visits):
            if one.day == other.day:
                raise InputError(
                    f"Two visits on day {one.day:g} have windows of {one.window:g} and {other.window:g} days."
                )

    def _check_days(self) -> None:
        if not 1 <= self.follow_up <= 3650:
            raise InputError(f"The follow-up is {self.follow_up} days; it must lie from 1 to 3650.")
        for visit in self.visits:
            if visit.day > self.follow_up:
                raise InputError(f"The visit on day {visit.day:g} lies after the follow-up of {self.follow_up:g} days.")
        for look in self.looks:
            if not 0 < look < self.follow_up:
                raise InputError(f"The look on day {look:g} must lie within the follow-up of {self.follow_up:g} days.")

    def _check_patients(self) -> None:
        put = object.__setattr__
        put(self, "cuts", _range("cuts", self.cuts))
        put(self, "enrich", None if self.enrich is None else _range("enrich", self.enrich))
        put(self, "dropout", to_finite(self.dropout, "dropout"))
        if self.enrich is not None and not 0 <= self.enrich[0] < self.enrich[1]:
            low, high = self.enrich
            raise InputError(f"The range of CSF pNFH is {low:g} to {high:g}; the first must be smaller.")
        if not 0 <= self.cuts[0] < self.cuts[1]:
            raise InputError(f"The cut-offs of CSF pNFH are {self.cuts}; the first must be the smaller.")
        if not 0 <= self.dropout < 1:
            raise InputError(f"The dropout is {self.dropout} a year; it must be a share from 0 to below 1.")
        if self.stratify not in (None, "csf_pnfh"):
            raise unknown_name("stratification", str(self.stratify), ("csf_pnfh",))

    def __hash__(self) -> int:
        maps = (tuple(sorted(self.assays.items())), tuple(sorted(self.population)))
        return hash((self.name, self.arms, self.follow_up, self.visits, self.enrich, self.dropout, maps, self.cuts))

    def __repr__(self) -> str:
        arms = ", ".join(f"{a.size} {a.name}" for a in self.arms)
        return f"TrialDesign({self.name!r}: {arms}; {self.follow_up:g} days, {len(self.visits)} visits)"

    def _repr_html_(self) -> str:
        """Return arms and plan as tables for a notebook."""
        rows = [(a.name, a.size, str(a.regimen), f"{a.adherence:g}", a.agent or "") for a in self.arms]
        days = ", ".join(f"{v.day:g}" for v in self.visits)
        note = f"{self.follow_up:g} days of follow-up; visits on days {days or 'none'}; patients as of {self.cohort}"
        note += f"; {self.people}" if self.population else ""
        return table(f"Trial {self.name}", ("arm", "patients", "regimen", "adherence", "agent"), rows, note)

    @property
    def control(self) -> Arm:
        """The first arm."""
        return self.arms[0]

    @property
    def patients(self) -> int:
        """Patients of all arms."""
        return sum(a.size for a in self.arms)

    @property
    def people(self) -> str:
        """The population in words; '' where it is that of the parameters."""
        return told({id: float(value) for id, value in self.population.items()})

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: visits and doses beyond the follow-up, and what was not studied."""
        told = tuple(f"{a.name}: {note}." for a in self.arms for note in a.regimen.notes(self.follow_up))
        late = [day for day in (self.trial.visits if self.trial is not None else ()) if day > self.follow_up]
        if not late:
            return told
        days = f"{'s' if len(late) > 1 else ''} {', '.join(f'{day:g}' for day in late)}"
        return (f"Visits of {self.name} after day {self.follow_up:g} are left out: day{days}.", *told)

    def replace(self, **changes: Any) -> TrialDesign:
        """Return a copy with other values, checked again."""
        for key in changes:
            if key not in self.__dataclass_fields__:
                raise unknown_name("part of a trial", key, self.__dataclass_fields__)
        return _replace(self, **changes)

    def sized(self, per_arm: int) -> TrialDesign:
        """Return a copy with so many patients in every arm."""
        return self.replace(arms=tuple(_replace(a, size=per_arm) for a in self.arms))

    @classmethod
    def of(cls, trial: TrialDesign | Trial | str | Path) -> TrialDesign:
        """Return the design of a published trial, by value or name, or of a trial file of one's own, by path.

        Raises
        ------
        UnknownNameError
            If there is no such trial.
        InputError
            If its file is wrong, or says too little to simulate it.
        """
        if isinstance(trial, TrialDesign):
            return trial
        if not isinstance(trial, Trial | str | Path):
            raise InputError(
                f"A design is needed, such as TrialDesign.named({REFERENCE!r}); got {type(trial).__name__}."
            )
        published = Trial.load(trial)
        if published.follow_up is None or len(published.sizes) < 2:
            known = ", ".join(cls.names())
            raise InputError(
                f"The trial {published.id!r} cannot be simulated: its file names no follow_up, or fewer than two arms "
                f"with a size; {known} can."
            )
        cuts = published.cuts or reference_cuts()
        try:
            arms = tuple(Arm(name, published.arms[name], size) for name, size in published.sizes.items())
            visits = tuple(Visit(day, published.window) for day in published.visits)
            return cls(
                published.id,
                arms,
                published.follow_up,
                visits,
                cohort=published.cohort,
                cuts=cuts,
                population=published.typical,
                trial=published,
            )
        except InputError as error:
            raise InputError(f"{Path(published.path).name}: {error}") from None

    @classmethod
    def named(cls, name: str | Path) -> TrialDesign:
        """Return a published trial, or that of a file of your own; `TrialDesign.names()` lists the published ones.

        Raises
        ------
        UnknownNameError, InputError
        """
        return cls.of(name)

    @staticmethod
    def names() -> tuple[str, ...]:
        """Return the names of the published trials that can be simulated."""
        trials = (Trial.load(name) for name in Trial.names())
        return tuple(t.id for t in trials if t.follow_up is not None and len(t.sizes) > 1)
