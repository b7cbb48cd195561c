"""Random streams by name: every generator of the package starts here, and nothing else draws numbers.

A stream is fixed by a seed, a name and whole numbers, never by what was drawn before it: patient 7 or
replicate 12 of a seed is the same whatever the size of a run, the order or the number of workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, unknown_name

Floats = NDArray[np.float64]
_LARGEST = 2**63


@dataclass(frozen=True, kw_only=True)
class _Counter:
    """A counter-based stream (Philox): its key is the seed, and `first` + the numbers times their strides."""

    first: int
    strides: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()  # how many of each number there may be, so that no two streams share a key


_COUNTERS: Mapping[str, _Counter] = {
    "patient": _Counter(first=0, strides=(1,), counts=(200,)),  # k: attempt at an included patient
    "prior_point": _Counter(first=55),
    "posterior": _Counter(first=77),
    "prior_only": _Counter(first=991),
    "new_study": _Counter(first=992),
    "missed_doses": _Counter(first=7001),
    "missed_pattern": _Counter(first=7002),
    "replicate": _Counter(first=900_000_000, strides=(2,), counts=(1_000_000,)),
    "replicate_without_effect": _Counter(first=900_000_001, strides=(2,), counts=(1_000_000,)),
    # k: cut-off, size, replicate
    "power": _Counter(first=910_000_000, strides=(10_000_000, 100_000, 1), counts=(10_000, 100, 100_000)),
}
#: Streams of NumPy's default generator: its seed is the seed, followed by so many numbers.
_SEQUENCES: Mapping[str, int] = {
    **dict.fromkeys(("sobol", "design", "resample", "sampling_law", "predicted_trial", "importance", "mixed"), 0),
    # k: structure
    "pseudo_prior": 1,
    **{"proposal": 2, "chain": 1, "emulator_bank": 0, "probe": 0, "synthetic_trial": 1},
}
#: Seeds of what no user seeds: the same points in every run.
_FIXED: Mapping[str, int] = {
    "probe": 0,
    "emulator_bank": 5,
    "refused_share": 7,
    "patients_of_a_fit": 20251,
    "patients_of_an_arm": 20252,
    "patients_of_a_study": 20252,
}
#: Seeds of a part of a run, from the run's own: seed + first + k * stride.
_DERIVED: Mapping[str, tuple[int, int]] = {
    "pool": (0, 1000),  # k: parameter draw
    "scramble": (0, 1000),  # k: repeat of a quasi-random design
    "estimator": (1, 0),
}


def checked_seed(seed: int, what: str = "seed") -> int:
    """Return a seed that is a whole number of zero or more.

    Raises
    ------
    InputError
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < _LARGEST:
        raise InputError(f"The {what} is {seed!r}; it must be a whole number, zero or more.")
    return int(seed)


def stream(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """Return the generator of a named stream.

    Parameters
    ----------
    seed : int
    name : str
        What is drawn, such as 'replicate'.
    *numbers : int
        Which of them, such as the number of the replicate.

    Raises
    ------
    InputError, UnknownNameError
    """
    seed = checked_seed(seed)
    if name in _COUNTERS:
        return np.random.Generator(_philox(seed, name, numbers))
    if name not in _SEQUENCES:
        raise unknown_name("random stream", name, [*_COUNTERS, *_SEQUENCES])
    numbers = _checked_numbers(name, numbers, (_LARGEST,) * _SEQUENCES[name])
    return np.random.default_rng([seed, *numbers] if numbers else seed)


def keyed_uniforms(seed: int, name: str, k: int | None, first: int, count: int, width: int) -> Floats:
    """Return (count, width) uniforms of subjects first..first+count; each has its own stretch of the stream."""
    per_subject = 4 * -(-width // 4)  # the generator moves in blocks of four
    generator = _philox(checked_seed(seed), name, () if k is None else (k,))
    generator.advance(first * per_subject // 4)
    return np.asarray(np.random.Generator(generator).random((count, per_subject))[:, :width])


def random_state(seed: int, k: int) -> np.random.RandomState:
    """Return the legacy generator that emcee needs for ensemble number k."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence([checked_seed(seed), k])))


def fixed_seed(name: str) -> int:
    """Return the seed of points that are the same in every run."""
    if name not in _FIXED:
        raise unknown_name("fixed seed", name, _FIXED)
    return _FIXED[name]


def derived_seed(seed: int, name: str, k: int = 0) -> int:
    """Return the seed of a part of a run, such as the pool of parameter draw k."""
    if name not in _DERIVED:
        raise unknown_name("derived seed", name, _DERIVED)
    first, stride = _DERIVED[name]
    return checked_seed(seed) + first + stride * k


def _philox(seed: int, name: str, numbers: tuple[int, ...]) -> np.random.Philox:
    if name not in _COUNTERS:
        raise unknown_name("random stream", name, _COUNTERS)
    counter = _COUNTERS[name]
    numbers = _checked_numbers(name, numbers, counter.counts)
    number = counter.first + sum(k * stride for k, stride in zip(numbers, counter.strides, strict=True))
    return np.random.Philox(key=np.array([seed, number], dtype=np.uint64))


def _checked_numbers(name: str, numbers: tuple[int, ...], counts: tuple[int, ...]) -> tuple[int, ...]:
    if len(numbers) != len(counts):
        raise InputError(f"The random stream {name!r} takes {len(counts)} numbers after its name; got {len(numbers)}.")
    for k, count in zip(numbers, counts, strict=True):
        if not 0 <= k < count:
            raise InputError(f"The random stream {name!r} has numbers from 0 to {count - 1}; got {k}.")
    return tuple(int(k) for k in numbers)
