"""Results on disk in blocks, policies for failed rows, indices by method."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, SimulationError, unknown_name
from ..manifest import manifest, peak_memory
from ..solver.problem import Floats
from .indices import constant_outputs, elementary_effects, sobol_indices
from .study import METHODS, POLICIES, Progress, Rows, SensitivityStudy, cycle_starts

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

RESAMPLES = 200
#: Methods that any rows of a design will do for.
_GIVEN_DATA = ("delta", "pawn", "hdmr", "prcc", "rbd_fast")


@dataclass(frozen=True)
class StudyResult:
    """A finished study.

    Parameters
    ----------
    study : SensitivityStudy
    Y : (row, output)
        NaN in failed rows.
    reasons : {row: sentence}
    indices : {name: (parameter, output)}
        Of the method; `name_half` is the half-width of its 95 % interval where one is reliable.
    masked : (output,)
        True where an output has no variance: its indices are NaN.
    notes : tuple of str
        What a reader must know: failed rows and the policy, masks, floors.
    """

    study: SensitivityStudy
    Y: Floats
    reasons: Mapping[int, str]
    indices: Mapping[str, Floats]
    masked: Floats
    notes: tuple[str, ...]
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, directory: str | Path) -> StudyResult:
        """Return a finished study from its folder; nothing is run or written.

        Raises
        ------
        InputError
            If there is no study, rows of it are missing, or it was made with another model
            or other parameters than the stored ones.
        """
        import xarray as xr

        folder = Path(directory)
        study = SensitivityStudy.load(folder)
        try:
            record = json.loads((folder / "manifest.json").read_text())
            with xr.open_dataset(folder / "indices.nc", engine="scipy") as stored_indices:
                indices = {str(k): np.asarray(v.values) for k, v in stored_indices.data_vars.items()}
        except (OSError, ValueError):
            raise InputError(f"The study in {folder} is not finished; go on with resume.") from None
        store = _Store(folder, study)
        Y = np.full((len(study.design), len(study.columns)), np.nan)
        reasons: dict[int, str] = {}
        for number, part in blocks(study):
            stored = store.get(number, study.design[part])
            if stored is None:
                raise InputError(f"{store.path(number)} is missing; go on with resume.")
            Y[part] = stored[0].Y
            reasons |= {part.start + k: w for k, w in enumerate(stored[0].reasons) if w}
        indices.pop("variance")
        masked = np.asarray(indices.pop("masked"), float)
        return cls(study, Y, reasons, indices, masked, tuple(record["notes"]), record)

    @property
    def variance(self) -> Floats:
        """Variance of each output over the rows that ran."""
        return np.asarray(np.nanvar(self.Y, axis=0))

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row per parameter and output with every index."""
        import pandas as pd

        names = [c.name for c in self.study.columns]
        index = pd.MultiIndex.from_product([self.study.inputs, names], names=["parameter", "output"])
        flat = {k: v.ravel() for k, v in self.indices.items() if v.ndim == 2 and v.shape[0] == len(self.study.inputs)}
        return pd.DataFrame(flat, index=index)

    def to_xarray(self) -> xr.Dataset:
        """Return indices, variance and masks with labels."""
        import xarray as xr

        data = {}
        for name, values in self.indices.items():
            dims = {2: ("parameter", "output"), 3: ("parameter", "other", "output"), 1: ("output",)}[values.ndim]
            if values.ndim == 2 and values.shape[0] != len(self.study.inputs):
                dims = ("bound", "output")
            data[name] = (dims, values)
        data["variance"] = (("output",), self.variance)
        data["masked"] = (("output",), np.asarray(self.masked, bool))
        columns = self.study.columns
        day = np.array([np.nan if c.time is None else c.time for c in columns])
        starts = np.array(cycle_starts(self.study.plan))
        cycle = np.searchsorted(starts, day)  # a visit at the start of a cycle ends the one before
        timed = np.isfinite(day) & (cycle > 0)
        since = np.where(timed, day - starts[np.maximum(cycle, 1) - 1] + 1, np.nan) if len(starts) else day * np.nan
        coords = {
            "parameter": list(self.study.inputs), "output": [c.name for c in columns],
            "time": ("output", day, {"units": "day", "long_name": "time since first dose"}),
            "cycle": ("output", np.where(timed, cycle, 0)),
            "day_of_cycle": ("output", since, {"units": "day", "long_name": "day of the cycle, 1 with the first dose"}),
            "unit": ("output", [c.unit for c in columns]),
        }  # fmt: skip
        return xr.Dataset(data, coords=coords, attrs={"manifest": json.dumps(dict(self.manifest))})

    def main(self) -> tuple[str, Floats, Floats | None]:
        """Return the method's leading index: name, values, half-widths or None."""
        name = {"sobol": "ST", "morris": "mu_star", "fast": "ST", "rbd_fast": "S1", "delta": "delta", "pawn": "median",
                "dgsm": "dgsm", "hdmr": "ST", "prcc": "prcc", "oat": "swing"}[self.study.method]  # fmt: skip
        return name, self.indices[name], self.indices.get(f"{name}_half")


def block_size(study: SensitivityStudy) -> int:
    """Return how many rows are evaluated between two writes: some seconds of work that share its overhead."""
    return 512 if study.compares else 4096


def blocks(study: SensitivityStudy) -> Iterator[tuple[int, slice]]:
    """Return numbered blocks of rows."""
    rows, size = len(study.design), block_size(study)
    for k, first in enumerate(range(0, rows, size)):
        yield k, slice(first, min(first + size, rows))


def evaluate_block(study: SensitivityStudy, first: int, last: int, threads: int | None) -> Rows:
    """Return rows first..last of the design; in another process too."""
    return study.evaluate(study.design[first:last], threads)


def covered(spans: Floats) -> float:
    """Return the length of the union of intervals (interval, 2)."""
    total, end = 0.0, -np.inf
    for a, b in sorted(map(tuple, spans)):
        total += max(b - max(a, end), 0.0)
        end = max(end, b)
    return float(total)


class _Store:
    """A folder of blocks, and the hash of what they depend on."""

    def __init__(self, folder: Path | None, study: SensitivityStudy) -> None:
        self.folder, self.study = folder, study

    def begin(self, resume: bool) -> None:
        """Make the folder, or make sure that what it holds belongs to this study."""
        folder, study = self.folder, self.study
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.glob("block-*.npz")) and not resume:
                raise InputError(f"{folder} holds results already; go on with resume, or give another folder.")
            known = folder / "study.json"
            if known.exists():
                stored = json.loads(known.read_text())
                if stored["row_key"] != study.row_key:
                    raise InputError(f"{folder} holds the results of another study or model; give another folder.")
            record = {**study.describe(), "row_key": study.row_key, "arguments": study.arguments}
            known.write_text(json.dumps(record, indent=1) + "\n")
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None

    def path(self, number: int) -> Path:
        assert self.folder is not None
        return self.folder / f"block-{number:06d}.npz"

    def get(self, number: int, design: Floats) -> tuple[Rows, Floats] | None:
        """Return a stored block if its rows are those of the design."""
        if self.folder is None or not self.path(number).exists():
            return None
        try:
            with np.load(self.path(number), allow_pickle=False) as data:
                stored = data["design"]
                seconds = data["seconds"]
                rows = Rows(data["Y"], json.loads(str(data["reasons"])), data["left_out"], np.zeros((0, 2)))
        except (OSError, ValueError, KeyError):
            raise InputError(f"{self.path(number)} is damaged; remove it, and it is run again.") from None
        if len(stored) > len(design) or not np.array_equal(stored, design[: len(stored)]):
            raise InputError(f"{self.path(number)} belongs to another design (its rows differ); give another folder.")
        return (rows, seconds) if len(stored) == len(design) else None

    def put(self, number: int, design: Floats, rows: Rows, seconds: Floats) -> None:
        """Write a block, whole or not at all; `seconds` passed since the one before, and of these in the model."""
        if self.folder is None:
            return
        temporary = self.path(number).with_suffix(".part")
        try:
            with temporary.open("wb") as stream:
                np.savez(
                    stream, design=design, Y=rows.Y, reasons=json.dumps(rows.reasons), left_out=rows.left_out,
                    seconds=seconds,
                )  # fmt: skip
            temporary.replace(self.path(number))
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise InputError(
                f"{self.folder} cannot be written ({error.strerror or error}); what is there stays, and it goes on "
                "from it."
            ) from None


def collect(
    study: SensitivityStudy,
    directory: str | Path | None,
    resume: bool,
    policy: str,
    threads: int | None,
    executor: Any,
    progress: Progress | None,
) -> StudyResult:
    """Run what is missing, then estimate."""
    if policy not in POLICIES:
        raise unknown_name("policy", policy, POLICIES)
    if policy == "drop" and study.method not in _GIVEN_DATA:
        raise InputError(
            f"{study.method} needs its whole design; rows can be dropped for {', '.join(_GIVEN_DATA)} only."
        )
    begin = time.perf_counter()
    design = study.design
    store = _Store(None if directory is None else Path(directory), study)
    store.begin(resume)
    Y = np.full((len(design), len(study.columns)), np.nan)
    left_out = np.zeros(len(design))
    reasons: dict[int, str] = {}
    spent = np.zeros(2)  # in blocks, in the model
    waiting = []
    done = 0

    def take(part: slice, rows: Rows, seconds: Floats) -> None:
        nonlocal done
        Y[part], left_out[part] = rows.Y, rows.left_out
        reasons.update({part.start + k: w for k, w in enumerate(rows.reasons) if w})
        spent[:] += seconds
        done += part.stop - part.start

    for number, part in blocks(study):
        stored = store.get(number, design[part])
        if stored is not None:
            take(part, *stored)
        else:
            waiting.append((number, part))
    if progress is not None:
        progress(done, len(design))
    start = time.perf_counter()
    ticks, spans, inside = start, np.zeros((0, 2)), 0.0
    for number, part, rows in _results(study, waiting, threads, executor):
        if executor is not None:  # by the worker's own clock
            seconds = np.array([rows.took, np.ptp(rows.spans, axis=1).sum()])
        else:  # blocks overlap
            spans = np.vstack([spans, rows.spans])
            now, total = time.perf_counter(), covered(spans)
            seconds = np.array([now - ticks, total - inside])
            ticks, inside = now, total
        store.put(number, design[part], rows, seconds)
        take(part, rows, seconds)
        if progress is not None:
            progress(done, len(design))
    end = time.perf_counter()
    indices, masked, notes = estimate(study, Y, reasons, policy)
    if left_out.any():
        ran = left_out[np.isfinite(Y).all(axis=1)]
        notes += (
            f"In {(ran > 0).mean():.0%} of the rows virtual patients without a bounded course, at most {ran.max():.1%} "
            "of the cohort by weight, are left out of both arms.",
        )
    around = start - begin + time.perf_counter() - end
    record = manifest(
        model_hash=study.kernel.blueprint.fingerprint, parameter_hash=study.values.fingerprint(),
        parameter_set=study.values.name, calibrated=study.values.calibrated,
        details={
            "study": study.describe(), "reproduce": study.command(policy), "policy": policy,
            "rows_run": sum(r.stop - r.start for _, r in waiting),
            "wall_seconds": round(time.perf_counter() - begin, 2),
            "cost": {
                "simulations": len(design) * study.simulations,
                "seconds": round(float(spent[0]) + around, 2),
                "milliseconds_per_simulation": round(1e3 * float(spent[0]) / (len(design) * study.simulations), 4),
                "share_outside_the_model": round(1 - float(spent[1]) / (float(spent[0]) + around), 4),
                "peak_memory_mib": peak_memory(),
            },
        },
    )  # fmt: skip
    result = StudyResult(study, Y, reasons, indices, np.asarray(masked, float), notes, record)
    if store.folder is not None:
        result.to_xarray().to_netcdf(store.folder / "indices.nc", engine="scipy")
        result.to_dataframe().to_csv(store.folder / "indices.csv", float_format="%.6g")
        (store.folder / "manifest.json").write_text(json.dumps(record | {"notes": list(notes)}, indent=1) + "\n")
        failed = {str(k): w for k, w in reasons.items()}
        (store.folder / "failed.json").write_text(json.dumps(failed, indent=1) + "\n")
    return result


def _results(
    study: SensitivityStudy, waiting: list[tuple[int, slice]], threads: int | None, executor: Any
) -> Iterator[tuple[int, slice, Rows]]:
    if executor is None:
        yield from _here(study, waiting, threads)
        return
    futures = [(n, r, executor.submit(evaluate_block, study, r.start, r.stop, 1)) for n, r in waiting]
    for number, rows, future in futures:
        yield number, rows, future.result()


def _here(
    study: SensitivityStudy, waiting: list[tuple[int, slice]], threads: int | None
) -> Iterator[tuple[int, slice, Rows]]:
    """Evaluate blocks in order; the next one is prepared while one is integrated."""
    ahead: deque[tuple[int, slice, Future[Rows]]] = deque()
    rest = iter(waiting)
    with ThreadPoolExecutor(2) as pool:

        def submit() -> None:
            for number, rows in itertools.islice(rest, 1):
                ahead.append((number, rows, pool.submit(evaluate_block, study, rows.start, rows.stop, threads)))

        try:
            submit()
            submit()
            while ahead:
                number, rows, future = ahead.popleft()
                found = future.result()
                submit()
                yield number, rows, found
        finally:
            for _, _, future in ahead:
                future.cancel()


def estimate(
    study: SensitivityStudy, Y: Floats, reasons: Mapping[int, str], policy: str
) -> tuple[dict[str, Floats], Floats, tuple[str, ...]]:
    """Return indices by name, masked outputs and notes; never an index from data with NaN.

    Raises
    ------
    SimulationError
        If rows failed and the policy is to refuse.
    """
    X = study.design
    bad = np.asarray(~np.isfinite(Y).all(axis=1))
    notes: list[str] = []
    if bad.any():
        first = next((w for k, w in sorted(reasons.items()) if bad[k]), "an output is not finite")
        text = f"{bad.sum()} of {len(Y)} rows failed; the first: {first}"
        if policy == "refuse":
            raise SimulationError(
                f"{text} No index is computed from data with gaps: choose policy 'bound' or 'drop', or other ranges."
            )
        notes.append(f"{text} Policy: {policy}.")
        if bad.all():
            raise SimulationError(text)
        if policy == "drop":
            X, Y = X[~bad], Y[~bad]
        elif policy == "bound":
            if study.method != "sobol":
                raise InputError(f"The policy 'bound' serves sobol; for {study.method} choose 'refuse' or 'drop'.")
            return _bounded(study, Y, bad, notes)
    masked = constant_outputs(Y)
    if masked.any():
        names = [c.name for c, m in zip(study.columns, masked, strict=True) if m]
        notes.append(f"No variance, so no index: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}.")
    found = _METHODS[study.method](study, X, Y, masked)
    if study.method == "sobol":
        notes.append(f"Noise floor of a total index (a parameter that does nothing): {np.nanmax(found['noise']):.3f}.")
    if study.method == "fast":
        notes.append("FAST has no reliable interval; none is shown.")
    return found, np.asarray(masked), tuple(notes)


def _bounded(
    study: SensitivityStudy, Y: Floats, bad: Any, notes: list[str]
) -> tuple[dict[str, Floats], Floats, tuple[str, ...]]:
    """Put failed rows at both extremes of each output: the total indices lie between."""
    found = []
    masked = constant_outputs(Y[~bad])
    for extreme in (np.nanmin(Y, axis=0), np.nanmax(Y, axis=0)):
        filled = Y.copy()
        filled[bad] = extreme
        found.append(_sobol(study, study.design, filled, masked))
    both = {k: np.stack([f[k] for f in found]) for k in found[0]}
    result = {k: v.mean(axis=0) for k, v in both.items()}
    for k in (name for name in ("S1", "ST", "S2") if name in both):
        # the interval holds both fillings and the bootstrap of each
        half = both[f"{k}_half"]
        result[f"{k}_half"] = np.maximum(
            (both[k] + half).max(axis=0) - result[k], result[k] - (both[k] - half).min(axis=0)
        )
    notes.append("Intervals hold the failed rows at the lowest and at the highest value of each output.")
    return result, np.asarray(masked), tuple(notes)


def _sobol(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    s = sobol_indices(Y, len(study.inputs), second=study.second_order, resamples=RESAMPLES, seed=study.seed)
    found = {"S1": s.first, "S1_half": s.first_half, "ST": s.total, "ST_half": s.total_half, "noise": s.noise,
             "interactions": s.interactions}  # fmt: skip
    if s.second is not None and s.second_half is not None:
        found |= {"S2": s.second, "S2_half": s.second_half}
    return found


def _columns(study: SensitivityStudy, Y: Floats, masked: Any, names: tuple[str, ...], one: Any) -> dict[str, Floats]:
    """Call SALib output by output; NaN where an output has no variance. NumPy's global state is left as it was."""
    d, m = len(study.inputs), Y.shape[1]
    found = {name: np.full((d, m), np.nan) for name in names}
    state = np.random.get_state()  # noqa: NPY002
    try:
        for k in range(m):
            if masked[k]:
                continue
            # a library prints nothing: SALib announces a successor of HDMR there
            with warnings.catch_warnings(record=True), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                values = one(np.ascontiguousarray(Y[:, k]))
            for name in names:
                found[name][:, k] = np.asarray(values[name], float)[:d]
    finally:
        np.random.set_state(state)  # noqa: NPY002
    return found


def _morris(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    found = elementary_effects(X, Y, resamples=RESAMPLES * 5, seed=study.seed)
    return {name: np.where(masked, np.nan, values) for name, values in found.items()}


def _oat(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    d = len(study.inputs)
    low, high = Y[1 : d + 1] - Y[0], Y[d + 1 :] - Y[0]
    return {"swing": np.where(masked, np.nan, high - low), "low": low, "high": high}


def _fast(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    from SALib.analyze import fast

    return _columns(study, Y, masked, ("S1", "ST"), lambda y: fast.analyze(study.problem, y, seed=study.seed + 1))


def _rbd(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    from SALib.analyze import rbd_fast

    def one(y: Floats) -> dict[str, Any]:
        r = rbd_fast.analyze(study.problem, X, y, num_resamples=50, seed=study.seed + 1)
        return {"S1": r["S1"], "S1_half": r["S1_conf"]}

    return _columns(study, Y, masked, ("S1", "S1_half"), one)


def _delta(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    from SALib.analyze import delta

    def one(y: Floats) -> dict[str, Any]:
        r = delta.analyze(_spread_problem(study, X), X, y, num_resamples=50, seed=study.seed + 1)
        name = "delta_balanced" if "delta_balanced" in r else "delta"  # SALib 1.6 renamed it
        return {"delta": r[name], "delta_half": r[f"{name}_conf"], "S1": r["S1"], "S1_half": r["S1_conf"]}

    return _columns(study, Y, masked, ("delta", "delta_half", "S1", "S1_half"), one)


def _pawn(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    from SALib.analyze import pawn

    def one(y: Floats) -> dict[str, Any]:
        return dict(pawn.analyze(_spread_problem(study, X), X, y, S=10, seed=study.seed + 1))

    return _columns(study, Y, masked, ("median", "maximum"), one)


def _dgsm(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    from SALib.analyze import dgsm

    def one(y: Floats) -> dict[str, Any]:
        r = dgsm.analyze(study.problem, X, y, num_resamples=RESAMPLES, seed=study.seed + 1)
        return {"dgsm": r["dgsm"], "dgsm_half": r["dgsm_conf"], "vi": r["vi"]}

    return _columns(study, Y, masked, ("dgsm", "dgsm_half", "vi"), one)


def _hdmr(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    from SALib.analyze import hdmr

    d = len(study.inputs)

    def one(y: Floats) -> dict[str, Any]:
        r = hdmr.analyze(_spread_problem(study, X), X, y, maxorder=1, K=10, R=min(len(y), 300), seed=study.seed + 1)
        return {"Sa": r["Sa"][:d], "Sb": r["Sb"][:d], "ST": r["ST"][:d]}

    return _columns(study, Y, masked, ("Sa", "Sb", "ST"), one)


def _prcc(study: SensitivityStudy, X: Floats, Y: Floats, masked: Any) -> dict[str, Floats]:
    """Partial rank correlations from the inverse of the rank correlation matrix."""
    from scipy.stats import rankdata

    ranks = np.column_stack([rankdata(x) for x in X.T])
    found = np.full((X.shape[1], Y.shape[1]), np.nan)
    for k in range(Y.shape[1]):
        if masked[k]:
            continue
        inverse = np.linalg.pinv(np.corrcoef(np.column_stack([ranks, rankdata(Y[:, k])]).T))
        found[:, k] = -inverse[:-1, -1] / np.sqrt(np.diag(inverse)[:-1] * inverse[-1, -1])
    n = len(X) - X.shape[1] - 2
    half = np.tanh(np.arctanh(np.clip(np.abs(found), 0, 1 - 1e-12)) + 1.96 / np.sqrt(max(n - 1, 1))) - np.abs(found)
    return {"prcc": found, "prcc_half": half}


def _spread_problem(study: SensitivityStudy, X: Floats) -> dict[str, Any]:
    """Return SALib's problem with the bounds of the data (given data need not lie in the unit cube)."""
    bounds = [
        [float(a), float(b) if b > a else float(a) + 1e-9] for a, b in zip(X.min(axis=0), X.max(axis=0), strict=True)
    ]
    return {**study.problem, "bounds": bounds}


_METHODS = {
    "sobol": _sobol, "morris": _morris, "fast": _fast, "rbd_fast": _rbd, "delta": _delta, "pawn": _pawn,
    "dgsm": _dgsm, "hdmr": _hdmr, "prcc": _prcc, "oat": _oat,
}  # fmt: skip
assert set(_METHODS) == set(METHODS)
