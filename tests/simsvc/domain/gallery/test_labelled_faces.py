from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from simsvc.domain.gallery.labelled_faces import LabelledPhoto, box_of, labelled_face, labels_sha256
from simsvc.domain.photo.crop import square_px
from simsvc.values import Face, LabelledFace, Photo

WIDE = Photo(np.zeros((100, 140, 3), dtype=np.uint8), 140, 100, "PNG")


def test_a_face_is_named_by_where_it_came_from_not_by_its_label() -> None:
    """The id hashes source and reference alone, so a corrected label keeps the face's id."""
    young = labelled_face("folder", LabelledPhoto(Path("/anywhere/a.png"), "a.png", 20.0))
    old = labelled_face("folder", LabelledPhoto(Path("/elsewhere/a.png"), "a.png", 60.0))
    assert young.face_id == old.face_id == "f" + hashlib.sha256(b"folder/a.png").hexdigest()[:16]
    assert labelled_face("demo", LabelledPhoto(Path("a.png"), "a.png", 20.0)).face_id != young.face_id


def test_a_detection_wins_over_the_whole_photo() -> None:
    """Where something was detected, that is the box, however faint."""
    face = Face(10, 10, 40, 50, 0.3)
    assert box_of(WIDE, (face,), aligned=True, margin=1.1) is face


def test_an_aligned_photo_without_a_detection_is_taken_whole() -> None:
    """The box is such that its crop is the central square of the photo."""
    face = box_of(WIDE, (), aligned=True, margin=1.1)
    assert face is not None
    assert face.confidence == 0
    np.testing.assert_allclose(square_px(face, 1.1), (20, 0, 100))


def test_another_photo_without_a_detection_has_no_face() -> None:
    """In a photo that nobody cut to a face, no detection means no face."""
    assert box_of(WIDE, (), aligned=False, margin=1.1) is None


def test_the_label_hash_sees_ages_ids_and_order() -> None:
    """Another age, another face or another order is another set of labels."""
    a, b = LabelledFace("fa", 20.0, "s", "a"), LabelledFace("fb", 30.0, "s", "b")
    sets = [[a, b], [b, a], [a], [a, LabelledFace("fb", 30.5, "s", "b")]]
    assert len({labels_sha256(faces) for faces in sets}) == 4
    assert labels_sha256([a]) == hashlib.sha256(b"fa\t20.0\n").hexdigest()
