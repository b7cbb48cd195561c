"""Values go to plain data and back; what cannot is refused, not lost."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import il2model as il2
from il2model.errors import InputError
from il2model.plain import plain, restored


@dataclass(frozen=True)
class Labelled:
    x: int
    label: str = field(compare=False)


def test_a_design_with_its_trial_comes_back_equal():
    design = il2.TrialDesign.named("mirocals").replace(enrich=(750.0, 3700.0), looks=(120.0,))
    again = restored(json.loads(json.dumps(plain(design))))
    assert again == design and again.trial == design.trial
    assert again.arms[1].regimen.riluzole == ((0.0, float("inf")),)


def test_what_is_left_out_or_not_compared_does_not_count():
    design = il2.TrialDesign.named("mirocals")
    assert "trial" in plain(design) and "trial" not in plain(design, leave_out=("trial",))
    assert plain(Labelled(1, "a"), told_apart=True) == plain(Labelled(1, "b"), told_apart=True)
    assert plain(Labelled(1, "a"), told_apart=True) != plain(Labelled(2, "a"), told_apart=True)
    assert plain(Labelled(1, "a")) != plain(Labelled(1, "b"))


def test_numbers_of_numpy_and_paths_are_plain():
    assert plain({"a": np.array([[1.5, np.inf]]), "n": np.int64(3), "p": Path("x")}) == {
        "a": [[1.5, float("inf")]],
        "n": 3,
        "p": "x",
    }


def test_what_cannot_be_written_or_read_is_refused():
    for value in (object(), {1: 2}, {"a": {1, 2}}, lambda: None):
        with pytest.raises(TypeError):
            plain(value)
    for data in (
        plain(Labelled(1, "a")),
        {"class": "os:system", "command": "true"},
        {"class": "il2model.trials.design:Nothing"},
        {"class": "il2model.trials.design:TrialDesign", "nothing": 1},
        {"class": "il2model.store:write_atomic", "path": "x", "content": "y"},
    ):
        with pytest.raises(InputError, match="cannot be read by this version"):
            restored(data)
    with pytest.raises(InputError, match="days count from 0"):
        restored({"class": "il2model.trials.design:Visit", "day": -1.0})
