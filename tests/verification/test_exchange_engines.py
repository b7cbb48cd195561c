"""libRoadRunner and COPASI get the kernel's states from the exported SBML."""

import numpy as np
import pytest

from tests.helpers import agreement

LIMIT = 1e-6


def check(engine, count):
    for regimen, worst in agreement.compare(engine, count).items():
        assert worst.max() < LIMIT, (regimen, agreement.names()[int(worst.argmax())], worst.max())


def test_copasi_agrees_on_random_sets_and_regimens():
    check(agreement.Copasi, 4)


def test_libroadrunner_agrees_on_random_sets_and_regimens():
    check(agreement.RoadRunner, 1)


@pytest.mark.long
@pytest.mark.parametrize(("engine", "sets"), [(agreement.Copasi, 100), (agreement.RoadRunner, 20)])
def test_a_hundred_cases_and_more(engine, sets):
    # benchmarks/agreement.py runs 100 sets on both, on five regimens; libRoadRunner compiles each for a second
    check(engine, sets)


def test_the_comparison_can_fail(monkeypatch):
    monkeypatch.setattr(
        agreement, "ours", lambda plan, values: np.zeros((len(agreement.TIMES), len(agreement.names())))
    )
    with pytest.raises(AssertionError):
        check(agreement.Copasi, 1)
