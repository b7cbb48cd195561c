"""Sparse LU decided before the run: order, fill-in and the list of operations.

The matrix of a Rosenbrock step is 1/(gamma h) I - J. Its pattern is known, so
the elimination is written out once without pivoting; the kernel checks each
factorisation by a checksum and retries with a smaller step where it fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Entry = tuple[int, int]


@dataclass(frozen=True)
class Elimination:
    """How to factor and solve: slots of the filled pattern and operations on them."""

    size: int
    slots: dict[Entry, int]
    factor: tuple[tuple[str, int, int, int], ...]  # ('inv', k, 0, 0) ('mul', a, b, 0) ('sub', a, b, c)
    solve: tuple[tuple[str, int, int, int], ...]  # ('sub', row, slot, column) ('mul', row, slot, 0)
    fill_ins: int


def markowitz_order(size: int, pattern: Iterable[Entry]) -> tuple[list[int], set[Entry]]:
    """Return a pivot order that keeps fill-in small, and the filled pattern."""
    filled = set(pattern) | {(i, i) for i in range(size)}
    left = set(range(size))
    order: list[int] = []
    while left:

        def cost(k: int) -> tuple[int, int]:
            rows = sum((i, k) in filled for i in left if i != k)
            columns = sum((k, j) in filled for j in left if j != k)
            return rows * columns, k

        pivot = min(sorted(left), key=cost)
        left.discard(pivot)
        order.append(pivot)
        rows = [i for i in left if (i, pivot) in filled]
        columns = [j for j in left if (pivot, j) in filled]
        filled.update((i, j) for i in rows for j in columns)
    return order, filled


def eliminate(size: int, pattern: Iterable[Entry]) -> Elimination:
    """Write out LU without pivoting; the diagonal of U is stored inverted."""
    pattern = set(pattern)
    order, filled = markowitz_order(size, pattern)
    slots = {entry: k for k, entry in enumerate(sorted(filled))}
    rank = {k: r for r, k in enumerate(order)}
    factor: list[tuple[str, int, int, int]] = []
    for k in order:
        factor.append(("inv", slots[k, k], 0, 0))
        later = [i for i in range(size) if rank[i] > rank[k]]
        for i in (i for i in later if (i, k) in filled):
            factor.append(("mul", slots[i, k], slots[k, k], 0))
            for j in (j for j in later if (k, j) in filled):
                factor.append(("sub", slots[i, j], slots[i, k], slots[k, j]))
    solve: list[tuple[str, int, int, int]] = []
    for k in order:  # L y = b
        for i in (i for i in range(size) if rank[i] > rank[k] and (i, k) in filled):
            solve.append(("sub", i, slots[i, k], k))
    for k in reversed(order):  # U x = y
        for j in (j for j in range(size) if rank[j] > rank[k] and (k, j) in filled):
            solve.append(("sub", k, slots[k, j], j))
        solve.append(("mul", k, slots[k, k], 0))
    diagonal = {(i, i) for i in range(size)}
    return Elimination(size, slots, tuple(factor), tuple(solve), len(filled - pattern - diagonal))
