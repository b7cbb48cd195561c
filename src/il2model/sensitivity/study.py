"""A study: a design on valid coordinates, results that last, indices with intervals."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dosing.regimen import Regimen
from ..endpoints.registry import CONTRASTS
from ..errors import InputError, unknown_name
from ..parameters import ParameterSet, load_parameters
from ..population.patients import Patients, weighted_patients
from ..runs import RunOptions
from ..simulation.cohort import Task, solve_cohort
from ..solver.kernel import Kernel, builtin_kernel
from ..solver.problem import Floats, SolverOptions
from ..uncertainty.coordinates import Coordinates, sobol_points
from ..uncertainty.posterior import Posterior
from .indices import saltelli_design
from .outputs import Output, is_series, resolve

if TYPE_CHECKING:
    from .results import StudyResult

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
    "oat": ("one at a time from the 10 to the 90 % quantile, the others at their medians: a tornado", True),
}
POLICIES = ("refuse", "bound", "drop")
#: Patients of a cohort that every row is judged on.
PATIENTS = 128
_SEED = 20252
#: Relative tolerance of a run: of the survival difference it costs 3e-5, of a spread of 0.1.
RTOL = 1e-4
#: Days since the first dose of a cycle at which time-resolved outputs are read.
VISITS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0, 11.0, 14.0, 18.0, 21.0, 25.0, 28.0)
#: A row fails when virtual patients without a bounded course weigh more than this in its cohort;
#: one of 128 weighs about 1 %. Fewer are left out of both arms, and their weight is reported.
LEFT_OUT = 0.5
#: Step of a finite difference on the unit cube.
STEP = 1e-3
#: Distance of a one-at-a-time point from the median, as a share of the prior.
SWING = 0.4
#: Share of a prior left out at either end of a design.
EDGE = 1e-3


@dataclass(frozen=True)
class Rows:
    """Evaluated rows of a design.

    Y : (row, output)
        NaN in a failed row.
    reasons : list of str
        A sentence per failed row, '' where it ran.
    left_out : (row,)
        Weight of the virtual patients without a bounded course, left out of both arms.
    spans : (run, 2)
        When integration and observables began and ended, seconds of this process' clock.
    took : float
        Seconds of the whole evaluation.
    """

    Y: Floats
    reasons: list[str]
    left_out: Floats
    spans: Floats
    took: float = 0.0


def _regimen(given: str | Regimen) -> Regimen:
    return Regimen.named(given) if isinstance(given, str) else given


def cycle_starts(plan: Regimen) -> tuple[float, ...]:
    """Return the first day of each cycle: a dose after a week or more without one."""
    days = sorted({d.time for d in plan.given})
    return tuple(t for k, t in enumerate(days) if k == 0 or t - days[k - 1] >= 7)


def visits(plan: Regimen, until: float) -> tuple[float, ...]:
    """Return the days to look at: the visits of each cycle, or 24 even ones where there are none or too many."""
    starts = [t for t in cycle_starts(plan) if t < until]
    ends = [*starts[1:], until]
    days = {round(t + d, 6) for k, t in enumerate(starts) for d in VISITS if t + d <= ends[k]}
    if not starts or len(days) > 60:
        return tuple(float(t) for t in np.linspace(0, until, 25)[1:])
    return tuple(sorted(days | {until}))


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
        Base sample: a power of two for 'sobol'; trajectories for 'morris'; nothing for 'oat'; rows otherwise.
    seed : int
    regimen : str or Regimen, optional
        (default: 'mirocals' for differences between arms, else 'imodals-2miu')
    control : str or Regimen
        The other arm of a difference.
    until : float, optional
        Days (default 640 for differences between arms, else 85).
    times : sequence of float, optional
        Days of time-resolved outputs (default: the visits of each cycle, see `visits`).
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
    regimen: str | Regimen | None = None
    until: float | None = None
    times: Sequence[float] = ()
    second_order: bool = False
    patients: int = PATIENTS
    rtol: float = RTOL
    base: ParameterSet | None = None
    control: str | Regimen = "placebo"

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
        if not 1 <= self.days <= 3650:
            raise InputError(f"until is {self.days} days; it must lie from 1 to 3650.")
        bad = [t for t in self.times if not 0 <= t <= self.days]
        if bad:
            raise InputError(f"The time {bad[0]:g} lies outside 0 to {self.days:g} days.")
        if self.patients < 2:
            raise InputError("A cohort needs at least 2 patients.")
        kinds = {name in CONTRASTS for name in self.outputs}
        if len(kinds) > 1:
            raise InputError("Differences between arms need a study of their own: they run a cohort for every row.")
        _ = self.columns, self.inputs

    def __getstate__(self) -> dict[str, Any]:
        """Travel to a worker without what can be computed there."""
        return {f: getattr(self, f) for f in self.__dataclass_fields__}

    def replace(self, **changes: Any) -> SensitivityStudy:
        """Return the study with some arguments changed."""
        return replace(self, **changes)

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
        series = [o for o in self.outputs if is_series(o)]
        times = tuple(self.times) or (visits(self.plan, self.days) if series else ())
        return resolve(self.outputs, times, self.kernel)

    @property
    def compares(self) -> bool:
        """Whether the outputs are differences between arms."""
        return any(name in CONTRASTS for name in self.outputs)

    @property
    def days(self) -> float:
        """Length of the simulated course, day."""
        return float(self.until if self.until is not None else 640.0 if self.compares else 85.0)

    @cached_property
    def plan(self) -> Regimen:
        """The doses of the (treated) arm."""
        return _regimen(self.regimen or ("mirocals" if self.compares else "imodals-2miu")).until(self.days)

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
                if id not in known and not self.compares:
                    raise InputError(f"{id} acts between patients; only differences between arms depend on it.")
            if len(set(self.parameters)) < len(tuple(self.parameters)):
                raise InputError("A parameter is named twice.")
            return tuple(self.parameters)
        return tuple(i for i, r in records.items() if not r.fixed and (i in known or self.compares))

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
        if self.ranges == "posterior":
            posterior = Posterior.load()
            table = posterior.table(posterior.pick(self.n, self.seed))
            missing = [i for i in self.inputs if i not in table]
            if missing:
                raise InputError(f"{missing[0]} is not in the stored posterior.")
            return np.asarray(np.stack([table[i] for i in self.inputs], axis=1))
        if self.method == "oat":
            d = len(self.inputs)
            centre = np.full((1, d), 0.5)
            return np.vstack([centre, centre + np.diag(np.full(d, -SWING)), centre + np.diag(np.full(d, SWING))])
        rng = np.random.default_rng(self.seed)  # seed = 0 is a seed, which SALib would take for none
        seed = int(rng.integers(1, 2**31))
        if self.method == "sobol":
            X = saltelli_design(
                self.n, np.array(self.problem["bounds"]), self.second_order, np.random.default_rng(self.seed)
            )
        elif self.method == "dgsm":
            # SALib's design ignores the seed, and its steps vanish at the ends
            d = len(self.inputs)
            base = EDGE + (1 - 2 * EDGE) * sobol_points(self.n, d, seed)
            X = np.repeat(base, d + 1, axis=0)
            for j in range(d):
                X[j + 1 :: d + 1, j] += np.where(base[:, j] < 0.5, STEP, -STEP)
        else:
            X = self._salib(seed)
        return np.asarray(np.clip(X, EDGE, 1 - EDGE), dtype=float)

    def _salib(self, seed: int) -> Floats:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.method == "morris":
                from SALib.sample import morris

                return np.asarray(morris.sample(self.problem, self.n, num_levels=8, seed=seed))
            if self.method == "fast":
                from SALib.sample import fast_sampler

                if self.n <= 4 * 4**2:
                    raise InputError(f"n is {self.n}; FAST needs more than 64 rows for each parameter.")
                return np.asarray(fast_sampler.sample(self.problem, self.n, seed=seed))
            from SALib.sample import latin

            return np.asarray(latin.sample(self.problem, self.n, seed=seed))

    def table(self, X: Floats) -> dict[str, Floats]:
        """Return the numbers of points (point, parameter) by id, in the units of their records."""
        if self.ranges == "posterior":
            return {id: X[:, k] for k, id in enumerate(self.inputs)}
        return Coordinates.of(self.kernel, self.values, ids=self.inputs).values(X)

    @property
    def row_key(self) -> str:
        """Hash of what a row's result depends on, whatever the size of the design."""
        parts = [
            self.kernel.blueprint.fingerprint, self.values.fingerprint(), repr(self.inputs), self.ranges, self.method,
            str(self.seed), repr(self.plan), repr([c.name for c in self.columns]), repr(self.days),
            str(self.second_order), repr((self.patients, self._control) if self.compares else 0), repr(self.rtol),
        ]  # fmt: skip
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the design and of everything that the results depend on."""
        return hashlib.sha256(self.row_key.encode() + np.ascontiguousarray(self.design).tobytes()).hexdigest()[:16]

    # -------------------------------------------------------------- evaluation
    def evaluate(self, X: Floats, threads: int | None = None) -> Rows:
        """Run points of the design, (row, parameter)."""
        start = time.perf_counter()
        run = self._differences if self.compares else self._courses
        rows = run(self.table(X), len(X), threads)
        return replace(rows, took=time.perf_counter() - start)

    @property
    def simulations(self) -> int:
        """Simulated patients of one row."""
        return 2 * self.patients if self.compares else 1

    @property
    def _control(self) -> Regimen:
        return _regimen(self.control).until(self.days)

    def _grid(self) -> Floats:
        # endpoints are read off daily values
        times = [c.time for c in self.columns if c.time is not None]
        return np.unique(np.concatenate([np.arange(0, self.days, 1.0), [self.days], np.array(times, float)]))

    def _courses(self, table: dict[str, Floats], n: int, threads: int | None) -> Rows:
        rows = Coordinates(self.kernel, self.values, (), {}).rows(table, n)
        grid = self._grid()
        wanted = sorted({c.observable for c in self.columns})
        course, words, span = self._run(self.plan, rows, grid, wanted, threads)
        out = np.empty((n, len(self.columns)))
        for k, c in enumerate(self.columns):
            out[:, k] = c.read(grid, course[c.observable])
        return Rows(out, words, np.zeros(n), np.array([span]))

    def _run(
        self, plan: Regimen, rows: Floats, grid: Floats, ids: Sequence[str], threads: int | None
    ) -> tuple[dict[str, Floats], list[str], tuple[float, float]]:
        start = time.perf_counter()
        task = Task(
            kernel=self.kernel, plans=[plan], save=grid, until=float(grid[-1]), ids=ids,
            options=SolverOptions(rtol=self.rtol),
        )  # fmt: skip
        which = np.zeros(len(rows), np.int64)
        found = solve_cohort(task, rows.__getitem__, which, RunOptions(workers=threads))
        words = [found.messages.get(s, "") for s in range(len(rows))]
        return dict(found.values), words, (start, time.perf_counter())

    def _differences(self, table: dict[str, Floats], n: int, threads: int | None) -> Rows:
        """Return differences of weighted means over a quasi-random cohort, the same for every row."""
        patients = Patients(self.kernel, self.values)
        u = sobol_points(self.patients, patients.width, _SEED)
        out, words, left_out = np.full((n, len(self.columns)), np.nan), [""] * n, np.zeros(n)
        people = weighted_patients(patients, u, table)
        sizes = np.array([len(p.rows) for p in people])
        rows = np.concatenate([p.rows for p in people])
        edges = np.concatenate([[0], np.cumsum(sizes)])
        grid = np.array([0.0, self.days])
        ids = sorted({c.observable for c in self.columns})
        control, failed, span = self._run(self._control, rows, grid, ids, threads)
        treated, failed_too, more = self._run(self.plan, rows, grid, ids, threads)
        for k, p in enumerate(people):
            part = slice(edges[k], edges[k + 1])
            bad = [w for w in (*failed[part], *failed_too[part]) if w]
            good = np.array([not (a or b) for a, b in zip(failed[part], failed_too[part], strict=True)])
            left_out[k] = p.weight[~good].sum()
            if left_out[k] > LEFT_OUT or not good.any():
                words[k] = bad[0] if bad else "Nobody is left in the cohort."
                continue
            w = p.weight[good] / p.weight[good].sum()
            for c, column in enumerate(self.columns):
                courses = (arm[column.observable][part][good] for arm in (control, treated))
                out[k, c] = w @ column.difference(grid, *courses)
        return Rows(out, words, left_out, np.array([span, more]))

    def run(
        self,
        directory: str | Path | None = None,
        *,
        resume: bool = True,
        policy: str = "refuse",
        threads: int | None = None,
        executor: Any = None,
        progress: Progress | None = None,
    ) -> StudyResult:
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

    def companions(self, *, scrambles: int = 2, draws: int = 512) -> dict[str, SensitivityStudy]:
        """Return the studies that a reader will ask for beside this one.

        Parameters
        ----------
        scrambles : int
            Independent designs of a quarter of the size, for 'sobol'.
        draws : int
            Rows of the moment-independent index under the prior and under the posterior.

        Returns
        -------
        dict
            scramble-1, ... (of a sobol study with n of 64 or more); tornado, prior, posterior, in which
            series are reduced to their last time. Empty for a study of posterior draws.
        """
        if self.ranges != "prior":
            return {}
        found = {}
        if self.method == "sobol" and self.n >= 64:
            for k in range(1, scrambles + 1):
                found[f"scramble-{k}"] = self.replace(n=self.n // 4, seed=self.seed + 1000 * k, second_order=False)
        last = self.replace(method="delta", times=(self.days,), second_order=False, n=draws)
        return found | {
            "tornado": last.replace(method="oat"), "prior": last, "posterior": last.replace(ranges="posterior")
        }  # fmt: skip

    @property
    def arguments(self) -> dict[str, Any]:
        """What `load` makes the study from, as plain data; the parameter set is not among it."""

        def plan(given: str | Regimen | None) -> Any:
            if not isinstance(given, Regimen):
                return given
            return {
                "name": given.name, "length": given.length, "riluzole": given.riluzole, "records": given.to_records()
            }  # fmt: skip

        first = {} if self.parameters is None else {"parameters": list(self.inputs)}
        return {
            **first, "outputs": list(self.outputs), "ranges": self.ranges,
            "method": self.method, "n": self.n, "seed": self.seed, "regimen": plan(self.regimen),
            "until": self.until, "times": [float(t) for t in self.times], "second_order": self.second_order,
            "patients": self.patients, "rtol": self.rtol, "control": plan(self.control),
        }  # fmt: skip

    def command(self, policy: str = "refuse") -> str:
        """Return the command line that runs the study, or a sentence where none can."""
        plain = isinstance(self.regimen, str | None) and isinstance(self.control, str)
        if not plain or self.base is not None or self.rtol != RTOL:
            return "From Python: il2model.SensitivityStudy.load of this folder's study.json."
        words = ["il2model sensitivity", f"--method {self.method}", f"--n {self.n}", f"--seed {self.seed}"]
        words.append(f"--outputs {','.join(self.outputs)}")
        if self.inputs != self.replace(parameters=None).inputs:
            words.append(f"--parameters {','.join(self.inputs)}")
        for name, value, default in (
            ("regimen", self.regimen, None), ("control", self.control, "placebo"), ("until", self.until, None),
            ("ranges", self.ranges, "prior"), ("policy", policy, "refuse"),
        ):  # fmt: skip
            words += [] if value == default else [f"--{name} {value}"]
        words += [f"--times {','.join(f'{t:.12g}' for t in self.times)}"] if self.times else []
        words += ["--second-order"] if self.second_order else []
        words += [f"--patients {self.patients}"] if self.compares and self.patients != PATIENTS else []
        return " ".join([*words, "-o DIR"])

    @classmethod
    def load(cls, directory: str | Path, base: ParameterSet | None = None) -> SensitivityStudy:
        """Return the study whose results `directory` holds.

        Raises
        ------
        InputError
            If there is none, or it was made with another model or other parameters.
        """
        try:
            stored = json.loads((Path(directory) / "study.json").read_text())
            arguments = stored["arguments"]
        except (OSError, ValueError, KeyError):
            raise InputError(f"{directory} holds no study: study.json is missing or damaged.") from None
        for name in ("regimen", "control"):
            if isinstance(arguments[name], dict):
                plan = arguments[name]
                arguments[name] = Regimen.from_records(plan["records"], name=plan["name"]).replace(
                    length=plan["length"], riluzole=tuple((a, b) for a, b in plan["riluzole"])
                )
        study = cls(**arguments, base=base)
        if study.row_key != stored["row_key"]:
            raise InputError(f"{directory} was made with another model or other parameters; run it again.")
        return study

    def describe(self) -> dict[str, Any]:
        """Return the study as plain data."""
        return {
            "outputs": list(self.outputs), "parameters": list(self.inputs), "ranges": self.ranges,
            "method": self.method, "n": self.n, "seed": self.seed, "regimen": str(self.plan).rstrip("."),
            "control": str(self._control).rstrip(".") if self.compares else None,
            "until_day": self.days, "times": sorted({c.time for c in self.columns if c.time is not None}),
            "second_order": self.second_order, "patients": self.patients if self.compares else None,
            "rows": len(self.design), "design": self.fingerprint,
        }  # fmt: skip

    def __repr__(self) -> str:
        return json.dumps(self.describe())
