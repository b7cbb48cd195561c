"""What an endpoint is: how a number is read off the courses of one patient, of a cohort, of two arms, of a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from ..errors import InputError
from ..statistics import expected_cox
from .reductions import Floats, OverTime, Statistic, cut

Use = Literal["output", "limit"]
#: What values there are, and so by which law a published one may scatter around its prediction: any number (normal);
#: above zero (lognormal as well); a logarithm, published on its natural scale; an SD (chi-square); a share of patients
#: (binomial); shares of classes (multinomial).
Law = Literal["real", "positive", "log", "sd", "share", "classes"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What there is to read: the same weighted patients in one arm or two.

    Parameters
    ----------
    times : (time,)
        Days.
    arms : tuple of {observable: (patient, time)}
        The control first.
    weight : (patient,)
        Their sum is 1.
    pnfh : (patient,)
        CSF pNFH before the trial, pg/mL.
    cuts : (float, float)
        Bounds of the strata of CSF pNFH, pg/mL; the second is the upper end of the middle stratum.
    numbers : {parameter: value}
        Of the set that the patients come from.
    """

    times: Floats
    arms: tuple[Mapping[str, Floats], ...]
    weight: Floats
    pnfh: Floats
    cuts: tuple[float, float]
    numbers: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def interaction(self) -> Floats:
        """Coefficients of arm, CSF pNFH (1,000 pg/mL) and their product in the expected Cox model."""
        arm = np.repeat([0.0, 1.0], len(self.pnfh))
        pnfh = np.tile(self.pnfh, 2) / 1000
        survival = np.concatenate([a["survival"] for a in self.arms])
        columns = np.c_[arm, pnfh, arm * pnfh]
        return expected_cox(survival, np.tile(self.weight / 2, 2), columns, raise_on_failure=False)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A number that is read off a simulation: its name, unit and meaning.

    Parameters
    ----------
    id, unit, meaning : str
    stage : str, optional
        The stage of the calibration that predicts it; None where no target may report it.
    needs_arm, needs_day : bool
        Whether a target has to say them.
    law : Law
        What values there are.
    """

    id: str
    unit: str
    meaning: str
    stage: str | None = None
    needs_arm: bool = False
    needs_day: bool = False
    law: Law = "real"

    @property
    def observables(self) -> tuple[str, ...]:
        """What has to be simulated for it."""
        return ()

    @property
    def sentence(self) -> str:
        """The whole meaning: what is read, when, and over whom."""
        return self.meaning


@dataclass(frozen=True, kw_only=True)
class Course(Endpoint):
    """Read off a course over time; with a statistic, over the patients of a cohort.

    Parameters
    ----------
    observable : str
    over_time : callable
        (time,), (..., time) -> (...); see `reductions`.
    over_patients : Statistic, optional
    until : float, optional
        Last day of what is read where a target names none.
    days : callable, optional
        Days on which the course has to be known to be read, given the last.
    course_unit : str, optional
        Unit of the course, where it is not the model's.
    arm : int
        0 is the control, 1 the treated arm, where both are seen.
    over : str, optional
        The observable that the course is divided by.
    informs : tuple of str
        Parameters that a target of it lets its stage estimate, besides those of the stage.
    formula : str, optional
        The same number on the day, in the ids of the model, for exports; None where it is no value of one time.
    uses : tuple
        'output': of a sensitivity study; 'limit': what a search of regimens may bound.
    """

    observable: str
    over_time: OverTime
    over_patients: Statistic | None = None
    until: float | None = None
    days: Callable[[float], Floats] | None = None
    course_unit: str | None = None
    arm: int = 0
    over: str | None = None
    informs: tuple[str, ...] = ()
    formula: str | None = None
    uses: tuple[Use, ...] = ()

    @property
    def observables(self) -> tuple[str, ...]:
        """The observable of the course, and the one it is divided by."""
        return (self.observable,) if self.over is None else (self.observable, self.over)

    @property
    def sentence(self) -> str:
        """What is read, when, and over whom."""
        when = f", to day {self.until:g}" if self.until else ""
        return self.meaning + when + (f"; {self.over_patients.words}" if self.over_patients else "")

    def horizon(self, day: float | None) -> float | None:
        """Return the last day that is read."""
        return self.until if day is None else day

    def course(self, seen: Mapping[str, Floats]) -> Floats:
        """Return what is read, off courses by observable."""
        return seen[self.observable] if self.over is None else np.asarray(seen[self.observable] / seen[self.over])

    def read(self, times: Floats, course: Floats, day: float | None = None) -> Floats:
        """Return the number of each patient, (...), off courses (..., time).

        Raises
        ------
        InputError
            If the courses end before the day, or its times do not rise.
        """
        if (np.diff(times) <= 0).any():
            raise InputError(f"{self.id} is read off a course whose days rise; sort them, each once.")
        return self.over_time(*cut(times, course, self.horizon(day)))

    def summary(self, values: Floats, weight: Floats | None = None) -> Floats:
        """Return the statistic over patients, (..., patient) to (...)."""
        assert self.over_patients is not None
        return self.over_patients.of(values, weight)

    def of(self, seen: Seen, day: float | None = None) -> Floats:
        """Return the number of a cohort."""
        return self.summary(self.read(seen.times, self.course(seen.arms[self.arm]), day), seen.weight)


@dataclass(frozen=True, kw_only=True)
class Contrast(Endpoint):
    """Difference of an endpoint between the treated arm and the control, over the same patients.

    Parameters
    ----------
    base : Course
    scale : float
        How much there is to gain at most, in its unit.
    """

    base: Course
    scale: float

    @property
    def observables(self) -> tuple[str, ...]:
        """Those of its base."""
        return self.base.observables

    def read(self, times: Floats, control: Floats, treated: Floats) -> Floats:
        """Return the difference of each patient, off courses (..., time) of both arms."""
        return np.asarray(self.base.over_time(times, treated) - self.base.over_time(times, control))


@dataclass(frozen=True, kw_only=True)
class Analysis(Endpoint):
    """What a trial's own analysis gives, expected over infinitely many of the seen patients.

    Parameters
    ----------
    of_seen : callable
    reads : tuple of str
        Observables of the seen courses.
    column : str, optional
        The name of the same analysis of one random trial.
    classes : int
        How many numbers it gives.
    """

    of_seen: Callable[[Seen], Floats | float]
    reads: tuple[str, ...] = ("survival",)
    column: str | None = None
    classes: int = 1

    @property
    def observables(self) -> tuple[str, ...]:
        """The observables it reads."""
        return self.reads

    def of(self, seen: Seen, day: float | None = None) -> Floats | float:
        """Return the number of a cohort."""
        return self.of_seen(seen)


@dataclass(frozen=True, kw_only=True)
class Result(Endpoint):
    """What every replicate of a trial gives of its first treated arm; its name is the column.

    Parameters
    ----------
    log : bool
        Whether the replicate holds the logarithm of what is published.
    digits : int
        Of its sentence.
    exponent : float
        Of what is published, to be what is analysed.
    listed : bool
        Whether it is shown where no trial published it.
    """

    log: bool = True
    digits: int = 2
    exponent: float = 1.0
    listed: bool = True


@dataclass(frozen=True, kw_only=True)
class Test(Endpoint):
    """A test that decides a trial.

    Parameters
    ----------
    statistic, p : str
        Results of a replicate.
    sign : int
        Of the statistic, where the treated arm does better.
    score : bool
        Whether the statistic is a normal score, from which a sample size follows.
    """

    statistic: str
    p: str
    sign: int
    score: bool = True
