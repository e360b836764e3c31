from __future__ import annotations

from typing import Any

import pytest

from tests.bench import sizing
from tests.bench.sizing import Host, need
from tests.bench.test_cost import BENCH, INDEX

POSTGRES: dict[str, Any] = {
    "machine": {"processor": "Xeon", "load": 1.0},
    "records, 8 at a time": {"a_second": 250.0, "server_cpu_ms": 1.4},
    "size": {"kb_a_record": 50.0},
}
MEASURED: dict[str, Any] = {
    "bench": {**BENCH, "bulk": {"index build": {"thumbnail_kb_a_face": 5.0, "cpu_ms": 12.0}}},
    "index": INDEX,
    "postgres": POSTGRES,
}


def test_needs_are_computed_from_the_figures() -> None:
    """Every column is what its formula gives by hand."""
    found = need(MEASURED, 100, 1_000_000, Host(cores=2, memory_gb=16))
    assert found.web_cores == 3  # 100 x (14 + 4 - 0.5) ms of search and the rest, 70% busy: 2.5
    assert found.hosts == 3  # two of two cores, and one more
    assert found.memory_gb == pytest.approx(1 + 2 * (0.190 + 0.001) + 0.555)
    assert found.disk_gb == found.objects_gb == pytest.approx(2 * (0.5 + 5.0))
    assert found.database_cores == 1
    assert found.records_gb_a_day == pytest.approx(432.0)
    assert found.turn == pytest.approx(0.4)
    assert found.build_core_h == pytest.approx((1_000_000 * 0.012 + 200) / 3_600)


def measured(size: int, mb: float, **more: float) -> dict[str, Any]:
    point = {"effort": 8, "recall": 0.98, "p50_ms": 3.0}
    return {"chosen": 8, "curve": [point], "build_s": size / 1e4, "private_mb": 50.0, "disk_mb": mb, **more}


def test_lance_takes_over_past_a_hosts_memory() -> None:
    """Where Annoy's index is larger than a host, Lance's figures count, with the columns of every build."""
    forests = {
        str(size): measured(size, 0.0, file_mb=size / 2_500, disk_mb=size / 2_500)
        for size in (10_000, 100_000)
    }
    tables = {str(size): {"lance": measured(size, size * 300 / 1e6)} for size in (10**6, 10**7)}
    all_of_it = {
        **MEASURED,
        "index": {**INDEX, "libraries": {"annoy": forests}},
        "lance": {"sizes": tables},
    }
    small, host = Host(cores=2, memory_gb=4), 10**7
    found = need(all_of_it, 1, host, small)
    assert (found.engine, need(all_of_it, 1, 10**6, small).engine) == ("lance", "annoy")
    columns_mb = 5_055 - 10**7 / 2_500  # what Annoy maps, less its forest
    assert found.memory_gb == pytest.approx(1 + 2 * (0.190 + 0.050) + columns_mb / 1e3)
    folder_mb = (5_000 - 4_000) + 3_000  # the folder less its forest, and Lance's table
    assert found.disk_gb == pytest.approx(2 * (folder_mb / 1e3 + 50))


def test_prices_are_the_readers_own() -> None:
    """A month costs what its core-hours and gigabytes cost by the given prices; without any, no column."""
    host = Host(cores=2, core_hour=0.05, disk_gb_month=0.1, objects_gb_month=0.02)
    found = need(MEASURED, 1, 1_000_000, host)
    cores, disk_gb = 2 * 2 + 1, 2 * 11.0 + 4.32 * 365
    assert found.price(host) == pytest.approx(cores * 730 * 0.05 + disk_gb * 0.1 + 11.0 * 0.02)
    assert "price" in sizing.table(MEASURED, host)
    assert "price" not in sizing.table(MEASURED, Host())


def test_the_page_is_what_the_command_writes() -> None:
    """The page in the repository is computed from the measured figures there, none typed."""
    measured = sizing.documents()
    assert sizing.PAGE.read_text(encoding="utf-8") == sizing.page(measured, Host())
