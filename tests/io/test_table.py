"""Tables hold what was put in, and nothing that a spreadsheet computes."""

import csv
import io

import pytest

from maeday_core.io.table import csv_text

NAMES = ["a.png", "日本.png", 'with "quotes", and commas', "a=b", "it's", "", " =1", "-", "two\nlines", "caf\udce9.png"]


@pytest.mark.parametrize("value", [*NAMES, 1, -1.5, "-1.5", "+3", "-inf", None])
def test_what_is_no_formula_stays_as_it_is(value) -> None:
    ((cell, last),) = csv.reader(io.StringIO(csv_text([[value, "end"]]), newline=""))
    assert (cell, last) == ("" if value is None else str(value), "end")


@pytest.mark.parametrize(
    "name",
    ["=1+1.jpg", "+1+1.jpg", "-1+1|cmd.jpg", "@SUM(A1).jpg", "\t=1.jpg", "\r=1.jpg", "\n=1", "＝1+1.jpg", "--", "=-"],
)
def test_a_name_that_is_a_formula_is_text(name: str) -> None:
    ((cell, number),) = csv.reader(io.StringIO(csv_text([[name, -1]]), newline=""))
    assert (cell, number) == (f"'{name}", "-1")
