"""A posterior on disk: the groups of ArviZ in a NetCDF file, or the flat file of earlier versions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

_ENGINE = "h5netcdf"
#: The first bytes of a file with groups.
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: The draws, in the units of the records and on the sampler's coordinates, and what goes with each draw.
GROUPS = ("posterior", "unconstrained_posterior", "sample_stats", "log_likelihood")
#: Fields of a posterior; plain data and arrays.
Fields = dict[str, Any]


def groups(fields: Mapping[str, Any]) -> dict[str, xr.Dataset]:
    """Return the fields of a posterior as ArviZ knows them: a variable per number, with its unit."""
    import xarray as xr

    dims = ("chain", "draw")
    units = dict(zip(fields["ids"], fields["units"], strict=True))
    told = {
        f"fit_{k}": json.dumps(fields[k]) for k in ("ids", "units", "coordinates", "prior_only", "manifest", "beside")
    }
    told["fit_published"] = json.dumps(list(fields["pointwise"]))
    several = list(fields["structures"])
    if several:
        told["fit_structures"] = json.dumps(fields["structures"])
    attrs = {"title": f"il2model posterior of the fit {fields['fit']}", "fit": fields["fit"], **told}
    coords = {d: np.arange(n) for d, n in zip(dims, fields["log_posterior"].shape, strict=True)}

    def data(variables: Mapping[str, Any]) -> xr.Dataset:
        return xr.Dataset({n: (dims, x) for n, x in variables.items()}, coords=coords)

    drawn = data({id: fields["values"][..., k] for k, id in enumerate(fields["ids"])}).assign_attrs(attrs)
    for id, unit in units.items():
        drawn[id].attrs["units"] = unit
    found = {
        "posterior": drawn,
        "unconstrained_posterior": data({id: fields["z"][..., k] for k, id in enumerate(fields["coordinates"])}),
        "sample_stats": data({"lp": fields["log_posterior"]}),
    }
    if several:  # as the conventions for climate and forecast data have it: whole numbers, and what they mean
        number = np.vectorize(several.index, otypes=[np.int32])(fields["structure"])
        named = {"flag_values": np.arange(len(several), dtype=np.int32), "flag_meanings": " ".join(several)}
        found["sample_stats"]["structure"] = (dims, number, named)
    return found | ({"log_likelihood": data(fields["pointwise"])} if fields["pointwise"] else {})


def as_bytes(found: Mapping[str, xr.Dataset]) -> bytes:
    """Return a NetCDF file; the same groups are the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "posterior.nc"
        for name, data in found.items():
            data.to_netcdf(path, mode="a" if path.exists() else "w", group=name, engine="h5netcdf")
        return path.read_bytes()


def read(path: Path) -> Fields:
    """Return the fields that a file holds.

    Raises
    ------
    Exception
        Of almost any kind, if the file is damaged.
    """
    import xarray as xr

    with path.open("rb") as stream:
        grouped = stream.read(len(_SIGNATURE)) == _SIGNATURE
    if not grouped:
        with xr.open_dataset(path, engine="scipy") as data:
            return _flat(data.load())
    found: dict[str, xr.Dataset] = {}
    for name in GROUPS:
        if name != GROUPS[3] or json.loads(found[GROUPS[0]].attrs["fit_published"]):
            with xr.open_dataset(path, group=name, engine=_ENGINE) as data:
                found[name] = data.load()
    terms = {str(n): x.values for n, x in found[GROUPS[3]].data_vars.items()} if GROUPS[3] in found else {}
    drawn, z, stats = (found[name] for name in GROUPS[:3])
    told = {
        k: json.loads(drawn.attrs[f"fit_{k}"])
        for k in ("ids", "units", "coordinates", "prior_only", "manifest", "beside")
    }
    names = {k: _names(told[k]) for k in ("ids", "units", "coordinates", "prior_only")}
    structures = json.loads(drawn.attrs.get("fit_structures", "{}"))
    of_draws: Fields = {}
    if structures:
        of_draws = {"structures": structures, "structure": np.array(list(structures))[stats["structure"].values]}
    return {
        "fit": str(drawn.attrs["fit"]),
        **names,
        "values": np.stack([drawn[i].values for i in names["ids"]], axis=-1),
        "z": np.stack([z[i].values for i in names["coordinates"]], axis=-1),
        "log_posterior": stats["lp"].values,
        "manifest": dict(told["manifest"]),
        "beside": {str(k): dict(v) for k, v in told["beside"].items()},
        "pointwise": terms,
        **of_draws,
    }


def _flat(data: xr.Dataset) -> Fields:
    known = {"ids": "parameters", "units": "units", "coordinates": "z_names", "prior_only": "prior_only"}
    return {
        "fit": str(data.attrs["fit"]),
        **{field: _names(json.loads(data.attrs[key])) for field, key in known.items()},
        "values": data["value"].values,
        "z": data["z"].values,
        "log_posterior": data["log_posterior"].values,
        "manifest": dict(json.loads(data.attrs["manifest"])),
    }


def _names(given: list[object]) -> tuple[str, ...]:
    return tuple(str(name) for name in given)


def beside_of(tables: list[Path]) -> dict[str, dict[str, str | float]]:
    """Return what tables of fits (parameters.csv) say of each number: verdict, and quantiles of its prior."""
    import csv

    found: dict[str, dict[str, str | float]] = {}
    for path in tables:
        with path.open(encoding="utf8", newline="") as stream:
            for row in csv.DictReader(stream):
                numbers = {k: float(row[k]) for k in PRIOR if row.get(k)}
                found[row["id"]] = {"verdict": row.get("verdict", ""), **numbers}
    return found


#: Quantiles of the prior in the table of a fit.
PRIOR = ("prior_q025", "prior_median", "prior_q975")
