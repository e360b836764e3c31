from __future__ import annotations

import json
from pathlib import Path

import pytest

from simsvc.engines.gallery import FACES, OFFSETS, THUMBNAILS, Gallery, GalleryWriter
from simsvc.errors import FaceNotFound, IndexDamaged
from simsvc.values import LabelledFace

ROWS = [
    (LabelledFace("f1", 20.5, "demo", "a/ä.png"), b"first"),
    (LabelledFace("f2", 0.0, "folder", "b.png"), b""),
    (LabelledFace("f3", 99.0, "demo", "c.png"), b"third one"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = GalleryWriter(tmp_path)
    for face, thumbnail in ROWS:
        writer.add(face, thumbnail)
    writer.finish()
    return tmp_path


def test_reads_back_faces_and_thumbnails_in_order(folder: Path) -> None:
    """Every face comes back as it was added, each with its own picture."""
    gallery = Gallery(folder)
    assert list(gallery.faces) == [face for face, _ in ROWS]
    assert [gallery.thumbnail(face.face_id) for face, _ in ROWS] == [data for _, data in ROWS]


def test_an_unknown_face_is_a_typed_error(folder: Path) -> None:
    """An id that is not in the build is answered with a sentence."""
    with pytest.raises(FaceNotFound, match="no face of that id"):
        Gallery(folder).thumbnail("f4")


@pytest.mark.parametrize("name", [FACES, OFFSETS, THUMBNAILS])
@pytest.mark.parametrize("harm", ["remove", "empty", "cut"])
def test_refuses_files_that_disagree(folder: Path, name: str, harm: str) -> None:
    """A missing, empty or shortened file is damage, found when the build is opened."""
    path = folder / name
    data = path.read_bytes()
    path.unlink() if harm == "remove" else path.write_bytes(b"" if harm == "empty" else data[:-9])
    with pytest.raises(IndexDamaged):
        Gallery(folder)


def test_refuses_columns_of_different_length(folder: Path) -> None:
    """A column that lost an entry is damage, not a shifted label."""
    columns = json.loads((folder / FACES).read_text())
    columns["ages_years"].pop()
    (folder / FACES).write_text(json.dumps(columns))
    with pytest.raises(IndexDamaged):
        Gallery(folder)
