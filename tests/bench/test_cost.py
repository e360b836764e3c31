from __future__ import annotations

from typing import Any

import pytest

from tests.bench import cost

BENCH: dict[str, Any] = {
    "machine": {"processor": "Xeon", "cores": 2},
    "640 px": {"answer, recorded": {"p50_ms": 12.0}, "answer, in memory": {"p50_ms": 10.0}},
    "server": {"32 clients, sustained": {"server_cpu_ms": 14.0}, "memory of a worker": {"end_mb": 190.0}},
    "bulk": {
        "photos": {"cores": 2},
        "index build": {"photos_alone_a_second": 200.0, "thumbnail_kb_a_face": 5.0},
        "estimates, on record": {"a_second": 100.0, "kb_a_record": 50.0},
    },
}
INDEX: dict[str, Any] = {
    "service": {
        "10000": {
            "build": {"finish_s": 2.0, "folder_mb": 5.0, "build_peak_mb": 110.0},
            "serve": {"private_mb": 1.0, "mapped_mb": 60.0, "24 nearest": {"p50_ms": 0.5}},
        },
        "100000": {
            "build": {"finish_s": 20.0, "folder_mb": 50.0, "build_peak_mb": 200.0},
            "serve": {"private_mb": 1.0, "mapped_mb": 105.0, "24 nearest": {"p50_ms": 1.0}},
        },
    }
}


def test_the_table_is_computed_from_the_figures() -> None:
    """Cores, memory, disk and build time are what the formulas give by hand."""
    hours = (1_000_000 / 200 + 200) / 3_600
    memory_gb = 1 + (3 * (190 + 1) + 555) / 1_000
    row = f"| 100 | 1,000,000 | 3 | {memory_gb:.1f} | 5.5 | {hours:.1f} | 432.0 | 20.0% |"
    assert row in cost.page(BENCH, INDEX)


def test_sizes_grow_on_the_line_and_times_on_the_power() -> None:
    """Both go through the two largest sizes measured; smaller ones do not bend them."""
    assert cost.grown({1: 99.0, 10_000: 20.0, 100_000: 110.0}, 1_000_000) == pytest.approx(1_010.0)
    assert cost.grown({1: 99.0, 10: 100.0, 100: 10_000.0}, 1_000, power=True) == pytest.approx(1e6)
