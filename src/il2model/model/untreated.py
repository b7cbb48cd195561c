"""Does every state without drug do what its page says? Checked by numbers, at assembly.

Parameters are drawn at random, states put on their untreated course, and the rate of
each is compared with the slope of that course: an identity holds for any numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..errors import ModelError
from .language import TIME, Expr
from .model import Model

Values: TypeAlias = dict[str, NDArray[np.float64]]
#: Random points, and the largest slope that is not told from rounding, relative to rates elsewhere.
_POINTS, _TOLERANCE = 400, 1e-6


def _value(expr: Expr, values: Values) -> NDArray[np.float64]:
    """Return an expression of the model language at many points at once; NaN where it has no real value."""
    if expr.is_Symbol:
        return values[expr.name]
    if expr.is_number:
        return np.asarray(float(expr))
    inside = [_value(a, values) for a in expr.args]
    if expr.is_Add:
        return np.asarray(sum(inside[1:], inside[0]))
    if expr.is_Mul:
        return np.asarray(math.prod(inside[1:], start=inside[0]))
    if expr.is_Pow:
        return np.asarray(inside[0] ** inside[1])
    return np.asarray(np.exp(inside[0]) if isinstance(expr, sp.exp) else np.log(inside[0]))


def _rates(model: Model, fixed: Values, states: Values) -> Values:
    values = fixed | states
    for id, expr in model.derived.items():
        values[id] = _value(expr, values)
    return {s: _value(expr, values) for s, expr in model.equations.items()}


def _allowed(model: Model, values: Values) -> Values:
    """Keep the points that meet the conditions on the parameters, if there are any."""
    margins = [_value(c.expression, values) for c in model.constraints]
    kept = np.all([np.broadcast_to(m > 0, _POINTS) for m in margins], axis=0) if margins else np.array([True])
    return {i: v[kept] if v.ndim and kept.any() and len(kept) > 1 else v for i, v in values.items()}


def check_untreated(model: Model) -> None:
    """Check that the untreated course of every state solves its equation.

    Raises
    ------
    ModelError
        With the state whose rate is another than the slope of its course.
    """
    rng = np.random.default_rng(0)
    fixed: Values = {i: rng.uniform(0.2, 0.9, _POINTS) for i in (*model.parameters, TIME.name)}
    with np.errstate(all="ignore"):
        for id, expr in model.constants.items():
            fixed[id] = _value(expr, fixed)
        fixed = _allowed(model, fixed)
        fixed |= {i: np.asarray(v) for i, v in zip(model.inputs, model.input_defaults, strict=True)}
        start = {s: _value(e, fixed) for s, e in model.baseline.items()}
        unknown = np.asarray(np.nan)
        course = {s: unknown if e is None else _value(e, fixed | start) for s, e in model.untreated.items()}
        rates = _rates(model, fixed, course)
        elsewhere = _rates(model, fixed, {s: rng.uniform(0.2, 0.9, len(fixed[TIME.name])) for s in model.states})
        for state, expr in _known(model.untreated).items():
            slope = _value(sp.diff(expr, TIME), fixed | start)
            apart = np.abs(rates[state] - slope) / (np.abs(elsewhere[state]) + np.abs(slope))
            if np.isfinite(apart).any() and np.nanmedian(np.where(np.isfinite(apart), apart, np.nan)) > _TOLERANCE:
                said = "stays" if state in model.steady else f"is {expr}"
                raise ModelError(
                    f"Without drug, {state!r} {said}, says its page; its rate says otherwise. Give `untreated=` the "
                    "course, or None where it has no closed form."
                )


def _known(untreated: Mapping[str, Expr | None]) -> dict[str, Expr]:
    return {s: e for s, e in untreated.items() if e is not None}
