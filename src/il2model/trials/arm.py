"""What a trial is made of: arms, a second agent, visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..clock import day_of
from ..dosing.regimen import Regimen
from ..errors import InputError, unknown_name
from ..trial_files import REFERENCE
from ..units import to_finite, to_whole

#: Processes that a second agent may multiply from day 0: none of them moves the untreated state.
PROCESSES: Mapping[str, str] = {
    "motor_unit_loss_rate": "loss of motor units",
    "hazard_reference": "hazard of death at equal function",
    "hazard_inflammation": "effect of inflammation on the hazard",
    "effector_damage": "damage by activated CD8",
    "ccl2_recruitment": "recruitment of microglia by CCL2",
    "debris_activation": "activation of microglia by debris",
}


@dataclass(frozen=True)
class Agent:
    """A second agent: it multiplies a named process from day 0 on.

    Parameters
    ----------
    process : str
        One of `PROCESSES`.
    factor : float
        0.8 slows the process by a fifth.
    """

    process: str
    factor: float

    def __post_init__(self) -> None:
        if self.process not in PROCESSES:
            raise unknown_name("process", self.process, PROCESSES)
        object.__setattr__(self, "factor", to_finite(self.factor, f"The factor of {self.process}"))
        if self.factor < 0:
            raise InputError(f"The factor of {self.process} is {self.factor}; it must be zero or more.")


@dataclass(frozen=True)
class Arm:
    """An arm: a regimen for so many patients.

    Parameters
    ----------
    name : str
    regimen : Regimen
        `regimen.delay(180)` starts it later; `regimen.until(365)` stops it.
    size : int
        Patients randomised to it.
    adherence : float
        Probability that a planned dose is given.
    agent : Agent, optional
    """

    name: str
    regimen: Regimen
    size: int
    adherence: float = 1.0
    agent: Agent | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.regimen, Regimen):
            raise InputError(f"The arm {self.name!r} needs a regimen, such as Regimen.named({REFERENCE!r}).")
        if not isinstance(self.name, str):
            raise InputError(f"The name of an arm is {self.name!r}; it must be a text.")
        if self.agent is not None and not isinstance(self.agent, Agent):
            raise InputError(f"The agent of {self.name!r} is {self.agent!r}; it must be an Agent(process, factor).")
        put = object.__setattr__
        put(self, "size", to_whole(self.size, f"The size of the arm {self.name!r}", 2, 1_000_000))
        put(self, "adherence", to_finite(self.adherence, f"The adherence of {self.name!r}"))
        if not 0 < self.adherence <= 1:
            raise InputError(f"The adherence of {self.name!r} is {self.adherence}; it lies above 0 and at most 1.")


@dataclass(frozen=True)
class Visit:
    """A visit on a day, within a window of so many days to either side.

    The window moves the day that enters slopes; what is measured is that of the planned day.
    """

    day: float
    window: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "day", day_of(self.day, "the day of a visit"))
        if self.day < 0:
            raise InputError(f"A visit lies on day {self.day:g}; days count from 0, the first dose.")
        object.__setattr__(self, "window", to_finite(self.window, "the window of a visit", "day"))
        if not 0 <= self.window < 60:
            raise InputError(f"The window of the visit on day {self.day:g} is {self.window}; it is 0 to 60 days.")
