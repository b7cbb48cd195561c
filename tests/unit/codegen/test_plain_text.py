"""The plain text of a model works whatever the model calls its numbers."""

import numpy as np
import pytest

from il2model.codegen.plain_text import _TAKEN, write_plain
from tests.helpers.elimination import elimination

EACH = sorted(_TAKEN)
NAMES = [tuple((EACH * 2)[k : k + 3]) for k in range(0, len(EACH), 3)]


def told(names):
    """What every function of the text returns, at one point."""
    model = elimination(*names)
    there = {}
    exec(compile(write_plain(model, (*model.parameters, *model.constants)), "plain", "exec"), there)
    values = dict(zip(names, (1.7, 0.4, 0.9), strict=True))
    p = np.array([values[id] for id in model.parameters])
    c = there["constants"](p)
    y, u, dy, J = np.array([0.9]), np.zeros(0), np.zeros(1), np.zeros((1, 1))
    there["rhs"](y, u, np.concatenate([p, c]), dy)
    there["jacobian"](y, u, np.concatenate([p, c]), J)
    return [c, there["baseline"](p, c), there["observables"](y, u, p, c), dy, J]


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_every_name_that_the_text_needs_may_be_one_of_the_model(names):
    for found, expected in zip(told(names), told(("V", "k", "X")), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert np.isfinite(found).all()


def test_only_a_name_that_the_text_needs_is_changed():
    text = write_plain(elimination("V", "k", "exp"), ("V", "k", "start"))
    assert "exp_of_the_model = y[" in text and "    V = " in text and "V_of" not in text
