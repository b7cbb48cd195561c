"""Stored fits: draws of a posterior in a NetCDF file, with units and a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import sums
from ..errors import InputError, intact, unknown_name
from ..notebook import table
from ..parameters import load_parameters
from ..resources import data_dir
from ..store import write_atomic
from ..streams import stream
from ..values import same_fields
from .nuisances import nuisance_words
from .posterior_file import PRIOR, as_bytes, beside_of, groups, read

if TYPE_CHECKING:
    import pandas as pd
    from arviz import InferenceData
    from matplotlib.figure import Figure

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
    beside : {id: {...}}
        What the fit says of a number besides: its verdict, and quantiles of its prior.
    structure : (chain, draw)
        Name of the structure of each draw, where the fit is an average over several; else without draws.
    structures : {name: {...}}
        Of each of them its meaning, its weight (the share of the draws), the prior weight that leads to it, and its
        ln evidence with the standard error; NaN where too few draws carry it, and it has no weight.
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
    beside: Mapping[str, Mapping[str, str | float]] = field(default_factory=dict, compare=False)
    structure: NDArray[np.str_] = field(default_factory=lambda: np.zeros((0, 0), np.str_))
    structures: Mapping[str, Mapping[str, str | float]] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    def __repr__(self) -> str:
        several = f", an average over {len(self.structures)} structures" if self.structures else ""
        return f"Posterior({self.fit!r}, {len(self)} draws of {len(self.ids)} numbers{several})"

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

    def names(self, draws: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the structure of some draws by name; empty names where the fit has one structure alone."""
        return self.structure.reshape(-1)[draws] if self.structures else np.full(len(draws), "", np.str_)

    @property
    def leading(self) -> str:
        """Name of the structure with the largest weight; empty where the fit has one structure alone."""
        return max(self.structures, key=lambda name: float(self.structures[name]["weight"]), default="")

    def pick(self, n: int, seed: int) -> NDArray[np.int64]:
        """Return n draws, without repetition as long as there are enough."""
        rng = stream(seed, "posterior")
        full, rest = divmod(n, len(self))
        return np.concatenate([*(rng.permutation(len(self)) for _ in range(full)), rng.permutation(len(self))[:rest]])

    def summary(self) -> pd.DataFrame:
        """Return a row per number: name, unit, mean, SD, quantiles, the prior beside, and what the data did to it.

        The verdict is that of the fit's profiles ('identifiable', 'bounded from below only', 'carried by its prior');
        'prior only' where no target informs the number, 'held' where it was not estimated; empty where no profile was
        made. The unit of a number of a study that ships is in words: points of a percentage, or percent of a baseline.
        """
        import pandas as pd

        records = load_parameters("prior").records
        low, middle, high = np.quantile(self.flat, (0.025, 0.5, 0.975), axis=0)
        rows = []
        for k, (id, unit) in enumerate(zip(self.ids, self.units, strict=True)):
            known = self.beside.get(id, {})
            study = nuisance_words().get(id, ("a number of a study", unit))
            name, word = study if id not in records else (records[id].name, unit)
            rows.append(
                {
                    "id": id,
                    "name": name,
                    "unit": word,
                    "mean": self.flat[:, k].mean(),
                    "sd": self.flat[:, k].std(ddof=1),
                    **{"q025": low[k], "median": middle[k], "q975": high[k]},
                    **{key: known.get(key, np.nan) for key in PRIOR},
                    "verdict": self._verdict(k, str(known.get("verdict", ""))),
                }
            )
        return pd.DataFrame(rows).set_index("id")

    def _verdict(self, k: int, known: str) -> str:
        if self.ids[k] in self.prior_only:
            return "prior only"
        return "held" if np.ptp(self.flat[:, k]) == 0 else known

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row per draw: chain, draw, its structure if there are several, the log posterior, the numbers."""
        import pandas as pd

        index = pd.MultiIndex.from_product([range(n) for n in self.log_posterior.shape], names=["chain", "draw"])
        frame = pd.DataFrame(self.flat, index=index, columns=list(self.ids))
        frame.insert(0, "log_posterior", self.log_posterior.reshape(-1))
        if self.structures:
            frame.insert(0, "structure", self.structure.reshape(-1))
        return frame

    def to_arviz(self) -> InferenceData:
        """Return the draws with their log likelihoods by target, for the diagnostics and figures of ArviZ."""
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # ArviZ announces its version 1
            import arviz as az

        return az.InferenceData(**groups(vars(self)))

    def plot(self, ids: Sequence[str] | None = None) -> Figure:
        """Draw the posterior of each number, or of some, with the 95 % of its prior behind.

        Raises
        ------
        UnknownNameError
        """
        from ..plotting.marginals import marginals

        wanted = [i for i in self.ids if i not in self.prior_only] if ids is None else list(ids)
        for id in wanted:
            if id not in self.ids:
                raise unknown_name("number of the fit", id, self.ids)
        return marginals(
            {id: self.flat[:, self.ids.index(id)] for id in wanted},
            units={id: nuisance_words().get(id, ("", self.units[self.ids.index(id)]))[1] for id in wanted},
            priors={
                id: (float(b["prior_q025"]), float(b["prior_q975"])) for id, b in self.beside.items() if PRIOR[0] in b
            },
            title=f"Posterior of the fit {self.fit}: {len(self):,} draws",
        )

    def save(self, path: Path) -> None:
        """Write the draws to a NetCDF file, which `arviz.from_netcdf` opens."""
        write = sums.write if Path(path).name in sums.listed(Path(path).parent) else write_atomic
        write(Path(path), as_bytes(groups(vars(self))))

    @classmethod
    def load(cls, fit: str = "mirocals", folder: str | Path | None = None) -> Posterior:
        """Read a stored fit, by default one that ships.

        Raises
        ------
        InputError
            If there is no such fit, or its file is damaged.
        """
        path = (Path(folder) if folder is not None else data_dir("calibration") / "results") / fit / "posterior.nc"
        if not path.exists():
            raise InputError(f"There is no stored fit {fit!r} ({path} is missing); run 'il2model calibrate {fit}'.")
        with intact(path, f"it holds no stored fit: run 'il2model calibrate {fit}' again"):
            sums.read(path)
            loaded = cls(**read(path))
            if not loaded.beside:  # of an earlier version: the tables of the fit and of those it starts from
                tables = sorted(path.parent.parent.glob("*/parameters.csv"))
                loaded = replace(loaded, beside=beside_of(tables))
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
        if self.structures and (self.structure.shape != chains or not {*self.structure.flat} <= {*self.structures}):
            raise ValueError("a draw has no structure")


def stored(fit: str = "mirocals") -> bool:
    """Whether a fit ships with this installation."""
    return (data_dir("calibration") / "results" / fit / "posterior.nc").exists()
