from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.photo.face_choice import (
    MIN_CONFIDENCE,
    MIN_FACE_PX,
    OTHER_FACES,
    RIVAL_AREA,
    pick,
    pick_labelled,
)
from simsvc.errors import FaceTooSmall, NoFace, SeveralFaces
from simsvc.values import Face

SURE = 0.97


def face(side_px: float, confidence: float = SURE, x_px: float = 0.0, y_px: float = 0.0) -> Face:
    return Face(x_px, y_px, side_px, side_px, confidence)


def test_one_sure_face_is_picked_without_flags() -> None:
    """A single clear face is the one."""
    assert pick([face(200)]).face == face(200)
    assert pick([face(200)]).flags == ()


@pytest.mark.parametrize("faces", [[], [face(200, MIN_CONFIDENCE - 0.01)]])
def test_nothing_sure_is_no_face(faces: list[Face]) -> None:
    """No detection, or only unsure ones, is refused as no face."""
    with pytest.raises(NoFace, match="from the front"):
        pick(faces)


def test_the_threshold_itself_is_a_face() -> None:
    """A detection at exactly the least confidence counts."""
    assert pick([face(200, MIN_CONFIDENCE)]).face.confidence == MIN_CONFIDENCE


def test_rivals_are_counted_and_refused() -> None:
    """Three faces of like size are refused, and the sentence counts them."""
    with pytest.raises(SeveralFaces, match="3 faces"):
        pick([face(200), face(190), face(180)])


def test_a_small_face_behind_is_flagged() -> None:
    """A clearly smaller face behind does not stop the estimate, but is said."""
    small = face(200 * RIVAL_AREA**0.5 - 1)
    picked = pick([small, face(200)])
    assert picked.face == face(200)
    assert picked.flags == (OTHER_FACES,)


def test_an_unsure_rival_does_not_count() -> None:
    """What is not surely a face is no rival."""
    assert pick([face(200), face(199, MIN_CONFIDENCE - 0.1)]).flags == ()


def test_a_face_of_too_few_pixels_is_refused() -> None:
    """Just under the least size is refused with both figures; the least size is accepted."""
    with pytest.raises(FaceTooSmall, match="at least 48"):
        pick([face(MIN_FACE_PX - 1)])
    assert pick([face(MIN_FACE_PX)]).face.side_px == MIN_FACE_PX


@given(st.permutations([face(200), face(60), face(50, 0.9), face(199, 0.2)]))
def test_the_order_of_detections_does_not_matter(faces: list[Face]) -> None:
    """The pick does not hang on the order in which the detector reports."""
    assert pick(faces).face == face(200)


def test_a_label_belongs_to_the_central_face() -> None:
    """In a data set's cut the face nearest the middle is taken, however faint."""
    central, aside = face(80, 0.3, 60, 60), face(90, 0.99, 0, 0)
    assert pick_labelled([aside, central], 200, 200) == central


def test_a_tiny_central_detection_is_not_the_labelled_face() -> None:
    """A detection of under half the largest one's side is noise, even in the middle."""
    assert pick_labelled([face(30, 0.9, 85, 85), face(90, 0.9, 0, 0)], 200, 200) == face(90, 0.9, 0, 0)


def test_without_detections_there_is_no_labelled_face() -> None:
    """Nothing detected is None, not an error."""
    assert pick_labelled([], 200, 200) is None
