from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.files.spreadsheet import FORMULA_BEGINNINGS, neutral_cell, to_csv


@pytest.mark.parametrize("text", ['=HYPERLINK("x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"])  # noqa: RUF001 - full-width on purpose
def test_what_may_be_a_formula_is_made_text(text: str) -> None:
    """An apostrophe stands before it."""
    assert neutral_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "L-1", "41.50", "photo (1).jpg", "写真"])
def test_other_cells_stay(text: str) -> None:
    """What no program takes for a formula is left alone."""
    assert neutral_cell(text) == text


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_no_cell_of_a_table_begins_a_formula(cells: list[str]) -> None:
    """Read back, every cell is what it was, or the same behind an apostrophe."""
    table = csv.reader(io.StringIO(to_csv(["h"], [["x", *cells]]).decode("utf-8-sig"), newline=""))
    _, (_, *back) = list(table)
    for cell, found in zip(cells, back, strict=True):
        assert found in {cell, f"'{cell}"}
        assert not found.startswith(FORMULA_BEGINNINGS)
