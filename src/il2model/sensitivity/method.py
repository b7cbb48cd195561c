"""What a sensitivity method is: a design, an estimator, and what both need; one object of this kind per method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..streams import derived_seed, stream
from ..units import to_whole

Floats = NDArray[np.float64]
#: Indices by name, each (input, output); NAME_half is the half-width of the 95 % interval of NAME.
Indices = dict[str, Floats]
#: What may be done about failed rows.
POLICIES = ("refuse", "bound", "drop")
#: Resamples of a bootstrap.
RESAMPLES = 200


@dataclass(frozen=True)
class Cube:
    """The unit cube that a design fills: inputs, and the share left out at either end of each."""

    inputs: int
    edge: float = 0.0

    @property
    def salib(self) -> dict[str, object]:
        """The cube in SALib's words."""
        bounds = [[self.edge, 1 - self.edge]] * self.inputs
        return {"num_vars": self.inputs, "names": [f"x{k}" for k in range(self.inputs)], "bounds": bounds}


class Design(Protocol):
    """Makes the points of a design, (row, input), from one seed."""

    def __call__(self, cube: Cube, n: int, seed: int, *, second_order: bool) -> Floats:
        """Return the points."""
        ...


class Estimate(Protocol):
    """Estimates indices from points (row, input) and finite outputs (row, output); NaN where an output is constant."""

    def __call__(self, cube: Cube, X: Floats, Y: Floats, seed: int, *, second_order: bool) -> Indices:
        """Return the indices by name."""
        ...


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a method asks of its inputs.

    Parameters
    ----------
    independent : bool
        The inputs must be independent, so draws of a posterior will not do.
    given_data : bool
        Any rows of a design will do, so failed ones can be left out.
    power_of_two : bool
    counts : str
        What n counts.
    least : callable
        Smallest n for so many inputs.
    """

    independent: bool = True
    given_data: bool = False
    power_of_two: bool = False
    counts: str = "rows"
    least: Callable[[int], int] = lambda inputs: 2


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the leading index is shown.

    Parameters
    ----------
    axis : str
        Label of its axis.
    in_units : bool
        It has the unit of the output.
    beside : (str, str, str), optional
        An index drawn beside it, the words for it, and those for the leading one.
    relative : bool
        It is no share: against time, each value is divided by the largest at that time.
    plane : tuple of str, optional
        Two indices drawn against each other, for screening.
    points : bool
        Its points fill the cube, so that a scatter plot shows something.
    """

    axis: str
    in_units: bool = False
    beside: tuple[str, str, str] | None = None
    relative: bool = False
    plane: tuple[str, str] | None = None
    points: bool = True


@dataclass(frozen=True, kw_only=True)
class Method:
    """A sensitivity method.

    Parameters
    ----------
    name, title : str
        As it is asked for, and as it is written in a sentence.
    sentence : str
        What it estimates, with the reference.
    leading : str
        Name of the index that orders the inputs.
    design, estimate : callable
    look : Look
    needs : Needs
    policies : tuple of str
        Of `POLICIES`, those it allows; 'bound' needs an interval of every index.
    nested : bool
        The design of n is the beginning of that of 2n.
    stride : callable
        Rows from one independent point of the design to the next, from inputs and second order.
    notes : callable
        What a reader of its indices must know.
    """

    name: str
    title: str
    sentence: str
    leading: str
    design: Design
    estimate: Estimate
    look: Look
    needs: Needs = field(default_factory=Needs)
    policies: tuple[str, ...] = ("refuse",)
    nested: bool = False
    stride: Callable[[int, bool], int] = lambda inputs, second_order: 1
    notes: Callable[[Mapping[str, Floats]], tuple[str, ...]] = lambda indices: ()

    def check(self, n: int, inputs: int) -> None:
        """Refuse a sample that the method cannot work with.

        Raises
        ------
        InputError
        """
        needs = self.needs
        to_whole(n, "n", 2, 2**22)
        if n < needs.least(inputs):
            raise InputError(
                f"n is {n}; with {inputs} inputs {self.title} needs at least {needs.least(inputs)} {needs.counts}."
            )
        if needs.power_of_two and n & (n - 1):
            low = 1 << (int(n).bit_length() - 1)
            raise InputError(f"n is {n}; a {self.title} design needs a power of two, such as {low} or {2 * low}.")

    def points(self, cube: Cube, n: int, seed: int, *, second_order: bool = False) -> Floats:
        """Return the design inside the cube, (row, input), after a check of n."""
        self.check(n, cube.inputs)
        X = self.design(cube, n, seed, second_order=second_order)
        return np.asarray(np.clip(X, cube.edge, 1 - cube.edge), dtype=float)


def library_seed(seed: int) -> int:
    """Return a seed above zero: a seed of 0 is a seed, which libraries would take for none."""
    return int(stream(seed, "design").integers(1, 2**31))


def estimator_stream(seed: int) -> np.random.RandomState:
    """Return a generator of its own, of the kind that SALib's estimators seed for the whole process."""
    return np.random.RandomState(derived_seed(seed, "estimator"))


def constant_outputs(Y: Floats) -> NDArray[np.bool_]:
    """Mark outputs without variance: an index of theirs means nothing."""
    size = np.maximum(np.abs(Y).max(axis=0), 1e-300)
    return np.asarray(Y.var(axis=0) <= (1e-9 * size) ** 2)


def latin_design(cube: Cube, n: int, seed: int, *, second_order: bool = False) -> Floats:
    """Return a Latin hypercube, for methods that take any rows."""
    from SALib.sample import latin

    return np.asarray(latin.sample(cube.salib, n, seed=library_seed(seed)))


def each_output(
    Y: Floats, inputs: int, names: tuple[str, ...], one: Callable[[Floats], Mapping[str, Floats]]
) -> Indices:
    """Estimate output by output; NaN where one has no variance."""
    masked = constant_outputs(Y)
    found = {name: np.full((inputs, Y.shape[1]), np.nan) for name in names}
    for k in np.flatnonzero(~masked):
        values = one(np.ascontiguousarray(Y[:, k]))
        for name in names:
            found[name][:, k] = values[name]
    return found
