from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.adapters.inference.onnx_model import OnnxModel
from tests.drawn_faces import SURE_PX, draw_face
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture(scope="session")
def tiny_bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a read-only tiny bundle, made once."""
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def tiny_model(tiny_bundle_folder: Path) -> OnnxModel:
    """Return the tiny model behind its port."""
    return OnnxModel(load_bundle(tiny_bundle_folder))


@pytest.fixture(scope="session")
def detector() -> OnnxDetector:
    """Return the real detector."""
    return OnnxDetector()


@pytest.fixture
def labelled_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of folders of drawn faces: 000.png, 001.png ... of ages 20, 21 ..., and labels.csv."""

    def make(count: int = 8, name: str = "photos", first_seed: int = 0) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for number in range(count):
            draw_face(first_seed + number, SURE_PX).save(folder / f"{number:03}.png")
        rows = "".join(f"{number:03}.png,{20 + number}\n" for number in range(count))
        (folder / "labels.csv").write_text("file,age\n" + rows)
        return folder

    return make
