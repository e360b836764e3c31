from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations, cycle, repeat
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import pytest
from PIL import Image, ImageFilter

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.errors import SourceEmpty
from simsvc.values import Photo
from tests.drawn_faces import draw_face
from tests.trainer.datasets.drawn_photos import drawn
from tests.trainer.helpers import succeeded
from trainer.__main__ import main
from trainer.cli.making import demo_gallery
from trainer.datasets.corpus import open_corpus
from trainer.gallery import sets
from trainer.gallery.align import GALLERY_PX
from trainer.gallery.reading import Reader, Reading


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
    monkeypatch.chdir(tmp_path)
    return drawn_photos(tmp_path, monkeypatch)


def drawn_photos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return 36 drawn faces of two genders at 40 or 41 years, with thresholds that drawings reach.

    Drawings are softer than photos, and to the identity network they are nearly one person. A background of
    its own keeps each from being a near-duplicate of the others.
    """
    monkeypatch.setattr(demo_gallery, "MIN_CONFIDENCE", 0.85)
    monkeypatch.setattr(demo_gallery, "MIN_SHARPNESS", 5.0)
    monkeypatch.setattr(demo_gallery, "MIN_AGREEMENT", 0.3)
    monkeypatch.setattr(sets, "SAME_PERSON", 0.0)
    monkeypatch.setattr(demo_gallery, "Reader", Agreeing)
    photos = folder / "photos"
    photos.mkdir()
    lines = ["file,age,gender,ethnicity"]
    for number in range(36):
        photo = drawn(number, 240)
        photo.paste(draw_face(number, 150), (45, 45))
        photo.save(photos / f"{number:02}.png")
        lines.append(f"{number:02}.png,{40 + number % 3 // 2},{'MF'[number % 2]},White")
    (photos / "labels.csv").write_text("\n".join(lines) + "\n")
    return photos


class Gallery(NamedTuple):
    """A gallery that was made where an older one was."""

    folder: Path
    photos: Path
    printed: str

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "labels.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        return found


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with pytest.MonkeyPatch.context() as patch:
        photos = drawn_photos(tmp_path_factory.mktemp("gallery"), patch)
        out = photos.parent / "gallery"
        out.mkdir()
        (out / "old.jpg").write_text("of an older gallery")
        printed = succeeded(
            photos.parent, "demo-gallery", "--source", f"folder={photos}", "--out", out, "--count", "36"
        )
        yield Gallery(out, photos, printed)


@pytest.mark.slow
def test_composites_are_labelled(gallery: Gallery) -> None:
    """Each has gender, group, an age among its members', and six people or more."""
    rows = gallery.rows
    assert len(rows) >= 4
    assert f"{len(rows)} composites of 6 people" in gallery.printed
    assert {row["gender"] for row in rows} == {"male", "female"}
    assert {row["group"] for row in rows} == {"white"}
    assert all(40 <= float(row["age"]) <= 41 and int(row["people"]) >= 6 for row in rows)


@pytest.mark.slow
def test_the_manifest_lists_every_file(gallery: Gallery) -> None:
    """Nothing of an older gallery is left, and each file has its sha256."""
    names = {row["file"] for row in gallery.rows}
    assert {path.name for path in gallery.folder.iterdir()} == {*names, "labels.csv", "manifest.json"}
    assert gallery.manifest["files_sha256"] == {
        name: hashlib.sha256((gallery.folder / name).read_bytes()).hexdigest()
        for name in sorted({*names, "labels.csv"})
    }


@pytest.mark.slow
def test_members_are_training_faces(gallery: Gallery) -> None:
    """The manifest names six training faces of each composite, and the model that checked them."""
    with contextlib.chdir(gallery.photos.parent):
        corpus = open_corpus({"folder": gallery.photos})
    train = {
        hashlib.sha256(corpus.data.rows[at].reference.encode()).hexdigest()[:12]
        for at in corpus.positions("train")
    }
    assert gallery.manifest["checked_by"] == {"model": "agreeing", "model_sha256": "0" * 64}
    members = gallery.manifest["members_sha256_12"]
    assert members.keys() == {row["file"] for row in gallery.rows}
    assert all(len(set(each)) == 6 and set(each) <= train for each in members.values())


@pytest.mark.slow
def test_composites_show_one_face(gallery: Gallery) -> None:
    """The service's detector finds one; pictures have one size and no notes."""
    detector = OnnxDetector()
    for row in gallery.rows:
        image = Image.open(gallery.folder / row["file"])
        assert (image.size, image.mode) == ((GALLERY_PX, GALLERY_PX), "RGB")
        assert len(detector.detect(Photo(np.asarray(image), *image.size, "JPEG"))) == 1
        assert not image.getexif()


@pytest.mark.slow
def test_a_gallery_is_the_same_every_time(gallery: Gallery, tmp_path: Path) -> None:
    """Made again, every file has the same bytes."""
    source = ["--source", f"folder={gallery.photos}"]
    succeeded(gallery.photos.parent, "demo-gallery", *source, "--out", tmp_path / "again", "--count", "36")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == {
        path.name: path.read_bytes() for path in gallery.folder.iterdir()
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
    assert not demo_gallery.measured(corpus)[2].any()


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


def _small_gallery(folder: Path) -> None:
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_text(name)
    rows = ("file,age,gender,group,people", "a.jpg,30,male,white,6", "b.jpg,40,male,white,6")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    members = {"members_sha256_12": {"a.jpg": ["0"], "b.jpg": ["1"]}}
    (folder / "manifest.json").write_text(json.dumps(members))


class _Thirty:
    """Reads everyone as thirty."""

    version, sha256 = "thirty", "ab" * 32

    def read(self, _content: bytes) -> Reading:
        return Reading(30, 25, 35)


def test_a_gallery_is_checked_anew(tmp_path: Path) -> None:
    """A composite that the model now reads otherwise is dropped; the rest keep names and labels."""
    folder = tmp_path / "gallery"
    _small_gallery(folder)
    assert demo_gallery.check(folder, cast("Reader", _Thirty())) == (1, ["b.jpg"])
    assert sorted(path.name for path in folder.iterdir()) == ["a.jpg", "labels.csv", "manifest.json"]
    assert (folder / "labels.csv").read_text().splitlines()[1:] == ["a.jpg,30,male,white,6"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["checked_by"]["model"] == "thirty"
    assert list(manifest["members_sha256_12"]) == ["a.jpg"]


def test_a_folder_without_a_gallery(tmp_path: Path) -> None:
    """It is named, and nothing is made."""
    with pytest.raises(SourceEmpty, match="no demo gallery"):
        demo_gallery.check(tmp_path, cast("Reader", _Thirty()))
