"""`il2model export`: the model in other formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from ..dosing.regimen import Regimen
from ..errors import InputError
from ..store import write_atomic
from ..trial_files import REFERENCE
from .output import written
from .verb import verb

Write = Callable[[Path, Regimen, bool], object]


def _text(path: Path, text: str) -> None:
    write_atomic(path, text)


def _sbml(path: Path, plan: Regimen, overwrite: bool) -> None:
    from ..exchange.sbml import to_sbml

    _text(path, to_sbml(plan))


def _petab(path: Path, plan: Regimen, overwrite: bool) -> None:
    from ..exchange.petab import write_petab

    write_petab(path, overwrite=overwrite)


def _latex(path: Path, plan: Regimen, overwrite: bool) -> None:
    from ..exchange.latex import to_latex

    _text(path, to_latex())


def _nonmem(path: Path, plan: Regimen, overwrite: bool) -> None:
    from ..exchange.nonmem import to_nonmem

    _text(path, to_nonmem(plan).to_csv(index=False, na_rep="."))


def _omex(path: Path, plan: Regimen, overwrite: bool) -> None:
    from ..exchange.omex import write_omex
    from ..exchange.petab import to_petab
    from ..exchange.sbml import to_sbml

    petab = {f"petab/{name}": text for name, text in to_petab().items()}
    write_omex(path, {"model.xml": to_sbml(plan), **petab}, "model.xml")


#: Formats: the usual name of the file, and what writes it.
FORMATS: Mapping[str, tuple[str, Write]] = {
    "sbml": ("model.xml", _sbml),
    "petab": ("petab", _petab),
    "latex": ("model.tex", _latex),
    "nonmem": ("doses.csv", _nonmem),
    "omex": ("model.omex", _omex),
}
#: Those that hold no doses.
WITHOUT_DOSES = ("petab", "latex")


@verb(
    examples=(
        "il2model export sbml --regimen mirocals --until 85 -o model.xml",
        "il2model export petab -o petab",
        "il2model export nonmem --regimen imodals-2miu -o doses.csv",
    )
)
def export(
    format: Literal["sbml", "petab", "latex", "nonmem", "omex"],
    *,
    regimen: str | None = None,
    until: float | str | None = None,
    overwrite: bool = False,
    output: Path | None = None,
) -> None:
    """Write the model in another format.

    Parameters
    ----------
    format
        sbml: level 3 version 2, doses as events. petab: version 2, the IL-2 half, a folder. latex: equations and
        parameters. nonmem: the doses as a data set. omex: an archive of sbml and petab.
    regimen
        Of the doses (default: mirocals).
    until : DAY
        Leave out later doses.
    overwrite
        Replace the files of a problem that the folder of petab holds; a file is replaced without it.
    output : FILE
        File, or folder for petab (default: model.xml, petab, model.tex, doses.csv, model.omex).
    """
    usual, write = FORMATS[format]
    for option, given in {"--regimen": regimen, "--until": until}.items():
        if given is not None and format in WITHOUT_DOSES:
            raise InputError(f"{option} has no effect on {format}, which holds no doses; leave it out.")
    plan = Regimen.named(regimen if regimen is not None else REFERENCE)
    if until is not None:
        plan = plan.until(until)
    path = Path(usual) if output is None else output
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is not a folder.")
    with written(path):
        write(path, plan, overwrite)
    print(f"Wrote {path}")
