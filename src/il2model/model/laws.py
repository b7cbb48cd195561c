"""Laws that several mechanisms share: affinity, occupancy, signal, induction.

Sources: the receptor law is a two-form mixture of the beta-gamma dimer and the
alpha-beta-gamma trimer (Kd 1 nM and 10 pM); see `docs/explanation/science.md`.
"""

from __future__ import annotations

import sympy as sp

from .language import Expr


def dissociation(cd25: Expr, association: Expr, trimer: Expr, dimer: Expr) -> Expr:
    """Effective Kd of a cell with `cd25` receptors.

    A share phi = R/(R + K) of the beta-gamma chains is pre-associated with CD25;
    Kd = 1/[(1 - phi)/Kd_dimer + phi/Kd_trimer], written here with one fraction.
    """
    return (cd25 + association) / (association / dimer + cd25 / trimer)


def occupancy(concentration: Expr, kd: Expr) -> Expr:
    """Share of receptors that hold IL-2."""
    return concentration / (concentration + kd)


def hill(ratio: Expr, exponent: Expr) -> Expr:
    """Signal from a relative receptor occupancy `ratio` = X / X50."""
    power = sp.Pow(ratio, exponent)
    return power / (1 + power)


def rise(gain: Expr, signal: Expr, untreated: Expr) -> Expr:
    """Induced production: 1 untreated and positive for every gain >= 0."""
    return (1 + gain * signal) / (1 + gain * untreated)


def remaining(units: Expr, half: Expr, exponent: int) -> Expr:
    """Function left when a share `units` of motor units is left (1 at 1)."""
    return (1 + half**exponent) * units**exponent / (half**exponent + units**exponent)
