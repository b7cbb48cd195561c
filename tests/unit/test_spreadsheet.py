"""No text of a table is taken for a formula; numbers stay numbers."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from il2model.spreadsheet import csv_text, original, text_cell

FORMULAS = [
    "=1+1",
    "+A1",
    "-A1+2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1",
    '=HYPERLINK("http://x","y")',
    "=cmd|' /C calc'!A0",
]
PLAIN = ["a", "treg_percent", "5-3", "a=b", "'quoted'", "-3", "+1.5e-7", "-inf", "nan", ""]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text(text):
    assert text_cell(text) == f"'{text}"
    assert original(text_cell(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_and_numbers_stay(text):
    assert text_cell(text) == text and original(text) == text
    assert text_cell(-3.5) == -3.5


def test_a_table():
    table = pd.DataFrame({"=x": [-1.5, np.nan], "name": ["=1", "b,c"], "n": [1, -2]}, index=["@a", "b"])
    table.index.name = "arm"
    rows = list(csv.reader(io.StringIO(csv_text(table))))
    assert rows == [["arm", "'=x", "name", "n"], ["'@a", "-1.5", "'=1", "1"], ["b", "", "b,c", "-2"]]
    assert csv_text(table.reset_index(drop=True), index=False, digits="%.0e").splitlines()[1] == "-2e+00,'=1,1"
