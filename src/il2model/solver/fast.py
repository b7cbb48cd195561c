"""The fast route: generated LLVM text in lanes, driven by the compiled driver."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache as memo
from pathlib import Path
from typing import get_type_hints

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..codegen import tableau
from . import cache, driver, machine
from .arguments import Batch, Calls, Lane, Limits, Mode, Output, Sizes, Table, Tape
from .blueprint import VARIANTS, Blueprint
from .problem import BatchResult, Floats, Ints, Problem, SolverOptions

_NAMES = ("prepare", "attempt", "rhs")


def driver_key(single: bool) -> str:
    """Return the name of the driver's text: its source and the versions that lower it."""
    key = cache.text_hash(cache.source_hash("solver"), sys.version, *machine.host())
    return f"driver-{'f32' if single else 'f64'}-{key}"


class DriverText:
    """The driver's LLVM text: read from disk, or lowered by Numba in a process beside this one."""

    def __init__(self, single: bool) -> None:
        self.name = driver_key(single) + ".ll"
        self.single = single
        self.process: subprocess.Popen[bytes] | None = None
        if cache.read(self.name) is None:
            code = (
                "import os, sys, threading; threading.Thread(target=lambda: os.read(0, 1) or os._exit(1), daemon=True)"
                ".start(); from il2model.solver.lowering import compile_driver; "
                f"sys.stdout.write(compile_driver({single!r}))"
            )
            # Numba's own optimisation is not needed: the text is optimised again here
            environment = {**os.environ, "NUMBA_OPT": "0", "NUMBA_LOOP_VECTORIZE": "0", "NUMBA_SLP_VECTORIZE": "0"}
            environment["PYTHONHASHSEED"] = "0"  # Numba numbers some values in the order of a hash
            environment["PYTHONPATH"] = os.pathsep.join(
                [str(Path(__file__).resolve().parents[2]), environment.get("PYTHONPATH", "")]
            )
            inward, self.alive = os.pipe()  # closed with this process, whatever ends it: then the other ends too
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=inward,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
            os.close(inward)

    def text(self) -> str:
        """Wait for the text."""
        if self.process is not None:
            out, error = self.process.communicate()
            os.close(self.alive)
            if self.process.returncode != 0:
                raise RuntimeError(f"the driver could not be compiled: {error.decode(errors='replace')[-500:]}")
            cache.write(self.name, out)
            self.process = None
        data = cache.read(self.name)
        if data is None:
            raise RuntimeError("the driver's text is missing")
        return data.decode()


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
        return cls(Mode.FREE, np.zeros((1, 1)), np.zeros(count, np.int64), np.zeros(1, np.int64))

    @classmethod
    def record(cls, count: int, width: int) -> StepTape:
        """Record up to `width` steps of each of `count` patients."""
        return cls(Mode.RECORD, np.zeros((count, width)), np.arange(count), np.zeros(count, np.int64))

    def replay(self, row: Ints) -> StepTape:
        """Let subject i take the steps recorded in row[i]."""
        return StepTape(Mode.REPLAY, self.sizes, row, self.length)


@dataclass(frozen=True)
class FastKernel:
    """The compiled functions of one variant, and how to call them."""

    blueprint: Blueprint
    variant: str
    addresses: dict[str, int]
    drive: Callable[..., int]

    @classmethod
    def load(cls, blueprint: Blueprint, variant: str, text: DriverText | None = None) -> FastKernel:
        """Compile or load a variant; `text` is a driver that is already under way."""
        _, single = VARIANTS[variant]
        stem = f"step-{blueprint.key}-{variant}"
        step = machine.compiled(stem, blueprint.key, lambda: blueprint.step_text(variant))
        addresses = machine.load_object(step, _NAMES)
        waiting = text if text is not None and text.single == single else None
        data = machine.compiled(driver_key(single), "", lambda: (waiting or DriverText(single)).text())
        where = machine.load_object(data, ("drive",))["drive"]
        return cls(blueprint, variant, addresses, _prototype()(where))

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
        layout = self.blueprint.layouts[self.variant]
        count, n_out = problem.subjects, len(problem.out_index)
        steps = steps if steps is not None else StepTape.none(count)
        output = Output(
            save=_floats(problem.save),
            columns=_whole(problem.out_index),
            dense=np.array(tableau.H),
            states=np.full((count, len(problem.save), n_out), np.nan),
            final=np.full((count, layout["states"]), np.nan),
            counts=np.zeros((count, 4), np.int64),
        )
        if count:
            self._drive(problem, options, steps, output)
        counts, final = output.counts, output.final
        scales = np.array(self.blueprint.scales)
        for s in np.flatnonzero(counts[:, 2]):  # name the worst state, leave no number behind
            size = np.abs(final[s]) / scales
            counts[s, 3] = np.argmax(np.where(np.isnan(size), np.inf, size))
            final[s] = np.nan
        return BatchResult(output.states, final, counts[:, 0], counts[:, 1], counts[:, 2], counts[:, 3])

    def _drive(self, problem: Problem, options: SolverOptions, steps: StepTape, output: Output) -> None:
        """Call the driver, which fills `output` (and `steps`)."""
        layout, events = self.blueprint.layouts[self.variant], problem.events
        lanes = layout["lanes"]
        arguments = (
            Calls(prepare=self.addresses["prepare"], attempt=self.addresses["attempt"]),
            _aligned(layout["size"], layout["single"]),
            Sizes(
                **{name: layout[name] for name in Sizes._fields if name in layout},
                stages=tableau.STAGES,
                subjects=problem.subjects,
                n_save=len(problem.save),
                n_out=len(problem.out_index),
                n_scale=problem.amounts.shape[1],
                n_dense=len(output.dense),
                load_rows=problem.loads.shape[1],
                max_steps=options.max_steps,
            ),
            Limits(
                t_end=problem.t_end,
                rtol=options.rtol,
                atol=options.absolute,
                h_first=options.h_first,
                h_min=options.h_min,
                h_max=options.h_max,
                growth=options.growth_limit,
                residual=1e-3 if layout["single"] else 1e-8,
            ),
            Batch(
                y0=_floats(problem.y0),
                fixed=_floats(problem.fixed),
                inputs0=_floats(problem.inputs0),
                amounts=_floats(problem.amounts),
                loads=_floats(problem.loads),
                load_mask=_whole(problem.load_mask),
                schedule=_whole(problem.schedule),
            ),
            Table(
                bounds=_whole(events.bounds),
                time=_floats(events.time),
                kind=_whole(events.kind),
                target=_whole(events.target),
                value=_floats(events.value),
                scale=_whole(events.scale),
            ),
            output,
            Tape(
                mode=steps.mode,
                width=steps.sizes.shape[1],
                sizes=steps.sizes,
                row=_whole(steps.row),
                length=steps.length,
            ),
            Lane.of(lanes),
        )
        result, exception = ctypes.c_int64(), ctypes.c_void_p()
        code = self.drive(ctypes.addressof(result), ctypes.addressof(exception), *_flat(arguments))
        if code != 0:
            raise RuntimeError(f"the compiled driver returned {code}")


@memo
def _prototype() -> Callable[[int], Callable[..., int]]:
    """Return what makes the driver's address callable, from the annotations of `drive`."""
    hints = list(get_type_hints(driver.drive).values())[:-1]
    flat = [f for h in hints for f in (get_type_hints(h).values() if hasattr(h, "_fields") else [h])]
    scalars: dict[object, type[ctypes.c_int64] | type[ctypes.c_double]] = {int: ctypes.c_int64, float: ctypes.c_double}
    kinds = [scalars.get(f, ctypes.c_void_p) for f in flat]
    # Numba's own calling convention: where to put the result, where to put an exception
    return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *kinds)


def _flat(arguments: Iterable[object]) -> list[object]:
    """Lay named tuples end to end; an array becomes its address."""
    flat: list[object] = []
    for group in arguments:
        flat.extend(group if isinstance(group, tuple) else (group,))
    return [v.ctypes.data if isinstance(v, np.ndarray) else v for v in flat]


def _floats(array: ArrayLike) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float64)


def _whole(array: ArrayLike) -> Ints:
    return np.ascontiguousarray(array, dtype=np.int64)


def _aligned(size: int, single: bool) -> NDArray[np.floating]:
    """Return a zeroed work buffer that starts on a 64-byte boundary."""
    kind = np.dtype(np.float32 if single else np.float64)
    raw = np.zeros(size * kind.itemsize + 64, np.uint8)
    shift = -raw.ctypes.data % 64
    return raw[shift : shift + size * kind.itemsize].view(kind)
