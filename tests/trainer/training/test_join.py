from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from simsvc.errors import SettingsError
from tests.trainer.tiny_training import TOLD, brightness, finished, recipe
from trainer.datasets.corpus import Corpus
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import MergedData
from trainer.datasets.near_duplicates import DuplicatePairs
from trainer.datasets.pack import Pack
from trainer.training.distillation import shares_of
from trainer.training.ensembles.ensemble import Ensemble
from trainer.training.join import join
from trainer.training.runs import load_any, load_run

WHOLE = TOLD | {"parts": "near,wide", "schedule": "200x1", "view": 1.25}


def _corpus(split: str = "valid") -> Corpus:
    """Return a few faces of two sources, all of the validation part or every second one of another."""
    data = brightness(4, 8)
    rows = tuple(
        Row(Path(f"{number}.jpg"), float(age), "utkface" if number < 9 else "windows:a", f"{number}.jpg")
        for number, age in enumerate(data.ages_years)
    )
    none = np.zeros(0, np.int64)
    merged = MergedData(
        rows,
        np.array([split, "valid"] * 6),
        np.arange(12),
        DuplicatePairs(none, none, np.zeros(0, np.float32)),
        (),
        (),
    )
    boxes = np.ones((12, 4), np.float32)
    return Corpus(merged, Pack(data.squares, boxes, rows))


def _timed(folder: Path, seed: int, **changes: object) -> None:
    finished(folder, seed, **TOLD, **changes)
    (folder / "result.json").write_text('{"seconds": 1.5}')


def test_runs_are_joined_and_loaded_again(tmp_path: Path) -> None:
    """An ensemble's run holds its weight and its members, and tells the weighted mean of what they tell."""
    _timed(tmp_path / "near", 0)
    _timed(tmp_path / "wide", 1, view=1.25)
    corpus, whole = _corpus(), recipe("both", **WHOLE)
    result = join(whole, corpus, tmp_path, tmp_path / "both", ("near", "wide"))
    (tmp_path / "both" / "result.json").write_text(json.dumps(result))
    again, model = load_any(tmp_path / "both")
    assert isinstance(model, Ensemble)
    assert again.name == "both"
    weight = result["weights"][0][0]
    assert model.weights[0].tolist() == pytest.approx([weight, 1 - weight])
    at = np.arange(3)
    wanted = weight * shares_of(tmp_path / "near", corpus.pack.crops, at, mirrored=False)
    wanted = wanted + (1 - weight) * shares_of(tmp_path / "wide", corpus.pack.crops, at, mirrored=False)
    told = shares_of(tmp_path / "both", corpus.pack.crops, at, mirrored=False)
    assert told == pytest.approx(wanted, abs=5e-3)  # its members compute in bfloat16 alone
    assert torch.from_numpy(told).sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-4)


def test_photos_of_one_source_are_told_apart(tmp_path: Path) -> None:
    """The second row of weights is chosen on that source alone, and a likeness is kept."""
    _timed(tmp_path / "near", 0)
    _timed(tmp_path / "wide", 1)
    corpus = _corpus(split="train")
    whole = recipe("both", **WHOLE, own_weights="utkface")
    result = join(whole, corpus, tmp_path, tmp_path / "both", ("near", "wide"))
    (tmp_path / "both" / "result.json").write_text(json.dumps(result))
    _, model = load_any(tmp_path / "both")
    assert isinstance(model, Ensemble)
    assert model.weights.tolist() == [pytest.approx(row) for row in result["weights"]]
    assert len(result["weights"]) == 2
    assert model.like is not None


def test_a_source_of_its_own_weights_that_is_not_there(tmp_path: Path) -> None:
    """The source is named before anything is written."""
    _timed(tmp_path / "near", 0)
    _timed(tmp_path / "wide", 1)
    whole = recipe("both", **WHOLE, own_weights="elsewhere")
    with pytest.raises(SettingsError, match=r"elsewhere.*another one"):
        join(whole, _corpus(), tmp_path, tmp_path / "both", ("near", "wide"))
    assert not (tmp_path / "both").exists()


def test_one_model_is_no_ensemble(tmp_path: Path) -> None:
    """What needs a single model's weights refuses an ensemble and names its parts."""
    _timed(tmp_path / "near", 0)
    _timed(tmp_path / "wide", 1)
    result = join(recipe("both", **WHOLE), _corpus(), tmp_path, tmp_path / "both", ("near", "wide"))
    (tmp_path / "both" / "result.json").write_text(json.dumps(result))
    with pytest.raises(SettingsError, match="near,wide"):
        load_run(tmp_path / "both")
    assert load_any(tmp_path / "near")[0].name == "near"


@pytest.mark.parametrize("changes", [{"parts": "near"}, {"flip_average": True}])
def test_an_ensemble_that_cannot_be(changes: dict[str, object]) -> None:
    """One part alone and averaging the mirror image are refused."""
    with pytest.raises(SettingsError, match="parts"):
        recipe("both", **(WHOLE | changes))
