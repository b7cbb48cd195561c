"""libRoadRunner and COPASI get the kernel's states from the exported SBML."""

import numpy as np
import pytest
from tests.helpers import agreement

LIMIT = 1e-6


def check(engine, count):
    for regimen, worst in agreement.compare(engine, count).items():
        assert worst.max() < LIMIT, (regimen, agreement.names()[int(worst.argmax())], worst.max())


def test_copasi_agrees_on_random_sets_and_regimens():
    check(agreement.Copasi, 8)


def test_libroadrunner_agrees_on_random_sets_and_regimens():
    check(agreement.RoadRunner, 2)


@pytest.mark.long
@pytest.mark.parametrize("engine", [agreement.Copasi, agreement.RoadRunner])
def test_a_hundred_sets_and_every_regimen(engine):
    check(engine, 100)


def test_the_comparison_can_fail(monkeypatch):
    monkeypatch.setattr(
        agreement, "ours", lambda plan, values: np.zeros((len(agreement.TIMES), len(agreement.names())))
    )
    with pytest.raises(AssertionError):
        check(agreement.Copasi, 1)
