"""Any function of numbers through any method: no model, no study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .estimate import Estimated, check_policy, estimate
from .method import Cube, Floats
from .methods import METHODS, method_named

if TYPE_CHECKING:
    import pandas as pd

Function = Callable[[Floats], Floats]


@dataclass(frozen=True, kw_only=True)
class Analysis(Estimated):
    """Indices of a function, with the rows they come from.

    Parameters
    ----------
    method : str
    inputs : tuple of str
    X : (row, input)
        In the ranges that were given.
    Y : (row, output)
    """

    method: str
    inputs: tuple[str, ...]
    X: Floats
    Y: Floats

    def main(self) -> tuple[str, Floats, Floats | None]:
        """Return the method's leading index: name, values, half-widths or None."""
        name = method_named(self.method).leading
        return name, self.indices[name], self.indices.get(f"{name}_half")

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row per input and output with every index."""
        return index_table(self.indices, self.inputs, [f"y{k}" for k in range(self.Y.shape[1])])

    def __repr__(self) -> str:
        return f"Analysis({self.method}, {len(self.X)} rows of {len(self.inputs)} inputs, {self.Y.shape[1]} outputs)"


def analyze(
    method: str,
    function: Function,
    inputs: int | Mapping[str, tuple[float, float]],
    n: int,
    seed: int = 0,
    *,
    second_order: bool = False,
    policy: str = "refuse",
) -> Analysis:
    """Run a design through a function and estimate the indices of a method.

    Parameters
    ----------
    method : str
        A name of `methods.METHODS`.
    function : callable
        From points (row, input) to outputs, (row,) or (row, output); NaN in a row that failed.
    inputs : int or mapping
        How many inputs, even on the unit interval; or {name: (low, high)}.
    n : int
        What it counts depends on the method: base points, trajectories or rows.
    seed : int
    second_order : bool
        Indices of pairs, where the method has them.
    policy : {'refuse', 'bound', 'drop'}
        What to do about failed rows.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError, UnknownNameError
        If the design cannot be made, or the function returns another number of rows.
    SimulationError
        If rows failed and the policy is to refuse.
    """
    chosen = method_named(method)
    check_policy(chosen, policy, tuple(METHODS.values()))
    ranges = {f"x{k}": (0.0, 1.0) for k in range(inputs)} if isinstance(inputs, int) else dict(inputs)
    for name, (low, high) in ranges.items():
        if not (np.isfinite([low, high]).all() and low < high):
            raise InputError(f"The range of {name} is {low:g} to {high:g}; the first must be below the second.")
    cube = Cube(len(ranges))
    points = chosen.points(cube, n, seed, second_order=second_order)
    lows, highs = np.array(list(ranges.values())).T
    X = lows + points * (highs - lows)
    Y = np.asarray(function(X), float)
    Y = Y[:, None] if Y.ndim == 1 else Y
    if Y.ndim != 2 or len(Y) != len(X):
        raise InputError(
            f"The function returns shape {Y.shape} for {len(X)} points; it must be (row,) or (row, output)."
        )
    names = [f"y{k}" for k in range(Y.shape[1])]
    found = estimate(chosen, cube, points, Y, outputs=names, policy=policy, seed=seed, second_order=second_order)
    return Analysis(**vars(found), method=method, inputs=tuple(ranges), X=X, Y=Y)


def index_table(indices: Mapping[str, Floats], inputs: tuple[str, ...], outputs: list[str]) -> pd.DataFrame:
    """Return a row per input and output with every index of that shape."""
    import pandas as pd

    rows = pd.MultiIndex.from_product([inputs, outputs], names=["parameter", "output"])
    shape = len(inputs), len(outputs)
    return pd.DataFrame({name: v.ravel() for name, v in indices.items() if v.shape == shape}, index=rows)
