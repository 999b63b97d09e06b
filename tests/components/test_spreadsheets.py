"""What is downloaded runs nothing in a spreadsheet."""

import csv
import io

import pandas as pd
import pytest

from components.spreadsheets import csv_of


def cells(table):
    return list(csv.reader(io.StringIO(csv_of(table).decode(), newline="")))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1:2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("x","y")']
)
def test_a_text_that_would_run_is_quoted_in_cells_and_heads(text):
    assert cells(pd.DataFrame({text: [text, "a" + text]})) == [
        [f"'{text}"],
        [f"'{text}"],
        ["a" + text],
    ]


def test_numbers_stay_numbers_also_beside_texts():
    table = pd.DataFrame({"p": [-0.5, 2.0], "n": [-1, 3], "both": [-7, "-7"], "yes": [True, False]})
    assert cells(table)[1:] == [["-0.5", "-1", "-7", "True"], ["2.0", "3", "'-7", "False"]]


def test_what_is_missing_stays_empty():
    assert cells(pd.DataFrame({"a": [None, "x"], "b": [float("nan"), 1.0]})) == [
        ["a", "b"],
        ["", ""],
        ["x", "1.0"],
    ]
