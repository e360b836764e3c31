from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from simsvc.errors import SettingsError
from tests.trainer.tiny_training import RECIPE, brightness, recipe
from trainer.models import backbones
from trainer.models.age_model import AGE_BINS, AgeModel
from trainer.training import distillation, fit
from trainer.training.augmentation import augment
from trainer.training.recipes.recipe import load
from trainer.training.train import with_teachers

TOLD = {"head": "distribution", "loss": "distribution"}


def finished(folder: Path, seed: int, **changes: object) -> AgeModel:
    """Leave what a finished run leaves, with random weights, and return its model."""
    chosen = recipe(folder.name, **changes)
    torch.manual_seed(seed)
    model = AgeModel(chosen.architecture).eval()
    folder.mkdir()
    lines = [f"{key} = {json.dumps(value)}" for key, value in changes.items()]
    kept = [line for line in RECIPE.strip().splitlines() if line.split(" = ")[0] not in changes]
    (folder / "recipe.toml").write_text("\n".join([*kept, *lines]) + "\n")
    (folder / "result.json").write_text("{}")
    save_file(model.state_dict(), folder / "best.safetensors")
    return model


def test_taught(tmp_path: Path) -> None:
    """What is taught is the mean over two teachers and over crop and mirror, and nothing elsewhere."""
    data = brightness(6, 2)
    models = [finished(tmp_path / name, seed, **TOLD) for seed, name in enumerate(("one", "two"))]
    positions = np.array([1, 4, 5])
    runs = [tmp_path / "one", tmp_path / "two"]
    found = distillation.taught(runs, data.squares, [positions, positions])
    spec = backbones.BODIES["resnet18"]
    crops = augment.batch(data.squares[positions], 32, spec.mean, spec.std)
    with torch.no_grad():
        told = [m(view).softmax(1) for m in models for view in (crops, crops.flip(3))]
    assert found.shape == (8, AGE_BINS)
    assert found[positions] == pytest.approx(torch.stack(told).mean(0).numpy(), abs=2e-3)  # bfloat16
    assert not found[[0, 2, 3, 6, 7]].any()


def test_teachers_of_folds_tell_of_what_they_never_saw(tmp_path: Path) -> None:
    """A face is told of by the teachers that tell of it alone, and their mean is a distribution."""
    data = brightness(6, 2)
    for seed, name in enumerate(("one", "two", "all")):
        finished(tmp_path / name, seed, **TOLD)
    runs = [tmp_path / name for name in ("one", "two", "all")]
    alone = [distillation.taught([run], data.squares, [np.arange(6)]) for run in runs]
    tells = [np.array([0, 1]), np.array([2, 3]), np.array([0, 2])]
    found = distillation.taught(runs, data.squares, tells)
    wanted = [(alone[0] + alone[2])[0] / 2, alone[0][1], (alone[1] + alone[2])[2] / 2, alone[1][3]]
    assert found[:4] == pytest.approx(np.stack(wanted), abs=2e-3)  # bfloat16, in batches of other sizes
    assert not found[4:].any()


def test_corrected() -> None:
    """A label goes where the teachers expect it if it lies too far from there; untold faces keep theirs."""
    told = np.zeros((4, AGE_BINS), np.float32)
    told[0, 40] = told[1, 40] = 1.0
    told[2, [30, 50]] = 0.5
    labels = np.array([70.5, 69.5, 5.0, 90.0], np.float32)
    assert distillation.corrected(labels, told, 30.0).tolist() == [40.0, 69.5, 40.0, 90.0]


def test_a_regression_cannot_teach(tmp_path: Path) -> None:
    """A run that tells ages but no distribution is refused, and so is one that is not there."""
    finished(tmp_path / "plain", 0)
    data = brightness(3, 1)
    for name, sentence in (("plain", "cannot teach"), ("gone", "no finished run")):
        with pytest.raises(SettingsError, match=sentence):
            distillation.taught([tmp_path / name], data.squares, [np.array([0])])


@pytest.mark.proof
def test_learns_from_a_teacher(tmp_path: Path) -> None:
    """With the whole target the teacher's, estimates go where the teacher says, whatever the labels say."""
    data = brightness(64, 16)
    taught = np.zeros((80, AGE_BINS), np.float32)
    taught[:64, 90] = 1.0
    chosen = recipe(**TOLD, schedule="32x4", batch=16, lr=[1e-3, 3e-3, 2e-2], teachers="one", distil=1.0)
    fit.fit(chosen, dataclasses.replace(data, taught=taught), tmp_path / "run")
    plain = recipe(**TOLD, schedule="32x4", batch=16, lr=[1e-3, 3e-3, 2e-2])
    fit.fit(plain, data, tmp_path / "plain")
    means = []
    for folder, of in (("run", chosen), ("plain", plain)):
        state = torch.load(tmp_path / folder / "last.pth", weights_only=True)["model"]
        model = AgeModel(of.architecture).eval()
        model.load_state_dict(state)
        spec = backbones.BODIES["resnet18"]
        with torch.no_grad():
            ages = model.ages(model(augment.batch(data.squares[64:], 32, spec.mean, spec.std)))
        means.append(float(ages.mean()))
    assert means[0] > 80
    assert means[1] < 75


def write(folder: Path, name: str, teachers: str = "") -> None:
    """Write a recipe that is taught by others."""
    taught = f'head = "distribution"\nloss = "distribution"\nteachers = "{teachers}"\ndistil = 0.3\n'
    (folder / f"{name}.toml").write_text(RECIPE + (taught if teachers else ""))


def test_teachers_come_first(tmp_path: Path) -> None:
    """Teachers are trained before their pupils, each once, and those of teachers before them."""
    write(tmp_path, "a")
    write(tmp_path, "b", "a")
    write(tmp_path, "c", "b, a")
    assert [each.name for each in with_teachers(load("c", tmp_path), tmp_path)] == ["a", "b", "c"]
    (tmp_path / "d.toml").write_text(RECIPE + 'goes_on = "c"\n')
    assert [each.name for each in with_teachers(load("d", tmp_path), tmp_path)] == ["a", "b", "c", "d"]


def test_goes_on(tmp_path: Path) -> None:
    """A run that goes on begins with all of the earlier one's weights, and another network is refused."""
    earlier = finished(tmp_path / "one", 7, **TOLD)
    data = brightness(16, 4)
    model = fit.prepare(recipe(**TOLD, goes_on="one", traits=0.5), data, tmp_path)
    begun = model.state_dict()
    assert all(torch.equal(begun[name], value) for name, value in earlier.state_dict().items())
    with pytest.raises(SettingsError, match="another network"):
        fit.prepare(recipe(goes_on="one"), data, tmp_path)
    with pytest.raises(SettingsError, match="leave weights out"):
        recipe(goes_on="one", weights="pretrained")


def test_no_teacher_is_its_own_pupil(tmp_path: Path) -> None:
    """A circle of teachers, and a teacher without a recipe, stop before any work."""
    write(tmp_path, "a", "b")
    write(tmp_path, "b", "a")
    with pytest.raises(SettingsError, match="its own pupil"):
        with_teachers(load("a", tmp_path), tmp_path)
    write(tmp_path, "b", "gone")
    with pytest.raises(SettingsError, match="no recipe 'gone'"):
        with_teachers(load("a", tmp_path), tmp_path)


def test_distil_needs_teachers() -> None:
    """A share without teachers, teachers without a share, and teachers of a regression are refused."""
    for wrong in ({"distil": 0.3, **TOLD}, {"teachers": "a", **TOLD}, {"teachers": "a", "distil": 0.3}):
        with pytest.raises(SettingsError, match="go together"):
            recipe(**wrong)
