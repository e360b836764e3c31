from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.trainer.model_card.helpers import Folders, call, written
from trainer.model_card import plots
from trainer.model_card.measured import MEASUREMENTS


def changed(folders: Folders, name: str, **entries: object) -> None:
    path = folders[1] / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize("name", sorted(MEASUREMENTS))
def test_a_missing_file_names_its_command(
    folders: Folders, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without one measured file nothing is written, and one sentence names the command that writes it."""
    (folders[1] / f"{name}.json").unlink()
    assert call(folders) == 2
    err = capsys.readouterr().err
    assert f"python -m trainer {MEASUREMENTS[name].command} --json" in err
    assert err.count("\n") == 1
    assert not (folders[0] / "model_card.json").exists()
    assert not list(folders[0].glob("*.png"))


@pytest.mark.parametrize("name", sorted(set(MEASUREMENTS) - {"test"}))
def test_left_out_on_purpose(folders: Folders, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any file but the test's may be left out by name: the card says so and an older plot of it goes."""
    monkeypatch.setattr(plots, "picture", lambda *_, **__: b"drawn")
    assert call(folders) == 0
    (folders[1] / f"{name}.json").unlink()
    assert call(folders, "--without", name) == 0
    limits = [entry["description"] for entry in written(folders)["considerations"]["limitations"]]
    assert limits[-1].startswith(f"Not measured for this card: {name}")
    of_plot = {"coverage": "calibration", "sources": "source_ranges"}.get(name, name)
    assert not (folders[0] / f"{of_plot}.png").exists()


@pytest.mark.parametrize(
    ("name", "entries", "sentence"),
    [
        ("framing", {"model": "other-1"}, "is of the model other-1, not of tiny-0"),
        ("coverage", {"model_sha256": "0" * 64}, "is of the model"),
        ("neighbours", {"model": None}, "is of the model None"),
        ("before", {"model": "tiny-0"}, "not of an earlier model"),
        ("test", {"split": "valid"}, "is of the part valid, not test"),
        ("coverage", {"parts": []}, "Measure again"),
        ("framing", {"changes": [{"change": "x"}] * 2}, "Measure again"),
    ],
)
def test_figures_of_another_model(
    folders: Folders,
    name: str,
    entries: dict[str, object],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Figures of another model or part, or none, stop in one sentence before anything is written."""
    changed(folders, name, **entries)
    assert call(folders) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert not (folders[0] / "model_card.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_an_unreadable_file(folders: Folders, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A measured file that is no JSON object is to be written again."""
    (folders[1] / "framing.json").write_text(text)
    assert call(folders) == 2
    assert "framing.json cannot be understood. Write it again with" in capsys.readouterr().err


def test_a_bundle_with_weights(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """A bundle that states no run is held against it by its own weights, as it was exported with."""
    bundle, _, run = folders
    document = json.loads((bundle / "model.json").read_text())
    del document["run_sha256"]
    (bundle / "model.json").write_text(json.dumps(document))
    assert call(folders) == 2
    assert "was not exported from the run" in capsys.readouterr().err
    weights = {f"model.{name}": values for name, values in load_file(run / "best.safetensors").items()}
    save_file(weights, bundle / "model.safetensors")
    assert call(folders) == 0


def test_another_run(folders: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose weights are not in the bundle, or that is not there, is refused."""
    bundle, measured, run = folders
    other = shutil.copytree(run, tmp_path / "other")
    save_file(
        load_file(run / "best.safetensors") | {"head.bias": np.zeros(2, np.float32)},
        other / "best.safetensors",
    )
    assert call((bundle, measured, other)) == 2
    assert "was not exported from the run" in capsys.readouterr().err
    assert call((bundle, measured, tmp_path / "gone")) == 2
    assert "holds no finished run" in capsys.readouterr().err
    (other / "recipe.toml").write_text("= 3")
    assert call((bundle, measured, other)) == 2
    assert "cannot be understood" in capsys.readouterr().err
