"""`il2model observables`, `outputs` and `objectives`: what exists, with units."""

from __future__ import annotations

from ..endpoints import registry
from ..solver.kernel import builtin_kernel
from .output import Listing, listing
from .verb import verb


@verb(examples=("il2model observables", "il2model observables --format json"))
def observables(*, format: Listing = "table") -> None:
    """List what the model observes: names for --observables, --outputs and solution[...]."""
    found = builtin_kernel().blueprint.observables
    listing([{"id": o.id, "unit": o.unit, "meaning": o.name} for o in found], format)


@verb(examples=("il2model outputs", "il2model outputs --format json"))
def outputs(*, format: Listing = "table") -> None:
    """List what a sensitivity study can look at besides the observables: names for --outputs."""
    listing(registry.outputs(), format)


@verb(examples=("il2model objectives", "il2model objectives --format json"))
def objectives(*, format: Listing = "table") -> None:
    """List what a search can maximize (--objective) and what it can bound (--limit)."""
    uses = {"--objective": registry.objectives(), "--limit": registry.limits()}
    listing([{"id": row["id"], "for": use, **row} for use, rows in uses.items() for row in rows], format)
