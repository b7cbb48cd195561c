"""`il2model observables`, `outputs`, `methods`, `objectives` and `trials`: what exists, with units."""

from __future__ import annotations

from cyclopts import App

from ..endpoints import registry
from ..sensitivity.methods import METHODS
from ..solver.kernel import builtin_kernel
from ..trials.trial import Trial
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


@verb(examples=("il2model methods", "il2model methods --format json"))
def methods(*, format: Listing = "table") -> None:
    """List the methods of a sensitivity study: names for --method, what --n counts, what they need."""
    rows: list[dict[str, object]] = [
        {
            "id": m.name,
            "meaning": m.sentence,
            "index": m.leading,
            "n": m.needs.counts,
            "posterior": "no" if m.needs.independent else "yes",
            "policy": ", ".join(m.policies),
        }
        for m in METHODS.values()
    ]
    listing(rows, format)


@verb(examples=("il2model objectives", "il2model objectives --format json"))
def objectives(*, format: Listing = "table") -> None:
    """List what a search can maximize (--objective) and what it can bound (--limit)."""
    uses = {"--objective": registry.objectives(), "--limit": registry.limits()}
    listing([{"id": row["id"], "for": use, **row} for use, rows in uses.items() for row in rows], format)


trials = App(name="trials", help="List the published trials, or show one.", help_format="plaintext")
_SHOWN = ("part", "id", "value", "use", "status", "source")


@trials.command
@verb(name="list", examples=("il2model trials list", "il2model trials list --format json"))
def list_(*, format: Listing = "table") -> None:
    """List the trials that ship: who was treated, for how long, how many results are fitted or kept as checks."""
    rows: list[dict[str, object]] = []
    for trial in map(Trial.load, Trial.names()):
        row = {k: getattr(trial, k) for k in ("id", "name", "patients")}
        row |= {k: len(getattr(trial, k)) for k in ("arms", "targets", "checks")}
        rows.append(row | {"follow_up [day]": trial.follow_up, "registry": trial.registry, "source": trial.citation})
    listing(rows, format)


@trials.command
@verb(examples=("il2model trials show mirocals", "il2model trials show imodals --format json"))
def show(id: str, *, format: Listing = "table") -> None:
    """Show a trial: population, arms, visits and every number that was reported, with status and source.

    --format json holds locators, quotes and notes too.

    Parameters
    ----------
    id : TRIAL
        Of il2model trials list, or a trial file of your own.
    """
    trial = Trial.load(id)
    if format == "table":
        print(f"{trial.name}: {trial.title}" if trial.title else trial.name)
    rows = trial.table()
    listing(rows if format == "json" else [{k: row[k] for k in _SHOWN} for row in rows], format)
