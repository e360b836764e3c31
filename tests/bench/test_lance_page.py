from __future__ import annotations

from typing import Any

import pytest

from tests.bench.lance import page


def measured(size: int, grows: float) -> dict[str, Any]:
    point = {"p50_ms": 2.0, "p95_ms": 3.0, "a_second": 500.0, "first_ms": 2.0}
    return {
        "machine": "a processor",
        "settings": "some",
        "chosen": 8,
        "curve": [{"effort": 4, "recall": 0.9, **point}, {"effort": 8, "recall": 0.985, **point}],
        "build_s": size**grows,
        "build_peak_mb": 100.0,
        "disk_mb": size * 300 / 1e6,
        "open_s": 0.1,
        "private_mb": size * 24 / 1e6,
    }


REPORT: dict[str, Any] = {
    "index": "utkface/b-1",
    "dims": 64,
    "sizes": {
        str(size): {
            "lance": measured(size, 1.0),
            "pgvector": {"machine": "another one", "error": "its build step was ended after 240 minutes"},
        }
        for size in (1_000_000, 10_000_000)
    },
}


def test_the_page_has_what_was_measured_and_what_was_left_out() -> None:
    """One row for each engine and size, at the effort that counts; what did not get through says why."""
    text = page.document(REPORT)
    assert "| 10,000,000 | lance: some | 0.985 | 2.00 | 3.00 | 10,000,000 | 100 | 300 | 0.10 | 240 |" in text
    assert "pgvector at 1,000,000 vectors is left out: its build step was ended after 240 minutes." in text


def test_machines_are_named_with_what_was_measured_on_them() -> None:
    """Times of two machines are not taken for one comparison."""
    lines = page.document(REPORT).splitlines()
    assert "- 1,000,000 vectors, lance: a processor." in lines
    assert "- 1,000,000 vectors, pgvector: another one." in lines


def test_larger_sizes_are_computed_by_a_power_law() -> None:
    """What grows in proportion is ten times as much at ten times the size; what is constant stays so."""
    (line,) = [line for line in page.document(REPORT).splitlines() if line.startswith("| lance | ")]
    cells = [float(cell.replace(",", "")) for cell in line.split("|")[2:-1]]
    assert cells == pytest.approx([1e8 / 3_600, 30.0, 2.0, 2.4], rel=0.02)
