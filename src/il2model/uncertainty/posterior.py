"""Stored fits: draws of a posterior in a NetCDF file, with units and a manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, intact
from ..notebook import table
from ..resources import data_dir
from ..store import write_atomic
from ..streams import stream
from ..values import same_fields

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Posterior:
    """Draws of a fit.

    Parameters
    ----------
    fit : str
        Its name: the stage that ended it.
    ids, units : tuple of str
        What was drawn: parameters, population records, nuisances of the studies.
    values : (chain, draw, id)
        In `units`.
    z : (chain, draw, coordinate)
        The same draws on the sampler's coordinates, on which the prior is a
        standard normal law.
    coordinates : tuple of str
    log_posterior : (chain, draw)
    prior_only : tuple of str
        Ids that no target of the fit informs: independent draws from their priors.
    manifest : mapping
    pointwise : {id: (chain, draw)}
        Log density of each published number, or of those that were published together; empty in old fits.
    """

    fit: str
    ids: tuple[str, ...]
    units: tuple[str, ...]
    values: Floats
    z: Floats
    coordinates: tuple[str, ...]
    log_posterior: Floats
    prior_only: tuple[str, ...]
    manifest: Mapping[str, object] = field(compare=False)
    pointwise: Mapping[str, Floats] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    def __repr__(self) -> str:
        return f"Posterior({self.fit!r}, {len(self)} draws of {len(self.ids)} numbers)"

    def _repr_html_(self) -> str:
        low, middle, high = np.quantile(self.flat, (0.025, 0.5, 0.975), axis=0)
        rows = (
            (id, unit, *(f"{x:.4g}" for x in row))
            for id, unit, row in zip(self.ids, self.units, np.stack([middle, low, high], axis=1), strict=True)
        )
        return table(repr(self), ("number", "unit", "median", "2.5 %", "97.5 %"), rows)

    def __len__(self) -> int:
        return int(self.values.shape[0] * self.values.shape[1])

    @cached_property
    def flat(self) -> Floats:
        """(draw, id), the chains one after the other."""
        return self.values.reshape(len(self), -1)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The draws sorted along the direction in which they differ most, so that neighbours are alike."""
        z = self.z.reshape(len(self), -1)
        z = (z - z.mean(axis=0)) / np.maximum(z.std(axis=0), 1e-12)
        direction = np.linalg.svd(z, full_matrices=False)[2][0]
        direction *= np.sign(direction[np.argmax(np.abs(direction))])
        return np.argsort(z @ direction, kind="stable")

    def at(self, score: Floats) -> NDArray[np.int64]:
        """Return the draws at normal scores (point,): a standard normal number picks each draw as often."""
        from scipy.special import ndtr

        place = np.minimum((ndtr(score) * len(self)).astype(np.int64), len(self) - 1)
        return np.asarray(self.order[place])

    def table(self, draws: NDArray[np.int64]) -> dict[str, Floats]:
        """Return the numbers of some draws by id."""
        rows = self.flat[draws]
        return {id: rows[:, k] for k, id in enumerate(self.ids)}

    def pick(self, n: int, seed: int) -> NDArray[np.int64]:
        """Return n draws, without repetition as long as there are enough."""
        rng = stream(seed, "posterior")
        full, rest = divmod(n, len(self))
        return np.concatenate([*(rng.permutation(len(self)) for _ in range(full)), rng.permutation(len(self))[:rest]])

    def save(self, path: Path) -> None:
        """Write the draws to a NetCDF file."""
        import xarray as xr

        data = xr.Dataset(
            {
                "value": (("chain", "draw", "parameter"), self.values),
                "z": (("chain", "draw", "coordinate"), self.z),
                "log_posterior": (("chain", "draw"), self.log_posterior),
            },
            attrs={
                "title": f"il2model posterior of the fit {self.fit}",
                "fit": self.fit,
                "parameters": json.dumps(self.ids),
                "units": json.dumps(self.units),
                "z_names": json.dumps(self.coordinates),
                "prior_only": json.dumps(self.prior_only),
                "manifest": json.dumps(dict(self.manifest)),
            },
        )
        write_atomic(path, data.to_netcdf(engine="scipy"))

    @classmethod
    def load(cls, fit: str = "mirocals", folder: str | Path | None = None) -> Posterior:
        """Read a stored fit, by default one that ships.

        Raises
        ------
        InputError
            If there is no such fit, or its file is damaged.
        """
        import xarray as xr

        path = (Path(folder) if folder is not None else data_dir("calibration") / "results") / fit / "posterior.nc"
        if not path.exists():
            raise InputError(f"There is no stored fit {fit!r} ({path} is missing); run 'il2model calibrate {fit}'.")
        with intact(path, f"it holds no stored fit: run 'il2model calibrate {fit}' again"):
            with xr.open_dataset(path, engine="scipy") as data:
                data.load()

            def listed(key: str) -> tuple[str, ...]:
                return tuple(str(name) for name in json.loads(data.attrs[key]))

            loaded = cls(
                fit=str(data.attrs["fit"]),
                ids=listed("parameters"),
                units=listed("units"),
                values=data["value"].values,
                z=data["z"].values,
                coordinates=listed("z_names"),
                log_posterior=data["log_posterior"].values,
                prior_only=listed("prior_only"),
                manifest=dict(json.loads(data.attrs["manifest"])),
            )
            loaded._check()
        return loaded

    def _check(self) -> None:
        """Raise ValueError if the arrays do not fit the names, or hold what is no number."""
        chains = self.log_posterior.shape
        fits = self.values.shape == (*chains, len(self.ids)) and self.z.shape == (*chains, len(self.coordinates))
        if len(chains) != 2 or not (fits and self.values.size and len(self.units) == len(self.ids)):
            raise ValueError("the arrays do not fit the names")
        if not all(np.isfinite(a).all() for a in (self.values, self.z, self.log_posterior)):
            raise ValueError("a draw is no number")


def stored(fit: str = "mirocals") -> bool:
    """Whether a fit ships with this installation."""
    return (data_dir("calibration") / "results" / fit / "posterior.nc").exists()
