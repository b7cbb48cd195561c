"""A study: a design on valid coordinates, results that last, indices with intervals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, unknown_name
from ..kernels.kernel import Kernel, builtin_kernel
from ..kernels.problem import Floats, SolverOptions, Status
from ..parameters import ParameterSet, load_parameters
from ..population.coordinates import Coordinates, sobol_points
from ..population.patients import Patients, weighted_patients
from ..posterior import Posterior
from ..simulation.blocks import run_blocks
from ..simulation.regimen import Regimen
from .outputs import DIFFERENCES, SCALARS, Output, resolve

Progress = Callable[[int, int], None]
#: Methods by name: what they are, and whether inputs must be independent.
METHODS: dict[str, tuple[str, bool]] = {
    "morris": ("elementary effects, mean and sigma (Morris 1991, Campolongo 2007)", True),
    "sobol": ("first and total order, variance (Saltelli 2010, Jansen 1999)", True),
    "fast": ("extended Fourier amplitude (Saltelli 1999); no interval", True),
    "rbd_fast": ("random balance designs (Tarantola 2006)", True),
    "delta": ("moment-independent delta and first order, given data (Borgonovo 2007, Plischke 2013)", False),
    "pawn": ("distribution-based, given data (Pianosi 2015)", False),
    "dgsm": ("derivative-based (Sobol and Kucherenko 2009)", True),
    "hdmr": ("high-dimensional model representation, correlated inputs (Li 2010)", False),
    "prcc": ("partial rank correlation: the sign (Marino 2008)", False),
}
POLICIES = ("refuse", "bound", "drop")
#: Rows integrated between two writes.
BLOCK = 512
#: Patients of a cohort that every row is judged on.
PATIENTS = 128
_SEED = 20252
#: Share of a prior left out at either end of a design.
EDGE = 1e-3


@dataclass(frozen=True)
class SensitivityStudy:
    """A global sensitivity study.

    Parameters
    ----------
    outputs : sequence of str
        Observables (with `times`), endpoints such as 'treg_auc', or differences between
        arms such as 'survival_difference' (over a cohort).
    parameters : sequence of str, optional
        By default every parameter with a prior that the outputs can depend on.
    ranges : {'prior', 'posterior'}
        The cube of the priors (independent, every point valid), or draws of the posterior
        (correlated: only for methods that take given data).
    method : str
        One of `METHODS`.
    n : int
        Base sample: a power of two for 'sobol'; trajectories for 'morris'; rows otherwise.
    seed : int
    regimen : str or Regimen
    until : float
        Days.
    times : sequence of float
        Days of time-resolved outputs.
    second_order : bool
    patients : int
        Of the cohort for differences between arms.

    Raises
    ------
    InputError, UnknownNameError
        If the design cannot be made; with one sentence.
    """

    outputs: Sequence[str]
    parameters: Sequence[str] | None = None
    ranges: str = "prior"
    method: str = "sobol"
    n: int = 1024
    seed: int = 0
    regimen: str | Regimen = "imodals-2miu"
    until: float = 85.0
    times: Sequence[float] = ()
    second_order: bool = False
    patients: int = PATIENTS
    rtol: float = 1e-5
    base: ParameterSet | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        if self.ranges not in ("prior", "posterior"):
            raise unknown_name("kind of ranges", self.ranges, ("prior", "posterior"))
        if self.ranges == "posterior" and METHODS[self.method][1]:
            given = ", ".join(m for m, (_, independent) in METHODS.items() if not independent)
            raise InputError(
                f"Draws of the posterior are correlated; {self.method} needs independent inputs: use one of {given}."
            )
        if self.n != int(self.n) or not 2 <= self.n <= 2**22:
            raise InputError(f"n is {self.n}; it must be a whole number from 2 to {2**22}.")
        if self.method == "sobol" and self.n & (self.n - 1):
            low = 1 << (int(self.n).bit_length() - 1)
            raise InputError(f"n is {self.n}; a Sobol design needs a power of two, such as {low} or {2 * low}.")
        if self.seed < 0:
            raise InputError("The seed must be zero or more.")
        if not 1 <= self.until <= 3650:
            raise InputError(f"until is {self.until} days; it must lie from 1 to 3650.")
        bad = [t for t in self.times if not 0 <= t <= self.until]
        if bad:
            raise InputError(f"The time {bad[0]:g} lies outside 0 to {self.until:g} days.")
        if self.patients < 2:
            raise InputError("A cohort needs at least 2 patients.")
        kinds = {name in DIFFERENCES for name in self.outputs}
        if len(kinds) > 1:
            raise InputError("Differences between arms need a study of their own: they run a cohort for every row.")
        _ = self.columns, self.inputs

    def __getstate__(self) -> dict[str, Any]:
        """Travel to a worker without what can be computed there."""
        return {f: getattr(self, f) for f in self.__dataclass_fields__}

    # ------------------------------------------------------------------ design
    @property
    def kernel(self) -> Kernel:
        """The compiled model."""
        return builtin_kernel()

    @cached_property
    def values(self) -> ParameterSet:
        """What is not varied."""
        return self.base if self.base is not None else load_parameters()

    @cached_property
    def columns(self) -> tuple[Output, ...]:
        """The outputs, one per column of the results."""
        return resolve(self.outputs, tuple(self.times), self.kernel)

    @property
    def arms(self) -> bool:
        """Whether the outputs are differences between arms."""
        return any(name in DIFFERENCES for name in self.outputs)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The varied parameters, in order."""
        records = self.values.records
        known = {p.id for p in self.kernel.blueprint.parameters}
        if self.parameters is not None:
            for id in self.parameters:
                if id not in records:
                    raise unknown_name("parameter", id, records)
                if records[id].fixed:
                    raise InputError(f"{id} is fixed: it has no prior to vary it over.")
                if id not in known and not self.arms:
                    raise InputError(f"{id} acts between patients; only differences between arms depend on it.")
            if len(set(self.parameters)) < len(tuple(self.parameters)):
                raise InputError("A parameter is named twice.")
            return tuple(self.parameters)
        return tuple(i for i, r in records.items() if not r.fixed and (i in known or self.arms))

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Columns of the inputs by mechanism."""
        found: dict[str, list[int]] = {}
        for k, id in enumerate(self.inputs):
            found.setdefault(self.values.record(id).mechanism, []).append(k)
        return {name: tuple(columns) for name, columns in found.items()}

    @property
    def problem(self) -> dict[str, Any]:
        """The inputs in SALib's words: names, and the central 99.8 % of each prior as quantiles."""
        d = len(self.inputs)
        return {"num_vars": d, "names": list(self.inputs), "bounds": [[EDGE, 1 - EDGE]] * d}

    @cached_property
    def design(self) -> Floats:
        """Points of the unit cube, (row, parameter); with posterior ranges, the numbers of the draws."""
        import warnings

        import SALib.sample.fast_sampler
        import SALib.sample.finite_diff
        import SALib.sample.latin
        import SALib.sample.morris
        import SALib.sample.sobol

        if self.ranges == "posterior":
            posterior = Posterior.load()
            table = posterior.table(posterior.pick(self.n, self.seed))
            missing = [i for i in self.inputs if i not in table]
            if missing:
                raise InputError(f"{missing[0]} is not in the stored posterior.")
            return np.asarray(np.stack([table[i] for i in self.inputs], axis=1))
        rng = np.random.default_rng(self.seed)  # seed = 0 is a seed, which SALib would take for none
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.method == "sobol":
                X = SALib.sample.sobol.sample(
                    self.problem, self.n, calc_second_order=self.second_order, scramble=True, seed=rng
                )
            elif self.method == "morris":
                X = SALib.sample.morris.sample(self.problem, self.n, num_levels=8, seed=int(rng.integers(1, 2**31)))
            elif self.method == "fast":
                if self.n <= 4 * 4**2:
                    raise InputError(f"n is {self.n}; FAST needs more than 64 rows for each parameter.")
                X = SALib.sample.fast_sampler.sample(self.problem, self.n, seed=int(rng.integers(1, 2**31)))
            elif self.method == "dgsm":
                X = SALib.sample.finite_diff.sample(self.problem, self.n, seed=int(rng.integers(1, 2**31)))
            else:
                X = SALib.sample.latin.sample(self.problem, self.n, seed=int(rng.integers(1, 2**31)))
        return np.asarray(np.clip(X, EDGE, 1 - EDGE), dtype=float)

    def table(self, rows: slice) -> dict[str, Floats]:
        """Return the numbers of some rows by id, in the units of their records."""
        X = self.design[rows]
        if self.ranges == "posterior":
            return {id: X[:, k] for k, id in enumerate(self.inputs)}
        return Coordinates.of(self.kernel, self.values, ids=self.inputs).values(X)

    @property
    def row_key(self) -> str:
        """Hash of what a row's result depends on, whatever the size of the design."""
        parts = [
            self.kernel.blueprint.fingerprint, self.values.fingerprint(), repr(self.inputs), self.ranges, self.method,
            str(self.seed), repr(self._plan()), repr([c.name for c in self.columns]), repr(float(self.until)),
            str(self.second_order), str(self.patients if self.arms else 0), repr(self.rtol),
        ]  # fmt: skip
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the design and of everything that the results depend on."""
        return hashlib.sha256(self.row_key.encode() + np.ascontiguousarray(self.design).tobytes()).hexdigest()[:16]

    # -------------------------------------------------------------- evaluation
    def evaluate(self, rows: slice, threads: int | None = None) -> tuple[Floats, list[str]]:
        """Return outputs (row, output) of some rows and a sentence per failed one ('' where it ran)."""
        table = self.table(rows)
        n = len(next(iter(table.values())))
        return self._differences(table, n, threads) if self.arms else self._courses(table, n, threads)

    def _plan(self) -> Regimen:
        plan = Regimen.named(self.regimen) if isinstance(self.regimen, str) else self.regimen
        return plan.until(self.until)

    def _grid(self) -> Floats:
        # endpoints are read off daily values
        return np.unique(np.concatenate([np.arange(0, self.until, 1.0), [self.until], np.array(self.times, float)]))

    def _courses(self, table: dict[str, Floats], n: int, threads: int | None) -> tuple[Floats, list[str]]:
        rows = Coordinates(self.kernel, self.values, (), {}).rows(table, n)
        grid = self._grid()
        wanted = {c.series for c in self.columns if c.series} | {
            SCALARS[c.name].observable for c in self.columns if c.name in SCALARS
        }
        course, words = self._run(self._plan(), rows, grid, sorted(wanted), threads)
        out = np.empty((n, len(self.columns)))
        for k, c in enumerate(self.columns):
            if c.series is not None and c.time is not None:
                out[:, k] = course[c.series][:, int(np.searchsorted(grid, c.time))]
            else:
                out[:, k] = SCALARS[c.name].read(grid, course[SCALARS[c.name].observable])
        return out, words

    def _run(
        self, plan: Regimen, rows: Floats, grid: Floats, ids: Sequence[str], threads: int | None
    ) -> tuple[dict[str, Floats], list[str]]:
        bp = self.kernel.blueprint
        observed = [o.id for o in bp.observables]
        found = {i: np.full((len(rows), len(grid)), np.nan) for i in ids}
        words = [""] * len(rows)
        for part, result in run_blocks(
            self.kernel, [plan], np.zeros(len(rows), np.int64), lambda s: rows[s], grid, float(grid[-1]),
            options=SolverOptions(rtol=self.rtol), engine="fast", precision="float64", threads=threads,
        ):  # fmt: skip
            values = self.kernel.observables(
                result.states, result.inputs, result.parameters[:, None], result.constants[:, None]
            )
            for i in ids:
                found[i][part] = values[..., observed.index(i)]
            for s, text in result.messages.items():
                if result.status[s] != Status.SUCCESS:
                    words[part.start + s] = text
        return found, words

    def _differences(self, table: dict[str, Floats], n: int, threads: int | None) -> tuple[Floats, list[str]]:
        """Return differences of weighted means over a quasi-random cohort, the same for every row."""
        patients = Patients(self.kernel, self.values)
        u = sobol_points(self.patients, patients.width, _SEED)
        out, words = np.full((n, len(self.columns)), np.nan), [""] * n
        people = weighted_patients(patients, u, table)
        sizes = np.array([len(p.rows) for p in people])
        rows = np.concatenate([p.rows for p in people])
        edges = np.concatenate([[0], np.cumsum(sizes)])
        grid = np.array([0.0, self.until])
        ids = sorted({SCALARS[DIFFERENCES[c.name][0]].observable for c in self.columns})
        control, failed = self._run(Regimen.named("placebo"), rows, grid, ids, threads)
        treated, failed_too = self._run(self._plan(), rows, grid, ids, threads)
        for k, p in enumerate(people):
            part = slice(edges[k], edges[k + 1])
            bad = [w for w in (*failed[part], *failed_too[part]) if w]
            good = np.array([not (a or b) for a, b in zip(failed[part], failed_too[part], strict=True)])
            # a virtual patient or two may fail; a row fails when they weigh more than 1 %
            if p.weight[~good].sum() > 0.01 or not good.any():
                words[k] = bad[0] if bad else "Nobody is left in the cohort."
                continue
            w = p.weight[good] / p.weight[good].sum()
            for c, column in enumerate(self.columns):
                i = SCALARS[DIFFERENCES[column.name][0]].observable
                out[k, c] = w @ (treated[i][part][good, -1] - control[i][part][good, -1])
        return out, words

    def run(
        self,
        directory: str | Path | None = None,
        *,
        resume: bool = True,
        policy: str = "refuse",
        threads: int | None = None,
        executor: Any = None,
        progress: Progress | None = None,
    ) -> Any:
        """Evaluate every row and estimate the indices.

        Parameters
        ----------
        directory : path, optional
            Results are written there block by block, and what is there is not run again.
        resume : bool
            False refuses a folder that holds results.
        policy : {'refuse', 'bound', 'drop'}
            What to do about failed rows: refuse an index; bound it by both extremes of
            the outputs (sobol); leave the rows out (given-data methods only).
        threads : int, optional
        executor : Executor, optional
            With `submit(f, *args)`, such as a Dask client's: blocks run there.
        progress : callable, optional
            `progress(done, total)` in rows.

        Returns
        -------
        StudyResult
        """
        from .results import collect

        return collect(self, directory, resume, policy, threads, executor, progress)

    def describe(self) -> dict[str, Any]:
        """Return the study as plain data."""
        return {
            "outputs": list(self.outputs), "parameters": list(self.inputs), "ranges": self.ranges,
            "method": self.method, "n": self.n, "seed": self.seed, "regimen": str(self._plan()).rstrip("."),
            "until_day": float(self.until), "times": [float(t) for t in self.times],
            "second_order": self.second_order, "patients": self.patients if self.arms else None,
            "rows": len(self.design), "design": self.fingerprint,
        }  # fmt: skip

    def __repr__(self) -> str:
        return json.dumps(self.describe())
