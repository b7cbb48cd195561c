"""A small model under any names."""

import sympy as sp

from il2model.model.assembly import assemble
from il2model.model.language import Submodel


def elimination(volume, loss, drug):
    """A bolus into one compartment with a power in it, under any names."""
    m = Submodel("pk", "Elimination")
    V, k = m.parameter(volume, "1", "volume"), m.parameter(loss, "1/day", "loss")
    X = m.state(drug, "1", "drug", scale=1)
    start = m.constant("start", "1", V**V, "start")
    half = m.derive("half", "1", X**V / (1 + X**V), "saturation")
    m.equation(X, -k * half, baseline=start, untreated=None)
    m.observe("shown", "1", sp.exp(-X) + sp.log(1 + X), "shown")
    return assemble([m], name="elimination")
