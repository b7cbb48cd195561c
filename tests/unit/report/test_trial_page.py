"""The page of a trial: tables with intervals, notes, escaped names."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import il2model as il2
from il2model.report.trial import write_trial


@cache
def result():
    return il2.run_trial("mirocals", 12, 1, pool=24)


def test_a_page_shows_intervals_beside_published_values(tmp_path, read):
    page = read(write_trial(result(), tmp_path))
    row = result().summary().loc["all"]
    low, middle, high = row["q025"], row["median"], row["q975"]
    assert (low, middle, high) == pytest.approx(
        tuple(np.exp(np.quantile(result()["all"], (0.025, 0.5, 0.975)))), rel=0.1
    )
    assert f"hazard ratio, all patients 0.81 {middle:.2f} {low:.2f} {high:.2f}" in page.text
    assert (
        "treg_percent [points]" in page.text and "Uncalibrated" not in page.text and "could not be run" not in page.text
    )
    assert (tmp_path / "trial.png").read_bytes().startswith(b"\x89PNG")


def test_a_page_says_what_was_not_studied(tmp_path, read):
    arms = (result().design.arms[0], replace(result().design.arms[1], regimen=il2.Regimen.cyclic("9 MIU", 5, 28, 3)))
    page = read(write_trial(replace(result(), design=result().design.replace(arms=arms)), tmp_path))
    assert "9 MIU in a day (studied: 2)" in page.text


def test_a_page_says_who_is_left_out_and_what_is_uncalibrated_and_escapes_names(tmp_path, read):
    named = replace(result().design, name="<script>x</script> & co")
    other = replace(result(), design=named, refused=3, manifest=dict(result().manifest) | {"calibrated": False})
    page = read(write_trial(other, tmp_path))
    assert "<script>x</script> & co" in page.text
    assert "Uncalibrated parameters." in page.text
    assert "3 of 24 virtual patients could not be run and are in no replicate." in page.text
