from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from simsvc.values import Crop
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.helpers import faces as drawn
from trainer.__main__ import main
from trainer.cli.measuring import engines as engines_command
from trainer.cli.measuring.engines import REFERENCE, compared
from trainer.datasets.formats.rows import Row
from trainer.evaluation.source_faces import Faces


def faces(source: str, ages: list[float]) -> Faces:
    rows = tuple(Row(Path(f"{age}.png"), age, source, f"{age}.png") for age in ages)
    return Faces(source, tuple(Crop(np.zeros((1, 1, 3), dtype=np.uint8)) for _ in ages), rows)


def vectors(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize(("moved", "holds"), [(0.04, True), (0.06, False)])
def test_a_source_whose_error_moves_breaks_the_gate(moved: float, holds: bool) -> None:
    """The gate looks at every source, not at their mean: one that is too far off is enough."""
    told = [np.full(20, 30.0, dtype=np.float32) for _ in range(2)]
    told[1][:10] += moved
    parts = [faces("a", [30.0] * 10), faces("b", [30.0] * 10)]
    found = compared((told[1], vectors(20)), (told[0], vectors(20)), parts)
    assert found["mae_moved_years"] == {"a": pytest.approx(moved, abs=1e-4), "b": 0.0}
    assert found["overlap_at_10"] == 1
    assert found["holds"] is holds


def test_other_neighbours_break_the_gate() -> None:
    """An engine whose embeddings find other faces fails, however good its ages are."""
    ages = np.full(30, 30.0, dtype=np.float32)
    found = compared((ages, vectors(30, 1)), (ages, vectors(30)), [faces("a", [30.0] * 30)])
    assert not found["holds"]
    assert found["age_apart_years"]["most"] == 0
    assert found["distance_apart"]["most"] > 0.5


def test_the_table_of_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without OpenVINO the command says so and measures the rest."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(engines_command, "ROUNDS", 1)
    photos = drawn(tmp_path / "photos", 12)
    bundle, figures = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "engines.json"
    words = ["--source", f"folder={photos}", "--bundle", str(bundle), "--json", str(figures)]
    assert main(["engines", *words]) == 0
    assert "pip install 'simsvc[openvino]'" in capsys.readouterr().out
    found = json.loads(figures.read_text())
    assert found["faces"] == {"folder": 12}
    assert list(found["engines"]) == [REFERENCE]
    assert found["engines"][REFERENCE]["holds"]
