from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.evaluation.measures.metrics import as_text, breakdown, decade, error_table

ERRORS = np.array([1.0, -3.0, 5.0, -5.1, 10.0])


def test_by_hand() -> None:
    """MAE, RMSE, bias and the share at most five years off, five included, of five errors."""
    table = error_table("all", ERRORS)
    assert (table.part, table.faces) == ("all", 5)
    assert table.mae.value == pytest.approx(24.1 / 5, abs=1e-4)
    assert table.rmse.value == pytest.approx(math.sqrt((1 + 9 + 25 + 26.01 + 100) / 5), abs=1e-4)
    assert table.bias.value == pytest.approx(7.9 / 5, abs=1e-4)
    assert table.cs5.value == 0.6


def test_interval_of_a_mean() -> None:
    """The interval of the bias is the normal one: mean +- 1.96 deviation / sqrt(n)."""
    errors = np.random.default_rng(1).normal(2.0, 6.0, 2000)
    half = 1.96 * errors.std() / math.sqrt(len(errors))
    bias = error_table("x", errors).bias
    assert bias.low == pytest.approx(errors.mean() - half, abs=0.15 * half)
    assert bias.high == pytest.approx(errors.mean() + half, abs=0.15 * half)


def test_interval_shrinks() -> None:
    """With a hundred times the faces every interval is about a tenth as wide."""
    random = np.random.default_rng(0)
    few, many = (error_table("x", random.normal(0, 6, n)) for n in (50, 5000))
    for name in ("mae", "rmse", "cs5", "bias"):
        wide, narrow = getattr(few, name), getattr(many, name)
        assert narrow.low < narrow.value < narrow.high
        assert 5 < (wide.high - wide.low) / (narrow.high - narrow.low) < 20


def test_one_face() -> None:
    """Of a single face there is nothing to resample: the interval is the value."""
    table = error_table("x", np.array([-4.0]))
    assert (table.mae.low, table.mae.value, table.mae.high) == (4, 4, 4)
    assert (table.bias.value, table.cs5.value) == (-4, 1)


@settings(max_examples=20)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30))
def test_order_of_figures(errors: list[float]) -> None:
    """Whatever the errors, |bias| <= MAE <= RMSE, the share lies in 0..1 and the interval repeats itself."""
    table = error_table("x", np.array(errors))
    assert abs(table.bias.value) <= table.mae.value + 1e-3
    assert table.mae.value <= table.rmse.value + 1e-3
    assert 0 <= table.cs5.low <= table.cs5.high <= 1
    assert table == error_table("x", np.array(errors))


@pytest.mark.parametrize(
    ("age", "name"),
    [
        (0, "age 0-9"),
        (9.9, "age 0-9"),
        (10, "age 10-19"),
        (89, "age 80-89"),
        (90, "age 90+"),
        (116, "age 90+"),
    ],
)
def test_decade(age: float, name: str) -> None:
    """A decade holds its first year and not its last; from 90 on there is one part."""
    assert decade(age) == name


def test_breakdown() -> None:
    """All faces first, then each kind's parts in order, each of its own faces alone."""
    kinds = [["b", "a", "b", "a", "b"], [None, "group x", None, None, "group x"]]
    tables = breakdown(ERRORS, kinds)
    assert [table.part for table in tables] == ["all", "a", "b", "group x"]
    assert [table.faces for table in tables] == [5, 2, 3, 2]
    assert tables[1].bias.value == pytest.approx((-3 - 5.1) / 2, abs=1e-4)
    assert tables[3].mae.value == pytest.approx(6.5)


def test_coverage() -> None:
    """The share of labels inside their intervals stands in every part, and only where there are intervals."""
    inside = np.array([True, True, False, True, False])
    tables = breakdown(ERRORS, [["a", "a", "b", "b", "b"]], inside=inside)
    assert [table.coverage and table.coverage.value for table in tables] == [0.6, 1, 0.3333]
    assert tables[0].coverage is not None
    assert tables[0].coverage.low < 0.6 < tables[0].coverage.high
    assert "60.0% [" in as_text(tables)
    plain = error_table("all", ERRORS)
    assert "coverage" not in plain.as_dict()
    assert tables[0].as_dict().keys() - plain.as_dict().keys() == {"coverage"}
    assert (tables[0].mae, tables[0].bias) == (plain.mae, plain.bias)


def test_text() -> None:
    """The table for people names every part with its figures and lines up."""
    lines = as_text(breakdown(ERRORS, [["age 0-9", "age 90+", "age 0-9", "age 0-9", "age 0-9"]])).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[0] for line in lines[1:]] == ["all", "age", "age"]
    assert "4.82 [" in lines[1]
    assert "60.0%" in lines[1]
    assert "+1.58 [" in lines[1]
