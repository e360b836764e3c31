from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.adapters.index.files.face_columns import FACES, RECORDS, REFERENCES, columns_of
from simsvc.adapters.index.files.gallery import OFFSETS, THUMBNAILS, Gallery, GalleryWriter
from simsvc.errors import FaceNotFound, IndexDamaged
from simsvc.values import FaceFilter, LabelledFace

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
    with pytest.raises(FaceNotFound, match="This index build has no face with that ID"):
        Gallery(folder).thumbnail("f4")


@pytest.mark.parametrize("name", [FACES, RECORDS, REFERENCES, OFFSETS, THUMBNAILS])
@pytest.mark.parametrize("harm", ["remove", "empty", "cut"])
def test_refuses_files_that_disagree(folder: Path, name: str, harm: str) -> None:
    """A missing, empty or shortened file is damage, found when the build is opened."""
    path = folder / name
    data = path.read_bytes()
    path.unlink() if harm == "remove" else path.write_bytes(b"" if harm == "empty" else data[:-9])
    with pytest.raises(IndexDamaged):
        Gallery(folder)


def earlier(folder: Path) -> dict[str, list[object]]:
    """Rewrite a gallery as builds of before had it: every column in faces.json."""
    names = ["demo", "folder"]
    columns: dict[str, list[object]] = {
        "source_names": [*names],
        "sources": [names.index(face.source) for face, _ in ROWS],
        "face_ids": [face.face_id for face, _ in ROWS],
        "ages_years": [face.age_years for face, _ in ROWS],
        "references": [face.reference for face, _ in ROWS],
    }
    (folder / FACES).write_text(json.dumps(columns))
    (folder / RECORDS).unlink()
    (folder / REFERENCES).unlink()
    return columns


def test_an_earlier_build_is_read_as_well(folder: Path) -> None:
    """A build of before the columns were mapped gives the same faces and finds them by id."""
    earlier(folder)
    gallery = Gallery(folder)
    assert list(gallery.faces) == [face for face, _ in ROWS]
    assert gallery.face("f3") == ROWS[2][0]


def test_refuses_columns_of_different_length(folder: Path) -> None:
    """A column that lost an entry is damage, not a shifted label."""
    columns = earlier(folder)
    columns["ages_years"].pop()
    (folder / FACES).write_text(json.dumps(columns))
    with pytest.raises(IndexDamaged):
        Gallery(folder)


FACE = st.builds(
    LabelledFace,
    st.text(min_size=1, max_size=6).filter(lambda text: "\0" not in text),
    st.floats(0, 130),
    st.sampled_from(["demo", "folder", "ü"]),
    st.text(max_size=9),
)
ENCODABLE = st.lists(FACE, max_size=20, unique_by=lambda face: face.face_id)


@given(ENCODABLE)
def test_columns_are_a_sequence_of_the_faces(faces: list[LabelledFace]) -> None:
    """Whatever the faces: as many, equal one by one, by slice and from behind, each found by its id."""
    columns = columns_of(faces)
    assert (len(columns), list(columns), columns[1:3]) == (len(faces), faces, tuple(faces[1:3]))
    assert [columns.item(face.face_id) for face in faces] == list(range(len(faces)))
    assert columns.item("no such face") is None
    for wanted in (FaceFilter(), FaceFilter(frozenset({"ü"})), FaceFilter(ages_years=(20.0, 60.0))):
        assert columns.mask(wanted).tolist() == [wanted.admits(face) for face in faces]
    with pytest.raises(IndexError):
        columns[len(faces)]
