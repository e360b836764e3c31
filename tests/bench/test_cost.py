from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench import cost
from tests.bench.cost_figures import Measured
from tests.bench.cost_tables import page

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


def test_the_page_is_computed_from_the_figures() -> None:
    """Cores, disk, memory and build time are what the formulas give by hand."""
    told = page(cost.measured(BENCH, INDEX))
    assert "| 100 | 2 | 1.4 | 20.0% | 432 |" in told
    hours = (1_000_000 / 200 + 200) / 3_600
    assert f"| 1,000,000 | 555 | 1 | 5.5 | 2.0 | {hours:.1f} | 1.1 |" in told
    assert "records at most 500 answers a second" in told
    assert "take 0.28 hours" in told
    assert "processor Xeon, cores 2" in told
    assert "Not measured yet" not in told


@pytest.mark.parametrize(
    "index", [{}, {"service": {"10000": {"build": {"error": "too long"}}}}, {"service": 3}]
)
@pytest.mark.parametrize("bench", [{}, {"server": None}, {"bulk": {"photos": []}, "640 px": {"x": True}}])
def test_what_was_not_measured_is_a_dash_and_a_sentence(bench: cost.Document, index: cost.Document) -> None:
    """Missing parts, odd ones and failed sizes leave cells empty; the page says what is not measured yet."""
    told = page(cost.measured(bench, index))
    assert "Not measured yet: processor time of a request" in told
    assert "| 100 | - | - | - | - |" in told
    assert "No size of an index was measured." in told


def test_some_figures_fill_some_cells() -> None:
    """With the time of a request alone, cores are known and memory is not."""
    assert "| 10 | 1 | - | - | - |" in page(Measured(request_cpu_ms=20.0))


def test_the_command_reads_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes the page from the files it is given, and says which of them is missing."""
    (tmp_path / "bench.json").write_text(json.dumps(BENCH))
    words = ["cost", "--bench", str(tmp_path / "bench.json"), "--index", str(tmp_path / "none.json")]
    monkeypatch.setattr("sys.argv", [*words, "--out", str(tmp_path / "cost.md")])
    assert cost.main() == 0
    assert "none.json is missing" in capsys.readouterr().out
    assert (tmp_path / "cost.md").read_text().startswith("# What it costs")
