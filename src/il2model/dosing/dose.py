"""One dose: when, how much, by which route.

Times are days since the first planned dose (t = 0); amounts are million
international units (MIU).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..clock import day_of
from ..errors import InputError
from ..units import split_quantity, to_float

#: 18 MIU of aldesleukin weigh 1.1 mg (US product label).
MICROGRAM_PER_MIU = 1100.0 / 18.0
#: Routes of the built-in model, in the order of NONMEM compartments.
ROUTES = ("sc", "iv")
#: How a route is read out.
ROUTE_WORDS = {"sc": "s.c.", "iv": "i.v."}


def parse_amount(amount: float | str) -> tuple[float, bool]:
    """Return (MIU, per square metre?) of '2 MIU', '122 ug' or '0.5 MIU/m2'; a bare number is MIU.

    Raises
    ------
    InputError
        If the amount is negative, not finite or in a unit that is no dose.
    """
    per_m2 = False
    if isinstance(amount, str):
        number, unit = split_quantity(amount)
        text = unit.replace("²", "2").replace(" ", "").replace("^2", "2").replace("**2", "2")
        if text.endswith("/m2"):
            per_m2, text = True, text[:-3]
        if text in ("ug", "µg", "μg", "mcg", "microgram"):
            value = number / MICROGRAM_PER_MIU
        elif text == "mg":
            value = 1000.0 * number / MICROGRAM_PER_MIU
        elif text:
            value = to_float(f"{number!r} {text}", "MIU", what="the dose")
        else:
            value = number
    else:
        value = to_float(amount, "MIU", what="the dose")
    if not math.isfinite(value) or value < 0:
        raise InputError(f"The dose {amount!r} must be a finite number of MIU, zero or more.")
    return value, per_m2


@dataclass(frozen=True)
class Dose:
    """One dose.

    Parameters
    ----------
    time : float or str
        Day since t = 0, or a text with a unit.
    amount : float or str
        MIU, or a text: '2 MIU', '122 ug', '0.5 MIU/m2'.
    route : str
        'sc' or 'iv'; of another model one of its own routes.
    duration : float or str
        Length of an infusion, day; 0 is a bolus.
    per_m2 : bool
        The amount is per square metre of body surface.
    reset : bool
        Set the IL-2 half back to untreated first (evid 4).
    ss, ii : bool, float
        The IL-2 half is on the periodic orbit of this dose given every `ii` days; without `ss`, no `ii`.
    """

    time: float
    amount: float
    route: str = "sc"
    duration: float = 0.0
    per_m2: bool = False
    reset: bool = False
    ss: bool = False
    ii: float = 0.0

    def __post_init__(self) -> None:
        amount, per_m2 = parse_amount(self.amount)
        object.__setattr__(self, "amount", amount)
        object.__setattr__(self, "per_m2", bool(self.per_m2 or per_m2))
        object.__setattr__(self, "time", day_of(self.time, "the time of a dose"))
        object.__setattr__(self, "duration", day_of(self.duration, "the duration of a dose"))
        object.__setattr__(self, "ii", day_of(self.ii, "ii"))
        if self.time < 0:
            raise InputError(f"A dose at day {self.time:g} lies before t = 0.")
        if self.duration < 0:
            raise InputError(f"The duration of a dose is {self.duration:g} day; it must be zero or more.")
        if not (isinstance(self.route, str) and self.route.isidentifier()):
            raise InputError(
                f"The route of a dose is {self.route!r}; it must be the id of a route, such as 'sc' or 'iv'."
            )
        if self.ii and not self.ss:
            raise InputError(
                f"A dose with ii = {self.ii:g} and without ss is one dose, and ii would say nothing: give ss=True for "
                "the orbit of doses at that interval, or a Regimen for several doses."
            )
        if self.ss and self.ii <= 0:
            raise InputError("A dose with ss = 1 needs an interval ii above zero.")
        if self.ss and self.duration > self.ii:
            raise InputError("A dose with ss = 1 must be infused within its interval ii.")

    @property
    def end(self) -> float:
        """Day on which the dose is given completely."""
        return day_of(self.time + self.duration, "the end of a dose")
