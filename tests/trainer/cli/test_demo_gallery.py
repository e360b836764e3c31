from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations, cycle, repeat
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image, ImageFilter

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.values import Photo
from tests.drawn_faces import draw_face
from tests.trainer.datasets.drawn_photos import drawn
from trainer.__main__ import main
from trainer.cli import demo_gallery
from trainer.datasets.corpus import open_corpus
from trainer.gallery import sets
from trainer.gallery.align import GALLERY_PX
from trainer.gallery.reading import Reading


class Agreeing:
    """A model that reads every composite as 40 to 41 years old where it is not told otherwise."""

    version, sha256 = "agreeing", "0" * 64
    answers: ClassVar[Iterator[Reading | None]] = repeat(Reading(40.5, 40, 41))

    def __init__(self, _bundle: Path) -> None:
        """Need no bundle."""

    def read(self, _content: bytes) -> Reading | None:
        """Return the next answer."""
        return next(self.answers)


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
    monkeypatch.setattr(demo_gallery, "Reader", Agreeing)
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
    assert main(["demo-gallery", "--source", f"folder={photos}", "--out", str(out), "--count", "36"]) == 0
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
    assert manifest["checked_by"] == {"model": "agreeing", "model_sha256": "0" * 64}
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
    assert main(["demo-gallery", "--source", f"folder={photos}", "--out", str(again), "--count", "36"]) == 0
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in out.iterdir()
    }


@pytest.mark.slow
def test_what_the_model_reads_otherwise_is_left_out(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A composite whose label lies outside the model's range, or that shows it no face, does not ship."""
    answers = cycle([None, Reading(30, 20, 39.9), Reading(50, 41.1, 60)])
    monkeypatch.setattr(Agreeing, "answers", answers)
    out = tmp_path / "gallery"
    assert main(["demo-gallery", "--source", f"folder={photos}", "--out", str(out), "--count", "4"]) == 0
    assert "0 composites" in (said := capsys.readouterr().out)
    assert "read otherwise than labelled" in said
    assert {path.name for path in out.iterdir()} == {"labels.csv", "manifest.json"}


def test_photos_with_lettering_are_no_members(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all photos are listed as lettered, there is nobody to make a composite of."""
    listed = tmp_path / "lettered.txt"
    names = [f"{number:02}.png" for number in range(36)]
    listed.write_text("\n".join(hashlib.sha256(name.encode()).hexdigest()[:12] for name in names))
    monkeypatch.setattr(demo_gallery, "LETTERED", listed)
    corpus = open_corpus({"folder": photos})
    assert not demo_gallery._measured(corpus)[2].any()


def test_the_shipped_list_of_lettering() -> None:
    """Each line is one photo's 12 hex digits, in order, none twice; no shipped composite has one of them."""
    lines = demo_gallery.LETTERED.read_text().splitlines()
    assert lines == sorted(set(lines))
    assert all(re.fullmatch("[0-9a-f]{12}", line) for line in lines)
    manifest = json.loads((demo_gallery.GALLERY / "manifest.json").read_text())
    members = {digest for digests in manifest["members_sha256_12"].values() for digest in digests}
    assert members.isdisjoint(lines)


def test_the_shipped_gallery() -> None:
    """Ages run from 1 to 90, every decade has composites, and no two show mostly the same people."""
    with (demo_gallery.GALLERY / "labels.csv").open(encoding="utf-8", newline="") as file:
        ages = [float(row["age"]) for row in csv.DictReader(file)]
    manifest = json.loads((demo_gallery.GALLERY / "manifest.json").read_text())
    decades = Counter(int((age - 1) // 10) for age in ages)
    assert min(ages) >= 1
    assert max(ages) <= 90
    assert sorted(decades) == list(range(sets.DECADES))
    assert min(decades.values()) >= 40
    together = Counter(
        pair
        for digests in manifest["members_sha256_12"].values()
        for pair in combinations(sorted(digests), sets.MAX_SHARED + 1)
    )
    assert max(together.values()) == 1


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
