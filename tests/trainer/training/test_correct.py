from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from simsvc.errors import SettingsError
from tests.trainer.tiny_training import TOLD, brightness, recipe
from trainer.datasets.corpus import Corpus
from trainer.datasets.formats.rows import Row
from trainer.datasets.merge import MergedData
from trainer.datasets.near_duplicates import DuplicatePairs
from trainer.datasets.pack import Pack
from trainer.models.age_model import AgeModel, Architecture
from trainer.training import correct, runs
from trainer.training.recipes.recipe import Recipe

PART = TOLD | {"corrects": "faceres", "body": "faceres", "schedule": "64x1", "mix": "windows:1.0"}


def _corpus(source: str) -> Corpus:
    """Return forty faces of one source."""
    data = brightness(32, 8)
    rows = tuple(
        Row(Path(f"{number}.jpg"), float(age), source, f"{number}.jpg")
        for number, age in enumerate(data.ages_years)
    )
    none = np.zeros(0, np.int64)
    pairs = DuplicatePairs(none, none, np.zeros(0, np.float32))
    merged = MergedData(rows, np.array(["train", "valid"] * 20), np.arange(40), pairs, (), ())
    return Corpus(merged, Pack(data.squares, np.ones((40, 4), np.float32), rows))


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """Return the recipe; the published network is one with random weights."""
    torch.manual_seed(0)
    found = recipe("part", **PART)
    model = AgeModel(Architecture("faceres", "distribution", found.hidden, 0.0, "median")).eval()
    monkeypatch.setattr(runs, "faceres_model", lambda: model)
    return found


def test_only_the_scores_of_ages_move(part: Recipe, tmp_path: Path) -> None:
    """The run's weights are the published ones but for the last biases, which lean to the faces' ages."""
    _, before = runs.load_run(tmp_path / "faceres")
    given = {key: value.clone() for key, value in before.state_dict().items()}
    result = correct.correct(part, _corpus("windows:a"), tmp_path, tmp_path / "part")
    (tmp_path / "part" / "result.json").write_text("{}")
    assert result["fitted_on"] == 40
    _, after = runs.load_run(tmp_path / "part")
    changed = [key for key, value in after.state_dict().items() if not torch.equal(value, given[key])]
    assert changed == ["head.linear_2.bias"]


def test_faces_of_other_kinds_do_not_correct(part: Recipe, tmp_path: Path) -> None:
    """The kinds are named."""
    with pytest.raises(SettingsError, match="windows"):
        correct.correct(part, _corpus("utkface"), tmp_path, tmp_path / "part")


@pytest.mark.parametrize("changes", [{"corrects": "elsewhere"}, {"mix": ""}, {"own_weights": "utkface"}])
def test_a_correction_that_cannot_be(changes: dict[str, object]) -> None:
    """An unknown network, none of whose faces is named, and weights for one model alone."""
    with pytest.raises(SettingsError):
        recipe("part", **(PART | changes))
