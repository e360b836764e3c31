from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from simsvc.engines.onnx_detector import OnnxDetector
from simsvc.values import Photo
from tests.drawn_faces import draw_face
from tests.trainer.datasets.drawn_photos import drawn
from trainer import demo_gallery
from trainer.__main__ import main
from trainer.corpus import open_corpus
from trainer.gallery import sets
from trainer.gallery.align import GALLERY_PX


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return 36 drawn faces of two genders at 40 or 41 years, with thresholds that drawings reach.

    Drawings are softer than photos, and to the identity network they are nearly one person. A background of
    its own keeps each from being a near-duplicate of the others.
    """
    monkeypatch.setattr(demo_gallery, "MIN_CONFIDENCE", 0.85)
    monkeypatch.setattr(demo_gallery, "MIN_SHARPNESS", 5.0)
    monkeypatch.setattr(demo_gallery, "MIN_AGREEMENT", 0.3)
    monkeypatch.setattr(sets, "SAME_PERSON", 0.0)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    lines = ["file,age,gender,ethnicity"]
    for number in range(36):
        photo = drawn(number, 240)
        photo.paste(draw_face(number, 150), (45, 45))
        photo.save(folder / f"{number:02}.png")
        lines.append(f"{number:02}.png,{40 + number % 3 // 2},{'MF'[number % 2]},White")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.slow
def test_gallery(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Composites of six training faces each, labelled, listed with their sha256, the same every time."""
    out = tmp_path / "gallery"
    out.mkdir()
    (out / "old.jpg").write_text("of an older gallery")
    assert main(["demo-gallery", "--source", f"folder={photos}", "--out", str(out), "--count", "4"]) == 0
    with (out / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    manifest = json.loads((out / "manifest.json").read_text())
    assert len(rows) >= 4
    assert f"{len(rows)} composites of 6 people" in capsys.readouterr().out
    assert {row["gender"] for row in rows} == {"male", "female"}
    assert {row["group"] for row in rows} == {"white"}
    assert all(40 <= float(row["age"]) <= 41 and int(row["people"]) >= 6 for row in rows)
    names = {row["file"] for row in rows}
    assert {path.name for path in out.iterdir()} == {*names, "labels.csv", "manifest.json"}
    assert manifest["files_sha256"] == {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in sorted({*names, "labels.csv"})
    }

    corpus = open_corpus({"folder": photos})
    train = {
        hashlib.sha256(corpus.data.rows[at].reference.encode()).hexdigest()[:12]
        for at in corpus.positions("train")
    }
    assert manifest["members_sha256_12"].keys() == names
    assert all(
        len(set(members)) == 6 and set(members) <= train for members in manifest["members_sha256_12"].values()
    )

    detector = OnnxDetector()
    for name in names:
        image = Image.open(out / name)
        assert (image.size, image.mode) == ((GALLERY_PX, GALLERY_PX), "RGB")
        assert len(detector.detect(Photo(np.asarray(image), *image.size, "JPEG"))) == 1
        assert not image.getexif()

    again = tmp_path / "again"
    assert main(["demo-gallery", "--source", f"folder={photos}", "--out", str(again), "--count", "4"]) == 0
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in out.iterdir()
    }


def test_sharpness() -> None:
    """Blurring lowers the sharpness, a flat picture has none, and one bright pixel gives it by hand."""
    face = draw_face(1)
    blurred = face.filter(ImageFilter.GaussianBlur(2))
    assert demo_gallery.sharpness(np.asarray(blurred)) < demo_gallery.sharpness(np.asarray(face)) / 2
    assert demo_gallery.sharpness(np.full((9, 9, 3), 7, dtype=np.uint8)) == 0
    point = np.zeros((7, 7, 3), dtype=np.uint8)
    point[3, 3] = 10
    values = np.zeros(25)
    values[:5] = (-40, 10, 10, 10, 10)
    assert demo_gallery.sharpness(point) == pytest.approx(values.var())
