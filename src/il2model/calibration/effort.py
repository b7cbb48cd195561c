"""How much work a fit is given: the full fits that ship, and a coarse version in minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .sampling import SamplerOptions
from .simulator import Size


@dataclass(frozen=True)
class Effort:
    """How much work a fit is given, per stage."""

    name: str
    size: Size
    options: Mapping[str, SamplerOptions]
    profiles: bool


FULL = Effort(
    "full",
    Size(),
    {
        "pk": SamplerOptions(walkers=32, burn=100, steps=600, thin=2),
        "imodals": SamplerOptions(walkers=48, burn=200, steps=1800, thin=6),
        "progression": SamplerOptions(walkers=40, burn=100, steps=500, thin=2),
        "mirocals": SamplerOptions(walkers=40, burn=30, steps=200, thin=1),
    },
    profiles=True,
)
QUICK = Effort(
    "quick",
    Size(patients=128, shares=2, sensitivities=2, rtol=3e-4),
    {
        "pk": SamplerOptions(walkers=16, burn=50, steps=200, thin=2, starts=1),
        "imodals": SamplerOptions(walkers=44, burn=60, steps=120, thin=2, starts=1),
        "progression": SamplerOptions(walkers=28, burn=50, steps=100, thin=2, starts=1),
        "mirocals": SamplerOptions(walkers=30, burn=15, steps=45, thin=1, starts=1),
    },
    profiles=False,
)
EFFORTS = {"full": FULL, "quick": QUICK}
