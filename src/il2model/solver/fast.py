"""The fast route: generated LLVM text in lanes, driven by the compiled driver."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..codegen import tableau
from . import cache, driver, machine
from .blueprint import VARIANTS, Blueprint
from .problem import BatchResult, Floats, Ints, Problem, SolverOptions

_NAMES = ("prepare", "attempt", "rhs")


def driver_key(single: bool) -> str:
    """Return the name of the driver's text: its source and the versions that lower it."""
    source = Path(driver.__file__).read_text(encoding="utf8")
    return f"driver-{'f32' if single else 'f64'}-{cache.text_hash(source, sys.version, *machine.host())}"


class DriverText:
    """The driver's LLVM text: read from disk, or lowered by Numba in a process beside this one."""

    def __init__(self, single: bool) -> None:
        self.name = driver_key(single) + ".ll"
        self.single = single
        self.process: subprocess.Popen[bytes] | None = None
        if cache.read(self.name) is None:
            code = (
                "import sys; from il2model.solver.driver import compile_driver; "
                f"sys.stdout.write(compile_driver({single!r}))"
            )
            # Numba's own optimisation is not needed: the text is optimised again here
            environment = {**os.environ, "NUMBA_OPT": "0", "NUMBA_LOOP_VECTORIZE": "0", "NUMBA_SLP_VECTORIZE": "0"}
            environment["PYTHONPATH"] = os.pathsep.join(
                [str(Path(__file__).resolve().parents[2]), environment.get("PYTHONPATH", "")]
            )
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
            )

    def text(self) -> str:
        """Wait for the text."""
        if self.process is not None:
            out, error = self.process.communicate()
            if self.process.returncode != 0:
                raise RuntimeError(f"the driver could not be compiled: {error.decode(errors='replace')[-500:]}")
            cache.write(self.name, out)
            self.process = None
        data = cache.read(self.name)
        if data is None:
            raise RuntimeError("the driver's text is missing")
        return data.decode()


def _compiled(stem: str, key: str, text: Callable[[], str]) -> bytes:
    """Return an object file, compiled if the cache lacks it."""
    name = machine.object_name(stem, key)
    data = cache.read(name)
    if data is None:
        data = machine.compile_text(text())
        cache.write(name, data)
    return data


def is_warm(blueprint_key: str, variant: str) -> bool:
    """Tell whether nothing has to be compiled."""
    _lanes, single = VARIANTS[variant]
    step = machine.object_name(f"step-{blueprint_key}-{variant}", blueprint_key)
    drive = machine.object_name(driver_key(single), "")
    return cache.read(step) is not None and cache.read(drive) is not None


@dataclass(frozen=True)
class StepTape:
    """Accepted steps of some patients, to be taken again by others.

    sizes is (row, step) in days, row (subject,) says which row a subject uses.
    """

    mode: int
    sizes: Floats
    row: Ints
    length: Ints

    @classmethod
    def none(cls, count: int) -> StepTape:
        """Steps are free and not recorded."""
        return cls(driver.FREE, np.zeros((1, 1)), np.zeros(count, np.int64), np.zeros(1, np.int64))

    @classmethod
    def record(cls, count: int, width: int) -> StepTape:
        """Record up to `width` steps of each of `count` patients."""
        return cls(driver.RECORD, np.zeros((count, width)), np.arange(count), np.zeros(count, np.int64))

    def replay(self, row: Ints) -> StepTape:
        """Let subject i take the steps recorded in row[i]."""
        return StepTape(driver.REPLAY, self.sizes, row, self.length)


@dataclass(frozen=True)
class FastKernel:
    """The compiled functions of one variant, and how to call them."""

    blueprint: Blueprint
    variant: str
    addresses: dict[str, int]
    drive: Any

    @classmethod
    def load(cls, blueprint: Blueprint, variant: str, text: DriverText | None = None) -> FastKernel:
        """Compile or load a variant; `text` is a driver that is already under way."""
        _, single = VARIANTS[variant]
        stem = f"step-{blueprint.key}-{variant}"
        step = _compiled(stem, blueprint.key, lambda: blueprint.step_text(variant))
        addresses = machine.load_object(step, _NAMES)
        waiting = text if text is not None and text.single == single else None
        data = _compiled(driver_key(single), "", lambda: (waiting or DriverText(single)).text())
        where = machine.load_object(data, ("drive",))["drive"]
        # Numba's own calling convention: where to put the result, where to put an exception
        whole, pointer = ctypes.c_int64, ctypes.c_void_p
        kinds = [pointer, pointer, whole, whole, pointer, whole] + [pointer] * 26 + [whole]
        return cls(blueprint, variant, addresses, ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(where))

    def right_hand_side(self, y: Floats, fixed: Floats, inputs: Floats) -> Floats:
        """Return dy/dt of one subject (for tests and other solvers)."""
        lo = self.blueprint.layouts[self.variant]
        lanes = lo["lanes"]
        work = _aligned(lo["size"] + lo["states"] * lanes, lo["single"])
        base = work.ctypes.data
        for offset, values in ((lo["Y"], y), (lo["P"], fixed), (lo["IN"], inputs)):
            work[offset : offset + len(values) * lanes] = np.repeat(values, lanes)
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.addresses["prepare"])(base)
        width = work.itemsize
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(self.addresses["rhs"])
        call(base, base + lo["Y"] * width, base + lo["N"] * width)
        return np.asarray(work[lo["N"] : lo["N"] + lo["states"] * lanes : lanes], dtype=np.float64)

    def solve(self, problem: Problem, options: SolverOptions, steps: StepTape | None = None) -> BatchResult:
        """Integrate a batch on this thread; the interpreter's lock is released meanwhile.

        With `steps` the accepted steps are recorded, or recorded ones are taken.
        """
        lo = self.blueprint.layouts[self.variant]
        lanes, n, single = lo["lanes"], lo["states"], lo["single"]
        count, n_save, n_out = problem.subjects, len(problem.save), len(problem.out_index)
        steps = steps if steps is not None else StepTape.none(count)
        out = np.full((count, n_save, n_out), np.nan)
        final = np.full((count, n), np.nan)
        counts = np.zeros((count, 4), np.int64)
        if count == 0:
            return BatchResult(out, final, *counts.T)
        work = _aligned(lo["size"], single)
        dense = np.array(tableau.H)
        events = problem.events

        dims = np.zeros(len(driver.DIMS), np.int64)
        numbers = {**{k: lo[k] for k in driver.DIMS if k in lo}, "stages": tableau.STAGES, "first": 0, "last": count}
        numbers |= {"n_save": n_save, "n_out": n_out, "n_scale": problem.amounts.shape[1], "n_dense": len(dense)}
        numbers |= {"max_steps": options.max_steps, "load_rows": problem.loads.shape[1]}
        numbers |= {"mode": steps.mode}
        for name, value in numbers.items():
            dims[driver.DIMS.index(name)] = value
        reals = np.array(
            [
                problem.t_end,
                options.rtol,
                options.absolute,
                options.h_first,
                options.h_min,
                options.h_max,
                options.growth_limit,
                1e-3 if single else 1e-8,
            ]
        )
        arrays: list[Floats | Ints] = [
            dims,
            reals,
            _floats(problem.y0),
            _floats(problem.fixed),
            _floats(problem.inputs0),
            _floats(problem.amounts),
            _floats(problem.loads),
            _whole(problem.load_mask),
            _whole(problem.schedule),
            _whole(events.bounds),
            _floats(events.time),
            _whole(events.kind),
            _whole(events.target),
            _floats(events.value),
            _whole(events.scale),
            _floats(problem.save),
            _whole(problem.out_index),
            dense,
            out,
            final,
            counts,
            np.zeros(driver.LANE_INTS * lanes, np.int64),
            np.zeros(driver.LANE_REALS * lanes),
            steps.sizes,
            _whole(steps.row),
            steps.length,
        ]
        result, exception = ctypes.c_int64(), ctypes.c_void_p()
        base = work.ctypes.data
        code = self.drive(
            ctypes.addressof(result),
            ctypes.addressof(exception),
            self.addresses["prepare"],
            self.addresses["attempt"],
            base,
            base,
            *[a.ctypes.data for a in arrays],
            steps.sizes.shape[1],
        )
        if code != 0:
            raise RuntimeError(f"the compiled driver returned {code}")
        scales = np.array(self.blueprint.scales)
        for s in np.flatnonzero(counts[:, 2]):  # name the worst state, leave no number behind
            size = np.abs(final[s]) / scales
            counts[s, 3] = np.argmax(np.where(np.isnan(size), np.inf, size))
            final[s] = np.nan
        return BatchResult(out, final, counts[:, 0], counts[:, 1], counts[:, 2], counts[:, 3])


def _floats(array: Any) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float64)


def _whole(array: Any) -> Ints:
    return np.ascontiguousarray(array, dtype=np.int64)


def _aligned(size: int, single: bool) -> Any:
    """Return a zeroed work buffer that starts on a 64-byte boundary."""
    kind = np.dtype(np.float32 if single else np.float64)
    raw = np.zeros(size * kind.itemsize + 64, np.uint8)
    shift = -raw.ctypes.data % 64
    return raw[shift : shift + size * kind.itemsize].view(kind)
