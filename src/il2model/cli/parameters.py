"""`il2model parameters`."""

from __future__ import annotations

import re
from pathlib import Path

from cyclopts import App

from ..errors import InputError, unknown_name
from ..parameters import ParameterSet, bibliography, load_parameters
from .output import Listing, listing
from .verb import verb

parameters = App(name="parameters", help="List, show, check or compare parameter records.", help_format="plaintext")


@parameters.command
@verb(name="list", examples=("il2model parameters list", "il2model parameters list --mechanism treg --format json"))
def list_(*, mechanism: str | None = None, format: Listing = "table") -> None:
    """Print a line per parameter: value, unit, status, name.

    Parameters
    ----------
    mechanism
        Only those of one mechanism.
    """
    values = load_parameters()
    records = list(values.records.values())
    if mechanism is not None:
        mechanisms = sorted({r.mechanism for r in records})
        if mechanism not in mechanisms:
            raise unknown_name("mechanism", mechanism, mechanisms)
        records = [r for r in records if r.mechanism == mechanism]
    if format == "json":
        shown = ("unit", "status", "confirmed", "name", "mechanism")
        listing([{"id": r.id, "value": values[r.id], **{k: getattr(r, k) for k in shown}} for r in records], format)
        return
    width = max(len(r.id) for r in records)
    for k, r in enumerate(records):
        if k == 0 or r.mechanism != records[k - 1].mechanism:
            print(f"\n{r.mechanism}" if k else r.mechanism)
        status = r.status + ("" if r.confirmed else " (unconfirmed)")
        print(f"  {r.id:<{width}}  {values[r.id]:>10.5g} {r.unit:<14} {status:<24} {r.name}")


@parameters.command
@verb(examples=("il2model parameters show il2_clearance", "il2model parameters show motor_unit_loss_rate"))
def show(id: str) -> None:
    """Print a record with its prior, spread between patients, status, note and sources.

    Parameters
    ----------
    id : ID
        Of the parameter; il2model parameters list shows them.
    """
    from ..resources import data_dir

    r = load_parameters().record(id)
    entries = bibliography(data_dir("parameters"))
    lines = {"value" if r.calibrated is None else "start": f"{r.value:g} {r.unit}"}
    if r.calibrated is not None:
        lines = {"calibrated": f"{r.calibrated:g} {r.unit} (fit {r.fit})", **lines}
    if r.bounds:
        lines["bounds"] = f"{r.bounds[0]:g} to {r.bounds[1]:g} {r.unit}"
    lines["prior"] = str(r.prior) if r.prior else "fixed"
    if r.spread:
        lines["patients"] = r.spread_text
    lines["status"] = r.status + ("" if r.confirmed else "; recalled or assumed, not confirmed in a public text")
    lines |= {"mechanism": r.mechanism, "note": r.note}
    sources = [("source", f"{key}: {_readable(entries.get(key, ''))}") for key in r.sources]
    print(f"{r.id}: {r.name}")
    for label, text in (*lines.items(), *sources):
        print(f"  {label:<10} {text}")


def _readable(entry: str) -> str:
    def of(key: str) -> str:
        match = re.search(rf"\b{key} = \{{((?:[^{{}}]|\{{[^{{}}]*\}})*)\}}", entry)
        return re.sub(r"[{}\\]", "", match.group(1)) if match else ""

    parts = [of("author"), of("title"), of("journal") or of("howpublished"), of("year")]
    text = ". ".join(p.rstrip(".") for p in parts if p)
    return text + (f". doi:{of('doi')}" if of("doi") else "") + (f" ({of('note')})" if of("note") else "")


@parameters.command
@verb(examples=("il2model parameters check", "il2model parameters check my-records"))
def check(folder: str | None = None) -> None:
    """Check every record: value, unit, status, sources, note, and whether the model uses it.

    Parameters
    ----------
    folder : DIR
        Of records, instead of those that ship.
    """
    from ..api import check_parameters

    count, problems = check_parameters(folder)
    for problem in problems:
        print(problem)
    if problems:
        raise InputError(f"{len(problems)} of {count} records have a problem.")
    print(f"{count} records are complete: value, unit, status, sources and note; units fit the model.")


@parameters.command
@verb(examples=("il2model parameters diff prior calibrated", "il2model parameters diff calibrated my-records"))
def diff(before: str, after: str) -> None:
    """Compare two sets: values that differ, and parameters that only one has.

    Parameters
    ----------
    before, after : SET
        A name (prior, calibrated), or a folder of records.
    """
    first, second = _set(before), _set(after)
    for id in sorted({*first} ^ {*second}):
        print(f"{id}: only in {before if id in first else after}")
    shared = {i: v for i, v in first.items() if i in second}
    changes = [f"{i}: {v:g} -> {second[i]:g} {first.record(i).unit}" for i, v in shared.items() if second[i] != v]
    print("\n".join(changes) if changes else "No value differs.")


def _set(text: str) -> ParameterSet:
    return load_parameters(folder=text) if Path(text).is_dir() else load_parameters(text)
