from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simsvc.errors import SettingsError
from trainer.__main__ import main
from trainer.training.recipes import results
from trainer.training.recipes.recipe import RECIPES, load


def result(name: str = "short", mae: float = 5.0, **changes: Any) -> dict[str, Any]:
    """Return what a run's result.json holds."""
    return {
        "recipe": load(name).as_dict() | changes,
        "valid_mae": mae,
        "valid_rmse": mae * 1.4,
        "best_epoch": 3,
        "seconds": 330.0,
        "faces": {"train": 100, "valid": 20, "test": 20},
        "sources": ["utkface"],
        "machine": "a processor, 2 threads",
        "torch": "2.9",
    }


def test_rows_in_order_of_error(tmp_path: Path) -> None:
    """Every recipe has one row, best first; the table shows what is kept."""
    results.add(result("short", 5.0), tmp_path)
    results.add(result("short-l1", 4.5), tmp_path)
    table = results.add(result("short-mixup", 4.8), tmp_path).read_text()
    assert [row["recipe"] for row in results.read(tmp_path)] == ["short-l1", "short-mixup", "short"]
    assert table.index("| short-l1 |") < table.index("| short-mixup |") < table.index("| short |")
    assert "mixup 0.2" in table
    assert "| 4.80 | 6.72 | 6 | a processor, 2 threads |" in table


def test_a_rerun_replaces_its_row(tmp_path: Path) -> None:
    """The same recipe again leaves one row, with the new figures."""
    results.add(result("short", 5.0), tmp_path)
    results.add(result("short", 4.0), tmp_path)
    assert [row["valid_mae"] for row in results.read(tmp_path)] == [4.0]


def test_no_path_of_this_machine(tmp_path: Path) -> None:
    """Initial weights from a file are named without their folder."""
    results.add(result("short", weights="/home/someone/teacher.safetensors"), tmp_path)
    for path in tmp_path.iterdir():
        assert "someone" not in path.read_text()
        assert "teacher.safetensors" in path.read_text()


def test_older_results_are_taken(tmp_path: Path) -> None:
    """A result written before a key existed counts as having its default."""
    old = result("short")
    for key in ("clean", "balance", "traits", "fraction", "flip_average"):
        del old["recipe"][key]
    results.add(old, tmp_path)
    assert results.read(tmp_path)[0]["extras"].keys().isdisjoint({"clean", "balance", "traits"})


def test_damaged_table(tmp_path: Path) -> None:
    """A results.json that cannot be understood is refused and left as it is."""
    (tmp_path / results.RESULTS).write_text('[{"recipe": 1}]')
    with pytest.raises(SettingsError, match="cannot be understood"):
        results.add(result(), tmp_path)
    assert (tmp_path / results.RESULTS).read_text() == '[{"recipe": 1}]'


def test_shipped_table() -> None:
    """RESULTS.md is what results.json gives."""
    assert (RECIPES / results.TABLE).read_text() == results.as_markdown(results.read(RECIPES))


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`results add` takes a run's folder and `results show` prints it; a folder without a run is refused."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "result.json").write_text(json.dumps(result()))
    out = ["--out", str(tmp_path)]
    assert main(["results", "add", str(run), *out]) == 0
    assert main(["results", "show", *out]) == 0
    assert "| short | dlib_resnet |" in capsys.readouterr().out
    assert main(["results", "add", str(tmp_path / "gone"), *out]) == 2
    assert "no result.json" in capsys.readouterr().err
    (run / "result.json").write_text('{"recipe": {"name": "x"}}')
    assert main(["results", "add", str(run), *out]) == 2
    assert "lacks a figure" in capsys.readouterr().err
