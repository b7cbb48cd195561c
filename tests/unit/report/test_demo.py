"""The demo page: numbers of its runs, units, notes; a phone can read it."""

import numpy as np
import pytest

import il2model as il2
from il2model.report import demo


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One trial, two figures."""
    monkeypatch.setattr(demo, "TRIALS", ("imodals",))
    monkeypatch.setattr(demo, "_FIGURES", demo._FIGURES[:2])


def test_the_table_holds_the_numbers_of_the_runs(tmp_path, read):
    page = read(demo.write_demo(tmp_path))
    plan = il2.Trial.load("imodals").arms["2 MIU"]
    s = il2.simulate(plan, save=np.array([0.0, 7.0]), until=85)
    first, last = s.values("treg_percent")[0]
    assert f"{last - first:+.2f} points" in page.text
    assert "IMODALS, 2 MIU" in page.text
    assert "A typical patient is not a cohort" in page.text and "Uncalibrated" not in page.text
    assert [i["alt"].partition(". Panels:")[0] for i in page.images] == [
        "The first two weeks: blood Treg dip after each injection and then rise; plasma CCL2 falls",
        "IMODALS, 3 cycles: immune cells",
    ]


def test_what_is_uncalibrated_is_said(tmp_path, read, monkeypatch):
    def uncalibrated(plan, **more):
        return il2.simulate(plan, parameters=il2.load_parameters("prior"), **more)

    monkeypatch.setattr(demo, "simulate", uncalibrated)
    page = read(demo.write_demo(tmp_path))
    assert "Uncalibrated." in page.text and "uncalibrated parameters" in page.text


def test_what_rounds_to_zero_has_no_sign():
    assert demo._printed("{:+.0f} %", -0.2) == "0 %"
    assert demo._printed("{:+.0f} %", -0.6) == "-1 %"
