"""The sensitivity page: indices with intervals and units, notes, escaped names."""

from dataclasses import replace
from functools import cache

import il2model as il2
from il2model.report.sensitivity import write_sensitivity

FEW = ("il2_clearance", "treg_division_max")


@cache
def result():
    return il2.run_study(
        il2.SensitivityStudy(outputs=["treg_percent"], times=[7.0], parameters=FEW, n=16, until=8.0, rtol=1e-4)
    )


def test_indices_stand_with_their_half_widths_and_units(tmp_path, read):
    page = read(write_sensitivity(result(), tmp_path / "r.html"))
    _, values, half = result().main()
    for i, id in enumerate(FEW):
        assert f"{id} {values[i, 0]:.3g} ± {half[i, 0]:.2g}" in page.text
    assert "Treg among CD4 cells, day 7 [%]" in page.text
    for id in FEW:
        assert il2.load_parameters().record(id).unit in page.text
    assert "Uncalibrated" not in page.text and "Failed rows: 0." in page.text


def test_failed_rows_and_uncalibrated_values_are_said_and_reasons_escaped(tmp_path, read):
    study = result().study.replace(base=il2.load_parameters("prior"))
    page = read(
        write_sensitivity(
            replace(result(), study=study, reasons={0: "grew <i>without</i> bound."}), tmp_path / "r.html"
        )
    )
    assert "Failed rows: 1. grew <i>without</i> bound." in page.text
    assert "Uncalibrated values where nothing is varied." in page.text
